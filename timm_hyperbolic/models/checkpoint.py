"""Conversion of checkpoints of the reference study's code and of Euclidean ViTs."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from timm.models.vision_transformer import VisionTransformer
from timm.models.vision_transformer import checkpoint_filter_fn as timm_filter_fn
from torch import Tensor

from .from_euclidean import is_euclidean, state_from_euclidean
from .state_dict_checks import with_tied_names

__all__ = ['checkpoint_filter_fn']

# Names in the reference code as patterns, names here as replacements; the first pattern that matches applies.
_RENAME = [
    (r'patch\.proj\.(weight|bias)', r'patch_embed.proj.\1'),
    (r'cls', r'cls_token'),
    (r'pos\.pos', r'pos_embed'),
    (r'pos\.curv_pe', r'pos_join.curvature.raw'),
    (r'norm\.ln\.(weight|bias)', r'norm.\1'),
    (r'(blocks\.\d+)\.norm([12])\.ln\.(weight|bias)', r'\1.norm\2.\3'),
    (r'(blocks\.\d+)\.res([12])\.curv_hra', r'\1.residual\2.curvature.raw'),
    (r'(blocks\.\d+)\.res([12])\.scale_center', r'\1.residual\2.center_logit'),
    (r'(blocks\.\d+)\.res([12])\.(gamma_raw|gamma_scale)', r'\1.residual\2.\3'),
    (r'(blocks\.\d+\.attn)\.curv_attn', r'\1.curvature.raw'),
    (r'(blocks\.\d+\.attn)\.([qkv])_proj\.(?:lin\.)?(weight|bias)', r'\1.qkv.\3:\2'),
    (r'(blocks\.\d+\.attn)\.([qkv])_proj\.curv_hlin', r'\1.qkv.curvature.raw:\2'),
    (r'(blocks\.\d+\.attn)\.([qkv])_proj\.(p_in|p_out)', r'\1.qkv.\3:\2'),
    (r'(blocks\.\d+\.attn)\.out\.(?:lin\.)?(weight|bias)', r'\1.proj.\2'),
    (r'(blocks\.\d+\.attn)\.out\.curv_hlin', r'\1.proj.curvature.raw'),
    (r'(blocks\.\d+\.attn)\.out\.(p_in|p_out)', r'\1.proj.\2'),
    (r'blocks\.\d+\.attn\.shared\.centroids', r'centroids.weight'),
    (r'(blocks\.\d+\.mlp\.fc[12])\.lin\.(weight|bias)', r'\1.\2'),
    (r'(blocks\.\d+\.mlp\.fc[12])\.curv_hlin', r'\1.curvature.raw'),
    (r'head\.proto', r'head.weight'),
    (r'head\.cls_scale', r'head.scale_raw'),
    (r'head\.sigma', r'head.sigma_raw'),
    (r'head\.curv_rho', r'head.curvature.raw'),
]
# Names that are the same in both.
_KEEP = [
    r'blocks\.\d+\.attn\.sigma_raw',
    r'blocks\.\d+\.mlp\.fc[12]\.(weight|bias|p_in|p_out)',
    r'head\.(weight|bias)',
]
# Copies of the raw curvature, and the Euclidean residual's constant factor of one.
_IGNORE = r'(.*\.)?isp_c'
_UNIT_SCALE = r'blocks\.\d+\.res[12]\.scale'


def _unwrap(state_dict: Mapping) -> Mapping:
    for wrapper in ('model', 'state_dict'):
        if isinstance(state_dict.get(wrapper), Mapping):
            state_dict = state_dict[wrapper]
    return state_dict


def _rename(key: str) -> str | None:
    for pattern, replacement in _RENAME:
        match = re.fullmatch(pattern, key)
        if match:
            return match.expand(replacement)
    return None


def _is_reference(state_dict: Mapping[str, Tensor]) -> bool:
    """Return whether there is a key that only the reference code has."""
    return any(_rename(key) or re.fullmatch(_UNIT_SCALE, key) for key in state_dict)


def _raise_unknown(unknown: list[str]) -> None:
    raise ValueError(
        f'checkpoint_filter_fn does not know {len(unknown)} of the keys: {", ".join(sorted(unknown))}. '
        'It takes checkpoints of the reference code and of this package.'
    )


def _convert_reference(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    out: dict[str, Tensor] = {}
    unknown = []
    for key, value in state_dict.items():
        if re.fullmatch(_IGNORE, key):
            continue
        if re.fullmatch(_UNIT_SCALE, key):
            if not torch.all(value == 1):
                raise ValueError(
                    f'{key}={value.tolist()}: only the reference residual scale of 1 has a counterpart here'
                )
            continue
        name = _rename(key) or (key if any(re.fullmatch(pattern, key) for pattern in _KEEP) else None)
        if name is None:
            unknown.append(key)
        else:
            out[name] = value
    if unknown:
        _raise_unknown(unknown)
    # q, k and v are one tensor here, in this order
    for stem in dict.fromkeys(name[:-2] for name in out if name.endswith((':q', ':k', ':v'))):
        parts = [f'{stem}:{part}' for part in 'qkv']
        missing = [part[-1] for part in parts if part not in out]
        if missing:
            raise ValueError(
                f'{stem!r} is packed from q, k and v, but the checkpoint has no {" and no ".join(missing)}'
            )
        tensors = [out.pop(part) for part in parts]
        if stem.endswith(('weight', 'bias')):
            out[stem] = torch.cat(tensors)
        else:
            out[stem] = torch.stack([t.flatten() for t in tensors])
    return out


def _started(state_dict: Mapping[str, Tensor], model: VisionTransformer) -> dict[str, Tensor]:
    """Return the state from Euclidean weights, without any part of a classifier that timm will drop."""
    offset = getattr(model, 'pretrained_cfg', {}).get('label_offset') or 0
    fits = 'head.weight' in state_dict and len(state_dict['head.weight']) - offset == model.num_classes
    if is_euclidean(state_dict, model):
        state_dict = state_from_euclidean(state_dict, model, classifier=fits)
    if fits:
        return state_dict
    timm_drops = ('head.weight', 'head.bias')
    return {name: value for name, value in state_dict.items() if name in timm_drops or not name.startswith('head.')}


def checkpoint_filter_fn(state_dict: Mapping, model: VisionTransformer, start: bool = True) -> dict[str, Tensor]:
    """Convert a checkpoint to the tensors of a model.

    The checkpoint is one of the reference study's code, one of this package, or one of a Euclidean ViT. From the
    study's, names are translated, q, k and v are packed, the centroids (stored there under every block) are kept once,
    and shapes are changed. Positional embeddings and patches are resampled to the model's size as in timm. The
    conversion is linear, so that it can be applied to a dictionary of gradients. Where the model's curvature is fixed,
    it takes the value of the checkpoint's, except in flat models, which stay flat. Of tied tensors one name is enough.

    A hyperbolic model starts from the weights of a Euclidean ViT by `state_from_euclidean`; the curvature decides how
    near the function stays, as for `hyperbolize`. Of a classifier for another number of classes timm drops the weight
    and bias; its other tensors are dropped here, so that the whole classifier is new.

    For `HypClip`, files that the authors of MERU and HyCoCLIP published are converted, see its `filter_checkpoint`.

    Args:
        state_dict: Tensors by name, either directly or under `model` or `state_dict`.
        model: The model that will load them.
        start: Whether to add what a Euclidean ViT lacks, and to drop a classifier for other classes. Otherwise only
            names and sizes are converted.

    Returns:
        Tensors by the model's names.

    Raises:
        ValueError: keys are unknown (all are listed), or a part of a packed tensor is missing.

    Source: the checkpoints of Fede2717, "hyperbolic-vit-cifar100" (GitHub, 2025).
    """
    own = getattr(model, 'filter_checkpoint', None)
    if own is not None:
        return own(state_dict)
    state_dict = _unwrap(state_dict)
    ours = model.state_dict()
    if _is_reference(state_dict):
        state_dict = _convert_reference(state_dict)
        for name in [name for name in state_dict if name.endswith('curvature.raw')]:
            fixed = f'{name.removesuffix("raw")}value'
            if fixed in ours:
                raw = state_dict.pop(name)
                state_dict[fixed] = F.softplus(raw) if torch.all(ours[fixed] > 0) else torch.zeros_like(raw)
        for name, value in state_dict.items():
            if name in ours and value.shape != ours[name].shape and value.numel() == ours[name].numel():
                state_dict[name] = value.reshape(ours[name].shape)
    state_dict = timm_filter_fn(state_dict, model)
    if start:
        state_dict = _started(state_dict, model)
    # timm drops or adapts a classifier after this filter, so that other classifiers than the model's are let through
    unknown = [name for name in state_dict if name not in ours and not name.startswith('head')]
    if unknown:
        _raise_unknown(unknown)
    return with_tied_names(state_dict, model)

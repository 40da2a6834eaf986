"""Images and texts in one hyperbolic space: any timm model, a text tower, and the space of MERU, or CLIP's sphere.

Source: MERU (Desai, Nickel, Rajpurohit, Johnson, Vedantam, "Hyperbolic image-text representations", ICML 2023).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import timm
import torch
from timm.models import is_model, load_checkpoint, register_model
from timm.models._input import get_model_input_config
from torch import Tensor, nn

from ..layers import ImageTextSpace
from ..layers.image_text import GEOMETRIES
from .backbone import check_timm_model
from .config_checks import MODEL_ARGS, Check, either, nothing, one_of, plain, real, text, whole
from .convert.hyperbolized import FetchedConversion
from .pretrained import build_model
from .published_clip import check_heads, is_published, state_from_published
from .state_dict_checks import mismatches
from .text_towers import HUGGING_FACE, HuggingFaceText, create_text_tower
from .tokenizers import Tokenizer, create_tokenizer

__all__ = ['HypClip', 'hyp_clip', 'hyp_clip_vit_base', 'hyp_clip_vit_large', 'hyp_clip_vit_small']

#: timm's name of the model.
ENTRY_POINT = 'hyp_clip'

#: Keywords of the model that are none of its image model.
OWN = (
    *('text', 'dim', 'geometry', 'curvature', 'learn_curvature', 'tokenizer', 'context_length', 'vocab_size'),
    *('text_config', 'norm_eps'),
)


class HypClip(nn.Module):
    """An image tower, a text tower, a linear map of each without a bias, and an `ImageTextSpace`.

    `forward` returns the features of both before any scale, which is what the losses of images and texts take.
    `encode_image` and `encode_text` return tangent vectors, or points. With `geometry='sphere'` it is CLIP.

    Args:
        visual: timm's name of the image model.
        text: `'tiny'`, `'small'`, `'base'` (that of MERU and HyCoCLIP), or `hf:NAME` for a text model of Hugging Face.
        dim: Number of dimensions of the space.
        geometry: `'lorentz'`, or `'sphere'` for the twin.
        curvature: `c > 0` at the start.
        learn_curvature: Whether it is learnt.
        tokenizer: `'words'`, or the name or folder of a tokenizer of Hugging Face; None for that of the text tower.
        context_length: Largest number of tokens in a text; None for that of the text tower.
        vocab_size: Number of tokens; None for that of the text tower.
        text_config: The configuration of a text model of Hugging Face as plain data; None to read it.
        norm_eps: The `eps` of every layer norm of both towers; None leaves it. MERU has 1e-5 in both.
        pretrained: Whether both towers begin with weights that timm and Hugging Face have for them.
        pretrained_cfg_overlay: As in timm, for the image model.
        cache_dir: As in timm.
        num_classes: Has no effect, since there is no classifier.
        device: Of the parameters.
        dtype: Of the parameters.
        **keywords: Keywords of the image model.

    Raises:
        ValueError: a value is unknown or outside its range, or transformers is not installed.
        TypeError: the image model does not know a keyword.
    """

    def __init__(
        self,
        visual: str = '',
        text: str = 'tiny',
        dim: int = 512,
        geometry: str = 'lorentz',
        curvature: float = 1.0,
        learn_curvature: bool = True,
        tokenizer: str | None = None,
        context_length: int | None = None,
        vocab_size: int | None = None,
        text_config: Mapping[str, Any] | None = None,
        norm_eps: float | None = None,
        pretrained: bool = False,
        pretrained_cfg_overlay: dict[str, Any] | None = None,
        cache_dir: str | None = None,
        num_classes: int | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **keywords: Any,
    ) -> None:
        super().__init__()
        dd: dict[str, Any] = {'device': device, 'dtype': dtype}
        self.space = ImageTextSpace(dim, geometry, curvature, learn_curvature, **dd)
        self.visual = _visual(
            visual,
            keywords | {name: value for name, value in dd.items() if value is not None},
            {'pretrained': pretrained, 'pretrained_cfg_overlay': pretrained_cfg_overlay, 'cache_dir': cache_dir},
        )
        self.text, own_tokenizer = create_text_tower(text, context_length, vocab_size, text_config, pretrained, **dd)
        self.tokenizer = own_tokenizer if tokenizer is None else tokenizer
        width = getattr(self.visual, 'head_hidden_size', None) or self.visual.num_features
        self.visual_proj = nn.Linear(width, dim, bias=False, **dd)
        self.text_proj = nn.Linear(self.text.num_features, dim, bias=False, **dd)
        for layer in (self.visual_proj, self.text_proj):
            nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
        if norm_eps is not None:
            for module in (*self.visual.modules(), *self.text.modules()):
                if isinstance(module, nn.LayerNorm):
                    module.eps = norm_eps
        self.num_classes, self.num_features, self.head_hidden_size = 0, dim, dim
        self.made_with: dict[str, Any] = {}  # the keywords of the entry point, with those that a preset adds

    @property
    def geometry(self) -> str:
        """The geometry of the space, `'lorentz'` or `'sphere'`."""
        return self.space.geometry

    @property
    def _model_args(self) -> dict[str, Any]:
        # What timm saves: with the configuration of a text model of Hugging Face, so that it need not be fetched again
        if '_model_args' not in self.__dict__:
            raise AttributeError(f'{type(self).__name__} has no _model_args: it was not made by timm.create_model')
        args = {**self.__dict__['_model_args'], **self.made_with}
        args.pop('num_classes', None)
        if isinstance(self.text, HuggingFaceText):
            args |= {'text_config': self.text.config}
        return args

    @_model_args.setter
    def _model_args(self, value: dict[str, Any]) -> None:
        self.__dict__['_model_args'] = value

    def create_tokenizer(self) -> Tokenizer:
        """Return what takes texts to tokens for `encode_text`.

        Raises:
            ValueError: there is no such tokenizer, or transformers is not installed.
        """
        tower = self.text
        return create_tokenizer(self.tokenizer, tower.vocab_size, tower.context_length, tower.padding)

    def forward_image(self, images: Tensor) -> Tensor:
        """Return the features of images before any scale, `[B, dim]`, for images `[B, C, H, W]`.

        Args:
            images: Images, normalised as `pretrained_cfg` says.
        """
        return self.visual_proj(self.visual(images))

    def forward_text(self, tokens: Tensor) -> Tensor:
        """Return the features of texts before any scale, `[B, dim]`, for tokens `[B, L]`.

        Args:
            tokens: What `create_tokenizer()` makes of texts.
        """
        return self.text_proj(self.text(tokens))

    def encode_image(self, images: Tensor, lift: bool = False) -> Tensor:
        """Encode images.

        Args:
            images: `[B, C, H, W]`.
            lift: Whether to return points (space parts, or unit vectors on the sphere) instead of tangent vectors.

        Returns:
            `[B, dim]`, float32 or float64.
        """
        tangent = self.space.tangent(self.forward_image(images), 'image')
        return self.space.lift(tangent) if lift else tangent

    def encode_text(self, tokens: Tensor, lift: bool = False) -> Tensor:
        """Encode texts; the result is that of `encode_image`.

        Args:
            tokens: `[B, L]`.
            lift: Whether to return points instead of tangent vectors.
        """
        tangent = self.space.tangent(self.forward_text(tokens), 'text')
        return self.space.lift(tangent) if lift else tangent

    def forward(self, images: Tensor, tokens: Tensor | None = None) -> Any:
        """Return the features of images and of texts before any scale, `[B, dim]` each.

        Args:
            images: `[B, C, H, W]`.
            tokens: `[B', L]`; None for the features of the images alone, `[B, dim]`.
        """
        features = self.forward_image(images)
        return features if tokens is None else (features, self.forward_text(tokens))

    def filter_checkpoint(self, state_dict: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return the tensors of a checkpoint by the names of this model.

        A file that MERU's or HyCoCLIP's authors published is converted, and the mean and the deviation of the pixels
        that it has become those of `pretrained_cfg`. For timm's `load_checkpoint` it is the `filter_fn`.

        Args:
            state_dict: Tensors by name, directly or under `model`.

        Raises:
            ValueError: tensors are missing, unknown or of another shape; the message lists them.
        """
        state = state_dict.get('model', state_dict)
        if is_published(state):
            check_heads(state, self.visual)
            state, pixels = state_from_published(state, self.visual)
            self.pretrained_cfg = self.default_cfg = {**(getattr(self, 'pretrained_cfg', None) or {}), **pixels}
        own = {name: tensor.shape for name, tensor in self.state_dict().items()}
        problems = mismatches({name: getattr(t, 'shape', ()) for name, t in state.items()}, own, limit=8)
        if problems:
            raise ValueError(f'the checkpoint does not fit {type(self).__name__}: {problems}')
        return dict(state)

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Trade computation for memory in the backward passes of both towers."""
        self.visual.set_grad_checkpointing(enable)
        self.text.set_grad_checkpointing(enable)

    def no_weight_decay(self) -> set[str]:
        """Return the parameters without weight decay: those of the image model, and the numbers of the space."""
        visual = getattr(self.visual, 'no_weight_decay', set)()
        return {f'visual.{name}' for name in visual} | {f'space.{name}' for name in self.space.no_weight_decay()}

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Return the patterns of layer groups: the towers as one group, then the projections."""
        return {'stem': r'^visual\.|^text\.', 'blocks': [(r'^visual_proj|^text_proj|^space', None)]}

    def get_classifier(self) -> nn.Module:
        """Return the identity: there is no classifier."""
        return nn.Identity()


def _visual(name: str, keywords: dict[str, Any], weights: dict[str, Any]) -> nn.Module:
    """Make the image model, without a classifier."""
    check_timm_model('visual', name, name.startswith(ENTRY_POINT), 'vit_tiny_patch16_224')
    return timm.create_model(name, num_classes=0, **keywords, **weights)


def _make(pretrained: bool, **kwargs: Any) -> nn.Module:
    if _FetchedClip.of(ENTRY_POINT, kwargs) is not None:
        return build_model(HypClip, ENTRY_POINT, pretrained, {}, fetched=_FetchedClip, **kwargs)
    kwargs.pop('pretrained_cfg', None)  # timm has none for this name, and the image model has its own
    overlay = dict(kwargs.pop('pretrained_cfg_overlay', None) or {})
    file = overlay.pop('file', None)
    weights = {} if file or not overlay else {'pretrained_cfg_overlay': overlay}
    model = HypClip(pretrained=pretrained and not file, **weights, **kwargs)
    cfg = {key: value for key, value in model.visual.pretrained_cfg.items() if key not in ('state_dict', 'file')}
    for name in ('pool_size', 'test_pool_size', 'url', 'hf_hub_id', 'hf_hub_filename', 'source', 'tag', 'first_conv'):
        cfg.pop(name, None)
    now = get_model_input_config(model.visual)
    cfg |= {name: now[name] for name in ('input_size', 'fixed_input_size')}
    cfg |= {'architecture': ENTRY_POINT, 'num_classes': 0, 'classifier': None, 'label_offset': None}
    model.pretrained_cfg = model.default_cfg = cfg
    others = ('cache_dir', 'device', 'dtype', 'num_classes')
    model.made_with = {name: value for name, value in kwargs.items() if name not in others}
    if file and pretrained:
        load_checkpoint(model, str(file), filter_fn=lambda state, model: model.filter_checkpoint(state))
    return model


@register_model
def hyp_clip(pretrained: bool = False, **kwargs: Any) -> nn.Module:
    """Images and texts in one hyperbolic space; see `HypClip` for the keywords.

    Args:
        pretrained: Whether to load weights: those of the checkpoint, or of the file in `pretrained_cfg_overlay`;
            without either those of both towers.
        **kwargs: Keywords of `HypClip`.

    Raises:
        ValueError: a value is refused, or the `config.json` or weights of a folder or repository; the message says why.
    """
    return _make(pretrained, **kwargs)


def _published(visual: str, pretrained: bool, keywords: dict[str, Any]) -> nn.Module:
    return timm.create_model(
        ENTRY_POINT, pretrained=pretrained, **{'visual': visual, 'text': 'base', 'norm_eps': 1e-5, **keywords}
    )


@register_model
def hyp_clip_vit_small(pretrained: bool = False, **kwargs: Any) -> nn.Module:
    """The sizes of MERU's and HyCoCLIP's published ViT-S/16, which has 12 heads.

    Args:
        pretrained: As for `hyp_clip`.
        **kwargs: Keywords of `HypClip`.
    """
    return _published('vit_small_patch16_224', pretrained, {'num_heads': 12, **kwargs})


@register_model
def hyp_clip_vit_base(pretrained: bool = False, **kwargs: Any) -> nn.Module:
    """The sizes of MERU's and HyCoCLIP's published ViT-B/16.

    Args:
        pretrained: As for `hyp_clip`.
        **kwargs: Keywords of `HypClip`.
    """
    return _published('vit_base_patch16_224', pretrained, kwargs)


@register_model
def hyp_clip_vit_large(pretrained: bool = False, **kwargs: Any) -> nn.Module:
    """The sizes of MERU's published ViT-L/16.

    Args:
        pretrained: As for `hyp_clip`.
        **kwargs: Keywords of `HypClip`.
    """
    return _published('vit_large_patch16_224', pretrained, kwargs)


def _is_visual(value: Any) -> bool:
    return isinstance(value, str) and is_model(value) and not value.startswith(ENTRY_POINT)


#: The keywords of the model in a `config.json` that may come from anywhere.
_OWN_ARGS: dict[str, Check] = {
    'text': lambda value: text(200)(value) and (value.startswith(HUGGING_FACE) or value.isidentifier()),
    'dim': whole(1, 2**16),
    'geometry': one_of(*GEOMETRIES),
    'curvature': MODEL_ARGS['curvature'],
    'learn_curvature': one_of(True, False),
    'tokenizer': either(nothing, text(1000)),
    'context_length': either(nothing, whole(2, 2**16)),
    'vocab_size': either(nothing, whole(4, 2**24)),
    'text_config': either(nothing, plain),
    'norm_eps': either(nothing, real(0, 1)),
}


class _FetchedClip(FetchedConversion):
    """The configuration and the weights of a model of images and texts."""

    base = 'visual'
    converted: Callable[[Mapping[str, Tensor], Any], dict[str, Tensor]] = staticmethod(
        lambda state, model: model.filter_checkpoint(state)
    )

    def own_checks(self) -> dict[str, Check]:
        if 'visual' not in self.model_args:
            raise self.error('config.json has no model_args.visual')
        if str(self.model_args.get('text', '')).startswith(HUGGING_FACE) and not self.model_args.get('text_config'):
            raise self.error('config.json has no model_args.text_config for its text model of Hugging Face')
        return {'visual': _is_visual} | _OWN_ARGS

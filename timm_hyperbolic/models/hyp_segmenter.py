"""Semantic segmentation with any timm backbone: each pixel is classified in hyperbolic space, by a tree of classes.

Source: Ghadimi Atigh, Schoep, Acar, van Noord, Mettes, "Hyperbolic Image Segmentation" (2022).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import timm
import torch
import torch.nn.functional as F
from timm.layers import get_device_dtype
from timm.models import is_model, register_model
from torch import Tensor, nn

from ..errors import nearest
from ..layers import HierarchicalSoftmax2d, HyperbolicConfig, HyperbolicMLR2d
from ..layers.point_head import linear_start
from .backbone import check_timm_model
from .config_checks import MODEL_ARGS, Check, either, listing, nothing, one_of, whole
from .convert.hyperbolized import FetchedConversion
from .head_options import hierarchy_of, is_plain_hierarchy, plain_hierarchy
from .hyperbolic_model import HyperbolicModel
from .pretrained import build_model

__all__ = ['HyperbolicSegmenter', 'hyp_segmenter']

#: timm's name of the model.
ENTRY_POINT = 'hyp_segmenter'

GEOMETRIES = ('hyperbolic', 'euclidean')

#: Keywords of the model that are none of its backbone.
OWN = ('num_classes', 'dim', 'hierarchy', 'geometry', 'out_indices', 'drop_rate', 'frozen', *HyperbolicConfig.names())


class HyperbolicSegmenter(HyperbolicModel, nn.Module):
    """A backbone, a projection of its feature maps to a few dimensions, and a classifier of every pixel.

    The maps of the backbone are normalised (batch normalisation without weights, since their scales differ), projected
    by one 1×1 convolution over the channels of all of them, and added at the resolution of the finest map. To project
    each map at its own resolution and then to enlarge it is the same as to enlarge and join all maps first, since the
    convolution and the bilinear interpolation commute, and it costs a fraction. A pixel is then a tangent vector `x` at
    the origin, the point `exp0(x)`, and is classified by `HyperbolicMLR2d`: with a tree, over all its nodes, with a
    softmax among siblings (`HierarchicalSoftmax2d`), so that the logits are log-probabilities; without one, over the
    classes. The logits are enlarged to the size of the image.

    Args:
        backbone: timm's name of a model that supports `features_only`.
        num_classes: Number of classes; None for that of the hierarchy, or without one for 1,000. 0 for no classifier.
        dim: Number of dimensions d of a pixel, at least 2.
        hierarchy: The tree of the classes, as for `attach_head`; None for a flat classifier.
        geometry: `'hyperbolic'`, or `'euclidean'` for the flat twin: the same model at curvature 0.
        out_indices: Numbers of the feature maps of the backbone; None for those of stride 4 and more.
        in_chans: Number of channels of images.
        drop_rate: Probability with which a channel of the feature maps is left out in training.
        frozen: Whether the backbone stays as it is: its weights get no gradient, and it is always in evaluation mode.
        pretrained: Whether the backbone begins with timm's weights.
        pretrained_cfg_overlay: As in timm, for the backbone.
        cache_dir: As in timm.
        config: The hyperbolic keywords.
        device: Of the parameters.
        dtype: Of the parameters.
        **keywords: Fields of `HyperbolicConfig`, and keywords of the backbone.

    Raises:
        ValueError: a value is unknown or outside its range, the backbone is no timm model or gives no feature maps, or
            the number of classes is not that of the hierarchy.
        TypeError: the backbone does not know a keyword.
        UserError: the hierarchy is corrupt.
    """

    def __init__(
        self,
        backbone: str = '',
        num_classes: int | None = None,
        dim: int = 8,
        hierarchy: Any = None,
        geometry: str = 'hyperbolic',
        out_indices: Sequence[int] | None = None,
        in_chans: int = 3,
        drop_rate: float = 0.0,
        frozen: bool = False,
        pretrained: bool = False,
        pretrained_cfg_overlay: dict[str, Any] | None = None,
        cache_dir: str | None = None,
        config: HyperbolicConfig | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **keywords: Any,
    ) -> None:
        super().__init__()
        own = {name: keywords.pop(name) for name in HyperbolicConfig.names() if name in keywords}
        self.config = _config(config, geometry, own)
        if not whole(2, 2**16)(dim):
            raise ValueError(f'dim={dim!r} must be a whole number of at least 2: a space in which classes lie apart')
        self.hierarchy = None if hierarchy is None else hierarchy_of(hierarchy)
        self.geometry, self.drop_rate, self.frozen, self.in_chans = geometry, drop_rate, frozen, in_chans
        dd: dict[str, Any] = {'device': device, 'dtype': dtype}
        self.backbone = _backbone(
            backbone,
            out_indices,
            {'in_chans': in_chans, **keywords, **{name: value for name, value in dd.items() if value is not None}},
            {'pretrained': pretrained, 'pretrained_cfg_overlay': pretrained_cfg_overlay, 'cache_dir': cache_dir},
        )
        if frozen:
            self.backbone.requires_grad_(False).eval()
        self.feature_info = list(self.backbone.feature_info.get_dicts())
        channels = self.backbone.feature_info.channels()
        self.num_features = self.head_hidden_size = dim
        self.norms = nn.ModuleList(nn.BatchNorm2d(count, affine=False, **dd) for count in channels)
        self.project = nn.Conv2d(sum(channels), dim, 1, **dd)
        self._channels_last = str(getattr(self.backbone, 'output_fmt', 'NCHW')).endswith('NHWC')
        self._start()
        self.head: nn.Module = nn.Identity()
        self.num_classes = 0
        of_tree = None if self.hierarchy is None else len(self.hierarchy.classes)
        self._set_head(num_classes if num_classes is not None else of_tree or 1000, dd)

    def _start(self) -> None:
        linear_start(self.project.weight)
        nn.init.zeros_(self.project.bias)

    def _set_head(self, num_classes: int, dd: dict[str, Any]) -> None:
        tree = self.hierarchy
        if tree is not None and tree.classes is None:
            raise ValueError(
                f'hierarchy={tree!r} does not say which nodes are the classes: use its with_classes(names)'
            )
        if tree is not None and num_classes not in (0, len(tree.classes)):
            raise ValueError(
                f'num_classes={num_classes} differs from the {len(tree.classes)} classes of hierarchy={tree!r}; give '
                'the hierarchy of these classes'
            )
        head: nn.Module = nn.Identity()
        if num_classes and tree is None:
            head = HyperbolicMLR2d(self.num_features, num_classes, self.config, **dd)
        elif num_classes:
            scores = HyperbolicMLR2d(self.num_features, len(tree) - 1, self.config, **dd)
            head = HierarchicalSoftmax2d(scores, tree, dd['device'])
        self.head, self.num_classes = head.train(self.training), num_classes

    def _present_args(self) -> dict[str, Any]:
        own = {**asdict(self.config), 'margin': 'none' if self.config.margin is None else self.config.margin}
        own |= {'hierarchy': None if self.hierarchy is None else plain_hierarchy(self.hierarchy)}
        own |= {'num_classes': self.num_classes}
        return {name: value for name, value in own.items() if value is not None}  # as timm's factory does

    def train(self, mode: bool = True) -> HyperbolicSegmenter:
        """Set the mode of the modules; a frozen backbone stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Return the patterns of layer groups: the backbone as one group, then the projection."""
        return {'stem': r'^backbone', 'blocks': r'^project' if coarse else [(r'^norms|^project', None)]}

    def lr_scales(self) -> dict[str, float]:
        """Return the factor of the classifier's learning rate, `√(C/d)` with the C channels of all maps, at least 1.

        An optimizer such as Adam moves each number by the learning rate. A pixel is projected by C numbers in each
        dimension and classified by d numbers for each node, so that at one learning rate the pixels run far away from
        the origin, to the margin, before the classifier has become steep.
        """
        return {'head': max(1.0, (self.project.in_channels / self.num_features) ** 0.5)}

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Trade computation for memory in the backward pass of the backbone, if it can."""
        self.backbone.set_grad_checkpointing(enable)

    def get_classifier(self) -> nn.Module:
        """Return the classifier of pixels."""
        return self.head

    def reset_classifier(self, num_classes: int, hierarchy: Any = None) -> None:
        """Replace the classifier by a new one of the same geometry.

        Args:
            num_classes: Number of classes; 0 for no classifier.
            hierarchy: The tree of the new classes. None keeps the tree if it has as many classes, and else a model
                with a tree refuses.

        Raises:
            ValueError: the number of classes is not that of the hierarchy.
        """
        before = self.hierarchy
        self.hierarchy = before if hierarchy is None else hierarchy_of(hierarchy)
        try:
            self._set_head(num_classes, get_device_dtype(self.project))
        except ValueError:
            self.hierarchy = before
            raise

    def forward_maps(self, x: Tensor) -> list[Tensor]:
        """Return the feature maps of the backbone, `[B, C, H', W']` each, the finest first.

        Args:
            x: Images `[B, C, H, W]`.
        """
        maps = self.backbone(x)
        return [each.permute(0, 3, 1, 2) for each in maps] if self._channels_last else list(maps)

    def join(self, maps: Sequence[Tensor]) -> Tensor:
        """Normalise, project and add feature maps.

        Args:
            maps: What `forward_maps` returns.

        Returns:
            Tangent vectors at the origin, before any clip, `[B, d, H', W']` in the size of the first map.
        """
        weights = self.project.weight.split([norm.num_features for norm in self.norms], 1)
        size = maps[0].shape[-2:]
        total = None
        for each, norm, weight in zip(maps, self.norms, weights, strict=True):
            each = F.dropout2d(norm(each), self.drop_rate, self.training)
            part = F.conv2d(each, weight, self.project.bias if total is None else None)
            if total is not None:
                part = total + F.interpolate(part, size, mode='bilinear')
            total = part
        return total

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the tangent vectors of pixels at the origin, `[B, d, H', W']`, for images `[B, C, H, W]`.

        Args:
            x: Images.
        """
        return self.join(self.forward_maps(x))

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Return logits `[B, K, H', W']` at the resolution of the finest map.

        Args:
            x: What `forward_features` returns.
            pre_logits: Whether to return `x` itself.
        """
        return x if pre_logits else self.head(x)

    def embedding(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the points of pixels and their hyperbolic norms.

        Args:
            x: What `forward_features` returns.

        Returns:
            Points of the ball, in the twin vectors, `[B, d, H', W']`, and their distances from the origin `2‖x‖`
            inside of the margin, `[B, H', W']`.
        """
        mlr = self.head.scores if isinstance(self.head, HierarchicalSoftmax2d) else self.head
        if not isinstance(mlr, HyperbolicMLR2d):
            raise ValueError('the model has no classifier, whose curvature the points are in: reset_classifier() first')
        return mlr.ball_points(x), mlr.norm(x)

    def forward(self, x: Tensor, return_embedding: bool = False) -> Any:
        """Classify every pixel.

        Args:
            x: Images `[B, C, H, W]`.
            return_embedding: Whether to return what `embedding` returns too.

        Returns:
            Logits `[B, K, H, W]`; with `return_embedding` also the points `[B, d, H', W']` and their hyperbolic norms
            `[B, H', W']`, both at the resolution of the finest map.
        """
        features = self.forward_features(x)
        logits = F.interpolate(self.forward_head(features), x.shape[-2:], mode='bilinear')
        return (logits, *self.embedding(features)) if return_embedding else logits


def _config(config: HyperbolicConfig | None, geometry: str, keywords: dict[str, Any]) -> HyperbolicConfig:
    """The hyperbolic keywords of the model, flat for the twin."""
    if geometry not in GEOMETRIES:
        raise ValueError(f'geometry={geometry!r} is unknown.{nearest(str(geometry), GEOMETRIES)}')
    if geometry == 'euclidean':
        if keywords.get('curvature', config.curvature if config else 0) != 0:
            raise ValueError(f"geometry='euclidean' and curvature={keywords['curvature']} contradict: leave one out")
        keywords = {**keywords, 'curvature': 0.0}
    return HyperbolicConfig.of(config, **keywords)


def _backbone(
    name: str, out_indices: Sequence[int] | None, keywords: dict[str, Any], weights: dict[str, Any]
) -> nn.Module:
    """Make the backbone, whose finest map is the first."""
    check_timm_model('backbone', name, name == ENTRY_POINT, 'resnet18')
    chosen = {} if out_indices is None else {'out_indices': tuple(out_indices)}
    try:
        if out_indices is None:
            with torch.device('meta'):
                strides = timm.create_model(name, features_only=True, **keywords).feature_info.reduction()
            coarse = [index for index, stride in enumerate(strides) if stride >= 4]
            # Where a model counts its maps otherwise, as Vision Transformers do, its own choice stays.
            chosen = {'out_indices': tuple(coarse)} if len(set(strides)) == len(strides) and coarse else {}
        model = timm.create_model(name, features_only=True, **chosen, **keywords, **weights)
    except (AssertionError, AttributeError, IndexError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f'backbone={name!r} gives no feature maps: {" ".join(str(error).split())}') from error
    strides = model.feature_info.reduction()
    if strides != sorted(strides):
        raise ValueError(f'out_indices={out_indices}: give the maps from the finest to the coarsest; strides {strides}')
    return model


@register_model
def hyp_segmenter(pretrained: bool = False, **kwargs: Any) -> nn.Module:
    """Segmentation with a timm backbone in hyperbolic space; see `HyperbolicSegmenter` for its keywords.

    Args:
        pretrained: Whether to load weights: those of the checkpoint; without a checkpoint those of the backbone.
        **kwargs: Keywords of `HyperbolicSegmenter`.

    Raises:
        ValueError: a value is refused, or the `config.json` or weights of a folder or repository; the message says why.
    """
    if kwargs.pop('features_only', False):
        names = {*OWN, 'pretrained_cfg'} - {'out_indices'}
        backbone = kwargs.pop('backbone', '')
        others = {name: value for name, value in kwargs.items() if name not in names}
        return timm.create_model(backbone, pretrained=pretrained, features_only=True, **others)
    if _FetchedSegmenter.of(ENTRY_POINT, kwargs) is not None:
        return build_model(HyperbolicSegmenter, ENTRY_POINT, pretrained, {}, fetched=_FetchedSegmenter, **kwargs)
    kwargs.pop('pretrained_cfg', None)  # timm has none for this name, and the backbone has its own
    model = HyperbolicSegmenter(pretrained=pretrained, **kwargs)
    cfg = {key: value for key, value in model.backbone.pretrained_cfg.items() if key not in ('state_dict', 'file')}
    cfg |= {'architecture': ENTRY_POINT, 'num_classes': model.num_classes, 'classifier': 'head', 'label_offset': None}
    for name in ('first_conv', 'pool_size', 'test_pool_size', 'url', 'hf_hub_id', 'hf_hub_filename', 'source', 'tag'):
        cfg.pop(name, None)
    model.pretrained_cfg = model.default_cfg = cfg
    return model


def _is_backbone(value: Any) -> bool:
    return isinstance(value, str) and is_model(value) and value != ENTRY_POINT


#: The keywords of the model in a `config.json` that may come from anywhere: no path among them.
_OWN_ARGS: dict[str, Check] = {
    'dim': whole(2, 2**16),
    'geometry': one_of(*GEOMETRIES),
    'hierarchy': is_plain_hierarchy,
    'out_indices': either(nothing, listing(whole(-64, 64), 1, 64)),
    'drop_rate': MODEL_ARGS['drop_rate'],
    'frozen': one_of(True, False),
    **{name: MODEL_ARGS[name] for name in HyperbolicConfig.names()},
}


class _FetchedSegmenter(FetchedConversion):
    """The configuration and the weights of a segmenter."""

    base = 'backbone'

    def own_checks(self) -> dict[str, Callable[[Any], bool]]:
        if 'backbone' not in self.model_args:
            raise self.error('config.json has no model_args.backbone')
        return {'backbone': _is_backbone} | _OWN_ARGS

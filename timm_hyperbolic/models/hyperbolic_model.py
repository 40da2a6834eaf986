"""timm's contract for models with hyperbolic modules, whether they were made so or converted.

The classes here are mixins: they stand before a model's own class and change only what hyperbolic modules need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from timm.layers import apply_keep_indices_nlc, get_device_dtype, resample_abs_pos_embed
from timm.models.deit import VisionTransformerDistilled
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from ..layers import Centroids, HyperbolicConfig, HyperbolicHead, HyperbolicModule
from .from_euclidean import linear_obstacle

__all__ = [
    'POS_EMBEDS',
    'HyperbolicModel',
    'HyperbolicPosEmbedMixin',
    'StemGroups',
    'ViTPosEmbed',
    'classifiers_of',
    'set_classifiers',
    'unchanged_on_error',
]


class HyperbolicModel:
    """Mixin for every model with hyperbolic modules: weight decay, and a classifier that stays hyperbolic."""

    #: Makes the hyperbolic classifier from a linear one; None while the classifier is Euclidean.
    make_head: Callable[[nn.Linear], HyperbolicHead] | None = None

    @property
    def _model_args(self) -> dict[str, Any]:
        # What timm saves of a model that its factory made
        if '_model_args' not in self.__dict__:
            raise AttributeError(f'{type(self).__name__} has no _model_args: it was not made by timm.create_model')
        return {**self.__dict__['_model_args'], **self._present_args()}

    @_model_args.setter
    def _model_args(self, value: dict[str, Any]) -> None:
        self.__dict__['_model_args'] = value

    def _present_args(self) -> dict[str, Any]:
        """The keywords that may have changed since the model was made, as plain data."""
        return getattr(self.make_head, 'model_args', dict)()  # a head of `attach_head` knows its own

    def no_weight_decay(self) -> set[str]:
        """Return the parameters without weight decay: the model's own, and all hyperbolic ones but linear weights."""
        hyperbolic = {
            f'{prefix}.{name}'
            for prefix, module in self.named_modules()
            if isinstance(module, (HyperbolicModule, Centroids))
            for name in module.no_weight_decay()
        }
        return set(getattr(super(), 'no_weight_decay', set)()) | hyperbolic

    def reset_classifier(self, *args: Any, **kwargs: Any) -> None:
        """Replace the classifier by a new one of the same kind; the arguments are those of the model in timm.

        Raises:
            ValueError: the model's new classifier is not linear, as without pooling in a convolutional model, or the
                number of classes is not that of the head's hierarchy. The model is unchanged.
        """
        with unchanged_on_error(self):
            super().reset_classifier(*args, **kwargs)
            set_classifiers(self)


class StemGroups:
    """Mixin for models with modules beside the blocks that timm has in `group_matcher`."""

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Return the patterns of layer groups: the model's own, with `pos_join` and the centroids in the stem."""
        groups = super().group_matcher(coarse)
        if getattr(self, 'pos_join', None) is None and getattr(self, 'centroids', None) is None:
            return groups
        return {**groups, 'stem': rf'{groups["stem"]}|^pos_join|^centroids'}


class HyperbolicPosEmbedMixin:
    """Base of the mixins with a `_pos_embed` that adds the embedding by the module `pos_join`, where there is one."""

    def _joined(self, x: Tensor, *prefix: Tensor | None) -> Tensor:
        """Return patches and prefix tokens with the embedding added, `[B, P + N, D]`.

        Args:
            x: Patches, `[B, N, D]` or `[B, H, W, D]`.
            *prefix: Prefix tokens, `[1, 1, D]` each, P that are not None.
        """
        pos = self.pos_embed
        if self.dynamic_img_size:
            pos = resample_abs_pos_embed(
                pos,
                new_size=x.shape[1:3],
                old_size=self.patch_embed.grid_size,
                num_prefix_tokens=0 if self.no_embed_class else self.num_prefix_tokens,
            )
            x = x.flatten(1, 2)
        tokens = [t.expand(x.shape[0], -1, -1) for t in prefix if t is not None]
        if self.no_embed_class:
            return torch.cat([*tokens, self.pos_join(x, pos)], dim=1)
        return self.pos_join(torch.cat([*tokens, x], dim=1), pos)


class ViTPosEmbed(HyperbolicPosEmbedMixin):
    """Mixin for timm's `VisionTransformer`."""

    def _pos_embed(self, x: Tensor) -> Tensor:
        if getattr(self, 'pos_join', None) is None:
            return super()._pos_embed(x)
        return self.pos_drop(self._joined(x, self.cls_token, self.reg_token))


class _DistilledPosEmbed(HyperbolicPosEmbedMixin):
    """Mixin for timm's `VisionTransformerDistilled`."""

    def _pos_embed(self, x: Tensor) -> Tensor:
        if getattr(self, 'pos_join', None) is None:
            return super()._pos_embed(x)
        return self.pos_drop(self._joined(x, self.cls_token, self.dist_token))


class _EvaPosEmbed(HyperbolicPosEmbedMixin):
    """Mixin for timm's `Eva`, which has rotary embeddings besides."""

    def _pos_embed(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        if getattr(self, 'pos_join', None) is None:
            return super()._pos_embed(x)
        rope = None if self.rope is None else self._rotary(x)
        x = self.pos_drop(self._joined(x, self.cls_token, self.reg_token))
        if self.patch_drop is None:
            return x, rope
        x, kept = self.patch_drop(x)
        if rope is not None and kept is not None:
            rope = apply_keep_indices_nlc(x, rope, kept)
            rope = rope.transpose(0, 1) if self.rope_mixed else rope.unsqueeze(1)
        return x, rope

    def _rotary(self, x: Tensor) -> Tensor:
        if self.dynamic_img_size:
            return self.rope.get_embed(shape=tuple(x.shape[1:3]))
        if hasattr(self.rope, 'feat_shape'):
            return self.rope.get_embed()
        return self.rope.get_embed(shape=self.patch_embed.grid_size)


#: The mixins by the method of timm's that each stands for.
POS_EMBEDS: dict[Callable[..., Any], type[HyperbolicPosEmbedMixin]] = {
    VisionTransformer._pos_embed: ViTPosEmbed,
    VisionTransformerDistilled._pos_embed: _DistilledPosEmbed,
    Eva._pos_embed: _EvaPosEmbed,
}


@contextmanager
def unchanged_on_error(model: nn.Module) -> Iterator[None]:
    """Give back the modules, parameters and attributes of a model if what is done to them fails.

    What happens inside a parameter, a dictionary or a list is not undone.

    Args:
        model: Any module.
    """
    tables = ('_modules', '_parameters', '_buffers')
    before = [
        (module, type(module), module.__dict__ | {name: dict(module.__dict__[name]) for name in tables})
        for module in model.modules()
    ]
    try:
        yield
    except Exception:
        for module, kind, attributes in before:
            module.__class__ = kind
            module.__dict__.clear()
            module.__dict__.update(attributes)
        raise


def classifiers_of(model: nn.Module) -> dict[str, nn.Module]:
    """Return the classifiers of a timm model by name; a distilled model has two, a model without classes none.

    Args:
        model: A timm model.
    """
    try:
        found = model.get_classifier()
    except AttributeError:  # timm's SHViT and EfficientViT-M look for a layer inside of the classifier that is gone
        if getattr(model, 'num_classes', None) != 0:
            raise
        return {}
    found = found if isinstance(found, (tuple, list)) else (found,)
    return {name: module for name, module in model.named_modules() if any(module is one for one in found)}


def set_classifiers(model: HyperbolicModel) -> None:
    """Replace the linear classifiers of a model by what its `make_head` makes of them, if it has a `make_head`.

    Args:
        model: The model, which is changed in place.

    Raises:
        ValueError: a classifier is not linear.
    """
    if model.make_head is None:
        return
    classifiers = {k: v for k, v in classifiers_of(model).items() if not isinstance(v, nn.Identity)}
    for name, classifier in classifiers.items():
        reason = linear_obstacle(classifier)
        if reason:
            raise ValueError(f'the classifier {name} stays Euclidean: {reason}')
    for name, classifier in classifiers.items():
        model.set_submodule(name, model.make_head(classifier))


def new_head(source: nn.Linear, config: HyperbolicConfig) -> HyperbolicHead:
    """Return a hyperbolic head of the sizes of a linear classifier, with random prototypes.

    Args:
        source: The linear classifier.
        config: The hyperbolic keywords.
    """
    head = HyperbolicHead(source.in_features, source.out_features, config, **get_device_dtype(source))
    return head.train(source.training)

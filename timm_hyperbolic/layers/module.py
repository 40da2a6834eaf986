"""What every hyperbolic layer has: a configuration, a curvature, a clip, and one rule about number types."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import torch
from timm.layers import register_notrace_module
from torch import Tensor, nn

from ..geometry import Limits, ops
from .config import HyperbolicConfig
from .curvature import Curvature

__all__ = ['HyperbolicModule', 'layers_with']

_LAYERS: weakref.WeakSet[HyperbolicModule] = weakref.WeakSet()


@register_notrace_module  # and so each layer, for timm's tracer: torch.fx cannot follow a choice of number types
class HyperbolicModule(nn.Module):
    """Base class of the hyperbolic layers.

    Number types. Vectors are computed in the type of the input, half types in float32; with `hamp` they are computed in
    the autocast type (float16 only where there is a clip: without one the vectors leave its range). The scalars of a
    token are float64 in kernels. Where the formula itself runs they are float32, or float64 for float64 input and where
    `margin=None` leaves points near the boundary (on a device without float64 they stay float32). The output has the
    type of the input.

    Args:
        config: The hyperbolic keywords of the layer; the defaults where it is None.
        copies: Number of independent curvatures.
        device: Of the parameters.
        dtype: Of the parameters.
        **keywords: Fields of `HyperbolicConfig`, which replace those of `config`: `curvature`, `learn_curvature`,
            `margin`, `max_norm`, `hamp`.

    Raises:
        ValueError: a value is outside its range, or `max_norm` is given to a curved layer.
        TypeError: a keyword is unknown.
    """

    #: The margin of the published study for this kind of layer, used for `margin='study'`.
    study_margin: float = 0.985
    #: Names of the parameters that are points of the ball.
    manifold_names: tuple[str, ...] = ()
    #: Names of the formulas that the layer computes, for `geometry.explain`.
    kernel_names: tuple[str, ...] = ()

    def __new__(cls, *args: Any, **kwargs: Any) -> HyperbolicModule:
        """Make a layer that the optimizers of this package can find by its parameters."""
        if cls.manifold_names:
            from . import manifold  # noqa: F401  before an unpickled layer imports geoopt itself, with its warnings
        layer = super().__new__(cls)
        _LAYERS.add(layer)  # not in `__init__`, which copies and unpickled layers do not call
        return layer

    def __init__(
        self,
        config: HyperbolicConfig | None = None,
        *,
        copies: int = 1,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **keywords: Any,
    ) -> None:
        super().__init__()
        config = HyperbolicConfig.of(config, **keywords)
        margin = config.layer_margin(self.study_margin)
        self.config = replace(config, margin=margin)
        self.curvature = Curvature(config.curvature, config.learn_curvature, copies, device=device, dtype=dtype)
        self.limits = Limits(margin, config.max_norm, torch.float32)
        self.hamp = config.hamp
        # Every other tracer of torch.fx takes a module as it is where this name, of the object, begins with torch.nn.
        self.__module__ = f'torch.nn:{type(self).__module__}'

    def reset_parameters(self) -> None:
        """Set the layer's own parameters to their starting values."""
        self.curvature.reset_parameters()

    def no_weight_decay(self) -> set[str]:
        """Return the names, within the layer, of parameters without weight decay: all but weights of linear maps."""
        return {name for name, _ in self.named_parameters(recurse=False)} | {
            f'curvature.{name}' for name, _ in self.curvature.named_parameters()
        }

    def vector_dtype(self, x: Tensor) -> torch.dtype:
        """Return the type in which the layer computes vectors for input `x`; call it outside `without_autocast`."""
        device = x.device.type
        autocast = self.hamp and x.dtype != torch.float64 and torch.is_autocast_enabled(device)
        dtype = torch.get_autocast_dtype(device) if autocast else x.dtype
        # float16 has not the range of long vectors' products, nor of coefficients near the boundary; bfloat16 has
        if not self.hamp or (dtype == torch.float16 and not self.is_clipped):
            return torch.promote_types(x.dtype, torch.float32)
        return dtype

    def scalar_dtype(self, x: Tensor) -> torch.dtype:
        """Return the type of the scalars of a token for input `x`: float32 or float64."""
        near_boundary = not self.is_clipped and not self.curvature.is_flat
        in_kernel = bool(self.kernel_names) and ops.has_kernel(x, *self.kernel_names)
        if x.dtype == torch.float64 or in_kernel or (near_boundary and x.device.type != 'mps'):
            return torch.float64
        return torch.float32

    def limits_for(self, x: Tensor) -> Limits:
        """Return the clip for input `x`, whose type decides which vectors count as lying on the margin."""
        return replace(self.limits, rounding=x.dtype)

    @property
    def is_clipped(self) -> bool:
        """Whether the length of vectors is limited: by the margin, in flat space by `max_norm`."""
        return (self.limits.max_norm if self.curvature.is_flat else self.limits.margin) is not None

    @staticmethod
    def without_autocast(x: Tensor) -> AbstractContextManager[Any]:
        """Return a context without autocast on the device of `x`, since the layers choose their types themselves."""
        device = x.device.type
        return torch.autocast(device, enabled=False) if torch.is_autocast_enabled(device) else nullcontext()

    def _slow_forward(self, *args: Any, **kwargs: Any) -> Any:  # torch calls it for `forward` while TorchScript traces
        if torch.onnx.is_in_onnx_export():
            raise RuntimeError(
                f'torch.onnx.export(dynamo=False) cannot export {type(self).__name__}: use dynamo=True, as it is by '
                'default since torch 2.9'
            )
        return super()._slow_forward(*args, **kwargs)

    def restore_parameters(self) -> dict[str, nn.Parameter]:
        """Mark the layer's parameters again as what optimizers treat specially: points of the ball, and curvatures.

        The mark is lost where a tool makes new parameters. This method is called by `.to()`, by `load_state_dict` and
        by the optimizers of this package.

        Returns:
            The parameters that had lost their mark, by name.
        """
        restored: dict[str, nn.Parameter] = {}
        if self.manifold_names:
            from .manifold import restore_points  # at first use, as in the layers that have points

            restored = restore_points(self, self.manifold_names, self.curvature)
        return restored | {f'curvature.{name}': p for name, p in self.curvature.restore_parameters().items()}

    def _apply(self, fn: Any, recurse: bool = True) -> HyperbolicModule:
        super()._apply(fn, recurse)
        self.restore_parameters()
        return self

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self.restore_parameters()

    def extra_repr(self) -> str:
        """Return the configuration, for `repr`."""
        clip = f'margin={self.limits.margin}' if self.limits.max_norm is None else f'max_norm={self.limits.max_norm}'
        return f'curvature={self.curvature:.4g}, {clip}, hamp={self.hamp}'


def layers_with(parameters: Iterable[Tensor]) -> Iterator[HyperbolicModule]:
    """Yield the hyperbolic layers that own any of the parameters, for an optimizer, which knows no model.

    Args:
        parameters: The parameters, as an optimizer has them.
    """
    wanted = {id(p) for p in parameters}
    for layer in list(_LAYERS):
        is_made = '_parameters' in layer.__dict__
        if is_made and not wanted.isdisjoint(map(id, layer.parameters())):
            yield layer

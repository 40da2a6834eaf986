"""What every hyperbolic layer has: a curvature, a clip, and one rule about number types."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import torch
from timm.layers import register_notrace_module
from torch import Tensor, nn

from ..geometry import Limits, ops
from .curvature import Curvature
from .manifold import remember_layer, restore_points

__all__ = ['HyperbolicModule']


@register_notrace_module  # and so each layer, for timm's tracer: torch.fx cannot follow a choice of number types
class HyperbolicModule(nn.Module):
    """Base of the hyperbolic layers.

    Number types. Vectors are computed in the type of the input, half types in float32; with `hamp` they are computed in
    the autocast type (but not in float16 where there is no clip: that takes the range of the others). The scalars of a
    row are float64 in kernels; where the definition runs they are float32, or float64 for float64 input and where
    `margin=None` leaves points near the boundary (on a device without float64 they stay float32). The output has the
    type of the input.

    Args:
        curvature: `c >= 0` at the start; 0 makes the layer its Euclidean limit.
        learn_curvature: Learn it; by default where it is positive.
        margin: Points of the unit ball are kept within this norm, in `(0, 1)`; None for no clip (but at `√c‖v‖ = 36`,
            so that gradients stay within float32).
        max_norm: For flat layers: the largest norm of every vector, the clip of a curved layer without its curvature.
        hamp: Mixed precision inside the layer: under autocast, vectors in the autocast type, scalars as ever.
        copies: Independent curvatures.

    Raises:
        ValueError: a value is outside its range, or `max_norm` is given to a curved layer.
    """

    #: Names of the parameters that are points of the ball.
    manifold_names: tuple[str, ...] = ()
    #: Names of the formulas that it computes, for `geometry.explain`.
    kernel_names: tuple[str, ...] = ()

    def __new__(cls, *args, **kwargs):
        layer = super().__new__(cls)
        remember_layer(layer)  # here, as every way of copying comes by
        return layer

    def __init__(
        self,
        curvature: float = 1.0,
        learn_curvature: bool | None = None,
        margin: float | None = 0.985,
        max_norm: float | None = None,
        hamp: bool = False,
        copies: int = 1,
        device=None,
        dtype=None,
    ) -> None:
        super().__init__()
        self.curvature = Curvature(curvature, learn_curvature, copies, device=device, dtype=dtype)
        self.limits = Limits(margin, max_norm, torch.float32)
        if max_norm is not None and not self.curvature.is_flat:
            raise ValueError(
                f'max_norm={max_norm} is for flat controls (curvature=0); a layer of curvature {curvature} is clipped '
                'by its margin.'
            )
        self.hamp = hamp
        # Every other tracer of torch.fx takes a module as it is where this name, of the object, begins with torch.nn.
        self.__module__ = f'torch.nn:{type(self).__module__}'

    def reset_parameters(self) -> None:
        """Set the layer's own parameters to their start."""
        self.curvature.reset_parameters()

    def no_weight_decay(self) -> set[str]:
        """Names, within the layer, of parameters that take no weight decay: all but the weights of linear maps."""
        return {name for name, _ in self.named_parameters(recurse=False)} | {
            f'curvature.{name}' for name, _ in self.curvature.named_parameters()
        }

    def vector_dtype(self, x: Tensor) -> torch.dtype:
        """The type in which the vectors of this layer are computed for input `x`; to be asked outside
        `without_autocast`."""
        device = x.device.type
        autocast = self.hamp and x.dtype != torch.float64 and torch.is_autocast_enabled(device)
        dtype = torch.get_autocast_dtype(device) if autocast else x.dtype
        # float16 has not the range of long vectors' products, nor of coefficients near the boundary; bfloat16 has
        if not self.hamp or (dtype == torch.float16 and not self.is_clipped):
            return torch.promote_types(x.dtype, torch.float32)
        return dtype

    def scalar_dtype(self, x: Tensor) -> torch.dtype:
        """The type of the scalars of a row for input `x`."""
        near_boundary = not self.is_clipped and not self.curvature.is_flat
        in_kernel = bool(self.kernel_names) and ops.has_kernel(x, *self.kernel_names)
        if x.dtype == torch.float64 or in_kernel or (near_boundary and x.device.type != 'mps'):
            return torch.float64
        return torch.float32

    def limits_for(self, x: Tensor) -> Limits:
        """The clip for input `x`, on whose type it depends which vectors count as lying on the margin."""
        return replace(self.limits, rounding=x.dtype)

    @property
    def is_clipped(self) -> bool:
        """Whether vectors are kept from growing without limit: by the margin, in flat space by `max_norm`."""
        return (self.limits.max_norm if self.curvature.is_flat else self.limits.margin) is not None

    @staticmethod
    def without_autocast(x: Tensor):
        """The layers choose their types themselves: a context in which autocast does not."""
        device = x.device.type
        return torch.autocast(device, enabled=False) if torch.is_autocast_enabled(device) else nullcontext()

    def _slow_forward(self, *args, **kwargs):  # what torch calls instead of `forward` while TorchScript traces
        if torch.onnx.is_in_onnx_export():
            raise RuntimeError(
                f'torch.onnx.export(dynamo=False) cannot export {type(self).__name__}: use dynamo=True, as it is by '
                'default since torch 2.9'
            )
        return super()._slow_forward(*args, **kwargs)

    def restore_parameters(self) -> dict[str, nn.Parameter]:
        """Give parameters back what optimizers know them by, the points' ball and the curvature's mark.

        It happens at `.to()`, at `load_state_dict` and in our optimizers, since tools that rebuild parameters lose it.

        Returns:
            The parameters that had lost it, by name.
        """
        restored = restore_points(self, self.manifold_names, self.curvature)
        return restored | {f'curvature.{name}': p for name, p in self.curvature.restore_parameters().items()}

    def _apply(self, fn, recurse=True):
        super()._apply(fn, recurse)
        self.restore_parameters()
        return self

    def _load_from_state_dict(self, *args, **kwargs):
        super()._load_from_state_dict(*args, **kwargs)
        self.restore_parameters()

    def extra_repr(self) -> str:
        clip = f'margin={self.limits.margin}' if self.limits.max_norm is None else f'max_norm={self.limits.max_norm}'
        return f'curvature={self.curvature:.4g}, {clip}, hamp={self.hamp}'

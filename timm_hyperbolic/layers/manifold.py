"""Parameters that live on a layer's ball, as geoopt's `ManifoldParameter` with the layer's own curvature."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn

from .curvature import Curvature

with warnings.catch_warnings():
    # geoopt decorates its mathematics with torch.jit.script, which newer versions of torch deprecate.
    warnings.filterwarnings('ignore', message='.*torch.jit.script.*')
    import geoopt

__all__ = ['LayerBall', 'manifold_of', 'manifold_parameter']


class LayerBall(geoopt.PoincareBall):
    """geoopt's Poincaré ball whose curvature is that of a layer, at every moment.

    Several curvatures (of packed maps) apply to the rows of a parameter.

    Args:
        curvature: The layer's curvature.
    """

    def __init__(self, curvature: Curvature) -> None:
        super().__init__()
        del self.isp_c  # geoopt keeps a copy of its own; ours is the layer's
        self.curvature = curvature

    @property
    def c(self) -> Tensor:
        return self.by_row(self.curvature())

    @staticmethod
    def by_row(values: Tensor) -> Tensor:
        """One number for each curvature, `[copies]`, in a shape that broadcasts against the points `[..., D]`."""
        return values if len(values) == 1 else values.unsqueeze(-1)


def manifold_of(curvature: Curvature) -> geoopt.Manifold:
    """The layer's ball, or Euclidean space where the curvature is fixed at zero."""
    return geoopt.Euclidean(ndim=1) if curvature.is_flat else LayerBall(curvature)


def manifold_parameter(data: Tensor, curvature: Curvature, requires_grad: bool = True) -> geoopt.ManifoldParameter:
    """A parameter whose rows, `[..., D]`, are points of the layer's ball.

    An optimizer that knows geoopt's manifolds keeps it there; others see a plain parameter.
    """
    with torch.no_grad():
        return geoopt.ManifoldParameter(data, manifold=manifold_of(curvature), requires_grad=requires_grad)


def rewrap_manifold_parameters(module: nn.Module, names: tuple[str, ...], curvature: Curvature) -> None:
    """Give parameters back the manifold that torch took from them.

    `to_empty` and `load_state_dict(assign=True)` replace a parameter by a plain one.
    """
    for name in names:
        parameter = getattr(module, name)
        if parameter is not None and not isinstance(parameter, geoopt.ManifoldParameter):
            setattr(module, name, manifold_parameter(parameter.data, curvature, parameter.requires_grad))

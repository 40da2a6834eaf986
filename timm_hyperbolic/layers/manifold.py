"""Parameters that are points of a layer's ball: geoopt's `ManifoldParameter` with the layer's own curvature.

Import this module only where a layer has such parameters: geoopt takes about half a second to import. Other modules
take geoopt from here, where the warnings of its import are left out.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from .curvature import Curvature, computed_from, stored_parameter

with warnings.catch_warnings():
    # geoopt decorates its mathematics with torch.jit.script, which newer versions of torch deprecate.
    warnings.filterwarnings('ignore', message='.*torch.jit.script.*')
    import geoopt

__all__ = [
    'LayerBall',
    'geoopt',
    'manifold_of',
    'manifold_parameter',
    'restore_points',
]


class LayerBall(geoopt.PoincareBall):
    """geoopt's Poincaré ball whose curvature is always that of a layer.

    Where there are several curvatures (of packed maps), each is that of one row of a parameter.

    Args:
        curvature: The layer's curvature.
    """

    def __init__(self, curvature: Curvature) -> None:
        super().__init__()
        del self.isp_c  # geoopt's own copy of the curvature
        self.curvature = curvature

    @property
    def c(self) -> Tensor:
        """The curvature, in a shape that broadcasts against the points `[..., D]`."""
        return self.by_row(self.curvature())

    @staticmethod
    def by_row(values: Tensor) -> Tensor:
        """Return one number for each curvature, `[copies]`, in a shape that broadcasts against points `[..., D]`."""
        return values if len(values) == 1 else values.unsqueeze(-1)


def manifold_of(curvature: Curvature) -> geoopt.Manifold:
    """Return the ball of a layer's curvature, or Euclidean space where the curvature is fixed at zero.

    Args:
        curvature: The layer's curvature.
    """
    return geoopt.Euclidean(ndim=1) if curvature.is_flat else LayerBall(curvature)


def manifold_parameter(data: Tensor, curvature: Curvature, requires_grad: bool = True) -> geoopt.ManifoldParameter:
    """Return a parameter whose rows are points of the layer's ball.

    An optimizer that knows geoopt's manifolds keeps them in the ball; others treat it as a plain parameter.

    Args:
        data: The points, `[..., D]`, of norm below `1/√c`.
        curvature: The layer's curvature.
        requires_grad: As for `nn.Parameter`.
    """
    with torch.no_grad():
        return geoopt.ManifoldParameter(data, manifold=manifold_of(curvature), requires_grad=requires_grad)


def restore_points(layer: nn.Module, names: Iterable[str], curvature: Curvature) -> dict[str, nn.Parameter]:
    """Make parameters of a layer points of its ball again, in place, so that references to them stay valid.

    `to_empty`, `load_state_dict(assign=True)` and tools that call `nn.Parameter(...)` or `type(p)(...)` make parameters
    without a ball. Parameters of other classes (sharded or quantized ones) are left unchanged.

    Args:
        layer: The layer.
        names: Names of its parameters that are points.
        curvature: The layer's curvature.

    Returns:
        The parameters that had lost their ball, by name.
    """
    restored: dict[str, nn.Parameter] = {}
    for name in names:
        p: Any = stored_parameter(layer, name)
        if type(p) is nn.Parameter or (type(p) is geoopt.ManifoldParameter and not _has_ball(p, curvature)):
            p.__class__ = geoopt.ManifoldParameter
            p.manifold = manifold_of(curvature)
            restored[name] = p
        for other in computed_from(layer, name):  # torch gives it the class of the points
            if type(other) is geoopt.ManifoldParameter:
                del other.manifold  # type: ignore[attr-defined]
                other.__class__ = nn.Parameter
    return restored


def _has_ball(p: Tensor, curvature: Curvature) -> bool:
    """Return whether a parameter is on the ball of a curvature, or on a manifold that the user chose for it."""
    manifold = getattr(p, 'manifold', None)
    if isinstance(manifold, LayerBall):
        return manifold.curvature is curvature
    if isinstance(manifold, geoopt.Euclidean):  # with another ndim it is geoopt's default where none was named
        return curvature.is_flat and manifold.ndim == 1
    return manifold is not None

"""Optimizer steps on stacked manifold parameters, so that one operation updates many parameters.

geoopt's optimizers loop over the parameters and have no `foreach` variant. Its functions broadcast over the curvature,
so that the points of all parameters on balls of one dimension can be stacked into one tensor with a curvature for each
point, and a step on two hundred small parameters takes as many operations as a step on one.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence

import torch
from torch import Tensor

from ..layers import Curvature
from ..layers.manifold import LayerBall, geoopt

__all__ = ['Stack', 'stacks']


class _StackedBall(geoopt.PoincareBall):
    """geoopt's ball with a curvature for each row.

    Args:
        c: `[R, 1]`.
    """

    def __init__(self, c: Tensor) -> None:
        geoopt.Manifold.__init__(self)  # no parameter of its own
        self.row_curvature = c

    @property
    def c(self) -> Tensor:
        return self.row_curvature


class _StackedBallExact(_StackedBall, geoopt.PoincareBallExact):
    """The same with the exponential map for retraction."""


# Subclasses may have redefined what a ball is, and are stacked only where they share one manifold object.
_BALLS = {LayerBall: _StackedBall, geoopt.PoincareBall: _StackedBall, geoopt.PoincareBallExact: _StackedBallExact}


class Stack:
    """Parameters on manifolds of one kind, as one tensor of points.

    Balls are stacked by rows, `[R, D]`, whatever their curvatures and the shapes of their parameters. Parameters on any
    other manifold are stacked along a new first dimension.

    Args:
        parameters: Of one kind, as `stacks` sorts them.

    Attributes:
        parameters: What is stacked.
        manifold: On which the stacked points lie.
    """

    def __init__(self, parameters: Sequence[geoopt.ManifoldParameter]) -> None:
        self.parameters = parameters
        first = parameters[0]
        self.dtype = torch.promote_types(first.dtype, torch.float32)
        self.manifold: geoopt.Manifold = first.manifold
        self._shape, self._sizes = (1, *first.shape), [1] * len(parameters)
        ball = _BALLS.get(type(first.manifold))
        if ball is not None:
            self._shape = (-1, first.shape[-1])
            self._sizes = [p.numel() // first.shape[-1] for p in parameters]
            self.manifold = ball(_row_curvatures(parameters, self._sizes))
        # Views cost the time of operations, and rows need none.
        self._are_rows = ball is not None and all(p.dim() == 2 for p in parameters)

    @property
    def is_conformal(self) -> bool:
        """Whether the metric is a number `λ²` times the Euclidean one: on balls, and on flat space."""
        return isinstance(self.manifold, (_StackedBall, geoopt.Euclidean))

    def gather(self, tensors: Iterable[Tensor]) -> Tensor:
        """Stack one tensor for each parameter, of its shape; a copy, in float32 or float64.

        Args:
            tensors: A tensor of each parameter, in the shape of the parameter.
        """
        rows = list(tensors) if self._are_rows else [t.reshape(self._shape) for t in tensors]
        return torch.cat(rows).to(self.dtype)

    def points(self) -> Tensor:
        """The stacked points. A ball that has shrunk since they were stored takes them in again."""
        points = self.gather(self.parameters)
        return self.manifold.projx(points) if isinstance(self.manifold, _StackedBall) else points

    def gradients(self) -> Tensor:
        """The stacked (Euclidean) gradients."""
        return self.gather(p.grad for p in self.parameters)

    def split(self, stacked: Tensor) -> list[Tensor]:
        """Views of a stacked tensor, one for each parameter, of its shape.

        Args:
            stacked: A stacked tensor, `[P, D]`.
        """
        rows = stacked.split(self._sizes)
        return list(rows) if self._are_rows else [t.view(p.shape) for t, p in zip(rows, self.parameters, strict=True)]

    def scatter(self, stacked: Tensor, tensors: Sequence[Tensor]) -> None:
        """Write a stacked tensor back into one tensor for each parameter.

        Args:
            stacked: A stacked tensor, `[P, D]`.
            tensors: A tensor of each parameter, which is overwritten.
        """
        torch._foreach_copy_(tensors, self.split(stacked))

    def scale_(self, stacked: Tensor, factors: Sequence[float | Tensor]) -> Tensor:
        """Multiply, in place, by one factor for each parameter; a factor may be a tensor of one number.

        Args:
            stacked: A stacked tensor, `[P, D]`, which is changed in place.
            factors: The factor of each parameter.
        """
        if len(set(factors)) == 1:
            return stacked.mul_(factors[0])
        if any(isinstance(factor, Tensor) for factor in factors):
            factors = [torch.as_tensor(factor) for factor in factors]
        torch._foreach_mul_(self.split(stacked), list(factors))
        return stacked


def stacks(
    parameters: Iterable[geoopt.ManifoldParameter], key: Callable[[Tensor], Hashable] = lambda p: None
) -> list[Stack]:
    """Stack what can be stacked.

    Args:
        parameters: Parameters on manifolds; empty ones are left out.
        key: What else has to be the same within a stack.
    """
    kinds: dict[Hashable, list[Tensor]] = {}
    for p in parameters:
        if p.numel():
            kinds.setdefault((_kind(p), p.dtype, p.device, key(p)), []).append(p)
    return [Stack(members) for members in kinds.values()]


def _kind(p: geoopt.ManifoldParameter) -> Hashable:
    manifold = p.manifold
    kind = type(manifold)
    if kind in _BALLS:
        return _BALLS[kind], p.shape[-1], kind is not LayerBall or manifold.curvature.learnt
    return (kind, manifold.ndim, p.shape) if kind is geoopt.Euclidean else (id(manifold), p.shape)


def _row_curvatures(parameters: Sequence[geoopt.ManifoldParameter], rows: Sequence[int]) -> Tensor:
    """`c` of every row, `[R, 1]`."""
    stored, learnt = [], True
    for p, count in zip(parameters, rows, strict=True):
        ball = p.manifold
        if isinstance(ball, LayerBall):
            learnt, c = ball.curvature.learnt, ball.curvature.stored
            if len(c) != count:
                c = ball.by_row(c).expand(*p.shape[:-1], 1).reshape(-1)
        else:
            c = ball.isp_c.to(p.device).expand(*p.shape[:-1], 1).reshape(-1)
        stored.append(c)
    return Curvature.of(torch.cat(stored), learnt).unsqueeze(-1)

"""Stochastic gradient descent for models that are partly on a manifold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT
from torch.optim.sgd import sgd

from ..constants import CURVATURE_BOUNDS
from .base import HyperbolicOptimizer
from .groups import learning_rate
from .points import stacks

__all__ = ['HyperbolicSGD']


class HyperbolicSGD(HyperbolicOptimizer):
    """torch's SGD for Euclidean parameters and curvatures, Riemannian SGD for points on a manifold.

    A point `p` with Riemannian gradient `g = grad/λ²` steps by `b ← μb + (1-τ)g`, `p' = retr_p(-lr·b)` (with Nesterov
    momentum `-lr·(g + μb)`), and `b` is transported from `p` to `p'`, as `geoopt.optim.RiemannianSGD` does it. As in
    torch, `b` starts as the first gradient; geoopt starts it as the first Euclidean gradient, which near the boundary
    is many times longer.

    Args:
        params: Parameters, or groups of them; see `HyperbolicOptimizer` for what becomes of them.
        lr: Learning rate.
        momentum: `μ`, in [0, 1).
        dampening: `τ` of the momentum.
        weight_decay: Added to the gradients of Euclidean parameters; curvatures and points have none.
        nesterov: Nesterov momentum, which needs a momentum and no dampening.
        man_lr_scale: The points' learning rate, as a share of `lr`.
        curv_lr_scale: The curvatures', likewise.
        curv_bounds: Within which each learnt curvature `c` is kept, `0 < low < high`.
        foreach: Step Euclidean parameters by torch's multi-tensor operations, or by a loop; by default its fused
            kernel where there is one.
        fused: Use the fused kernel, or do not.

    Raises:
        ValueError: an option is out of its range, or a curvature starts outside its bounds.

    Source: Bonnabel, "Stochastic gradient descent on Riemannian manifolds" (2013), with geoopt's retraction.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        man_lr_scale: float = 0.25,
        curv_lr_scale: float = 1.0,
        curv_bounds: Sequence[float] = CURVATURE_BOUNDS,
        foreach: bool | None = None,
        fused: bool | None = None,
    ) -> None:
        if not 0 <= momentum < 1:
            raise ValueError(f'momentum={momentum} must be in [0, 1)')
        if nesterov and (momentum == 0 or dampening != 0):
            raise ValueError(f'nesterov needs a momentum, not {momentum}, and no dampening, not {dampening}')
        defaults = {
            'lr': lr,
            'momentum': momentum,
            'dampening': dampening,
            'weight_decay': weight_decay,
            'nesterov': nesterov,
            'man_lr_scale': man_lr_scale,
            'curv_lr_scale': curv_lr_scale,
            'curv_bounds': tuple(curv_bounds),
            'foreach': foreach,
            'fused': fused,
        }
        super().__init__(params, defaults)

    def _step_euclidean(self, parameters: list[Tensor], gradients: list[Tensor], group: dict[str, Any]) -> None:
        # torch's fused kernel takes buffers for all parameters or for none.
        for started in (True, False):
            pairs = zip(parameters, gradients, strict=True)
            own = [(p, gradient) for p, gradient in pairs if bool(self.state.get(p)) == started]
            if not own:
                continue
            buffers = [self.state[p].get('momentum_buffer') if group['momentum'] else None for p, _ in own]
            sgd(
                [p for p, _ in own],
                [gradient for _, gradient in own],
                buffers,
                foreach=group['foreach'],
                fused=group['fused'],
                weight_decay=group['weight_decay'],
                momentum=group['momentum'],
                lr=learning_rate(group),
                dampening=group['dampening'],
                nesterov=group['nesterov'],
                maximize=False,
            )
            if group['momentum']:
                for (p, _), buffer in zip(own, buffers, strict=True):
                    self.state[p]['momentum_buffer'] = buffer

    def _step_points(self, owners: dict[Tensor, dict[str, Any]]) -> None:
        def key(p: Tensor) -> tuple:
            group = owners[p]
            return group['momentum'], group['dampening'], group['nesterov'], bool(self.state.get(p))

        for stack in stacks(owners, key):
            momentum, dampening, nesterov, started = key(stack.parameters[0])
            manifold, points = stack.manifold, stack.points()
            gradient = manifold.egrad2rgrad(points, stack.gradients())
            factors = [-learning_rate(owners[p]) for p in stack.parameters]
            if momentum == 0:
                stack.scatter(manifold.retr(points, stack.scale_(gradient.clone(), factors)), stack.parameters)
                continue
            if started:
                buffer = stack.gather(self.state[p]['momentum_buffer'] for p in stack.parameters)
                buffer.mul_(momentum).add_(gradient, alpha=1 - dampening)
            else:
                buffer = gradient.clone()
                for p in stack.parameters:
                    self.state[p]['momentum_buffer'] = torch.empty_like(p)
            update = gradient.add(buffer, alpha=momentum) if nesterov else buffer.clone()
            moved, transported = manifold.retr_transp(points, stack.scale_(update, factors), buffer)
            stack.scatter(moved, stack.parameters)
            stack.scatter(transported, [self.state[p]['momentum_buffer'] for p in stack.parameters])

"""AdamW for models that are partly on a manifold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.adamw import adamw
from torch.optim.optimizer import ParamsT

from ..constants import CURVATURE_BOUNDS
from .base import HyperbolicOptimizer
from .groups import learning_rate
from .points import stacks

__all__ = ['HyperbolicAdamW']


class HyperbolicAdamW(HyperbolicOptimizer):
    """torch's AdamW for Euclidean parameters and curvatures, Riemannian Adam for points on a manifold.

    A point `p` with Riemannian gradient `g = grad/λ²` steps by `m ← β₁m + (1-β₁)g`, `v ← β₂v + (1-β₂)⟨g, g⟩_p`,
    `p' = retr_p(-lr·m̂/(√v̂ + ε))`, and `m` is transported from `p` to `p'` along the geodesic, as
    `geoopt.optim.RiemannianAdam` does it. All points on balls of one dimension are stepped together.

    Args:
        params: Parameters, or groups of them; see `HyperbolicOptimizer` for what becomes of them.
        lr: Learning rate.
        betas: Decay of the two running means, in [0, 1).
        eps: Added to the denominator.
        weight_decay: Decoupled decay of the Euclidean parameters; curvatures and points have none.
        man_lr_scale: The points' learning rate, as a share of `lr`.
        curv_lr_scale: The curvatures', likewise.
        curv_bounds: Within which each learnt curvature `c` is kept, `0 < low < high`.
        foreach: Step Euclidean parameters by torch's multi-tensor operations, or by a loop; by default its fused
            kernel where there is one.
        fused: Use the fused kernel, or do not.

    Raises:
        ValueError: an option is out of its range, or a curvature starts outside its bounds.

    Source: Bécigneul, Ganea, "Riemannian Adaptive Optimization Methods" (2019), with geoopt's retraction
    `project(p + v)` and its one second moment a point.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        man_lr_scale: float = 0.25,
        curv_lr_scale: float = 1.0,
        curv_bounds: Sequence[float] = CURVATURE_BOUNDS,
        foreach: bool | None = None,
        fused: bool | None = None,
    ) -> None:
        if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f'betas={tuple(betas)} must be two numbers in [0, 1)')
        if not eps >= 0:
            raise ValueError(f'eps={eps} must be at least 0')
        defaults = {
            'lr': lr,
            'betas': tuple(betas),
            'eps': eps,
            'weight_decay': weight_decay,
            'man_lr_scale': man_lr_scale,
            'curv_lr_scale': curv_lr_scale,
            'curv_bounds': tuple(curv_bounds),
            'foreach': foreach,
            'fused': fused,
        }
        super().__init__(params, defaults)

    def _step_euclidean(self, parameters: list[Tensor], gradients: list[Tensor], group: dict[str, Any]) -> None:
        states = [self.state[p] for p in parameters]
        for p, state in zip(parameters, states, strict=True):
            if not state:
                # The fused kernel counts on the device; elsewhere the CPU reads the count.
                state['step'] = torch.zeros((), dtype=torch.float32, device=p.device if group['fused'] else 'cpu')
                state['exp_avg'] = torch.zeros_like(p, memory_format=torch.preserve_format)
                state['exp_avg_sq'] = torch.zeros_like(p, memory_format=torch.preserve_format)
        beta1, beta2 = group['betas']
        lists = (
            parameters,
            gradients,
            [state['exp_avg'] for state in states],
            [state['exp_avg_sq'] for state in states],
            [],
            steps := [state['step'] for state in states],
        )
        options = {
            'amsgrad': False,
            'beta1': beta1,
            'beta2': beta2,
            'lr': learning_rate(group),
            'weight_decay': group['weight_decay'],
            'eps': group['eps'],
            'maximize': False,
        }
        if not group['fused'] or isinstance(options['lr'], Tensor):
            adamw(*lists, foreach=group['foreach'], fused=group['fused'], **options)
            return
        # What `adamw` does for parameters of one device and type, without sorting them again. It would count the steps
        # of a hundred small parameters in more time than their step takes: a number costs more to add than a tensor.
        torch._foreach_add_(steps, torch.ones((), device=steps[0].device), alpha=1.0)
        torch._fused_adamw_(*lists, grad_scale=None, found_inf=None, **options)

    def _step_points(self, owners: dict[Tensor, dict[str, Any]]) -> None:
        for p in owners:
            if not self.state[p]:
                # A Python number: it is restored as it was saved, and reading it waits for no device.
                self.state[p].update(step=0, exp_avg=torch.zeros_like(p), exp_avg_sq=torch.zeros_like(p))
        for stack in stacks(owners, lambda p: (self.state[p]['step'], *owners[p]['betas'], owners[p]['eps'])):
            states = [self.state[p] for p in stack.parameters]
            group = owners[stack.parameters[0]]
            (beta1, beta2), step = group['betas'], states[0]['step'] + 1
            manifold, points = stack.manifold, stack.points()
            gradient = manifold.egrad2rgrad(points, stack.gradients())
            exp_avgs = [state['exp_avg'] for state in states]
            exp_avg = stack.gather(exp_avgs).mul_(beta1).add_(gradient, alpha=1 - beta1)
            exp_avg_sqs = [state['exp_avg_sq'] for state in states]
            exp_avg_sq = stack.gather(exp_avg_sqs).mul_(beta2)
            exp_avg_sq.add_(manifold.component_inner(points, gradient), alpha=1 - beta2)
            denominator = exp_avg_sq.div(1 - beta2**step).sqrt_().add_(group['eps'])
            update = exp_avg.div(1 - beta1**step).div_(denominator)
            stack.scale_(update, [-learning_rate(owners[p]) for p in stack.parameters])
            moved, transported = manifold.retr_transp(points, update, exp_avg)
            stack.scatter(moved, stack.parameters)
            stack.scatter(transported, exp_avgs)
            stack.scatter(exp_avg_sq, exp_avg_sqs)
            for state in states:
                state['step'] = step

"""Clipping of gradients, of Euclidean parameters and of points on a manifold apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from timm.utils import dispatch_clip_grad
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from ..constants import CLIP_MODES, MANIFOLD_NORMS
from ..layers.manifold import geoopt
from ..layers.module import layers_with
from .groups import MANIFOLD, alike, kind_of
from .points import Stack, stacks

__all__ = ['GradientClip', 'GradientNorms', 'gradient_norm', 'riemannian_norm']


class GradientNorms(NamedTuple):
    """Norms of all gradients before clipping, `[]` each, on the parameters' device.

    Attributes:
        euclidean: of the Euclidean parameters and curvatures.
        manifold: of the points on a manifold, None where there are none.
    """

    euclidean: Tensor
    manifold: Tensor | None


class GradientClip:
    """Clips the gradients of a model in place. Calling it gives the norms that they had before.

    The Riemannian norm of a gradient is `√Σ⟨g, g⟩_p` over all points `p`, with `g = grad/λ²`: on a ball `‖grad‖/λ`.
    Towards the boundary the Euclidean norm grows like `λ` for a step of the same length; the Riemannian norm does not.

    Modes, as in timm: 'norm' shortens all gradients together to a norm; 'value' bounds each entry, in the Riemannian
    norm each component in an orthonormal frame at the point; 'agc' bounds each unit's norm relative to the unit's own,
    in the Riemannian norm to the point's distance from the origin, and leaves out the classifier.

    Args:
        model: Whose gradients are clipped.
        clip_grad: Bound for Euclidean parameters, None for no clip.
        man_clip_grad: Bound for points on a manifold, None for no clip.
        mode: 'norm', 'value' or 'agc'.
        man_norm: 'riemannian' or 'euclidean', the norm of points' gradients.

    Raises:
        ValueError: an option is unknown, negative, or does not go with the manifold of a parameter.

    Source: of adaptive clipping, Brock, De, Smith, Simonyan, "High-Performance Large-Scale Image Recognition Without
    Normalization" (2021).
    """

    def __init__(
        self,
        model: nn.Module,
        clip_grad: float | None = None,
        man_clip_grad: float | None = None,
        mode: str = 'norm',
        man_norm: str = 'riemannian',
    ) -> None:
        for name, value, allowed in (('mode', mode, CLIP_MODES), ('man_norm', man_norm, MANIFOLD_NORMS)):
            if value not in allowed:
                raise ValueError(f'{name}={value!r} must be one of {", ".join(allowed)}')
        for name, value in (('clip_grad', clip_grad), ('man_clip_grad', man_clip_grad)):
            if value is not None and not value >= 0:
                raise ValueError(f'{name}={value} must be at least 0, or None for no clip')
        self.clip_grad, self.man_clip_grad = clip_grad, man_clip_grad
        self.mode, self.man_norm = mode, man_norm
        # By name, not by place: timm takes the last two parameters for the classifier.
        head = model.get_classifier().parameters() if mode == 'agc' and hasattr(model, 'get_classifier') else ()
        self._left_out = {id(p) for p in head}
        for layer in layers_with(model.parameters()):
            layer.restore_parameters()
        self._flat = [p for p in model.parameters() if kind_of(p) != MANIFOLD]
        self._points = [p for p in model.parameters() if kind_of(p) == MANIFOLD]
        if man_clip_grad is not None and man_norm == 'riemannian' and mode != 'norm':
            for p in self._points:
                if not Stack([p]).is_conformal:
                    raise ValueError(f'mode={mode!r} does not know the manifold {p.manifold.name}: use mode="norm"')

    @torch.no_grad()
    def __call__(self) -> GradientNorms:
        """Clip, and return the norms; it does not wait for the device."""
        flat = [p for p in self._flat if p.grad is not None]
        points = [p for p in self._points if p.grad is not None]
        norm = riemannian_norm if self.man_norm == 'riemannian' else gradient_norm
        norms = GradientNorms(gradient_norm(flat), norm(points) if self._points else None)
        if self.clip_grad is not None:
            self._clip(flat, self.clip_grad, norms.euclidean)
        if self.man_clip_grad is not None and points:
            if self.man_norm == 'euclidean' or self.mode == 'norm':
                self._clip(points, self.man_clip_grad, norms.manifold)
            else:
                clip = _clip_components if self.mode == 'value' else _clip_units
                for stack in stacks(p for p in points if id(p) not in self._left_out):
                    clip(stack, self.man_clip_grad)
        return norms

    def _clip(self, parameters: Sequence[Tensor], bound: float, norm: Tensor) -> None:
        if self.mode == 'norm':
            for same in alike(parameters):
                clip_grads_with_norm_(same, bound, norm)
        else:
            dispatch_clip_grad([p for p in parameters if id(p) not in self._left_out], bound, self.mode)


def gradient_norm(parameters: Sequence[Tensor]) -> Tensor:
    """Return the Euclidean norm of all gradients together, `[]`, also where some parameters are sharded.

    Args:
        parameters: Parameters that have gradients.
    """
    norms = []
    for same in alike(parameters):
        gradients = [p.grad for p in same]
        if type(gradients[0]) is Tensor:
            # One norm of all biases, scales and scalars together takes less time than one of each.
            vectors = [gradient for gradient in gradients if gradient.dim() == 1]
            gradients = [gradient for gradient in gradients if gradient.dim() != 1] + _joined(vectors)
        norm = get_total_norm(gradients)
        norms.append(norm.full_tensor() if hasattr(norm, 'full_tensor') else norm)
    return get_total_norm(norms) if norms else torch.zeros(())


def riemannian_norm(parameters: Sequence[geoopt.ManifoldParameter]) -> Tensor:
    """Return the norm of all Riemannian gradients together, each measured at its point, `[]`.

    Args:
        parameters: Points on manifolds that have gradients.
    """
    squares = []
    for stack in stacks(parameters):
        points = stack.points()
        gradient = stack.manifold.egrad2rgrad(points, stack.gradients())
        squares.append(stack.manifold.inner(points, gradient, keepdim=True).sum())
    return torch.stack(squares).sum().sqrt() if squares else torch.zeros(())


def _joined(vectors: list[Tensor]) -> list[Tensor]:
    return [torch.cat(vectors)] if vectors else []


def _conformal_factor(stack: Stack, points: Tensor) -> Tensor:
    """`λ` at every point, `[R, 1]`."""
    if isinstance(stack.manifold, geoopt.Euclidean):
        return points.new_ones(())
    return stack.manifold.lambda_x(points, keepdim=True)


def _clip_components(stack: Stack, bound: float) -> None:
    limit = bound * _conformal_factor(stack, stack.points())
    gradients = [p.grad for p in stack.parameters]
    stack.scatter(stack.gather(gradients).clamp(-limit, limit), gradients)


def _clip_units(stack: Stack, factor: float, least: float = 1e-3) -> None:
    points, gradients = stack.points(), [p.grad for p in stack.parameters]
    gradient = stack.gather(gradients)
    norm = gradient.norm(dim=-1, keepdim=True) / _conformal_factor(stack, points)
    flat = isinstance(stack.manifold, geoopt.Euclidean)
    size = points.norm(dim=-1, keepdim=True) if flat else stack.manifold.dist0(points, keepdim=True)
    limit = factor * size.clamp_min(least)
    stack.scatter(torch.where(norm > limit, gradient * (limit / norm.clamp_min(1e-6)), gradient), gradients)

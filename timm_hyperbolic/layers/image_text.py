"""The space in which images and texts are compared: the Lorentz model with a learnt curvature, or the sphere."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..geometry import dot, lorentz_cone_energy_of_rows, lorentz_exp0, lorentz_growth, lorentz_pairwise_distance

__all__ = ['GEOMETRIES', 'ImageTextSpace', 'SpacePoints']

#: The geometries of `ImageTextSpace`: MERU's, and CLIP's as the twin.
GEOMETRIES = ('lorentz', 'sphere')

#: How far the curvature may go from where it starts, as a factor.
_RANGE = 10.0
#: The largest factor of the similarities, and the one at the start.
_MAX_SCALE, _SCALE = 100.0, 1 / 0.07


class _Bounded(torch.autograd.Function):
    """`clamp(p, low, high)` with the gradient of `p` at a bound and beyond, where a step by it leads back inside.

    The gradient of a plain clamp is zero beyond the bound, so that a parameter that one step took there would stay.
    """

    @staticmethod
    def forward(ctx: Any, p: Tensor, low: float, high: float) -> Tensor:
        ctx.bounds = low, high
        ctx.save_for_backward(p)
        return p.clamp(low, high)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (p,), (low, high) = ctx.saved_tensors, ctx.bounds
        outward = ((p >= high) & (grad < 0)) | ((p <= low) & (grad > 0))
        return grad.masked_fill(outward, 0), None, None


class SpacePoints(NamedTuple):
    """Points of features in an `ImageTextSpace`, with what their inner products have told already.

    Attributes:
        points: Space parts, or on the sphere unit vectors, `[B, dim]`.
        square: Squared lengths of the space parts, `[B, 1]`; None on the sphere.
        features: The features, `[B, dim]`, which have the direction of the points.
        features_square: Their squared lengths, `[B, 1]`; None on the sphere.
    """

    points: Tensor
    square: Tensor | None
    features: Tensor
    features_square: Tensor | None


class ImageTextSpace(nn.Module):
    """The learnt curvature `c = e^κ`, the scales `e^a` of images and of texts, and the factor `e^τ` of similarities.

    Features `f` of an encoder become tangent vectors `v = e^a·f`, and points `exp0(v)` of the Lorentz model, given by
    their space part. The similarity of two points is `-e^τ·d`. On the sphere, CLIP's geometry and the twin, features
    are tangent vectors as they are, points are `f/‖f‖`, and the similarity is `e^τ·cos`.

    All of this is float32 or float64, whatever autocast says. Bounds: `a <= 0`, `c` within a factor of 10 of its start,
    `e^τ <= 100`; at a bound a parameter has only the gradient that leads back inside.

    Args:
        dim: Number of dimensions of the features; `a` starts at `log(dim^-½)`.
        geometry: `'lorentz'` or `'sphere'`.
        curvature: `c > 0` at the start.
        learn_curvature: Whether `κ` is learnt.
        device: Of the parameters.
        dtype: Of the parameters.

    Attributes:
        log_curvature: `κ`, of shape `[]` as all of them; None on the sphere.
        image_log_scale: `a` of images; None on the sphere.
        text_log_scale: `a` of texts; None on the sphere.
        logit_scale: `τ`, which starts at `log(1/0.07)`.
        lr_scale: Learning rate of the parameters as a share of that of the optimizer, for `param_groups_lr_scale`; 1 at
            first.

    Raises:
        ValueError: a value is unknown or outside its range.

    Source: MERU (Desai, Nickel, Rajpurohit, Johnson, Vedantam, "Hyperbolic image-text representations", 2023), section
    3 and appendix; CLIP (Radford et al. 2021) for the sphere.
    """

    log_curvature: nn.Parameter | None
    image_log_scale: nn.Parameter | None
    text_log_scale: nn.Parameter | None
    lr_scale: float = 1.0

    def __init__(
        self,
        dim: int,
        geometry: str = 'lorentz',
        curvature: float = 1.0,
        learn_curvature: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if geometry not in GEOMETRIES:
            raise ValueError(f'geometry={geometry!r} must be one of {", ".join(GEOMETRIES)}')
        if dim < 1:
            raise ValueError(f'dim={dim} must be at least 1')
        if not 0 < curvature < math.inf:
            raise ValueError(f"curvature={curvature} must be a number > 0; geometry='sphere' is the twin without it")
        self.dim, self.geometry, self.curvature_at_start = dim, geometry, float(curvature)

        def scalar(learnt: bool = True) -> nn.Parameter:
            return nn.Parameter(torch.empty((), device=device, dtype=dtype), requires_grad=learnt)

        self.logit_scale = scalar()
        if self.is_curved:
            self.log_curvature = scalar(learn_curvature)
            self.image_log_scale, self.text_log_scale = scalar(), scalar()
        else:
            self.log_curvature = self.image_log_scale = self.text_log_scale = None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set all parameters to their starting values."""
        with torch.no_grad():
            self.logit_scale.fill_(math.log(_SCALE))
            for p in (self.image_log_scale, self.text_log_scale):
                if p is not None:
                    p.fill_(-math.log(self.dim) / 2)
            if self.log_curvature is not None:
                self.log_curvature.fill_(math.log(self.curvature_at_start))

    @property
    def is_curved(self) -> bool:
        """Whether the geometry is hyperbolic."""
        return self.geometry == 'lorentz'

    @property
    def curvature_bounds(self) -> tuple[float, float]:
        """The least and the largest curvature that can be learnt."""
        return self.curvature_at_start / _RANGE, self.curvature_at_start * _RANGE

    def curvature(self) -> Tensor:
        """Return `c`, shape `[]`, float32 or float64.

        Raises:
            ValueError: the geometry is the sphere, which has no curvature to learn.
        """
        if self.log_curvature is None:
            raise ValueError("geometry='sphere' has no curvature: ask is_curved first")
        low, high = self.curvature_bounds
        return _Bounded.apply(_wide(self.log_curvature), math.log(low), math.log(high)).exp()

    def temperature_factor(self) -> Tensor:
        """Return the factor `e^τ` of the similarities, shape `[]`, float32 or float64."""
        return _Bounded.apply(_wide(self.logit_scale), -math.inf, math.log(_MAX_SCALE)).exp()

    def tangent(self, features: Tensor, of: str) -> Tensor:
        """Return the tangent vectors `e^a·f` of features; on the sphere the features.

        Args:
            features: What an encoder computes, `[..., dim]`.
            of: `'image'` or `'text'`.

        Returns:
            `[..., dim]`, float32 or float64.
        """
        return _wide(features) * self._scale(of) if self.is_curved else _wide(features)

    def _scale(self, of: str) -> Tensor:
        scale = {'image': self.image_log_scale, 'text': self.text_log_scale}[of]
        assert scale is not None
        return _Bounded.apply(_wide(scale), -math.inf, 0.0).exp()

    def lift(self, tangent: Tensor) -> Tensor:
        """Return the points of tangent vectors: space parts, or on the sphere unit vectors.

        Args:
            tangent: Tangent vectors at the origin, `[..., dim]`.

        Returns:
            `[..., dim]`, float32 or float64.
        """
        with torch.autocast(tangent.device.type, enabled=False):
            v = _wide(tangent)
            return lorentz_exp0(v, self.curvature().to(v.dtype)) if self.is_curved else F.normalize(v, dim=-1)

    def points(self, features: Tensor, of: str) -> SpacePoints:
        """Return the points `lift(tangent(features, of))` with their lengths, by one inner product of the features.

        Args:
            features: What an encoder computes, `[B, dim]`.
            of: `'image'` or `'text'`.
        """
        with torch.autocast(features.device.type, enabled=False):
            f = _wide(features)
            if not self.is_curved:
                return SpacePoints(F.normalize(f, dim=-1), None, f, None)
            square = dot(f, f, _scalar_type(f))
            scale, c = self._scale(of), self.curvature()
            factor = scale * lorentz_growth(c * scale.square() * square)
            return SpacePoints(f * factor.to(f.dtype), factor.square() * square, f, square)

    def similarities(
        self, x: Tensor, y: Tensor, x_square: Tensor | None = None, y_square: Tensor | None = None
    ) -> Tensor:
        """Return the similarities `-e^τ·d` of all pairs of points; on the sphere `e^τ·cos`.

        Args:
            x: Points as `lift` returns them, `[N, dim]`.
            y: Points, `[M, dim]`.
            x_square: Squared lengths of `x`, `[N, 1]`, where they are known.
            y_square: Squared lengths of `y`, `[M, 1]`, where they are known.

        Returns:
            `[N, M]`, float32 or float64.
        """
        with torch.autocast(x.device.type, enabled=False):
            factor = self.temperature_factor()
            if not self.is_curved:
                return factor.to(x.dtype) * (x @ y.mT)
            return lorentz_pairwise_distance(x, y, self.curvature(), -factor, x_square, y_square)

    def cone_energy(self, x: SpacePoints, y: SpacePoints, width: float = 1.0, aperture: float = 0.1) -> Tensor:
        """Return how far each `y` lies outside the cone of its `x`, `max(0, Ξ(x, y) - η·ψ(x))`; zero on the sphere.

        Args:
            x: B points that should entail.
            y: B points that should be entailed.
            width: `η`.
            aperture: The constant `K` of the half-aperture `ψ`.

        Returns:
            Angles, `[B]`.
        """
        if x.square is None or y.square is None or x.features_square is None or y.features_square is None:
            return x.points.new_zeros(len(x.points))
        with torch.autocast(x.points.device.type, enabled=False):
            lengths2 = x.features_square * y.features_square
            some = lengths2 > 0
            inner = dot(x.features, y.features, lengths2.dtype)
            cosine = (inner * torch.where(some, lengths2, 1).rsqrt()).clamp(-1, 1)
            energy = lorentz_cone_energy_of_rows(x.square, y.square, cosine, self.curvature(), aperture, width)
            return energy.squeeze(-1).to(x.points.dtype)

    def no_weight_decay(self) -> set[str]:
        """Return the names of all parameters: none has weight decay."""
        return {name for name, _ in self.named_parameters()}

    def lr_scales(self) -> dict[str, float]:
        """Return the factors of the learning rate by the name of a parameter; none where `lr_scale` is 1."""
        return {} if self.lr_scale == 1 else {name: self.lr_scale for name, _ in self.named_parameters()}

    def extra_repr(self) -> str:
        """Return the keywords, for `repr`."""
        curvature = f', curvature={self.curvature_at_start:g}' if self.is_curved else ''
        return f'dim={self.dim}, geometry={self.geometry!r}{curvature}'


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _scalar_type(x: Tensor) -> torch.dtype:
    return torch.float32 if x.device.type == 'mps' else torch.float64

"""The gyro-midpoint from two sums, against 80 digits and against the Lorentz centroid."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle import Ball, relative_error, to_mp
from strategies import MARGIN, curvatures, seeds, unit
from torch import Tensor

from timm_hyperbolic.geometry import Limits, dot, lorentz_to_ball, midpoint_log0
from timm_hyperbolic.geometry import log0 as ball_log0


def sums(points: Tensor, weights: Tensor, c: float, scalars: torch.dtype) -> tuple[Tensor, Tensor]:
    """`Σ wλv` and `Σ w(λ - 1)` of `[K, D]` points, as a matrix product delivers them."""
    factor = 2 / (1 - c * dot(points, points, scalars))
    w = weights.unsqueeze(-1).to(scalars)
    return (w * factor * points).sum(-2).to(points.dtype), (w * (factor - 1)).sum(-2)


def draw(seed: int, dim: int, c: float, size: float, spread: float) -> tuple[Tensor, Tensor]:
    """Five points about one another, `spread` apart in angle, up to `size` of the ball, and weights."""
    generator = torch.Generator().manual_seed(seed)
    about = unit(generator, dim) + spread * torch.randn(5, dim, generator=generator, dtype=torch.float64)
    lengths = size * (1 - spread * torch.rand(5, 1, generator=generator, dtype=torch.float64))
    points = lengths * about / about.norm(dim=-1, keepdim=True) / c**0.5
    return points, torch.rand(5, generator=generator, dtype=torch.float64)


@given(
    c=curvatures,
    dim=st.integers(1, 32),
    seed=seeds,
    size=st.floats(1e-9, MARGIN),
    spread=st.sampled_from([1, 0.1, 1e-6]),
)
@pytest.mark.parametrize('scalars', [torch.float32, torch.float64])
def test_agrees_with_the_oracle(scalars, c: float, dim: int, seed: int, size: float, spread: float) -> None:
    # `m = T² - c‖H‖²` is good to eps·T², and T²/m is at most 1/(1 - k²) with k the Klein norm at the margin, 1/2.3e-4.
    points, weights = draw(seed, dim, c, size, spread)
    points, weights = points.to(scalars), weights.to(scalars)
    out = midpoint_log0(*sums(points, weights, c, scalars), torch.tensor(c, dtype=scalars), Limits(MARGIN))
    ball = Ball(torch.tensor(c, dtype=scalars).item())
    reference = ball.log0(ball.midpoint(to_mp(points), to_mp(weights)))
    k2 = (2 * size / (1 + size**2)) ** 2
    cancelling = sum(float(w) * float(p.norm()) for w, p in zip(weights, points, strict=True)) / float(
        (weights.unsqueeze(-1) * points).sum(0).norm().clamp_min(1e-30)
    )
    assert relative_error(out, reference) <= 16 * torch.finfo(scalars).eps * (1 / (1 - k2) + cancelling)


@given(c=curvatures, dim=st.integers(1, 32), seed=seeds, size=st.floats(1e-3, 0.9))
def test_is_the_lorentz_centroid(c: float, dim: int, seed: int, size: float) -> None:
    # The centroid on the hyperboloid: the weighted sum of the points (t, h), normalised to t² - ‖h‖² = 1/c.
    points, weights = draw(seed, dim, c, size, 1)
    h = 2 * points / (1 - c * points.square().sum(-1, keepdim=True))
    t = (1 / c + h.square().sum(-1)).sqrt()
    space, time = (weights.unsqueeze(-1) * h).sum(0), (weights * t).sum()
    centroid = space / (c * (time**2 - space.square().sum())).sqrt()
    out = midpoint_log0(*sums(points, weights, c, torch.float64), torch.tensor(c).double())
    assert torch.allclose(out, ball_log0(lorentz_to_ball(centroid, c), c), rtol=1e-8, atol=1e-12 / c**0.5)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('limits', [None, Limits(MARGIN)])
def test_of_one_repeated_point_at_the_margin_is_the_point(dtype: torch.dtype, limits, generator) -> None:
    # One token repeated is what T² - c‖H‖² can bear least.
    p = (MARGIN * unit(generator, 1, 16)).to(dtype).expand(50, 16)
    out = midpoint_log0(*sums(p, torch.ones(50, dtype=dtype), 1.0, dtype), torch.tensor(1.0, dtype=dtype), limits)
    assert torch.allclose(out, ball_log0(p[0], 1.0), rtol=4096 * 8 * torch.finfo(dtype).eps)


def test_curvature_zero_is_the_weighted_mean_with_its_gradients(generator: torch.Generator) -> None:
    points, weights = torch.randn(4, 3, generator=generator).double(), torch.rand(4, generator=generator).double()
    points, weights = points.requires_grad_(), weights.requires_grad_()
    out = midpoint_log0(*sums(points, weights, 0.0, torch.float64), torch.zeros(()).double())
    mean = (weights.unsqueeze(-1) * points).sum(0) / weights.sum()
    assert torch.allclose(out, mean, rtol=1e-14)
    toward = torch.tensor([1.0, 2, 3]).double()
    ours, flat = (torch.autograd.grad((o * toward).sum(), (points, weights)) for o in (out, mean))
    for a, b in zip(ours, flat, strict=True):
        assert torch.allclose(a, b, rtol=1e-13, atol=1e-15)


def test_derivatives(generator: torch.Generator) -> None:
    points = (0.6 * unit(generator, 3, 4)).requires_grad_()
    weights = torch.rand(3, generator=generator).double().requires_grad_()
    c = torch.tensor(0.9).double().requires_grad_()

    def f(points: Tensor, weights: Tensor, c: Tensor) -> Tensor:
        return midpoint_log0(*sums(points, weights, c, torch.float64), c)

    assert torch.autograd.gradcheck(f, (points, weights, c))
    assert torch.autograd.gradgradcheck(f, (points, weights, c))


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('size', [0.0, 1e-20, MARGIN])
@pytest.mark.parametrize('weight', [0.0, 1e-20, 1.0])
def test_no_mass_is_zero_and_everything_is_finite(dtype: torch.dtype, size: float, weight: float, generator) -> None:
    # Dropout may take every weight of a row.
    points = (size * unit(generator, 3, 4, dtype=dtype)).requires_grad_()
    weights = torch.full((3,), weight, dtype=dtype, requires_grad=True)
    c = torch.tensor(1.0, dtype=dtype, requires_grad=True)
    out = midpoint_log0(*sums(points, weights, 1.0, dtype), c, Limits(MARGIN))
    assert out.dtype == dtype
    assert out.isfinite().all()
    if weight == 0:
        assert torch.equal(out, torch.zeros_like(out))
    for gradient in torch.autograd.grad(out.sum(), (points, weights, c)):
        assert gradient.isfinite().all()

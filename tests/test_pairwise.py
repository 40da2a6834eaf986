"""Pairwise squared distances against 80-digit Möbius arithmetic, pair by pair."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle import MP, Ball, to_mp
from strategies import MARGIN, curvatures, place, seeds, unit
from torch import Tensor

from timm_hyperbolic.geometry import dot, pairwise_squared_distance


def pairwise(p: Tensor, q: Tensor, c: Tensor | float) -> Tensor:
    """From `[P, D]` and `[Q, D]`, as head and attention call it."""
    c = torch.as_tensor(c, dtype=p.dtype)
    pp, qq = dot(p, p, p.dtype), dot(q, q, q.dtype)
    return pairwise_squared_distance(p @ q.mT, pp, 1 - c * pp, qq.mT, (1 - c * qq).mT, c)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@given(c=curvatures, dim=st.integers(1, 16), seed=seeds)
def test_agrees_with_the_oracle_to_its_absolute_accuracy(dtype: torch.dtype, c: float, dim: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    t = torch.rand(3, 1, generator=generator, dtype=torch.float64) * MARGIN
    p = t * unit(generator, 3, dim) / c**0.5
    q = torch.cat([place(generator, kind, p[:1], 0.5 / c**0.5) for kind in ('random', 'near', 'equal', 'opposite')])
    p, q, c = p.to(dtype), q.to(dtype), torch.tensor(c, dtype=dtype).item()
    d2, ball = pairwise(p, q, c), Ball(c)
    assert d2.dtype == dtype
    assert (d2 >= 0).all()
    us = [1 - c * float(x.double().square().sum()) for x in (*p, *q)]
    for i, x in enumerate(to_mp(p)):
        for j, y in enumerate(to_mp(q)):
            exact = ball.distance(x, y) ** 2
            u = min(us[i], us[3 + j])
            allowed = torch.finfo(dtype).eps * (16 / (c * u**2) + 16 * float(exact))
            assert abs(MP.mpf(d2[i, j].item()) - exact) <= allowed


def test_flat_space_has_twice_the_euclidean_distance(generator: torch.Generator) -> None:
    p, q = unit(generator, 4, 5), unit(generator, 3, 5)
    assert torch.allclose(pairwise(p, q, 0.0), 4 * torch.cdist(p, q) ** 2, rtol=1e-12)


def test_shape_broadcasts_over_heads_and_batch(generator: torch.Generator) -> None:
    p, q = 0.5 * unit(generator, 2, 3, 4, 5), 0.5 * unit(generator, 3, 6, 5)
    d2 = pairwise(p, q, 1.0)
    assert d2.shape == (2, 3, 4, 6)
    assert torch.allclose(d2[1, 2], pairwise(p[1, 2], q[2], 1.0), rtol=1e-12)


def test_gradients_in_points_and_curvature(generator: torch.Generator) -> None:
    p = (0.6 * unit(generator, 3, 4)).requires_grad_()
    q = (0.8 * unit(generator, 2, 4)).requires_grad_()
    c = torch.tensor(0.9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(pairwise, (p, q, c))
    assert torch.autograd.gradgradcheck(pairwise, (p, q, c))


def test_gradients_at_curvature_zero(generator: torch.Generator) -> None:
    p, q = unit(generator, 3, 4), unit(generator, 2, 4)
    c = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(pairwise(p, q, c).sum(), c)
    # with x = √c‖p - q‖/√(u·v): d² = 4‖p - q‖²·(1 + c(‖p‖² + ‖q‖²) - c‖p - q‖²/3) + O(c²)
    gap2, size2 = torch.cdist(p, q) ** 2, 2
    assert slope.item() == pytest.approx((4 * gap2 * (size2 - gap2 / 3)).sum().item(), rel=1e-12)


@pytest.mark.parametrize(('dtype', 'allowed'), [(torch.float32, 5e-5), (torch.float64, 1e-12)])
def test_gradient_in_the_curvature_keeps_its_digits(dtype: torch.dtype, allowed: float) -> None:
    # It is a difference of near equals for small distances: across every threshold of the series.
    gap2 = torch.logspace(-5, 2, 200, dtype=dtype).unsqueeze(-1)
    c = torch.ones(200, 1, dtype=dtype, requires_grad=True)
    zero = torch.zeros(200, 1, dtype=dtype)
    d2 = pairwise_squared_distance(zero, gap2, zero + 1, zero, zero + 1, c)
    (slope,) = torch.autograd.grad(d2.sum(), c)
    for got, gap in zip(slope.flatten().tolist(), to_mp(gap2.squeeze(-1)), strict=True):
        exact = MP.diff(lambda c, gap=gap: 4 / c * MP.asinh(MP.sqrt(c * gap)) ** 2, 1)
        assert abs(got - exact) <= allowed * abs(exact)


@pytest.mark.parametrize('scale', [0.0, 1e-20, 0.5, MARGIN])
def test_gradients_of_coincident_points_are_finite(scale: float, generator: torch.Generator) -> None:
    p = (scale * unit(generator, 1, 8, dtype=torch.float32)).repeat(5, 1).requires_grad_()
    c = torch.tensor(1.0, requires_grad=True)
    d2 = pairwise(p, p, c)
    for gradient in torch.autograd.grad(d2.sum(), (p, c)):
        assert gradient.isfinite().all()
    assert (d2 <= torch.finfo(torch.float32).eps * 16 / (1 - scale**2) ** 2).all()


def test_second_derivative_of_coincident_points_is_the_metric(generator: torch.Generator) -> None:
    # d(p, p + h)² = λ²‖h‖² + O(h³), so that half its Hessian in h is λ²
    p = 0.5 * unit(generator, 1, 4)
    hessian = torch.autograd.functional.hessian(lambda h: pairwise(p, p + h, 1.0).sum(), torch.zeros(1, 4).double())
    expected = 2 * (2 / (1 - 0.25)) ** 2 * torch.eye(4, dtype=torch.float64)
    assert torch.allclose(hessian[0, :, 0], expected, rtol=1e-9, atol=1e-9)

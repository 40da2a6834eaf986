"""The clip: margin, `max_norm`, and what the number type can hold."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from timm_hyperbolic.geometry import Limits, sech2
from timm_hyperbolic.geometry.limits import Limits as Source

DTYPES = [torch.float32, torch.float64]
margins = st.floats(0.01, 0.999)
curvatures = st.floats(-6, 1).map(lambda e: 10.0**e)
lengths = st.one_of(st.just(0.0), st.floats(-30, 6).map(lambda e: 10.0**e))


def tensor(x: float, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.tensor(x, dtype=dtype)


def test_the_package_exports_it() -> None:
    assert Limits is Source


@given(margin=margins, c=curvatures, length=lengths)
def test_tangent_is_brought_within_artanh_of_the_margin(margin: float, c: float, length: float) -> None:
    factor = Limits(margin).tangent(tensor(length**2), tensor(c)).item()
    allowed = math.atanh(margin) / math.sqrt(c)
    assert factor == pytest.approx(1 if length <= allowed else allowed / length, rel=1e-12)


@given(margin=margins, c=curvatures, n=st.floats(0, 1 - 1e-9))
def test_point_is_brought_within_the_margin_with_its_complement(margin: float, c: float, n: float) -> None:
    factor, u = Limits(margin).point(tensor(n / c), tensor(1 - n), tensor(c))
    assert factor.item() == pytest.approx(min(1, margin / math.sqrt(n)) if n else 1, rel=1e-12)
    assert u.item() == pytest.approx(1 - factor.item() ** 2 * n, rel=1e-9)


def test_a_point_inside_is_left_alone_to_the_bit() -> None:
    n = torch.linspace(0, 0.96, 50, dtype=torch.float64)
    factor, u = Limits(0.985).point(n, 1 - n, tensor(1.0))
    assert torch.equal(factor, torch.ones_like(n))
    assert torch.equal(u, 1 - n)


@pytest.mark.parametrize('dtype', DTYPES)
def test_without_margin_complements_and_their_products_stay_normal_numbers(dtype: torch.dtype) -> None:
    limits, tiny = Limits(None), torch.finfo(dtype).tiny
    r2 = torch.tensor([1e-30, 1, 100, 1e5, 1e30], dtype=dtype)
    q = r2 * limits.tangent(r2, tensor(1.0, dtype)) ** 2
    u = sech2(q)
    assert (u**2 >= tiny).all()
    assert torch.equal(q[:3], r2[:3])  # a length of ten is far from any limit
    _, clamped = limits.point(torch.ones(1, dtype=dtype), torch.zeros(1, dtype=dtype), tensor(1.0, dtype))
    assert (clamped**2 >= tiny).all()


def test_the_type_of_the_vectors_limits_points_whose_coefficients_it_must_hold() -> None:
    free, narrow = Limits(None), Limits(None, dtype=torch.float32)
    r2, c = torch.full((1,), 1e8, dtype=torch.float64), tensor(1.0)
    length = 1e4 * narrow.tangent(r2, c).item()
    assert 30 < length < 1e4 * free.tangent(r2, c).item()
    assert 4 * math.exp(-2 * length) > torch.finfo(torch.float32).tiny
    _, u = narrow.point(r2, torch.zeros_like(r2), c)
    assert u.item() == pytest.approx(4 * math.exp(-2 * length), rel=1e-3)
    # inside a margin, and for narrow scalars, it changes nothing
    assert torch.equal(Limits(0.9, dtype=torch.float32).tangent(r2, c), Limits(0.9).tangent(r2, c))
    assert torch.equal(narrow.tangent(r2.float(), c.float()), free.tangent(r2.float(), c.float()))


@given(bound=st.floats(1e-3, 1e3), length=lengths)
def test_max_norm_shortens_vectors_and_points_of_flat_space(bound: float, length: float) -> None:
    limits, expected = Limits(None, bound), 1 if length <= bound else bound / length
    zero = tensor(0.0)
    factor, u = limits.point(tensor(length**2), tensor(1.0), zero)
    assert limits.tangent(tensor(length**2), zero).item() == pytest.approx(expected, rel=1e-12)
    assert factor.item() == pytest.approx(expected, rel=1e-12)
    assert u.item() == 1


@pytest.mark.parametrize('limits', [Limits(0.985), Limits(None), Limits(0.5)])
def test_flat_space_is_not_clipped_by_a_margin(limits: Limits) -> None:
    r2, zero = torch.tensor([0, 1, 1e30], dtype=torch.float64), tensor(0.0)
    assert torch.equal(limits.tangent(r2, zero), torch.ones_like(r2))
    factor, u = limits.point(r2, torch.ones_like(r2), zero)
    assert torch.equal(factor, torch.ones_like(r2))
    assert torch.equal(u, torch.ones_like(r2))


@pytest.mark.parametrize('dtype', DTYPES)
def test_given_points_are_kept_inside_the_ball(dtype: torch.dtype) -> None:
    c = 2.0
    n = torch.tensor([0, 0.5, 0.97, 1 - 1e-5, 1, 1.5, 1e6], dtype=dtype)
    factor, u = Limits().given(n / c, tensor(c, dtype))
    kept = n * factor**2
    assert torch.equal(factor[:4], torch.ones(4, dtype=dtype))
    assert torch.allclose(u[:4], 1 - n[:4], rtol=1e-2 if dtype is torch.float32 else 1e-10)
    assert (u >= torch.finfo(dtype).eps).all()
    assert torch.allclose(kept + u, torch.ones_like(n), rtol=4 * torch.finfo(dtype).eps)


@pytest.mark.parametrize('dtype', DTYPES)
@pytest.mark.parametrize(('limits', 'curvature'), [(Limits(0.6), 2.0), (Limits(0.985), 0.5), (Limits(None, 2.44), 0.0)])
def test_a_vector_reaches_the_limit_where_shortening_it_there_leaves_it(
    limits: Limits, curvature: float, dtype: torch.dtype
) -> None:
    c = tensor(curvature, dtype)
    length = torch.logspace(-2, 2, 200, dtype=dtype)
    after = length * limits.tangent(length**2, c)
    longer = after < length * (1 - 1e-5)
    assert 0 < longer.sum() < 200
    assert torch.equal(limits.reaches(length**2, c), longer)
    assert limits.reaches(after**2, c)[longer].all()  # once there it stays there, whatever rounding did


@given(margin=margins)
def test_klein_complement_is_that_of_a_point_at_the_margin(margin: float) -> None:
    klein = 2 * margin / (1 + margin**2)
    assert Limits(margin).bounds(torch.float64).klein_complement == pytest.approx(1 - klein**2, rel=1e-9, abs=1e-15)


def test_klein_complement_without_margin_is_what_one_minus_n_can_resolve() -> None:
    assert 0 < Limits(None).bounds(torch.float32).klein_complement <= torch.finfo(torch.float32).eps


def test_gradients_are_those_of_the_formula_on_either_side_and_finite_at_zero() -> None:
    limits = Limits(0.9)
    r2 = torch.tensor([0, 1e-40, 0.3, 0.95, 3.0], dtype=torch.float64, requires_grad=True)
    c = torch.tensor(1.2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(limits.tangent, (r2[2:].detach().requires_grad_(), c))
    n = torch.tensor([0.2, 0.7, 0.95], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda n, c: limits.point(n / c, 1 - n, c), (n, c))
    for output in (limits.tangent(r2, c), *limits.point(r2, 1 - r2.detach(), c), *limits.given(r2, c)):
        if output.requires_grad:
            for gradient in torch.autograd.grad(output.sum(), (r2, c), allow_unused=True, retain_graph=True):
                assert gradient is None or gradient.isfinite().all()


@pytest.mark.parametrize('margin', [0, 1, 1.0, -0.5, 2, math.nan, math.inf])
def test_margin_outside_the_unit_interval_is_an_error_that_says_so(margin: float) -> None:
    with pytest.raises(ValueError, match=r'margin=.*\(0, 1\)'):
        Limits(margin)


@pytest.mark.parametrize('max_norm', [0, -1, math.nan, math.inf])
def test_max_norm_that_is_not_positive_is_an_error_that_says_so(max_norm: float) -> None:
    with pytest.raises(ValueError, match='max_norm='):
        Limits(None, max_norm)


@pytest.mark.parametrize('dtype', DTYPES)
@pytest.mark.parametrize('margin', [0.05, 0.6, 0.985])
def test_a_point_at_the_limit_up_to_rounding_has_the_derivative_of_the_clipped_one(
    margin: float, dtype: torch.dtype
) -> None:
    # A clipped stream lies there while its gate is closed. Norm and complement must not take different branches.
    eps = torch.finfo(dtype).eps
    n = (margin**2 * (1 + eps * torch.arange(-4, 5, dtype=dtype))).requires_grad_()
    u = ((1 - margin**2) * (1 + eps * torch.arange(4, -5, -1, dtype=dtype))).requires_grad_()
    factor, clipped = Limits(margin).point(n, u, tensor(1.0, dtype))
    by_n, by_u = torch.autograd.grad((factor + clipped).sum(), (n, u))
    assert torch.allclose(by_n, -0.5 / n, rtol=16 * eps)
    assert torch.equal(by_u, torch.zeros_like(u))
    r2 = n.detach().requires_grad_()
    factor, _ = Limits(None, margin).point(r2, torch.ones_like(r2), tensor(0.0, dtype))
    assert torch.allclose(torch.autograd.grad(factor.sum(), r2)[0], -0.5 / n, rtol=16 * eps)

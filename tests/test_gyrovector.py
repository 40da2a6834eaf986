"""Frames, tangents and gyrovectors: expressions against the same expressions on whole vectors in 80 digits."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle import MP, Ball, relative_error, to_mp
from strategies import MARGIN, cases, curvatures, place, seeds, unit
from torch import Tensor

from timm_hyperbolic.geometry import Frame, Gyrovector, Limits, Tangent, dot, widen

F64 = torch.float64
KINDS = ('random', 'same ray', 'opposite', 'near', 'near-cancelling', 'equal', 'negative', 'zero')


def number(x: float, dtype: torch.dtype = F64) -> Tensor:
    return torch.tensor(x, dtype=dtype)


def residual(x: Gyrovector, y: Gyrovector, s: Tensor | float, gamma: Tensor | float) -> Gyrovector:
    """An expression that uses every operator."""
    p = s * x + (1 - s) * y
    return p + ((x - p) + gamma * (-p + y))


def residual_oracle(ball: Ball, x: list, y: list, s: float, gamma: float) -> list:
    s, gamma = MP.mpf(s), MP.mpf(gamma)
    p = ball.add(ball.scale(s, x), ball.scale(1 - s, y))
    to_y = ball.scale(gamma, ball.add(ball.neg(p), y))
    return ball.add(p, ball.add(ball.add(x, ball.neg(p)), to_y))


# --- the inner products -----------------------------------------------------------------------------------------------


def test_dot_sums_half_types_in_float32(generator: torch.Generator) -> None:
    x, y = (3 * torch.rand(3, 4096, generator=generator).bfloat16() for _ in range(2))
    exact = (x.double() * y.double()).sum(-1, keepdim=True)
    value = dot(x, y, torch.float32)
    assert value.shape == (3, 1)
    assert value.dtype == torch.float32
    assert torch.allclose(value.double(), exact, rtol=1e-6)  # in bfloat16 it would be good to 4e-3


def test_widen_changes_no_value_and_no_gradient_that_the_narrow_type_can_take() -> None:
    x = torch.tensor([1.0, -2.0, 3.0], requires_grad=True)
    y = widen(x, F64)
    assert y.dtype == F64
    assert torch.equal(y, x.double())
    (gradient,) = torch.autograd.grad(y, x, torch.tensor([1e10, 1e100, -1e300], dtype=F64))
    assert gradient.dtype == torch.float32
    assert gradient[0] == 1e10
    assert gradient.isfinite().all()
    assert (gradient.abs() > 1e18).tolist() == [False, True, True]
    assert (gradient[1:].sign() == torch.tensor([1.0, -1.0])).all()
    assert widen(x, torch.float32) is x
    # a second derivative passes
    y = widen(x, F64) ** 3
    (first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    assert torch.equal(second, 6 * x)


@pytest.mark.parametrize('length', [20.0, 30.0, 100.0, 1e4])
@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('gamma', [0.0, 0.5, -2.0])
def test_float32_vectors_without_margin_have_finite_gradients_at_any_length(kind, length, gamma, generator) -> None:
    x = length * unit(generator, 4, 8, dtype=torch.float32)
    y = place(generator, kind, x, 0.7 * length).requires_grad_()
    x = x.requires_grad_()
    c = number(1.0).requires_grad_()
    _, tx, ty = Frame.plane(x, y, c, limits=Limits(None, dtype=torch.float32), closed=True)
    out = residual(tx.exp0(), ty.exp0(), 0.5, gamma).log0().to_tensor()
    assert out.isfinite().all()
    for gradient in torch.autograd.grad(out.sum(), (x, y, c)):
        assert gradient.isfinite().all()


@pytest.mark.parametrize('skip', [(), (0,), (1,), (2,), (0, 2)])
def test_square_inner_and_combination_are_those_of_the_vectors(skip: tuple[int, ...], generator) -> None:
    vectors = [torch.randn(5, 7, generator=generator, dtype=F64) for _ in range(3)]
    a = [None if i in skip else torch.randn(5, 1, generator=generator, dtype=F64) for i in range(3)]
    b = [torch.randn(5, 1, generator=generator, dtype=F64) for _ in range(3)]
    frame = Frame.of(vectors, number(1.0))
    dense_a = sum(x * v for x, v in zip(a, vectors, strict=True) if x is not None)
    dense_b = sum(x * v for x, v in zip(b, vectors, strict=True))
    assert torch.allclose(frame.square(tuple(a)), dense_a.square().sum(-1, keepdim=True))
    assert torch.allclose(frame.inner(tuple(a), tuple(b)), (dense_a * dense_b).sum(-1, keepdim=True))
    assert torch.allclose(frame.combine(tuple(a)), dense_a)
    assert torch.allclose(frame.tangent(*a).to_tensor(), dense_a)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('dtype', [torch.float32, F64])
def test_the_plane_describes_its_two_vectors_on_an_orthogonal_basis(kind: str, dtype: torch.dtype, generator) -> None:
    x = unit(generator, 6, 9, dtype=dtype)
    y = place(generator, kind, x, 0.7)
    frame, tx, ty = Frame.plane(x, y, number(1.0), dtype)
    eps = torch.finfo(dtype).eps
    assert torch.equal(tx.to_tensor(), x)
    assert torch.allclose(ty.to_tensor(), y, rtol=4 * eps, atol=4 * eps)
    # orthogonal up to the rounding of w, an ulp of y, which is all there is to w where the two are parallel
    (xx, xw), (ww,) = frame.gram
    assert (xw.abs() <= 4 * eps * (xx * ww).sqrt() + 4 * eps * xx.sqrt() * y.norm(dim=-1, keepdim=True)).all()
    assert torch.allclose(ty.r2, dot(y, y, dtype), rtol=8 * eps, atol=0)


@pytest.mark.parametrize('ratio', [1.0, 1e2, 1e4, 1e6, 1e12])
@pytest.mark.parametrize('long', ['x', 'y'])
def test_gradients_of_a_short_and_a_long_vector_are_right_in_float32(long: str, ratio: float, generator) -> None:
    x, y = (2 * unit(generator, 8, dtype=torch.float32) for _ in range(2))
    x, y = (x, y / ratio) if long == 'x' else (x / ratio, y)
    toward = unit(generator, 8)

    def gradients(dtype: torch.dtype) -> tuple[Tensor, ...]:
        inputs = [t.to(dtype).requires_grad_() for t in (x, y)]
        _, tx, ty = Frame.plane(*inputs, number(1.0), dtype, Limits(MARGIN), closed=True)
        out = residual(tx.exp0(), ty.exp0(), 0.3, 0.8).log0().to_tensor()
        return torch.autograd.grad((out * toward).sum(), inputs)

    # By the same formulas in float64, which the tests above hold to the oracle
    for a, b in zip(gradients(torch.float32), gradients(F64), strict=True):
        assert (a - b).norm() <= 2e-5 * b.norm()


@pytest.mark.parametrize('x_size', [0.0, 1e-30, 1e-22, 1e-10, 1.0])
@pytest.mark.parametrize('y_size', [0.0, 1e-30, 1.0, 1e4])
def test_the_plane_of_vectors_of_any_two_sizes_is_finite(x_size: float, y_size: float, generator) -> None:
    x = (x_size * unit(generator, 8, dtype=torch.float32)).requires_grad_()
    y = (y_size * unit(generator, 8, dtype=torch.float32)).requires_grad_()
    for limits in (Limits(0.985), Limits(None)):
        _, tx, ty = Frame.plane(x, y, number(1.0, torch.float32), torch.float32, limits, closed=True)
        out = residual(tx.exp0(), ty.exp0(), 0.3, 0.8).log0().to_tensor()
        assert out.isfinite().all()
        for gradient in torch.autograd.grad(out.sum(), (x, y)):
            assert gradient.isfinite().all()


# --- expressions ------------------------------------------------------------------------------------------------------


@given(case=cases(2), s=st.floats(0.05, 0.95), gamma=st.floats(-1.5, 1.5))
def test_an_expression_agrees_with_whole_vectors(case, s: float, gamma: float) -> None:
    """On points within the margin; sums of three are the nearest to the boundary and the worst conditioned."""
    c, (p, q), _ = case
    frame = Frame.of((p, q), number(c))
    h = residual(frame.point(number(1.0), None), frame.point(None, number(1.0)), s, gamma)
    reference = residual_oracle(Ball(c), to_mp(p), to_mp(q), s, gamma)
    size = float(p.norm() + q.norm())
    assert float(MP.norm([a - b for a, b in zip(h.to_tensor().tolist(), reference, strict=True)])) <= 1e-12 * size


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('length', [0.01, 1.0, 2.44, 6.0, 12.0])
@pytest.mark.parametrize('c', [0.01, 1.0])
def test_tangents_keep_their_digits_near_the_boundary(c: float, length: float, kind: str, generator) -> None:
    # A point of length 12 is 1e-10 from the boundary of the unit ball, and its complement has lost ten digits by any
    # subtraction. Two points on one ray remain: their difference is one of two coefficients next to the boundary, and
    # good to eps·e^(2·length).
    v = length / c**0.5 * unit(generator, 6)
    w = place(generator, kind, v, 0.9 * length / c**0.5)
    _, tv, tw = Frame.plane(v, w, number(c))
    h = residual(tv.exp0(), tw.exp0(), 0.4, 0.7)
    ball = Ball(c)
    reference = residual_oracle(ball, ball.exp0(to_mp(v)), ball.exp0(to_mp(w)), 0.4, 0.7)
    allowed = 1e-12 + (0 if kind in ('random', 'near', 'near-cancelling', 'zero') else 1e-14 * math.exp(2 * length))
    complement = 1 - ball.c * MP.fdot(reference, reference)
    assert relative_error(h.log0().to_tensor(), ball.log0(reference)) <= allowed
    assert relative_error(h.u, complement) <= 4 * allowed
    assert relative_error(h.conformal_factor(), 2 / complement) <= 4 * allowed


@given(c=curvatures, seed=seeds, length=st.floats(0, 170))
def test_norm_and_complement_are_carried_consistently(c: float, seed: int, length: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    x, y = (length / c**0.5 * unit(generator, 4, 3) for _ in range(2))
    _, tx, ty = Frame.plane(x, y, number(c))
    for p in (tx.exp0(), tx.exp0() + ty.exp0(), 0.3 * tx.exp0() - ty.exp0(), -ty.exp0()):
        assert torch.allclose(c * p.r2 + p.u, torch.ones_like(p.u), rtol=1e-12)
        assert torch.allclose(p.r2, p.frame.square(p.coefficients), rtol=1e-9, atol=1e-300)


@given(c=curvatures, dim=st.integers(1, 16), seed=seeds, length=st.floats(1e-6, 30))
def test_log0_of_exp0_is_the_tangent_vector(c: float, dim: int, seed: int, length: float) -> None:
    v = length / c**0.5 * unit(torch.Generator().manual_seed(seed), dim)
    p = Frame.of((v,), number(c)).tangent(number(1.0)).exp0()
    forgetful = Gyrovector(p.frame, p.coefficients, p.r2, p.u)  # exp0 remembers its argument: without that too
    for q in (p, forgetful):
        assert torch.allclose(q.log0().to_tensor(), v, rtol=1e-13, atol=0)
    assert torch.allclose((-p).log0().to_tensor(), -v, rtol=1e-13, atol=0)
    assert torch.allclose((-1.7 * p).log0().to_tensor(), -1.7 * v, rtol=1e-13, atol=0)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('three', [False, True])
def test_distance_in_a_plane_and_in_a_larger_frame(three: bool, kind: str, generator) -> None:
    c, ball = 0.7, Ball(0.7)
    p = 0.8 * unit(generator, 5)
    q = place(generator, kind, p, 0.6)
    vectors = (p, q, unit(generator, 5)) if three else (p, q)
    rest = (None,) * (len(vectors) - 2)
    one, frame = number(1.0), Frame.of(vectors, number(c))
    a, b = frame.point(one, None, *rest), frame.point(None, one, *rest)
    reference = ball.distance(to_mp(p), to_mp(q))
    allowed = 1e-7 if kind in ('near', 'equal') else 1e-13  # not on an orthogonal basis: good to eps·(‖p‖² + ‖q‖²)
    assert abs(a.distance(b).item() - reference) <= allowed * (1 + reference)
    assert abs(a.squared_distance(b).item() - reference**2) <= 1e-13 * (1 + reference**2)


@pytest.mark.parametrize('length', [1.0, 8.0, 16.0, 40.0])
def test_distance_along_a_ray_is_twice_the_difference_of_the_lengths_up_to_the_boundary(length: float) -> None:
    # At 16 two points differ by 1e-13 of the radius: their norms do not tell them apart, their complements do.
    x = torch.tensor([length, 0.0, 0.0], dtype=F64)
    _, tx, ty = Frame.plane(x, 0.95 * x, number(1.0))
    assert tx.exp0().distance(ty.exp0()).item() == pytest.approx(0.1 * length, rel=1e-13)


def test_sums_are_clipped_where_the_frame_says_so(generator: torch.Generator) -> None:
    x, y = 5 * unit(generator, 4, 6), 4 * unit(generator, 4, 6)
    ball, oracle = Ball(1.3, MARGIN), []
    for v, w in zip(to_mp(x), to_mp(y), strict=True):
        oracle.append(ball.log0(ball.clip(ball.add(ball.enter(v), ball.scale(MP.mpf(0.4), ball.enter(w))))))
    _, tx, ty = Frame.plane(x, y, number(1.3), limits=Limits(MARGIN), closed=True)
    h = (tx.exp0() + 0.4 * ty.exp0()).log0().to_tensor()
    assert relative_error(h, [t for row in oracle for t in row]) <= 1e-13
    _, tx, ty = Frame.plane(x, y, number(1.3), limits=Limits(MARGIN))
    free = tx.exp0() + 0.4 * ty.exp0()
    assert (1.3 * free.r2 > MARGIN**2).any()
    assert torch.allclose(free.clip().log0().to_tensor(), h, rtol=1e-13)


def test_coefficients_have_the_type_of_the_gram_matrix_and_vectors_their_own(generator: torch.Generator) -> None:
    x, y = (unit(generator, 3, 5).bfloat16() for _ in range(2))
    _, tx, ty = Frame.plane(x, y, number(1.0), torch.float32)
    h = residual(tx.exp0(), ty.exp0(), 0.4, 0.7)
    assert h.u.dtype == h.r2.dtype == torch.float32
    assert h.to_tensor().dtype == torch.bfloat16
    assert h.distance(tx.exp0()).dtype == torch.float32


# --- derivatives ------------------------------------------------------------------------------------------------------


def expression(limits: Limits | None, closed: bool = False) -> Callable[..., Tensor]:
    def f(x: Tensor, y: Tensor, c: Tensor, s: Tensor, gamma: Tensor) -> Tensor:
        _, tx, ty = Frame.plane(x, y, c, limits=limits, closed=closed)
        return residual(tx.exp0(), ty.exp0(), s, gamma).log0().to_tensor()

    return f


@pytest.mark.parametrize('kind', ['random', 'x zero', 'y zero', 'both zero', 'equal', 'negative', 'parallel'])
@pytest.mark.parametrize('limits', [None, Limits(0.6)])
@pytest.mark.parametrize('c', [0.0, 0.9])
def test_first_and_second_derivatives_also_where_the_plane_degenerates(kind: str, limits, c: float) -> None:
    x = number([0.9, -0.6])
    y = {
        'random': number([-0.4, 0.1]),
        'x zero': number([-0.4, 0.1]),
        'y zero': 0 * x,
        'both zero': 0 * x,
        'equal': x.clone(),
        'negative': -x,
        'parallel': -0.6 * x,
    }[kind]
    if kind in ('x zero', 'both zero'):
        x = 0 * x
    inputs = [t.requires_grad_() for t in (x, y, number(c), number(0.3), number(0.7))]
    f = expression(limits, closed=limits is not None)
    assert torch.autograd.gradcheck(f, inputs)
    # One-sided in c at zero: a negative curvature is another space, but everything is analytic across it.
    assert torch.autograd.gradgradcheck(f, inputs, fast_mode=True)


@pytest.mark.parametrize('kind', ['random', 'x zero', 'y zero', 'both zero', 'equal', 'negative', 'parallel'])
@pytest.mark.parametrize('size', [0.5, 1.5])
def test_second_derivatives_of_the_squared_distance(kind: str, size: float) -> None:
    x = size * number([0.3, -0.2, 0.5])
    y = {'equal': x.clone(), 'negative': -x, 'parallel': 0.6 * x, 'y zero': 0 * x, 'both zero': 0 * x}.get(
        kind, size * number([0.4, 0.1, 0.2])
    )
    x = 0 * x if kind in ('x zero', 'both zero') else x

    def f(x: Tensor, y: Tensor, c: Tensor) -> Tensor:
        _, tx, ty = Frame.plane(x, y, c)
        return tx.exp0().squared_distance(ty.exp0())

    inputs = [t.clone().requires_grad_() for t in (x, y, number(0.9))]
    assert torch.autograd.gradcheck(f, inputs)
    assert torch.autograd.gradgradcheck(f, inputs, atol=1e-4)


def test_second_derivative_of_the_squared_distance_at_one_point_is_the_metric_in_a_larger_frame(generator) -> None:
    p = 0.5 * unit(generator, 3)

    def f(h: Tensor) -> Tensor:
        frame = Frame.of((p, h, unit(torch.Generator(), 3)), number(1.0))
        one = number(1.0)
        return frame.point(one, None, None).squared_distance(frame.point(one, one, None)).sum()

    hessian = torch.autograd.functional.hessian(f, torch.zeros(3, dtype=F64))
    assert torch.allclose(hessian, 2 * (2 / 0.75) ** 2 * torch.eye(3, dtype=F64), rtol=1e-9, atol=1e-9)


def test_distance_of_a_point_to_itself_has_derivative_zero(generator: torch.Generator) -> None:
    x = unit(generator, 4, 3).requires_grad_()
    y = x.detach().clone().requires_grad_()
    _, tx, ty = Frame.plane(x, y, number(1.0))
    d = tx.exp0().distance(ty.exp0())
    assert torch.equal(d, torch.zeros_like(d))
    for gradient in torch.autograd.grad(d.sum(), (x, y)):
        assert torch.equal(gradient, torch.zeros_like(gradient))


@pytest.mark.slow
def test_an_expression_compiles_as_one_graph_with_its_derivative(generator: torch.Generator) -> None:
    def f(x: Tensor, y: Tensor, c: Tensor, s: Tensor, gamma: Tensor) -> Tensor:
        _, tx, ty = Frame.plane(x, y, c, limits=Limits(MARGIN), closed=True)
        p = s * tx.exp0() - ty.exp0() * gamma
        return p.log0().to_tensor() * p.distance(ty.exp0())

    compiled = torch.compile(f, fullgraph=True, backend='aot_eager')
    x, y = (3 * unit(generator, 4, 5) for _ in range(2))
    inputs = [t.requires_grad_() for t in (x, y, number(1.0), number(0.3), number(0.7))]
    one, other = f(*inputs), compiled(*inputs)
    assert torch.allclose(one, other, rtol=1e-12)
    for a, b in zip(torch.autograd.grad(one.sum(), inputs), torch.autograd.grad(other.sum(), inputs), strict=True):
        assert torch.allclose(a, b, rtol=1e-10, atol=1e-12)


class Sum(torch.nn.Module):
    """A sum and a multiple, without margin: the path of gyrovectors."""

    def forward(self, x: Tensor, y: Tensor, r: Tensor) -> Tensor:
        _, tx, ty = Frame.plane(x, y, number(1.0))
        return (r * tx.exp0() + ty.exp0() * r).log0().to_tensor()


@pytest.mark.parametrize('strict', [False, True])
def test_an_expression_exports(strict: bool, generator: torch.Generator) -> None:
    inputs = (unit(generator, 4, 5), unit(generator, 4, 5), number(0.7))
    exported = torch.export.export(Sum(), inputs, strict=strict)
    assert torch.allclose(exported.module()(*inputs), Sum()(*inputs), rtol=1e-14)


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    'operation',
    [lambda p, q: p + q, lambda p, q: p - q, lambda p, q: p.distance(q), lambda p, q: p.squared_distance(q)],
)
def test_gyrovectors_of_two_frames_do_not_combine(operation: Callable, generator: torch.Generator) -> None:
    x = 0.5 * unit(generator, 3)
    p, q = (Frame.of((x,), number(1.0)).point(number(1.0)) for _ in range(2))
    with pytest.raises(ValueError, match='different frames'):
        operation(p, q)


@pytest.mark.parametrize('other', [1.0, torch.ones(3), None, 'tangent'])
def test_a_gyrovector_adds_to_gyrovectors_only(other: object, generator: torch.Generator) -> None:
    frame = Frame.of((0.5 * unit(generator, 3),), number(1.0))
    tangent = frame.tangent(number(1.0))
    assert isinstance(tangent, Tangent)
    with pytest.raises(TypeError, match='not with'):
        frame.point(number(1.0)) + (tangent if other == 'tangent' else other)


@pytest.mark.parametrize('f', [torch.exp, lambda p: torch.ones(1) + p, lambda p: p * torch.ones(1) / torch.ones(1)])
def test_a_gyrovector_is_not_taken_for_a_tensor(f: Callable, generator: torch.Generator) -> None:
    frame = Frame.of((0.5 * unit(generator, 3),), number(1.0))
    for v in (frame.tangent(number(1.0)), frame.point(number(1.0))):
        with pytest.raises(TypeError):
            f(v)


def test_scaling_from_either_side_by_number_or_tensor(generator: torch.Generator) -> None:
    p = Frame.of((0.5 * unit(generator, 3),), number(1.0)).point(number(1.0))
    values = [q.to_tensor() for q in (0.3 * p, p * 0.3, number(0.3) * p, p * number(0.3), number([0.3]) * p)]
    for value in values[1:]:
        assert torch.equal(values[0], value)


def test_multiples_of_a_closed_frame_are_clipped_and_those_of_an_open_one_are_not(generator) -> None:
    v = unit(generator, 3)
    for closed, length in ((True, math.atanh(0.9)), (False, 3.0)):
        frame = Frame.of((v,), number(1.0), limits=Limits(0.9), closed=closed)
        p = 3 * frame.tangent(number(1.0)).exp0()
        assert p.log0().to_tensor().norm().item() == pytest.approx(length, rel=1e-13)
        assert frame.tangent(number(3.0)).exp0().log0().to_tensor().norm().item() == pytest.approx(math.atanh(0.9))


def test_a_combination_without_a_coefficient_is_an_error(generator: torch.Generator) -> None:
    frame = Frame.of((unit(generator, 3),), number(1.0))
    for f in (frame.square, frame.combine):
        with pytest.raises(ValueError, match='without a coefficient'):
            f((None,))


def test_scalars_in_a_half_type_are_refused(generator: torch.Generator) -> None:
    x = unit(generator, 3)
    frame = Frame((x,), ((dot(x, x, torch.bfloat16),),), number(1.0))
    with pytest.raises(TypeError, match='float32 or float64'):
        frame.tangent(torch.ones(1, dtype=torch.bfloat16)).exp0()

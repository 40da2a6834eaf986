"""The ball on plain tensors: against geoopt, against 80-digit arithmetic, and by the laws of a gyrovector space.

Tolerances against geoopt. It adds 1e-15 to the curvature, which is 5e-10 of a radius at c = 1e-6; its artanh, a
difference of two logarithms, is good to 1e-16 absolutely, its Möbius sum to 1e-16/u² for points of complement
u >= 0.03; the denominator of its midpoint is off by 1e-10. The artanh of a point at the margin multiplies a relative
error by 13. So points agree to 1e-8 relative and 1e-12 of the ball's radius. Where that is too coarse to tell a wrong
formula from rounding (small vectors), the oracle in 80 digits decides.
"""

import itertools
import math
import warnings
from collections.abc import Callable

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from oracle import MP, Ball, derivative, relative_error, to_mp
from strategies import MARGIN, RELATIONS, Case, cases, curvatures, dimensions, place, radii, seeds, unit
from torch import Tensor

from timm_hyperbolic import geometry as G

with warnings.catch_warnings():
    # geoopt decorates its mathematics with torch.jit.script, which newer versions of torch deprecate.
    warnings.filterwarnings('ignore', message='.*torch.jit.script.*')
    import geoopt

scalars = st.one_of(st.sampled_from([0.0, 1.0, -1.0, 0.5]), st.floats(-2.5, 2.5))
tangent_lengths = st.one_of(st.just(0.0), st.floats(-12, math.log10(14)).map(lambda e: 10.0**e))  # geoopt clamps at 15


def ball(c: float) -> geoopt.PoincareBall:
    return geoopt.PoincareBall(c=torch.tensor(c, dtype=torch.float64))


def assert_close(ours: Tensor, theirs: Tensor, c: float, rtol: float = 1e-8, atol: float = 1e-12) -> None:
    """Close in norm, `atol` in units of the ball's radius."""
    assert ours.shape == theirs.shape
    error = (ours - theirs).norm().item()
    assert error <= rtol * theirs.norm().item() + atol / math.sqrt(c)


# --- against geoopt -------------------------------------------------------------------------------------------------


@given(case=cases(2))
def test_mobius_add_agrees_with_geoopt(case: Case) -> None:
    p, q = case.points
    assert_close(G.mobius_add(p, q, case.c), ball(case.c).mobius_add(p, q, project=False), case.c)


@given(case=cases(1), r=scalars)
def test_mobius_scale_agrees_with_geoopt(case: Case, r: float) -> None:
    (p,) = case.points
    theirs = ball(case.c).mobius_scalar_mul(torch.tensor(r, dtype=torch.float64), p, project=False)
    assert_close(G.mobius_scale(r, p, case.c), theirs, case.c)


@given(c=curvatures, dim=dimensions, seed=seeds, length=tangent_lengths)
def test_exp0_agrees_with_geoopt(c: float, dim: int, seed: int, length: float) -> None:
    v = length / math.sqrt(c) * unit(torch.Generator().manual_seed(seed), dim)
    assert_close(G.exp0(v, c), ball(c).expmap0(v, project=False), c)


@given(case=cases(1))
def test_log0_agrees_with_geoopt(case: Case) -> None:
    (p,) = case.points
    assert_close(G.log0(p, case.c), ball(case.c).logmap0(p), case.c)


@given(case=cases(2))
def test_distance_agrees_with_geoopt(case: Case) -> None:
    p, q = case.points
    assert_close(G.distance(p, q, case.c), ball(case.c).dist(p, q), case.c)


@given(case=cases(1), out=st.integers(1, 64), size=st.floats(0.01, 2))
def test_mobius_matvec_agrees_with_geoopt(case: Case, out: int, size: float) -> None:
    (p,) = case.points
    weight = size / math.sqrt(out) * torch.randn(out, len(p), generator=case.generator, dtype=torch.float64)
    assert_close(G.mobius_matvec(weight, p, case.c), ball(case.c).mobius_matvec(weight, p, project=False), case.c)


@given(case=cases(3), weighted=st.booleans())
def test_midpoint_agrees_with_geoopt(case: Case, weighted: bool) -> None:
    points = torch.stack(case.points)
    weights = 0.1 + torch.rand(3, generator=case.generator, dtype=torch.float64) if weighted else None
    theirs = ball(case.c).weighted_midpoint(points, weights, reducedim=[0])
    assert_close(G.midpoint(points, case.c, weights), theirs, case.c)


# --- against 80 digits ----------------------------------------------------------------------------------------------

grid = pytest.mark.parametrize(('c', 'size'), [(c, t) for c in (1e-6, 0.3, 10.0) for t in (1e-12, 1e-3, 0.5, MARGIN)])


@grid
@pytest.mark.parametrize('relation', RELATIONS)
def test_binary_operations_are_right_to_rounding(c: float, size: float, relation: str) -> None:
    generator, oracle = torch.Generator().manual_seed(1), Ball(c)
    p = size / math.sqrt(c) * unit(generator, 6)
    q = place(generator, relation, p, 0.7 * size / math.sqrt(c))
    q = q * (size / math.sqrt(c) / q.norm()).clamp_max(1)
    x, y = to_mp(p), to_mp(q)
    # A stored point's complement is only good to eps/u, u = 0.03 at the margin, and float64 vectors leave
    # eps·|p|/|p - q| of a difference (float32 ones none: they are computed in float64).
    conditioning = 1 / (1 - size**2)
    gap = float((p - q).norm() / p.norm())
    allowed = 1e-15 * (3 + conditioning + (1 / gap if gap > 1e-14 else 1e15))
    assert relative_error(G.distance(p, q, c), oracle.distance(x, y)) <= allowed
    total, reference = G.mobius_add(p, q, c), oracle.add(x, y)
    # where the vectors cancel, what is left is good to an ulp of the vectors
    error = MP.mpf(relative_error(total, reference)) * (1 if relation == 'negative' else MP.norm(reference))
    assert error <= 2e-15 * conditioning * float(p.norm() + q.norm())


@grid
def test_unary_operations_are_right_to_rounding(c: float, size: float, generator: torch.Generator) -> None:
    p, oracle = size / math.sqrt(c) * unit(generator, 6), Ball(c)
    x, allowed = to_mp(p), 1e-15 * (2 + 1 / (1 - size**2))
    weight = torch.randn(4, 6, generator=generator, dtype=torch.float64)
    assert relative_error(G.exp0(p, c), oracle.exp0(x)) <= allowed
    assert relative_error(G.log0(p, c), oracle.log0(x)) <= allowed
    for r in (-1.7, 0.3, 1.0):
        assert relative_error(G.mobius_scale(r, p, c), oracle.scale(MP.mpf(r), x)) <= 2 * allowed
    assert relative_error(G.mobius_matvec(weight, p, c), oracle.matvec(to_mp(weight), x)) <= 4 * allowed


@grid
def test_midpoint_is_right_to_rounding(c: float, size: float, generator: torch.Generator) -> None:
    points = size / math.sqrt(c) * unit(generator, 4, 5)
    weights = torch.tensor([1, 0.5, 0, 1e-3], dtype=torch.float64)
    reference = Ball(c).midpoint(to_mp(points), to_mp(weights))
    assert relative_error(G.midpoint(points, c, weights), reference) <= 1e-15 * (4 + 2 / (1 - size**2))


@pytest.mark.parametrize('relation', RELATIONS)
@pytest.mark.parametrize('size', [0.01, 0.5, MARGIN, 1 - 1e-5])
def test_float32_points_give_results_right_to_the_last_digit(size: float, relation: str, generator) -> None:
    oracle = Ball(1.0)
    p = size * unit(generator, 5, dtype=torch.float32)
    q = place(generator, relation, p, 0.7 * size)
    q = q * (size / q.norm()).clamp_max(1)
    x, y = to_mp(p), to_mp(q)
    weight = torch.randn(3, 5, generator=generator)
    for value, reference in (
        (G.mobius_add(p, q, 1.0), oracle.add(x, y)),
        (G.mobius_scale(0.7, p, 1.0), oracle.scale(MP.mpf(0.7), x)),
        (G.exp0(p, 1.0), oracle.exp0(x)),
        (G.log0(p, 1.0), oracle.log0(x)),
        (G.mobius_matvec(weight, p, 1.0), oracle.matvec(to_mp(weight), x)),
        (G.distance(p, q, 1.0), oracle.distance(x, y)),
        (G.midpoint(torch.stack((p, q)), 1.0), oracle.midpoint([x, y], [MP.one, MP.one])),
    ):
        assert value.dtype == torch.float32
        # 'negative' sums to zero; a point rounded past its float64 image differs in the last digit at most
        assert relative_error(value, reference) <= 6.1e-8


@pytest.mark.parametrize('relation', RELATIONS)
@pytest.mark.parametrize('length', [0.01, 0.1, 1, 2.44, 5, 8, 12, 16])
def test_tangent_distance_is_within_1e_6_in_float32(length: float, relation: str, generator: torch.Generator) -> None:
    oracle = Ball(0.8)
    v = length * unit(generator, 5, 24, dtype=torch.float32)
    w = place(generator, relation, v, 0.7 * length)
    d = G.tangent_distance(v, w, 0.8)
    assert d.dtype == torch.float32
    for got, x, y in zip(d, to_mp(v), to_mp(w), strict=True):
        reference = oracle.distance(oracle.exp0(x), oracle.exp0(y))
        assert relative_error(got, reference) <= (1e-60 if relation == 'equal' else 1e-6)


@pytest.mark.parametrize('relation', [kind for kind in RELATIONS if kind not in ('equal', 'negative')])
@pytest.mark.parametrize('length', [0.01, 1, 2.44, 8, 16])
def test_gradients_of_tangent_distance_are_right_in_float32(
    length: float, relation: str, generator: torch.Generator
) -> None:
    v = (length * unit(generator, 8, dtype=torch.float32)).requires_grad_()
    w = place(generator, relation, v.detach(), 0.7 * length).requires_grad_()
    c = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
    gradients = torch.autograd.grad(G.tangent_distance(v, w, c), (v, w, c))
    x, y, curvature = to_mp(v), to_mp(w), MP.mpf(0.8)

    def along(i: int, which: int) -> list:
        def f(h):
            a, b = list(x), list(y)
            (a, b)[which][i] += h
            return Ball(curvature).distance(Ball(curvature).exp0(a), Ball(curvature).exp0(b))

        return derivative(f)

    def in_curvature(h):
        moved = Ball(curvature + h)
        return moved.distance(moved.exp0(x), moved.exp0(y))

    assert relative_error(gradients[0], [along(i, 0) for i in range(8)]) <= 1e-6
    assert relative_error(gradients[1], [along(i, 1) for i in range(8)]) <= 1e-6
    slope, total = derivative(in_curvature), Ball(curvature).distance(Ball(curvature).exp0(x), Ball(curvature).exp0(y))
    # on one ray the distance is 2|‖v‖ - ‖w‖| whatever the curvature: the slope is zero but for rounding of the inputs
    assert abs(gradients[2].item() - slope) <= 1e-6 * max(abs(slope), total / curvature * MP.mpf('1e-3'))


# --- the laws -------------------------------------------------------------------------------------------------------
# Points at the margin: a sum of two has a complement down to 2e-4, and a stored point's is good to eps, so that what is
# computed from such a sum is good to about 1e-12 of the radius. 1e-10 leaves room for three operations.


@given(case=cases(2))
def test_left_cancellation(case: Case) -> None:
    p, q = case.points
    assert_close(G.mobius_add(-p, G.mobius_add(p, q, case.c), case.c), q, case.c, atol=1e-10)


@given(case=cases(1))
def test_zero_element_and_inverse(case: Case) -> None:
    (p,) = case.points
    zero = torch.zeros_like(p)
    assert_close(G.mobius_add(zero, p, case.c), p, case.c, atol=1e-15)
    assert_close(G.mobius_add(p, zero, case.c), p, case.c, atol=1e-15)
    assert_close(G.mobius_add(-p, p, case.c), zero, case.c)


@given(case=cases(1), r=scalars, s=scalars)
def test_scalar_associativity(case: Case, r: float, s: float) -> None:
    (p,) = case.points
    assume(abs(s) * math.atanh(MARGIN) < 5)  # a stored point nearer to the boundary has lost its digits
    twice = G.mobius_scale(r, G.mobius_scale(s, p, case.c), case.c)
    assert_close(twice, G.mobius_scale(r * s, p, case.c), case.c, atol=1e-9)


@given(case=cases(1), r=scalars, s=scalars)
def test_scalar_distributivity(case: Case, r: float, s: float) -> None:
    (p,), c = case.points, case.c
    assume((abs(r) + abs(s)) * math.atanh(MARGIN) < 5)
    total = G.mobius_add(G.mobius_scale(r, p, c), G.mobius_scale(s, p, c), c)
    assert_close(total, G.mobius_scale(r + s, p, c), c, atol=1e-9)


@given(case=cases(2))
def test_norms_gyrocommute(case: Case) -> None:
    p, q = case.points
    left, right = G.mobius_add(p, q, case.c).norm(), G.mobius_add(q, p, case.c).norm()
    assert_close(left, right, case.c)


@given(case=cases(3))
def test_left_translation_is_an_isometry(case: Case) -> None:
    a, p, q = case.points
    c = case.c
    moved = G.distance(G.mobius_add(a, p, c), G.mobius_add(a, q, c), c)
    assert_close(moved, G.distance(p, q, c), c, atol=1e-9)


@given(case=cases(3))
def test_distance_is_a_metric(case: Case) -> None:
    p, q, r = case.points
    c = case.c
    pq, qr, pr = G.distance(p, q, c), G.distance(q, r, c), G.distance(p, r, c)
    assert pq == pytest.approx(G.distance(q, p, c).item(), rel=1e-13)
    assert G.distance(p, p, c) == 0
    assert pr <= (pq + qr) * (1 + 1e-12)


@given(case=cases(2))
def test_distance_is_that_of_the_difference_from_the_origin(case: Case) -> None:
    p, q = case.points
    c = case.c
    difference = G.log0(G.mobius_add(-p, q, c), c)
    assert_close(2 * difference.norm(), G.distance(p, q, c), c, atol=1e-9)


@given(case=cases(1), r=scalars)
def test_scaling_multiplies_the_distance_from_the_origin(case: Case, r: float) -> None:
    (p,), c = case.points, case.c
    assume(abs(r) * math.atanh(MARGIN) < 5)
    zero = torch.zeros_like(p)
    scaled = G.distance(zero, G.mobius_scale(r, p, c), c)
    assert_close(scaled, abs(r) * G.distance(zero, p, c), c, atol=1e-9)


@given(c=curvatures, dim=dimensions, seed=seeds, radius=radii)
def test_log0_inverts_exp0(c: float, dim: int, seed: int, radius: float) -> None:
    v = math.atanh(radius) / math.sqrt(c) * unit(torch.Generator().manual_seed(seed), dim)
    assert_close(G.log0(G.exp0(v, c), c), v, c, rtol=1e-13, atol=1e-300)


@given(case=cases(2))
def test_midpoint_of_two_is_equidistant_and_on_the_geodesic(case: Case) -> None:
    p, q = case.points
    m = G.midpoint(torch.stack((p, q)), case.c)
    half = G.distance(p, q, case.c) / 2
    assert_close(G.distance(p, m, case.c), half, case.c, atol=1e-9)
    assert_close(G.distance(m, q, case.c), half, case.c, atol=1e-9)


# --- flat space, and how it is approached -----------------------------------------------------------------------------

W = torch.linspace(-1, 1, 12, dtype=torch.float64).view(3, 4)
X = torch.tensor([0.3, -0.4, 0.1, 0.5], dtype=torch.float64)
Y = torch.tensor([-0.2, 0.1, 0.6, 0.3], dtype=torch.float64)

OPERATIONS: dict[str, tuple[Callable, Callable]] = {
    'mobius_add': (G.mobius_add, lambda x, y: x + y),
    'mobius_scale': (lambda x, y, c: G.mobius_scale(-1.7, x, c), lambda x, y: -1.7 * x),
    'mobius_matvec': (lambda x, y, c: G.mobius_matvec(W, x, c), lambda x, y: W @ x),
    'exp0': (lambda x, y, c: G.exp0(x, c), lambda x, y: x),
    'log0': (lambda x, y, c: G.log0(x, c), lambda x, y: x),
    'distance': (G.distance, lambda x, y: 2 * (x - y).norm()),
    'tangent_distance': (G.tangent_distance, lambda x, y: 2 * (x - y).norm()),
    'midpoint': (
        lambda x, y, c: G.midpoint(torch.stack((x, y)), c, torch.tensor([1.0, 3.0]).double()),
        lambda x, y: (x + 3 * y) / 4,
    ),
}


@pytest.mark.parametrize('name', OPERATIONS)
def test_curvature_zero_is_euclidean_with_its_gradients(name: str) -> None:
    curved, flat = OPERATIONS[name]
    x, y = X.clone().requires_grad_(), Y.clone().requires_grad_()
    ours, theirs = curved(x, y, 0.0), flat(x, y)
    assert torch.allclose(ours, theirs, rtol=1e-14, atol=1e-15)
    weights = torch.linspace(1, 2, ours.numel(), dtype=torch.float64).view_as(ours)
    for a, b in zip(
        torch.autograd.grad((ours * weights).sum(), (x, y), allow_unused=True, materialize_grads=True),
        torch.autograd.grad((theirs * weights).sum(), (x, y), allow_unused=True, materialize_grads=True),
        strict=True,
    ):
        assert torch.allclose(a, b, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize('name', OPERATIONS)
def test_the_flat_limit_is_approached_linearly(name: str) -> None:
    curved, flat = OPERATIONS[name]
    cs = [10.0**-k for k in range(2, 7)]
    gaps = [(curved(X, Y, c) - flat(X, Y)).norm().item() for c in cs]
    slopes = [math.log10(a / b) for a, b in itertools.pairwise(gaps)]
    assert slopes == pytest.approx([1.0] * 4, abs=0.02)


@pytest.mark.parametrize('name', OPERATIONS)
def test_derivative_in_the_curvature_at_zero_is_that_of_the_limit(name: str) -> None:
    curved, flat = OPERATIONS[name]
    c = torch.zeros((), dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(curved(X, Y, c).sum(), c)
    difference = (curved(X, Y, 1e-6) - flat(X, Y)).sum() / 1e-6
    assert slope.item() == pytest.approx(difference.item(), rel=1e-4)


@pytest.mark.parametrize('name', OPERATIONS)
def test_gradcheck_in_points_and_curvature(name: str) -> None:
    curved, _ = OPERATIONS[name]
    c = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    inputs = (X.clone().requires_grad_(), Y.clone().requires_grad_(), c)
    assert torch.autograd.gradcheck(curved, inputs)
    assert torch.autograd.gradgradcheck(curved, inputs)


@pytest.mark.parametrize('name', OPERATIONS)
@pytest.mark.parametrize('x', [torch.zeros(4), 1e-20 * torch.ones(4), 1e-4 * X])
@pytest.mark.parametrize('y', ['zero', 'equal', 'negative'])
def test_everything_is_finite_at_degenerate_points(name: str, x: Tensor, y: str) -> None:
    curved, _ = OPERATIONS[name]
    x = x.to(torch.float32)
    y = {'zero': torch.zeros_like(x), 'equal': x.clone(), 'negative': -x}[y]
    x, y = x.requires_grad_(), y.requires_grad_()
    c = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    f = (lambda x, y, c: curved(x.double(), y.double(), c)) if name in ('midpoint', 'mobius_matvec') else curved
    value = f(x, y, c)
    assert value.isfinite().all()
    for gradient in torch.autograd.grad(value.sum(), (x, y, c), allow_unused=True, materialize_grads=True):
        assert gradient.isfinite().all()


# --- types, shapes, errors --------------------------------------------------------------------------------------------


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_results_have_the_type_and_the_broadcast_shape_of_the_points(dtype: torch.dtype, generator) -> None:
    p, q = (0.5 * unit(generator, *shape, dtype=dtype) for shape in ((3, 1, 4), (2, 4)))
    c = torch.tensor([[0.5], [1.0]])
    for value, shape in (
        (G.mobius_add(p, q, c), (3, 2, 4)),
        (G.mobius_scale(0.5, p, 1.0), (3, 1, 4)),
        (G.exp0(q, c), (2, 4)),
        (G.log0(q, c), (2, 4)),
        (G.mobius_matvec(W.to(dtype), q, c), (2, 3)),
        (G.distance(p, q, c), (3, 2)),
        (G.tangent_distance(p, q, c), (3, 2)),
        (G.midpoint(p.expand(3, 2, 4), 1.0), (3, 4)),
    ):
        assert value.dtype == dtype
        assert value.shape == shape


def test_points_outside_the_ball_are_brought_to_its_boundary() -> None:
    p = torch.tensor([3.0, 4.0], dtype=torch.float64)
    for value in (G.log0(p, 1.0), G.mobius_scale(0.5, p, 1.0), G.distance(p, -p, 1.0), G.mobius_add(p, -p, 1.0)):
        assert value.isfinite().all()
    assert G.mobius_scale(1.0, p, 1.0).norm().item() == pytest.approx(1, abs=1e-14)


BINARY = [G.mobius_add, G.distance, G.tangent_distance]
CURVED: list[Callable[[float], Tensor]] = [
    *(lambda c, f=f: f(X, Y, c) for f in BINARY),
    *(lambda c, f=f: f(X, c) for f in (G.exp0, G.log0)),
    lambda c: G.mobius_scale(0.5, X, c),
    lambda c: G.mobius_matvec(W, X, c),
    lambda c: G.midpoint(torch.stack((X, Y)), c),
]


@pytest.mark.parametrize('f', CURVED)
@pytest.mark.parametrize('c', [-1.0, torch.tensor(-1e-9), torch.tensor([[1.0], [-2.0]])])
def test_a_negative_curvature_is_an_error_that_says_what_curvature_is(f: Callable, c: float | Tensor) -> None:
    with pytest.raises(ValueError, match=r'curvature=.* must be >= 0: it is the magnitude'):
        f(c)


@pytest.mark.parametrize('f', BINARY)
def test_points_of_different_dimensions_are_an_error_that_names_the_shapes(f: Callable) -> None:
    # [..., 1] against [..., 4] would broadcast
    with pytest.raises(ValueError, match=r'\(2, 1\) and \(2, 4\)'):
        f(torch.zeros(2, 1), torch.zeros(2, 4), 1.0)

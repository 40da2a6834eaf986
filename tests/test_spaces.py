"""Three models of one space: round trips, one distance in all of them, geoopt's Lorentz model, and the limit c = 0."""

import itertools
import math
import warnings

import pytest
import torch
from hypothesis import given
from oracle import MP, Ball, relative_error, to_mp
from strategies import MARGIN, RELATIONS, Case, cases, place, unit
from torch import Tensor

from timm_hyperbolic import geometry as G

with warnings.catch_warnings():
    # geoopt decorates its mathematics with torch.jit.script, which newer versions of torch deprecate.
    warnings.filterwarnings('ignore', message='.*torch.jit.script.*')
    import geoopt


def close(a: Tensor, b: Tensor, rtol: float) -> bool:
    return bool((a - b).norm() <= rtol * b.norm())


# A ball point at the margin has complement 0.03, a Klein point 2e-4: from a stored point these are good to eps/0.03 and
# eps/2e-4, and so are the conversions.


@given(case=cases(1))
def test_round_trips_return_the_point(case: Case) -> None:
    (p,), c = case.points, case.c
    h, k = G.ball_to_lorentz(p, c), G.ball_to_klein(p, c)
    assert close(G.lorentz_to_ball(h, c), p, 1e-13)
    assert close(G.klein_to_ball(k, c), p, 1e-11)
    assert close(G.klein_to_lorentz(k, c), h, 1e-11)
    assert close(G.lorentz_to_klein(h, c), k, 1e-13)


@given(case=cases(1))
def test_each_model_is_where_its_definition_puts_the_point(case: Case) -> None:
    """At distance `d` from the origin the norms are tanh(√c·d/2), sinh(√c·d) and tanh(√c·d), over √c."""
    (p,), c = case.points, case.c
    d = 2 * math.atanh(min(math.sqrt(c) * p.norm().item(), MARGIN)) / math.sqrt(c)
    z = math.sqrt(c) * d
    h, k = G.ball_to_lorentz(p, c), G.ball_to_klein(p, c)
    assert h.norm().item() == pytest.approx(math.sinh(z) / math.sqrt(c), rel=1e-12)
    assert k.norm().item() == pytest.approx(math.tanh(z) / math.sqrt(c), rel=1e-12)
    assert G.lorentz_time(h, c).item() == pytest.approx(math.cosh(z) / math.sqrt(c), rel=1e-12)
    assert close(h * p.norm(), p * h.norm(), 1e-14)  # all on the ray of p
    assert close(k * p.norm(), p * k.norm(), 1e-14)


@given(case=cases(1))
def test_klein_to_ball_is_scaling_by_a_half(case: Case) -> None:
    (p,), c = case.points, case.c
    k = G.ball_to_klein(p, c)
    assert close(G.klein_to_ball(k, c), G.mobius_scale(0.5, k, c), 1e-11)


@given(case=cases(2))
def test_distances_in_the_three_models_are_equal(case: Case) -> None:
    (p, q), c = case.points, case.c
    d = G.distance(p, q, c).item()
    slack = 1e-11 * (p.norm() + q.norm()).item()
    h, g = G.ball_to_lorentz(p, c), G.ball_to_lorentz(q, c)
    assert G.lorentz_distance(h, g, c).item() == pytest.approx(d, rel=1e-11, abs=slack)
    k, m = G.ball_to_klein(p, c), G.ball_to_klein(q, c)
    assert G.klein_distance(k, m, c).item() == pytest.approx(d, rel=1e-9, abs=slack)


# --- geoopt's Lorentz model -------------------------------------------------------------------------------------------
# Its distance is an arcosh of an inner product: below √eps·R it has no digits (it is floored at √1e-15), and the inner
# product of points at the margin is good to eps·sinh²z/c. So agreement is to be had absolutely, in units of R = 1/√c.


def lorentz(h: Tensor, c: float) -> Tensor:
    return torch.cat([G.lorentz_time(h, c), h], -1)


@given(case=cases(2))
def test_lorentz_agrees_with_geoopt(case: Case) -> None:
    (p, q), c = case.points, case.c
    manifold = geoopt.Lorentz(k=torch.tensor(1 / c, dtype=torch.float64))
    h, g = G.ball_to_lorentz(p, c), G.ball_to_lorentz(q, c)
    x, y = lorentz(h, c), lorentz(g, c)
    assert manifold.check_point_on_manifold(x * math.sqrt(c)) or c != 1
    z = math.sqrt(c) * G.distance(p, q, c).item()
    theirs = math.sqrt(c) * manifold.dist(x, y).item()
    # cosh z is good to 1e-16·cosh a·cosh b, so z to that over sinh z, or to its root
    noise = 1e-15 * float(1 + c * h.norm() * g.norm() + math.sqrt(c) * (h.norm() + g.norm()))
    assert math.sqrt(c) * G.lorentz_distance(h, g, c).item() == pytest.approx(
        theirs, rel=1e-9, abs=4 * min(math.sqrt(noise), noise / max(math.sinh(z), 1e-30)) + 1e-7
    )


@given(case=cases(2))
def test_lorentz_points_are_geoopts_images_of_exponentials(case: Case) -> None:
    (p, _), c = case.points, case.c
    v = G.log0(p, c)  # 2v in the unit of length of the hyperboloid, whose metric at the origin is 1, not 4
    manifold = geoopt.Lorentz(k=torch.tensor(1 / c, dtype=torch.float64))
    theirs = manifold.expmap0(torch.cat([torch.zeros(1, dtype=torch.float64), 2 * v]))
    ours = lorentz(G.ball_to_lorentz(p, c), c)
    assert (ours - theirs).norm() <= 1e-7 * theirs.norm()


# --- against 80 digits ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('relation', RELATIONS)
@pytest.mark.parametrize('size', [1e-10, 1e-3, 0.5, MARGIN])
@pytest.mark.parametrize('c', [1e-6, 0.8, 10.0])
def test_lorentz_distance_is_right_to_rounding(c: float, size: float, relation: str, generator) -> None:
    h = 2 * size / (1 - size**2) / math.sqrt(c) * unit(generator, 6)
    g = place(generator, relation, h, 0.7 * h.norm().item())
    x, y, curvature = to_mp(h), to_mp(g), MP.mpf(c)
    # d = arcosh(c·(t_g·t_h - ⟨g, h⟩))/√c
    time = MP.fprod(MP.sqrt(1 / curvature + MP.fdot(v, v)) for v in (x, y))
    reference = MP.acosh(curvature * (time - MP.fdot(x, y))) / MP.sqrt(curvature)
    gap = max(float((h - g).norm() / h.norm()), 1e-16)
    assert relative_error(G.lorentz_distance(h, g, c), MP.re(reference)) <= 1e-15 * (8 + 4 / gap)


@pytest.mark.parametrize('relation', [kind for kind in RELATIONS if kind != 'equal'])
@pytest.mark.parametrize('length', [0.01, 1.0, 2.44, 8.0, 16.0])
def test_lorentz_distance_is_within_1e_6_in_float32(length: float, relation: str, generator) -> None:
    # The hyperboloid in float32 reaches 2·16, where the ball's points have long become its boundary.
    h = math.sinh(2 * length) * unit(generator, 6, dtype=torch.float32)
    g = place(generator, relation, h, math.sinh(1.8 * length))
    x, y = to_mp(h), to_mp(g)
    reference = MP.acosh(MP.sqrt((1 + MP.fdot(x, x)) * (1 + MP.fdot(y, y))) - MP.fdot(x, y))
    assert relative_error(G.lorentz_distance(h, g, 1.0), reference) <= 1e-6


def test_klein_distance_is_right(generator: torch.Generator) -> None:
    k, m = 0.9 * unit(generator, 6), 0.7 * unit(generator, 6)
    ball = Ball(1.0)
    half = MP.mpf(0.5)
    reference = ball.distance(ball.scale(half, to_mp(k)), ball.scale(half, to_mp(m)))
    assert relative_error(G.klein_distance(k, m, 1.0), reference) <= 1e-13


# --- flat space, derivatives, types -----------------------------------------------------------------------------------

X = torch.tensor([0.3, -0.4, 0.1], dtype=torch.float64)
Y = torch.tensor([-0.2, 0.1, 0.6], dtype=torch.float64)
CONVERSIONS = {
    'ball_to_lorentz': 2.0,
    'ball_to_klein': 2.0,
    'lorentz_to_ball': 0.5,
    'klein_to_ball': 0.5,
    'lorentz_to_klein': 1.0,
    'klein_to_lorentz': 1.0,
}


@pytest.mark.parametrize('name', CONVERSIONS)
def test_flat_limit_of_the_conversions_and_its_rate(name: str) -> None:
    convert, factor = getattr(G, name), CONVERSIONS[name]
    assert torch.equal(convert(X, 0.0), factor * X)
    gaps = [(convert(X, 10.0**-k) - factor * X).norm().item() for k in range(2, 7)]
    slopes = [math.log10(a / b) for a, b in itertools.pairwise(gaps)]
    assert slopes == pytest.approx([1.0] * 4, abs=0.02)


@pytest.mark.parametrize('name', ['lorentz_distance', 'klein_distance'])
def test_flat_limit_of_the_distances_and_its_rate(name: str) -> None:
    distance, flat = getattr(G, name), (X - Y).norm().item()  # h = k = 2p, and the distance is 2‖p - q‖
    assert distance(X, Y, 0.0).item() == pytest.approx(flat, rel=1e-14)
    gaps = [abs(distance(X, Y, 10.0**-k).item() - flat) for k in range(2, 7)]
    slopes = [math.log10(a / b) for a, b in itertools.pairwise(gaps)]
    assert slopes == pytest.approx([1.0] * 4, abs=0.02)


def test_time_is_infinite_in_flat_space_and_right_elsewhere() -> None:
    assert torch.isinf(G.lorentz_time(X, 0.0)).all()
    assert G.lorentz_time(X, 4.0).item() == pytest.approx(math.sqrt(0.25 + 0.26), rel=1e-15)
    assert G.lorentz_time(torch.zeros(2, 3), 4.0).tolist() == [[0.5], [0.5]]


@pytest.mark.parametrize('name', [*CONVERSIONS, 'lorentz_time', 'lorentz_distance', 'klein_distance'])
def test_gradcheck_in_points_and_curvature(name: str) -> None:
    f = getattr(G, name)
    points = (X, Y) if 'distance' in name else (X,)
    inputs = [t.clone().requires_grad_() for t in (*points, torch.tensor(0.7, dtype=torch.float64))]
    assert torch.autograd.gradcheck(f, inputs)
    assert torch.autograd.gradgradcheck(f, inputs)


@pytest.mark.parametrize('f', [G.lorentz_distance, G.klein_distance])
@pytest.mark.parametrize('x', [torch.zeros(3), 1e-20 * torch.ones(3), X.float()])
@pytest.mark.parametrize('y', ['zero', 'equal', 'negative'])
@pytest.mark.parametrize('c', [0.0, 1.0])
def test_gradients_are_finite_at_degenerate_points(f, x: Tensor, y: str, c: float) -> None:
    y = {'zero': torch.zeros(3), 'equal': x.clone(), 'negative': -x}[y].requires_grad_()
    x, c = x.clone().requires_grad_(), torch.tensor(c, dtype=torch.float64, requires_grad=True)
    d = f(x, y, c)
    assert d.isfinite()
    for gradient in torch.autograd.grad(d, (x, y, c)):
        assert gradient.isfinite().all()


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_results_have_the_type_and_the_broadcast_shape_of_the_points(dtype: torch.dtype, generator) -> None:
    p, q = (0.5 * unit(generator, *shape, dtype=dtype) for shape in ((3, 1, 4), (2, 4)))
    c = torch.tensor([[0.5], [1.0]])
    for name in CONVERSIONS:
        value = getattr(G, name)(q, c)
        assert value.dtype == dtype
        assert value.shape == (2, 4)
    assert G.lorentz_time(q, c).shape == (2, 1)
    assert G.lorentz_time(q, c).dtype == dtype
    for f in (G.lorentz_distance, G.klein_distance):
        assert f(p, q, c[0]).shape == (3, 2)
        assert f(p, q, 1.0).dtype == dtype


def test_distances_with_a_curvature_for_each_row(generator: torch.Generator) -> None:
    h, g = unit(generator, 2, 4), unit(generator, 2, 4)
    c = torch.tensor([[0.5], [2.0]], dtype=torch.float64)
    together = G.lorentz_distance(h, g, c)
    alone = torch.stack([G.lorentz_distance(h[i], g[i], c[i].item()) for i in range(2)])
    assert torch.allclose(together, alone, rtol=1e-14)


def test_lorentz_from_a_float32_point_near_the_boundary_is_right_to_its_last_digit(generator) -> None:
    p = (1 - 1e-5) * unit(generator, 64, dtype=torch.float32)
    x = to_mp(p)
    reference = [2 * t / (1 - MP.fdot(x, x)) for t in x]
    assert relative_error(G.ball_to_lorentz(p, 1.0), reference) <= 6e-8

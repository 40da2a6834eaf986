"""The models of one space: round trips, one distance and one mean in all, geoopt's Lorentz model, the limit c = 0."""

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


# --- all five models --------------------------------------------------------------------------------------------------

PAIRS = list(itertools.permutations(G.MODELS, 2))


def ball_points(generator: torch.Generator, *shape: int, longest: float = 0.95) -> Tensor:
    lengths = longest * torch.rand(*shape[:-1], 1, generator=generator, dtype=torch.float64)
    return lengths * unit(generator, *shape)


@pytest.mark.parametrize('c', [0.3, 1.0, 4.0])
@pytest.mark.parametrize('dim', [2, 7])
def test_conversions_between_all_models_commute(c: float, dim: int, generator: torch.Generator) -> None:
    p = ball_points(generator, 200, dim) / math.sqrt(c)
    in_model = {name: G.convert(p, 'ball', name, c) for name in G.MODELS}
    for source, target in PAIRS:
        got, wanted = G.convert(in_model[source], source, target, c), in_model[target]
        assert got.shape == wanted.shape
        assert ((got - wanted).norm(dim=-1) <= 1e-10 * wanted.norm(dim=-1)).all(), (source, target)


@pytest.mark.parametrize('c', [0.3, 1.0, 4.0])
def test_distances_and_means_are_one_in_all_models(c: float, generator: torch.Generator) -> None:
    p, weights = ball_points(generator, 50, 6, 4) / math.sqrt(c), torch.rand(50, 6, generator=generator).double()
    d, mean = G.distance(p[:, 0], p[:, 1], c), G.midpoint(p, c, weights)
    for name, model in G.MODELS.items():
        x = G.convert(p, 'ball', name, c)
        assert torch.allclose(model.distance(x[:, 0], x[:, 1], c), d, rtol=1e-10, atol=0), name
        got = G.convert(model.midpoint(x, c, weights), name, 'ball', c)
        assert torch.allclose(got, mean, rtol=0, atol=1e-10), name
        assert torch.allclose(model.midpoint(x, c, None), model.midpoint(x, c, 3 * torch.ones(50, 6)), rtol=1e-12)


def test_hemisphere_and_half_space_are_where_their_definitions_put_the_points(generator: torch.Generator) -> None:
    c, p = 2.0, ball_points(generator, 100, 3) / math.sqrt(2)
    j = G.convert(p, 'ball', 'hemisphere', c)
    assert torch.allclose(c * j[:, :-1].square().sum(1) + j[:, -1].square(), torch.ones(100).double(), rtol=1e-14)
    assert torch.equal(j[:, :-1], G.convert(p, 'ball', 'klein', c))
    # The half-space is a stereographic image: its point lies on the line from the hemisphere's end of the last axis
    # through the point of the hemisphere, on the upright plane through the origin across that axis.
    radius, z = 1 / math.sqrt(c), G.convert(p, 'ball', 'half-space', c)
    end = torch.tensor([0, 0, radius, 0], dtype=torch.float64)
    on_plane = torch.cat([z[:, :-1], torch.zeros(100, 1, dtype=torch.float64), z[:, -1:]], 1) - end
    on_sphere = torch.cat([j[:, :-1], radius * j[:, -1:]], 1) - end
    assert torch.allclose(torch.nn.functional.cosine_similarity(on_plane, on_sphere), torch.ones(100).double())
    # The shortest way up is of length log(t)/√c, whatever the point.
    up = torch.cat([z[:, :-1], 5 * z[:, -1:]], 1)
    assert torch.allclose(
        G.half_space_distance(z, up, c), torch.full((100,), math.log(5) * radius, dtype=torch.float64), rtol=1e-13
    )


@pytest.mark.parametrize('model', ['hemisphere', 'half-space'])
@pytest.mark.parametrize('distance', [1.0, 8.0, 14.0])
def test_hemisphere_and_half_space_keep_their_digits_far_away(model: str, distance: float, generator) -> None:
    """Points `distance` from the origin and 1e-3 from each other, against 80 digits of the Lorentz model."""
    h = math.sinh(distance) * unit(generator, 4)
    h[-1] = h[-1].abs()  # above, where the denominator of the half-space cancels
    g = h * (1 + 1e-3) + 1e-3 * unit(generator, 4)
    x, y = to_mp(h), to_mp(g)
    reference = MP.acosh(MP.sqrt((1 + MP.fdot(x, x)) * (1 + MP.fdot(y, y))) - MP.fdot(x, y))
    a, b = (G.convert(t, 'lorentz', model, 1.0) for t in (h, g))
    assert relative_error(G.MODELS[model].distance(a, b, 1.0), reference) <= 1e-15 * 1e3 * math.exp(distance)


def test_centroid_far_away_is_right_to_rounding(generator: torch.Generator) -> None:
    """`T² - c‖H‖²` of two points near each other at the distance 16 is 4 where both terms are 1e14."""
    h = math.sinh(16) * unit(generator, 3)
    h = torch.stack([h, h * (1 + 1e-6)])
    points = [to_mp(row) for row in h]
    sums = [MP.fsum(column) for column in zip(*points, strict=True)]
    time = MP.fsum(MP.sqrt(1 + MP.fdot(x, x)) for x in points)
    size = MP.sqrt(time**2 - MP.fdot(sums, sums))
    assert relative_error(G.lorentz_centroid(h, 1.0), [s / size for s in sums]) <= 1e-15 * 100


@pytest.mark.parametrize('name', ['lorentz', 'klein', 'hemisphere'])
def test_means_and_distances_are_euclidean_at_curvature_zero(name: str, generator: torch.Generator) -> None:
    model, p = G.MODELS[name], torch.randn(5, 3, 2, generator=generator, dtype=torch.float64)
    weights = torch.rand(5, 3, generator=generator, dtype=torch.float64)
    mean = (weights.unsqueeze(-1) * p).sum(1) / weights.sum(1, keepdim=True)
    x = G.convert(p, 'ball', name, 0.0)
    for c, atol in ((0.0, 1e-14), (1e-8, 1e-6)):
        assert torch.allclose(G.convert(model.midpoint(x, c, weights), name, 'ball', c), mean, rtol=0, atol=atol)
        d = model.distance(x[:, 0], x[:, 1], c)
        assert torch.allclose(d, 2 * (p[:, 0] - p[:, 1]).norm(dim=1), rtol=10 * atol)


def test_half_space_becomes_flat_as_the_curvature_vanishes(generator: torch.Generator) -> None:
    """The height grows as 1/√c, so the limit is approached, and not reached."""
    p = torch.randn(5, 3, 2, generator=generator, dtype=torch.float64)
    gaps = []
    for c in (1e-4, 1e-6, 1e-8):
        z = G.convert(p, 'ball', 'half-space', c)
        flat = 2 * p
        flat[..., -1] += 1 / math.sqrt(c)
        d = G.half_space_distance(z[:, 0], z[:, 1], c)
        assert torch.allclose(d, 2 * (p[:, 0] - p[:, 1]).norm(dim=1), rtol=100 * c)
        mean = G.convert(G.half_space_midpoint(z, c), 'half-space', 'ball', c)
        assert torch.allclose(mean, p.mean(1), rtol=0, atol=100 * c)
        gaps.append(float((z - flat).abs().max()))
    assert [a / b for a, b in itertools.pairwise(gaps)] == pytest.approx([10, 10], rel=0.1)


@pytest.mark.parametrize('name', list(G.MODELS))
def test_gradcheck_of_means(name: str, generator: torch.Generator) -> None:
    x = G.convert(ball_points(generator, 3, 2, longest=0.7), 'ball', name, 0.7)
    weights = torch.rand(3, generator=generator, dtype=torch.float64)
    inputs = [t.clone().requires_grad_() for t in (x, torch.tensor(0.7, dtype=torch.float64), weights)]
    assert torch.autograd.gradcheck(G.MODELS[name].midpoint, inputs)
    if name in ('lorentz', 'hemisphere'):  # through the square root's branch as well
        flat = torch.zeros((), dtype=torch.float64, requires_grad=True)
        points = torch.zeros_like(x)
        points[..., -1] = 1.0
        for gradient in torch.autograd.grad(G.MODELS[name].midpoint(points.requires_grad_(), flat, None).sum(), points):
            assert gradient.isfinite().all()


def test_the_derivative_of_the_centroid_by_the_curvature_is_continuous_at_zero() -> None:
    h, slopes = torch.stack([X, Y]), []
    for c in (0.0, 1e-7):
        c = torch.tensor(c, dtype=torch.float64, requires_grad=True)
        slopes.append(torch.autograd.grad(G.lorentz_centroid(h, c)[0], c)[0])
    assert slopes[0] == pytest.approx(slopes[1].item(), rel=1e-5)


def test_a_curvature_for_each_row_of_means(generator: torch.Generator) -> None:
    p, c = ball_points(generator, 2, 3, 4, longest=0.6), torch.tensor([[0.5], [2.0]], dtype=torch.float64)
    for name in ('lorentz', 'klein', 'hemisphere', 'half-space'):
        model = G.MODELS[name]
        x = torch.stack([G.convert(p[i], 'ball', name, c[i].item()) for i in range(2)])
        alone = torch.stack([model.midpoint(x[i], c[i].item(), None) for i in range(2)])
        assert torch.allclose(model.midpoint(x, c, None), alone, rtol=1e-13), name


def test_unknown_models_are_named() -> None:
    with pytest.raises(ValueError, match="'disk' must be one of ball, lorentz, klein, hemisphere, half-space"):
        G.convert(X, 'ball', 'disk', 1.0)

"""Entailment cones: the published formulas in 80 digits, nesting, both models, derivatives, degenerate points."""

import math

import pytest
import torch
from oracle import MP, relative_error, to_mp
from strategies import unit
from torch import Tensor

from timm_hyperbolic import geometry as G

K = 0.1


def published_ball(x: Tensor, y: Tensor, c: float) -> tuple:
    """Half-aperture of `x` and exterior angle as Ganea et al. print them, (26) and (28), for the ball of radius 1."""
    root = MP.sqrt(MP.mpf(c))
    p, q = ([root * t for t in to_mp(v)] for v in (x, y))
    pp, qq, pq = MP.fdot(p, p), MP.fdot(q, q), MP.fdot(p, q)
    gap = MP.sqrt(pp + qq - 2 * pq)
    cosine = (pq * (1 + pp) - pp * (1 + qq)) / (MP.sqrt(pp) * gap * MP.sqrt(1 + pp * qq - 2 * pq))
    return MP.asin(K * (1 - pp) / MP.sqrt(pp)), MP.acos(cosine)


def published_lorentz(x: Tensor, y: Tensor, c: float) -> tuple:
    """The same as MERU prints them, (5) and (7)."""
    c, g, h = MP.mpf(c), to_mp(x), to_mp(y)
    s, t = (MP.sqrt(1 / c + MP.fdot(v, v)) for v in (g, h))
    inner = c * (MP.fdot(g, h) - s * t)
    norm = MP.sqrt(MP.fdot(g, g))
    cosine = (t + s * inner) / (norm * MP.sqrt(inner**2 - 1))
    return MP.asin(2 * K / (MP.sqrt(c) * norm)), MP.acos(cosine)


@pytest.mark.parametrize('c', [0.2, 1.0, 5.0])
@pytest.mark.parametrize('size', [0.3, 0.9, 0.999])
@pytest.mark.parametrize('angle', [1e-6, 0.3, 1.5, 3.0])
def test_formulas_are_the_published_ones(c: float, size: float, angle: float, generator: torch.Generator) -> None:
    first = unit(generator, 4)
    other = unit(generator, 4)
    other = other - other.dot(first) * first
    p = size * first / math.sqrt(c)
    for length in (0.5 * size, 0.5 + 0.5 * size):
        q = length * (math.cos(angle) * first + math.sin(angle) * other / other.norm()) / math.sqrt(c)
        aperture, exterior = published_ball(p, q, c)
        assert relative_error(G.half_aperture(p, c, K), aperture) <= 1e-12
        assert abs(float(G.exterior_angle(p, q, c).item() - exterior)) <= 1e-12 * (1 + float(exterior) / (1 - size))
        h, g = G.ball_to_lorentz(p, c), G.ball_to_lorentz(q, c)
        aperture, exterior = published_lorentz(h, g, c)
        assert relative_error(G.lorentz_half_aperture(h, c, K), aperture) <= 1e-13
        assert abs(float(G.lorentz_exterior_angle(h, g, c).item() - exterior)) <= 1e-12 * (
            1 + float(exterior) / (1 - size)
        )


def test_ball_and_lorentz_forms_agree(generator: torch.Generator) -> None:
    """The ball's formulas in float64 as printed, on random points: they share no line with ours."""
    n = 20_000
    p, q = (0.15 + 0.75 * torch.rand(n, 1, generator=generator).double() for _ in range(2))
    p, q = p * unit(generator, n, 2), q * unit(generator, n, 2)
    pp, qq, pq = (p * p).sum(1), (q * q).sum(1), (p * q).sum(1)
    cosine = (pq * (1 + pp) - pp * (1 + qq)) / (pp.sqrt() * (p - q).norm(dim=1) * (1 + pp * qq - 2 * pq).sqrt())
    energy = (cosine.clamp(-1, 1).acos() - (K * (1 - pp) / pp.sqrt()).clamp(max=1).asin()).clamp(min=0)
    ours = G.lorentz_cone_energy(G.ball_to_lorentz(p, 1.0), G.ball_to_lorentz(q, 1.0), 1.0, K)
    assert (ours - energy).abs().max() <= 1e-9
    assert torch.equal(ours, G.cone_energy(p, q, 1.0, K))
    assert 0.005 < (energy == 0).double().mean() < 0.5


def below(x: Tensor, k: float, longest: float, generator: torch.Generator) -> Tensor:
    """Random points of the cones of `x`, up to `longest` from it: geodesics from `x` at angles up to the aperture."""
    n = len(x)
    radius = torch.asinh(x.norm(dim=1, keepdim=True))
    outwards = x / x.norm(dim=1, keepdim=True)
    side = unit(generator, *x.shape)
    side = side - (side * outwards).sum(1, keepdim=True) * outwards
    side = side / side.norm(dim=1, keepdim=True)
    share, length = (torch.rand(n, 1, generator=generator, dtype=torch.float64) for _ in range(2))
    share[: n // 4] = 1  # a quarter lies on the edge of the cone
    angle, length = share * G.lorentz_half_aperture(x, 1.0, k).unsqueeze(1), longest * length
    # The frame at `x`: the unit tangent along the ray has the space part cosh(r)·outwards, the sideways one is `side`.
    along = angle.cos() * radius.cosh() * outwards + angle.sin() * side
    return length.cosh() * x + length.sinh() * along


def test_cones_are_nested(generator: torch.Generator) -> None:
    n, k = 1_000_000, 0.3
    x = unit(generator, n, 3) * torch.sinh(0.6 + 2 * torch.rand(n, 1, generator=generator, dtype=torch.float64))
    y = below(x, k, 2.0, generator)
    z = below(y, k, 2.0, generator)
    assert (G.lorentz_cone_energy(x, y, 1.0, k) <= 1e-9).all()
    assert (G.lorentz_cone_energy(x, z, 1.0, k) <= 1e-9).all()
    # The other way round nothing holds, so that the test could fail.
    assert (G.lorentz_cone_energy(y[:1000], x[:1000], 1.0, k) > 1e-3).double().mean() > 0.99


def test_angles_keep_their_digits_far_from_the_origin(generator: torch.Generator) -> None:
    """At the distance 14 a point beyond another one, whose inner product has lost all digits of their distance."""
    x = math.sinh(14) * unit(generator, 3)
    y = math.sinh(14.5) * x / x.norm() + 0.2 * unit(generator, 3)
    exterior = published_lorentz(x, y, 1.0)[1]
    # The direction of a float64 vector is good to 1e-16, which is 1e-10 of an angle at this distance.
    assert relative_error(G.lorentz_exterior_angle(x, y, 1.0), exterior) <= 1e-8


@pytest.mark.parametrize('energy', [G.cone_energy, G.lorentz_cone_energy])
def test_gradcheck_of_the_energy(energy, generator: torch.Generator) -> None:
    x, y = 0.6 * unit(generator, 20, 3), 0.8 * unit(generator, 20, 3)
    c = torch.tensor(0.9, dtype=torch.float64)
    assert (energy(x, y, c) > 0.01).sum() > 10
    assert torch.autograd.gradcheck(energy, [t.clone().requires_grad_() for t in (x, y, c)])


@pytest.mark.parametrize('c', [0.0, 1.0])
@pytest.mark.parametrize('energy', [G.cone_energy, G.lorentz_cone_energy])
def test_values_and_gradients_are_finite_at_degenerate_points(energy, c: float) -> None:
    e = torch.tensor([0.5, 0.0, 0.0])
    for x, y, expected in (
        (torch.zeros(3), e, 0.0),
        (torch.zeros(3), torch.zeros(3), 0.0),
        (1e-20 * e, 1e-20 * e, 0.0),
        (e, torch.zeros(3), None),
        (e, e.clone(), 0.0),
        (e, 1.5 * e, 0.0),
        (e, -e, None),
    ):
        x, y = x.clone().requires_grad_(), y.clone().requires_grad_()
        curvature = torch.tensor(c, dtype=torch.float64, requires_grad=True)
        value = energy(x, y, curvature)
        assert value.isfinite()
        assert expected is None or value == expected
        for gradient in torch.autograd.grad(value, (x, y, curvature)):
            assert gradient.isfinite().all()


def test_flat_space_and_broadcasting(generator: torch.Generator) -> None:
    x, y = torch.randn(3, 1, 4, generator=generator), torch.randn(2, 4, generator=generator)
    cosine = torch.nn.functional.cosine_similarity(x, y - x, dim=-1)
    assert torch.allclose(G.lorentz_exterior_angle(x, y, 0.0), cosine.acos(), atol=1e-5)
    assert torch.allclose(G.lorentz_exterior_angle(x, y, 1e-10), cosine.acos(), atol=1e-5)
    assert (G.lorentz_half_aperture(x, 0.0) == math.pi / 2).all()
    energy = G.lorentz_cone_energy(x, y, torch.tensor([[0.5], [1.0]]))
    assert energy.shape == (3, 2)
    assert energy.dtype == torch.float32

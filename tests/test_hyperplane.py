"""Distances from hyperplanes, against 80-digit arithmetic and in Lorentz coordinates."""

from __future__ import annotations

import math

import pytest
import torch
from oracle import MP, Ball, norm, relative_error, to_mp
from torch import Tensor

from timm_hyperbolic.geometry import Frame, ball_to_lorentz, hyperplane_distance, lorentz_time
from timm_hyperbolic.layers import HyperbolicMLR

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')


def directions(generator: torch.Generator, count: int, dim: int) -> Tensor:
    return torch.nn.functional.normalize(torch.randn(count, dim, generator=generator, dtype=torch.float64), dim=-1)


def distances(v: Tensor, normals: Tensor, offset: Tensor, c: float) -> Tensor:
    curvature = torch.tensor([c], dtype=torch.float64)
    frame = Frame.of((v,), curvature)
    p = frame.tangent(torch.ones_like(frame.gram[0][0])).exp0()
    inner, time = 2 / p.u * p.to_tensor() @ normals.T, (1 + c * p.r2) / p.u
    return hyperplane_distance(inner, time, offset, curvature)


@pytest.mark.parametrize(('length', 'offset', 'tolerance'), [(0.01, 1e-3, 1e-12), (2.0, 0.7, 1e-11), (7.0, -1.5, 1e-9)])
@pytest.mark.parametrize('c', [0.3, 1.0])
def test_it_is_the_formula_of_the_paper_in_80_digits(length, offset, tolerance, c, generator) -> None:
    v, normals = length * directions(generator, 3, 4), directions(generator, 2, 4)
    ours = distances(v, normals, torch.full((2,), offset, dtype=torch.float64), c)
    root, r = MP.sqrt(MP.mpf(c)), MP.mpf(offset)
    for i, x in enumerate(to_mp(v)):
        n = norm(x)
        p = [MP.tanh(root * n) / (root * n) * t for t in x]
        factor = 2 / (1 - c * norm(p) ** 2)
        for j, a in enumerate(to_mp(normals)):
            inside = root * factor * MP.fdot(p, a) * MP.cosh(2 * root * r) - (factor - 1) * MP.sinh(2 * root * r)
            assert relative_error(ours[i, j], MP.asinh(inside) / root) < tolerance


def test_it_is_the_shortest_distance_to_a_point_of_the_hyperplane(generator) -> None:
    # In two dimensions the hyperplane is a line, the image of a line through the origin.
    v, normal, r = 0.8 * directions(generator, 1, 2), directions(generator, 1, 2), 0.6
    ours = distances(v, normal, torch.tensor([r], dtype=torch.float64), 1.0).item()
    ball = Ball(1.0)
    (a,) = to_mp(normal)
    foot, along = ball.exp0([r * t for t in a]), [-a[1], a[0]]
    (x,) = (ball.exp0(t) for t in to_mp(v))

    def distance(s: float) -> float:
        q = ball.add(foot, ball.exp0([s * t for t in along]))
        gap = [p - t for p, t in zip(x, q, strict=True)]
        return float(2 * MP.asinh(norm(gap) / MP.sqrt((1 - norm(x) ** 2) * (1 - norm(q) ** 2))))

    assert min(distance(s / 200) for s in range(-400, 401)) == pytest.approx(abs(ours), rel=1e-4)


def test_lorentz_coordinates_give_the_same_number(generator) -> None:
    c, head = 0.7, HyperbolicMLR(6, 5, curvature=0.7, margin=None, dtype=torch.float64)
    torch.nn.init.normal_(head.bias, std=0.5, generator=generator)
    x = 1.5 * directions(generator, 4, 6)
    norms = x.norm(dim=-1, keepdim=True)
    p = torch.tanh(math.sqrt(c) * norms) * x / (math.sqrt(c) * norms)
    space, time = ball_to_lorentz(p, c), lorentz_time(ball_to_lorentz(p, c), c)
    # Bdeir et al. (2024), (8): the normal has the space part cosh(√K a)·z and the time part sinh(√K a)·‖z‖
    a, z = 2 * head.bias, head.weight
    w = (math.sqrt(c) * a).cosh().unsqueeze(-1) * z
    t = (math.sqrt(c) * a).sinh() * z.norm(dim=-1)
    beta = (w.square().sum(-1) - t.square()).sqrt()
    alpha = space @ w.T - time * t
    expected = 2 * beta * torch.asinh(math.sqrt(c) * alpha / beta) / math.sqrt(c)
    assert torch.allclose(head(x), expected, rtol=1e-10)


def test_it_keeps_its_digits_near_the_boundary_and_near_the_hyperplane() -> None:
    # A point at distance 40 from the origin on the normal itself, and a hyperplane 39 away: the distance is 1.
    normal = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    for r, length in ((3.0, 3.5), (6.0, 6.5)):
        d = distances(length * normal, normal, torch.tensor([r], dtype=torch.float64), 1.0)
        assert d.item() == pytest.approx(1.0, rel=2e-16 * math.exp(4 * r) + 1e-12)

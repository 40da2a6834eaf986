"""Stacks of points: what is stacked with what, and that a stack acts as its parameters one by one."""

from __future__ import annotations

import copy

import geoopt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from optim_helpers import many_points, set_gradients
from strategies import curvatures, unit

from timm_hyperbolic.layers import Curvature, LayerBall, manifold_parameter
from timm_hyperbolic.optim import HyperbolicAdamW
from timm_hyperbolic.optim.points import Stack, stacks


def test_every_point_is_in_one_stack_and_empty_ones_in_none(generator) -> None:
    points = many_points(generator)
    members = [id(p) for stack in stacks(points) for p in stack.parameters]
    assert sorted(members) == sorted(id(p) for p in points if p.numel())


def test_balls_are_stacked_by_dimension_whatever_their_shape_and_curvature() -> None:
    points = [
        manifold_parameter(torch.zeros(2, 3), Curvature(1.0, copies=2)),
        manifold_parameter(torch.zeros(3), Curvature(0.5)),
        manifold_parameter(torch.zeros(4, 2, 3), Curvature(0.1)),
        geoopt.ManifoldParameter(torch.zeros(1, 3), manifold=geoopt.PoincareBall(2.0)),
    ]
    (stack,) = stacks(points)
    assert stack.points().shape == (12, 3)
    expected = [1.0, 1.0, 0.5, *[0.1] * 8, 2.0]
    torch.testing.assert_close(stack.manifold.c.squeeze(-1), torch.tensor(expected))


def test_what_differs_is_not_stacked() -> None:
    def count(*points) -> int:
        return len(stacks(points))

    ball = lambda *shape, c=1.0, **kwargs: manifold_parameter(torch.zeros(*shape, **kwargs), Curvature(c))
    other = lambda manifold: geoopt.ManifoldParameter(torch.eye(2), manifold=manifold)
    sphere = geoopt.Sphere()
    assert count(ball(2, 3), ball(2, 4)) == 2
    assert count(ball(2, 3), ball(2, 3, dtype=torch.float64)) == 2
    assert count(ball(2, 3), ball(2, 3, c=0.0)) == 2  # flat space
    assert count(ball(2, 3, c=0.0), ball(2, 3, c=0.0)) == 1
    assert count(other(sphere), other(sphere)) == 1
    assert count(other(sphere), other(geoopt.Sphere())) == 2
    assert count(other(geoopt.PoincareBall(0.1)), other(geoopt.PoincareBallExact(0.1))) == 2
    assert len(stacks([ball(2, 3), ball(2, 3)], key=id)) == 2


def test_a_subclass_of_the_ball_keeps_its_own_mathematics() -> None:
    class Doubled(geoopt.PoincareBall):
        @property
        def c(self):
            return 2 * super().c

    p = geoopt.ManifoldParameter(torch.tensor([[0.1, 0.2]]), manifold=Doubled())
    assert Stack([p]).manifold is p.manifold
    assert Stack([p]).points().shape == (1, 1, 2)


@torch.no_grad()
def test_gather_split_and_scatter_are_inverse(generator) -> None:
    for stack in stacks(many_points(generator)):
        stacked = stack.gather(stack.parameters)
        for part, p in zip(stack.split(stacked), stack.parameters, strict=True):
            assert torch.equal(part, p.data)
        copies = [torch.zeros_like(p) for p in stack.parameters]
        stack.scatter(stacked, copies)
        assert all(torch.equal(a, p.data) for a, p in zip(copies, stack.parameters, strict=True))
        stack.scale_(stacked, factors := list(range(1, len(copies) + 1)))
        for part, p, factor in zip(stack.split(stacked), stack.parameters, factors, strict=True):
            assert torch.equal(part, factor * p.data)


def test_the_stacked_manifold_is_that_of_each_row(generator) -> None:
    points = many_points(generator)
    set_gradients(points, 0)
    for stack in stacks(points):
        stacked = stack.points()
        gradient = stack.manifold.egrad2rgrad(stacked, stack.gradients())
        inner = stack.manifold.component_inner(stacked, gradient).expand_as(stacked)
        parts = (stack.parameters, stack.split(gradient), stack.split(inner))
        for p, g, i in zip(*parts, strict=True):
            expected = p.manifold.egrad2rgrad(p.data, p.grad)
            torch.testing.assert_close(g, expected, rtol=1e-9, atol=1e-12)
            torch.testing.assert_close(i, p.manifold.component_inner(p.data, expected).expand_as(p), rtol=1e-7, atol=0)


@given(
    c=st.lists(curvatures, min_size=1, max_size=4),
    dim=st.integers(1, 6),
    radius=st.sampled_from([0.0, 1e-9, 0.5, 1 - 1e-4, 1 - 1e-5]),
    size=st.floats(-8, 8).map(lambda e: 10.0**e),
    lr=st.floats(-5, 1).map(lambda e: 10.0**e),
    seed=st.integers(0, 2**31 - 1),
)
def test_a_stack_steps_as_its_parameters_alone_and_never_leaves_the_ball(c, dim, radius, size, lr, seed) -> None:
    generator = torch.Generator().manual_seed(seed)
    balls = [LayerBall(Curvature(value, dtype=torch.float64)) for value in c]
    together = [
        geoopt.ManifoldParameter(radius * unit(generator, 2, dim) / ball.c.detach().sqrt(), manifold=ball)
        for ball in balls
    ]
    alone = copy.deepcopy(together)
    optimizers = [HyperbolicAdamW(together, lr=lr), *(HyperbolicAdamW([p], lr=lr) for p in alone)]
    for step in range(3):
        for points in (together, alone):
            set_gradients(points, seed + step, scale=size)
        for optimizer in optimizers:
            optimizer.step()
        for p, q in zip(together, alone, strict=True):
            torch.testing.assert_close(p.data, q.data, rtol=1e-9, atol=1e-12)
            assert (p.manifold.c * p.square().sum(-1, keepdim=True)).max() < 1
            assert optimizers[0].state[p]['exp_avg'].isfinite().all()


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_sums_are_in_float32_or_better(dtype: torch.dtype) -> None:
    p = manifold_parameter(torch.full((1, 2), 0.5, dtype=dtype), Curvature(1.0, dtype=dtype))
    p.grad = torch.ones_like(p)
    stack = Stack([p])
    assert stack.points().dtype == stack.gradients().dtype == stack.manifold.c.dtype == torch.float32

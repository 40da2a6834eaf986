"""`HyperbolicSGD` against torch's SGD and geoopt's RiemannianSGD."""

from __future__ import annotations

import copy

import geoopt
import pytest
import torch
from optim_helpers import Net, backward, many_points, set_gradients
from torch import nn

from timm_hyperbolic.layers import Curvature, manifold_parameter
from timm_hyperbolic.optim import HyperbolicSGD

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')

OPTIONS = [{}, {'momentum': 0.9}, {'momentum': 0.8, 'dampening': 0.1}, {'momentum': 0.9, 'nesterov': True}]


@pytest.mark.parametrize('options', OPTIONS)
def test_points_step_as_in_geoopt(generator, options: dict) -> None:
    ours = many_points(generator)
    theirs = copy.deepcopy(ours)
    optimizer = HyperbolicSGD(ours, lr=0.01, man_lr_scale=1, **options)
    oracle = geoopt.optim.RiemannianSGD(theirs, lr=0.01, **options)
    if options:
        # geoopt starts its momentum with the Euclidean gradient. Started with zero it has, after a step, the Riemannian
        # one, with the dampening that torch and ours leave out at first.
        for p in theirs:
            oracle.state[p]['momentum_buffer'] = torch.zeros_like(p)
            oracle.param_groups[0]['dampening'] = 0.0
    for step in range(100):
        for points in (ours, theirs):
            set_gradients(points, step)
        optimizer.step()
        oracle.step()
        oracle.param_groups[0]['dampening'] = options.get('dampening', 0.0)
        for a, b in zip(ours, theirs, strict=True):
            torch.testing.assert_close(a.data, b.data, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize('options', OPTIONS)
@pytest.mark.parametrize('kind', [{}, {'foreach': True}, {'foreach': False}])
def test_flat_parameters_step_as_in_torch_bit_for_bit(options: dict, kind: dict) -> None:
    model = nn.Linear(5, 7)
    twin = copy.deepcopy(model)
    optimizer = HyperbolicSGD(model.parameters(), lr=0.02, weight_decay=0.3, **options, **kind)
    oracle = torch.optim.SGD(twin.parameters(), lr=0.02, weight_decay=0.3, **options, **(kind or {'fused': True}))
    for step in range(20):
        for m in (model, twin):
            set_gradients(m.parameters(), step)
        optimizer.step()
        oracle.step()
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters(), strict=True))


def test_a_parameter_may_join_later() -> None:
    """torch's fused kernel does not take buffers for some parameters only."""
    model = nn.Linear(2, 2)
    optimizer = HyperbolicSGD(model.parameters(), lr=0.1, momentum=0.9)
    model.weight.grad = torch.ones(2, 2)
    optimizer.step()
    model.bias.grad = torch.ones(2)
    optimizer.step()
    assert torch.equal(optimizer.state[model.weight]['momentum_buffer'], torch.full((2, 2), 1.9))
    assert torch.equal(optimizer.state[model.bias]['momentum_buffer'], torch.ones(2))


def test_momentum_starts_as_the_first_riemannian_gradient() -> None:
    p = manifold_parameter(torch.zeros(1, 2), Curvature(1.0))
    optimizer = HyperbolicSGD([p], lr=0.0, momentum=0.9)
    p.grad = torch.tensor([[4.0, 0.0]])
    optimizer.step()
    torch.testing.assert_close(optimizer.state[p]['momentum_buffer'], torch.tensor([[1.0, 0.0]]))


def test_a_restored_state_goes_on_bit_for_bit() -> None:
    model = Net()
    optimizer = HyperbolicSGD(model.parameters(), lr=0.01, momentum=0.9)
    for step in range(2):
        backward(model, step)
        optimizer.step()
    twin = copy.deepcopy(model)
    other = HyperbolicSGD(twin.parameters(), lr=1.0, momentum=0.5)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for m, o in ((model, optimizer), (twin, other)):
        backward(m, 2)
        o.step()
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters(), strict=True))


@pytest.mark.parametrize(
    ('options', 'message'),
    [({'momentum': 1.0}, 'momentum=1.0'), ({'nesterov': True}, 'nesterov needs a momentum, not 0')],
)
def test_a_wrong_option_is_named(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HyperbolicSGD(Net().parameters(), **options)

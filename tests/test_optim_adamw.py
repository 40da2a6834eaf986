"""`HyperbolicAdamW` against torch's AdamW and geoopt's RiemannianAdam."""

from __future__ import annotations

import copy
import io
import json

import geoopt
import pytest
import torch
from optim_helpers import Net, backward, many_points, set_gradients
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from timm_hyperbolic.layers import Curvature, manifold_parameter
from timm_hyperbolic.optim import HyperbolicAdamW

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')


def assert_same(ours, theirs, tolerance: float = 1e-6) -> None:
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.data, b.data, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize('lr', [1e-3, 0.3])
def test_points_step_as_in_geoopt(generator, lr: float) -> None:
    ours = many_points(generator)
    theirs = copy.deepcopy(ours)
    optimizer = HyperbolicAdamW(ours, lr=lr, betas=(0.8, 0.99), man_lr_scale=1)
    oracle = geoopt.optim.RiemannianAdam(theirs, lr=lr, betas=(0.8, 0.99))
    for step in range(100):
        for points in (ours, theirs):
            set_gradients(points, step)
        optimizer.step()
        oracle.step()
        assert_same(ours, theirs)
    filled = [(a, b) for a, b in zip(ours, theirs, strict=True) if a.numel()]
    for key in ('exp_avg', 'exp_avg_sq'):
        assert_same([optimizer.state[a][key] for a, _ in filled], [oracle.state[b][key] for _, b in filled])


def test_a_model_with_learnt_curvature_trains_as_in_geoopt() -> None:
    """geoopt's optimizer takes curvatures as flat parameters; here they come first there, as they do in ours."""
    model = Net(margin=None)
    twin = copy.deepcopy(model)
    optimizer = HyperbolicAdamW(model.parameters(), lr=0.01, weight_decay=0, man_lr_scale=1)
    points = [p for p in twin.parameters() if isinstance(p, geoopt.ManifoldParameter)]
    others = [p for p in twin.parameters() if not isinstance(p, geoopt.ManifoldParameter)]
    oracle = geoopt.optim.RiemannianAdam(others + points, lr=0.01)
    for step in range(100):
        backward(model, step)
        backward(twin, step)
        optimizer.step()
        oracle.step()
    assert_same(model.parameters(), twin.parameters())
    assert abs(model.head.curvature().item() - 1) > 1e-2


@pytest.mark.parametrize('options', [{}, {'fused': True}, {'foreach': True}, {'foreach': False}, {'fused': False}])
def test_flat_parameters_step_as_in_torch_bit_for_bit(options: dict) -> None:
    model = nn.Sequential(nn.Linear(5, 7), nn.LayerNorm(7))
    empty = nn.Parameter(torch.empty(2, 0, 3))
    twin = copy.deepcopy(model)
    groups = [{'params': [*model[0].parameters(), empty]}, {'params': model[1].parameters(), 'weight_decay': 0.0}]
    optimizer = HyperbolicAdamW(groups, lr=0.02, betas=(0.7, 0.95), eps=1e-6, weight_decay=0.3, **options)
    groups = [{'params': twin[0].parameters()}, {'params': twin[1].parameters(), 'weight_decay': 0.0}]
    theirs = options or {'fused': True}  # torch's CPU default is a loop, ours the fused kernel
    oracle = torch.optim.AdamW(groups, lr=0.02, betas=(0.7, 0.95), eps=1e-6, weight_decay=0.3, **theirs)
    for step in range(20):
        for m in (model, twin):
            set_gradients(m.parameters(), step)
        empty.grad = torch.zeros_like(empty)
        optimizer.step()
        oracle.step()
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(a, b)
        for key, value in oracle.state[b].items():
            assert torch.equal(optimizer.state[a][key], value), key


def test_points_end_inside_a_ball_that_has_shrunk() -> None:
    """geoopt refuses to copy a point outside its ball, and its transport from there is without measure."""
    curvature = Curvature(1.0, dtype=torch.float64)
    p = manifold_parameter(torch.tensor([[1 - 1e-5, 0.0], [0.3, 0.1]], dtype=torch.float64), curvature)
    optimizer = HyperbolicAdamW([curvature.raw, p], lr=0.1)
    for _ in range(30):
        curvature.raw.grad, p.grad = -torch.ones_like(curvature.raw), torch.full_like(p, -1e-3)
        optimizer.step()
        assert (curvature() * p.square().sum(-1)).max() < 1
        copy.deepcopy(p)
    assert curvature().item() > 1.5
    assert optimizer.state[p]['exp_avg'].abs().max() < 1e-2


class Counter(TorchDispatchMode):
    """Counts operations."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        return func(*args, **(kwargs or {}))


def operations(count: int) -> int:
    points = [manifold_parameter(0.1 * torch.randn(2, 3), Curvature(1.0, copies=2)) for _ in range(count)]
    optimizer = HyperbolicAdamW(points)
    for step in range(2):
        set_gradients(points, step)
        with Counter() as counter:
            optimizer.step()
    return counter.count


def test_two_hundred_points_take_as_many_operations_as_ten() -> None:
    assert operations(10) == operations(200) < 150


def restored(optimizer: HyperbolicAdamW, model: nn.Module) -> HyperbolicAdamW:
    """A new optimizer of `model` with the saved state of another, through a file."""
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    other = HyperbolicAdamW(model.parameters(), lr=1.0, fused=optimizer.defaults['fused'])
    other.load_state_dict(torch.load(file, weights_only=True))
    return other


@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize('fused', [True, False])
def test_a_restored_state_goes_on_bit_for_bit(dtype: torch.dtype, fused: bool) -> None:
    model = Net(dtype=dtype)
    optimizer = HyperbolicAdamW(model.parameters(), lr=0.01, fused=fused)
    for step in range(3):
        backward(model, step)
        if step == 1:
            model.fc.p_in.grad = None  # its count of steps falls behind
        optimizer.step()
    twin = copy.deepcopy(model)
    other = restored(optimizer, twin)
    for step in range(3, 6):
        for m, o in ((model, optimizer), (twin, other)):
            backward(m, step)
            o.step()
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(a, b)
    assert [other.state[p]['step'] for p in (twin.fc.p_in, twin.fc.p_out)] == [5, 6]
    assert [g['lr'] for g in other.param_groups] == [g['lr'] for g in optimizer.param_groups]


def test_groups_that_json_has_carried_step_as_before() -> None:
    model, twin = (Net() for _ in range(2))
    twin.load_state_dict(model.state_dict())
    optimizer, other = (HyperbolicAdamW(m.parameters(), lr=0.1, curv_bounds=(0.99, 1.01)) for m in (model, twin))
    state = other.state_dict()
    other.load_state_dict({**state, 'param_groups': json.loads(json.dumps(state['param_groups']))})
    assert other.param_groups[0]['betas'] == [0.9, 0.999]  # a list, as torch's AdamW takes it too
    for step in range(2):
        for m, o in ((model, optimizer), (twin, other)):
            backward(m, step)
            o.step()
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters(), strict=True))


def test_a_copy_goes_on_as_the_original() -> None:
    model = Net()
    optimizer = HyperbolicAdamW(model.parameters(), lr=0.01)
    backward(model, 0)
    optimizer.step()
    twin, other = copy.deepcopy((model, optimizer))
    for m, o in ((model, optimizer), (twin, other)):
        backward(m, 1)
        o.step()
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(a, b)
    assert twin.fc.p_in.manifold.curvature is twin.fc.curvature


def test_half_parameters_are_computed_in_float32_and_stay_inside() -> None:
    p = manifold_parameter(torch.tensor([[0.0, 0.99]]), Curvature(1.0)).to(torch.bfloat16)
    p = manifold_parameter(p.data, Curvature(1.0, dtype=torch.bfloat16))
    optimizer = HyperbolicAdamW([p], lr=1.0)
    for _ in range(5):
        p.grad = -torch.ones_like(p)
        optimizer.step()
        assert p.float().norm() < 1
    assert p.dtype == torch.bfloat16


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'betas': (0.9, 1.0)}, r'betas=\(0.9, 1.0\) must be two numbers in \[0, 1\)'),
        ({'betas': (0.9,)}, r'betas=\(0.9,\) must be two'),
        ({'eps': -1.0}, 'eps=-1.0'),
        ({'lr': -1.0}, 'lr=-1.0'),
        ({'weight_decay': -1.0}, 'weight_decay=-1.0'),
        ({'man_lr_scale': -1.0}, 'man_lr_scale=-1.0'),
        ({'curv_lr_scale': float('nan')}, 'curv_lr_scale=nan'),
        ({'curv_bounds': (1.0, 0.5)}, 'curv_bounds=.*0 < low < high'),
        ({'curv_bounds': (0.0, 0.5)}, 'curv_bounds=.*0 < low < high'),
        ({'curv_bounds': (1e-3, 0.5)}, r'curv_bounds=\(0.001, 0.5\): a curvature starts at 1; give bounds'),
        ({'foreach': True, 'fused': True}, 'foreach=True and fused=True'),
    ],
)
def test_a_wrong_option_is_named(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HyperbolicAdamW(Net().parameters(), **options)

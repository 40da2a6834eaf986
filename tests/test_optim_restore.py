"""Parameters that a tool has rebuilt: they step as if it had not, or the optimizer says which of them cannot."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable

import pytest
import torch
from optim_helpers import Net, backward
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.nn.utils import parametrize, prune

from timm_hyperbolic.layers import HyperbolicHead
from timm_hyperbolic.optim import GradientClip, HyperbolicAdamW, manifold_parameters

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')


def rebuilt(model: nn.Module, make: Callable[[nn.Parameter], nn.Parameter]) -> nn.Module:
    """The model, with a new parameter for each old one, put where tools such as accelerate put it."""
    for module in model.modules():
        for name, p in module._parameters.items():
            if p is not None:
                module._parameters[name] = make(p)
    return model


def as_type(p: nn.Parameter) -> nn.Parameter:
    return type(p)(p.detach().clone(), requires_grad=p.requires_grad)


def as_plain(p: nn.Parameter) -> nn.Parameter:
    return nn.Parameter(p.detach().clone(), requires_grad=p.requires_grad)


def pruned(model: Net) -> Net:
    prune.l1_unstructured(model.head, 'weight', 0.5)
    return model


def doubled(model: Net) -> Net:
    class Double(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 2 * x

    parametrize.register_parametrization(model.head, 'weight', Double())
    return model


def trained(model: Net, steps: int = 3, flat: bool = False) -> list[Tensor]:
    optimizer = HyperbolicAdamW(model.parameters(), lr=0.1, weight_decay=0.5)
    for step in range(steps):
        backward(model, step)
        GradientClip(model, 0.1, 0.1)()
        optimizer.step()
    kinds = [group['kind'] for group in optimizer.param_groups]
    assert kinds == (['euclidean', 'manifold'] if flat else ['euclidean', 'curvature', 'manifold'])
    return [p.detach() for p in model.parameters()]


@pytest.mark.parametrize('tool', [as_type, as_plain])
@pytest.mark.parametrize('change', [lambda model: model, pruned, doubled], ids=['whole', 'pruned', 'parametrized'])
@pytest.mark.parametrize('curvature', [1.0, 0.0])
def test_rebuilt_parameters_step_as_they_did_before(tool: Callable, change: Callable, curvature: float) -> None:
    model = Net(curvature=curvature)
    expected = trained(change(copy.deepcopy(model)), flat=curvature == 0)
    model = rebuilt(change(model), tool)
    with pytest.warns(UserWarning, match='were rebuilt without the ball') as caught:
        found = trained(model, flat=curvature == 0)
    assert len(caught) == 1
    assert 'p_in [2, 4]' in str(caught[0].message)
    assert caught[0].filename == __file__
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_what_a_layer_has_restored_itself_is_no_news() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        trained(rebuilt(Net(), as_plain).to('cpu'))


def test_parameters_rebuilt_between_the_optimizer_and_its_first_step() -> None:
    model, twin = Net(), None
    twin = copy.deepcopy(model)
    optimizer, plain = (HyperbolicAdamW(m.parameters(), lr=0.1) for m in (model, twin))
    new = {}
    rebuilt(model, lambda p: new.setdefault(id(p), as_plain(p)))
    for group in optimizer.param_groups:  # as accelerate does for FSDP
        group['params'] = [new[id(p)] for p in group['params']]
    backward(model, 0)
    backward(twin, 0)
    with pytest.warns(UserWarning, match='were rebuilt without the ball'):
        optimizer.step()
    plain.step()
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters(), strict=True))


def test_parameters_rebuilt_later_are_refused() -> None:
    model = Net()
    optimizer = HyperbolicAdamW(model.parameters())
    backward(model, 0)
    optimizer.step()
    points = next(group for group in optimizer.param_groups if group['kind'] == 'manifold')
    points['params'] = [as_plain(p) for p in points['params']]
    points['params'][0].grad = torch.zeros_like(points['params'][0])
    with pytest.raises(RuntimeError, match=r"shape \[2, 4\] in a group of kind 'manifold' is now a plain one"):
        optimizer.step()


def test_the_clip_and_the_list_of_points_know_them_again() -> None:
    model = rebuilt(Net(), as_plain)
    assert len(manifold_parameters(model)) == 3
    model = rebuilt(Net(), as_plain)
    backward(model, 0)
    assert GradientClip(model)().manifold > 0


def test_a_copy_of_a_parametrized_layer_is_known_too() -> None:  # torch makes it without `__init__`
    model = copy.deepcopy(doubled(Net()))
    with pytest.warns(UserWarning, match='were rebuilt without the ball'):
        trained(rebuilt(model, as_plain))


class Exp(nn.Module):
    """Points from tangent vectors at the origin."""

    def forward(self, v: Tensor) -> Tensor:
        return v.norm(dim=-1, keepdim=True).tanh() * nn.functional.normalize(v, dim=-1)

    def right_inverse(self, p: Tensor) -> Tensor:
        return p.norm(dim=-1, keepdim=True).atanh() * nn.functional.normalize(p, dim=-1)


def test_what_points_are_computed_from_steps_as_in_torch_and_the_user_is_told() -> None:
    model = HyperbolicHead(4, 3, learn_curvature=False)
    parametrize.register_parametrization(model, 'weight', Exp())
    twin = copy.deepcopy(model).to('cpu')  # so that no manifold is left on it
    with pytest.warns(UserWarning, match=r'computed from other parameters .*HyperbolicHead\.weight$') as caught:
        optimizer = HyperbolicAdamW(model.parameters(), lr=0.5)
    oracle = torch.optim.AdamW(twin.parameters(), lr=0.5, fused=True)
    for step in range(5):
        for m, o in ((model, optimizer), (twin, oracle)):
            o.zero_grad()
            x = torch.randn(6, 4, generator=torch.Generator().manual_seed(step))
            nn.functional.cross_entropy(m(x), torch.arange(6) % 3).backward()
            o.step()
    assert len(caught) == 1
    assert model.parametrizations.weight.original.norm(dim=-1).max() > 1  # no point of the ball
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters(), strict=True))


@pytest.fixture
def process_group(tmp_path):
    torch.distributed.init_process_group('gloo', init_method=f'file://{tmp_path}/store', rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize(
    ('shard', 'named'),
    [
        (lambda m: fully_shard(m, mesh=init_device_mesh('cpu', (1,))), r'is a DTensor'),
        (lambda m: FullyShardedDataParallel(m, device_id=torch.device('cpu')), 'is a part of a flat parameter'),
        (
            lambda m: FullyShardedDataParallel(m, device_id=torch.device('cpu'), use_orig_params=True),
            'is a part of a flat parameter',
        ),
    ],
    ids=['fully_shard', 'FSDP', 'FSDP use_orig_params'],
)
@pytest.mark.filterwarnings('ignore')
def test_sharded_points_are_refused(process_group, shard: Callable, named: str) -> None:
    model = shard(HyperbolicHead(4, 3))
    with pytest.raises(RuntimeError, match=named + '.*leave points and curvatures whole'):
        HyperbolicAdamW(model.parameters())

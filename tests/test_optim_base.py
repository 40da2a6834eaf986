"""What both optimizers share: groups, schedules, bounds, and the machinery of torch and timm around them."""

from __future__ import annotations

import copy

import pytest
import torch
from optim_helpers import Net, backward
from timm.optim import create_optimizer_v2
from timm.scheduler import CosineLRScheduler, MultiStepLRScheduler, PlateauLRScheduler, create_scheduler_v2
from timm.scheduler.scheduler import Scheduler
from timm.utils import NativeScaler
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import lr_scheduler
from torch.optim.swa_utils import SWALR

from timm_hyperbolic.layers import Curvature, manifold_parameter
from timm_hyperbolic.optim import HyperbolicAdamW, HyperbolicSGD, learning_rate

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')
BOTH = pytest.mark.parametrize('optimizer_class', [HyperbolicAdamW, HyperbolicSGD])


def rates(optimizer) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for group in optimizer.param_groups:
        found.setdefault(group['kind'], []).append(learning_rate(group))
    return found


@BOTH
def test_rates_are_scaled_from_the_start_and_by_a_schedule(optimizer_class) -> None:
    optimizer = optimizer_class(Net().parameters(), lr=0.1, man_lr_scale=0.25, curv_lr_scale=0.5)
    expected = {'euclidean': [1.0], 'curvature': [0.5], 'manifold': [0.25]}
    scaled = lambda lr: {kind: [pytest.approx(lr * scale) for scale in own] for kind, own in expected.items()}
    assert rates(optimizer) == scaled(0.1)
    scheduler, _ = create_scheduler_v2(
        optimizer, num_epochs=2, updates_per_epoch=10, step_on_epochs=False, warmup_epochs=1, warmup_lr=0.01
    )
    seen = []
    for step in range(20):
        scheduler.step_update(step)
        seen.append(optimizer.param_groups[0]['lr'])
        assert rates(optimizer) == scaled(seen[-1])
    assert seen[0] == pytest.approx(0.01)
    assert max(seen) > 4 * seen[0]
    assert seen[-1] < 0.1 * max(seen)


LR = 1e-3
#: Schedulers as users make them.
SCHEDULERS = {
    'LambdaLR': lambda o: lr_scheduler.LambdaLR(o, lambda epoch: 1 / (1 + epoch)),
    'MultiplicativeLR': lambda o: lr_scheduler.MultiplicativeLR(o, lambda epoch: 0.9),
    'OneCycleLR': lambda o: lr_scheduler.OneCycleLR(o, max_lr=2 * LR, total_steps=12, cycle_momentum=False),
    'CyclicLR': lambda o: lr_scheduler.CyclicLR(o, LR / 10, 2 * LR, step_size_up=3, cycle_momentum=False),
    'CosineAnnealingLR': lambda o: lr_scheduler.CosineAnnealingLR(o, 10, eta_min=LR / 10),
    'CosineAnnealingWarmRestarts': lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 3, eta_min=LR / 10),
    'ChainedScheduler': lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.LinearLR(o, 0.1, total_iters=4), lr_scheduler.ExponentialLR(o, 0.9)]
    ),
    'SequentialLR': lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.ConstantLR(o, 0.1), lr_scheduler.LambdaLR(o, lambda epoch: 0.5**epoch)], milestones=[3]
    ),
    'ReduceLROnPlateau': lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=1, min_lr=LR / 50),
    'SWALR': lambda o: SWALR(o, swa_lr=LR / 5, anneal_epochs=4),
    'timm cosine': lambda o: CosineLRScheduler(o, t_initial=9, lr_min=LR / 10, warmup_t=3, warmup_lr_init=LR / 100),
    'timm multistep': lambda o: MultiStepLRScheduler(o, decay_t=[4, 6], warmup_t=2, warmup_lr_init=LR / 100),
    'timm plateau': lambda o: PlateauLRScheduler(o, patience_t=1, warmup_t=2, warmup_lr_init=LR / 100),
    'timm noise': lambda o: CosineLRScheduler(o, t_initial=9, noise_range_t=(0, 9)),
}
#: What a parameter's rate is of the scheduler's: of its kind times that of its layer.
SHARES = {
    'norm.weight': 0.25,
    'fc.weight': 0.5,
    'fc.curvature.raw': 0.8 * 0.5,
    'fc.p_in': 0.3 * 0.5,
    'head.bias': 1.0,
    'head.curvature.raw': 0.8,
    'head.weight': 0.3,
}


def advance(scheduler, epoch: int) -> None:
    if isinstance(scheduler, Scheduler):
        scheduler.step(epoch + 1, metric=1.0)
    elif isinstance(scheduler, lr_scheduler.ReduceLROnPlateau):
        scheduler.step(1.0)
    else:
        scheduler.step()


@pytest.mark.parametrize('opt', ['hypadamw', 'hypsgd'])
@pytest.mark.parametrize('as_tensor', [False, True], ids=['number', 'tensor'])
@pytest.mark.parametrize('name', SCHEDULERS)
def test_any_schedule_keeps_the_rates_of_kinds_and_layers(opt: str, name: str, as_tensor: bool) -> None:
    """The rate of a step is read off its length; torch's SGD on one parameter has that of the schedule."""
    model, plain = Net(), nn.Parameter(torch.zeros(()))
    model.head.weight.data.zero_()
    lr = torch.tensor(LR, dtype=torch.float64) if as_tensor else LR
    options = {'weight_decay': 0.0, 'layer_decay': 0.5, 'curv_lr_scale': 0.8, 'man_lr_scale': 0.3, 'momentum': 0.0}
    optimizer, oracle = create_optimizer_v2(model, opt, lr=lr, eps=0.0, **options), torch.optim.SGD([plain], lr=LR)
    schedulers = [SCHEDULERS[name](o) for o in (optimizer, oracle)]
    # A step of SGD is lr·g, one of Adam on a constant gradient lr; a point at the origin has λ = 2 and 4 numbers.
    g = 1e-3
    flat, point = (1, 1 / 2 / 4**0.5) if opt == 'hypadamw' else (g, g / 4)
    for epoch in range(9):
        before = {key: p.detach().clone() for key, p in model.named_parameters()}
        for p in (*model.parameters(), plain):
            p.grad = torch.full_like(p, g)
        optimizer.step()
        oracle.step()
        for key, share in SHARES.items():
            unit = point if key in ('fc.p_in', 'head.weight') else flat
            moved = (before[key] - model.get_parameter(key).detach()).flatten()[0].item()
            assert moved == pytest.approx(oracle.param_groups[0]['lr'] * share * unit, rel=1e-4), key
        for scheduler in schedulers:
            advance(scheduler, epoch)
    assert lr == LR


def test_groups_do_not_share_a_rate_that_is_a_tensor() -> None:
    with pytest.raises(ValueError, match='foreach=True takes no tensor as learning rate'):
        HyperbolicAdamW(Net().parameters(), lr=torch.tensor(0.1), foreach=True)
    optimizer = HyperbolicAdamW(Net().parameters(), lr=torch.tensor(0.1))
    optimizer.param_groups[0]['lr'].fill_(0.5)
    assert [group['lr'].item() for group in optimizer.param_groups[1:]] == pytest.approx([0.1, 0.1])


@BOTH
def test_a_state_of_the_time_when_rates_were_scaled_goes_on(optimizer_class) -> None:
    kwargs = {'lr': 0.1, 'man_lr_scale': 0.25, 'curv_lr_scale': 0.0}
    model = Net()
    groups = [{'params': model.fc.parameters(), 'lr_scale': 0.5}, {'params': model.head.parameters()}]
    twin = copy.deepcopy(groups := [{**group, 'params': list(group['params'])} for group in groups])
    optimizer, other = optimizer_class(groups, **kwargs), optimizer_class(twin, **kwargs)
    optimizer.param_groups[0]['lr'] = optimizer.param_groups[1]['lr'] = optimizer.param_groups[2]['lr'] = 0.04
    state = optimizer.state_dict()
    for group in state['param_groups']:
        scale = group.pop('lr_factor') * {'euclidean': 1, 'curvature': 0, 'manifold': 0.25}[group['kind']]
        group['initial_lr'] = 0.1
        group['lr'] *= scale
        if scale != 1:
            group['lr_scale'] = scale
    other.load_state_dict(state)
    assert [learning_rate(group) for group in other.param_groups] == [0.02, 0, 0.005, 0.1, 0, 0.025]
    assert [group['lr'] for group in other.param_groups] == [0.04, 0.1, 0.04, 0.1, 0.1, 0.1]
    assert not any('lr_scale' in group for group in other.param_groups)
    assert [group['lr_factor'] for group in other.param_groups if group['kind'] != 'curvature'] == [0.5, 0.5, 1, 1]


def test_layer_decay_multiplies_the_scales() -> None:
    model = Net()
    optimizer = create_optimizer_v2(model, 'hypadamw', lr=1.0, weight_decay=0.1, layer_decay=0.5)
    of = {id(p): (g['kind'], learning_rate(g), g['weight_decay']) for g in optimizer.param_groups for p in g['params']}
    named = {name: of[id(p)] for name, p in model.named_parameters()}
    flat = {name: lr for name, (kind, lr, _) in named.items() if kind == 'euclidean'}
    assert flat['head.bias'] == 2 * flat['fc.weight'] == 4 * flat['norm.weight'] == 1
    assert named['head.weight'] == ('manifold', 0.25, 0)
    assert named['fc.p_in'] == ('manifold', 0.125, 0)
    assert named['fc.curvature.raw'] == ('curvature', 0.5, 0)
    assert named['fc.weight'] == ('euclidean', 0.5, 0.1)


def test_rates_of_points_that_are_stacked_together_stay_their_own() -> None:
    points = [manifold_parameter(torch.zeros(1, 2, dtype=torch.float64), Curvature(1.0)) for _ in range(3)]
    groups = [{'params': [points[0]]}, {'params': [points[1]], 'lr': 0.5}, {'params': [points[2]], 'lr': 0.0}]
    optimizer = HyperbolicAdamW(groups, lr=0.1, man_lr_scale=1.0)
    for p in points:
        p.grad = torch.ones_like(p)
    optimizer.step()
    moved = [p.norm().item() for p in points]
    assert moved[2] == 0
    # the first step of Adam is lr along g/|g|, which in the metric at the origin, λ = 2, is half as long
    assert moved[:2] == pytest.approx([0.05, 0.25], rel=1e-6)


@BOTH
def test_curvatures_are_kept_within_bounds(optimizer_class) -> None:
    for sign, bound in ((-1, 1.3), (1, 0.8)):
        model = Net()
        optimizer = optimizer_class(model.parameters(), lr=0.1, curv_bounds=(0.8, 1.3))
        for _ in range(30):
            for p in model.parameters():
                p.grad = torch.full_like(p, sign * 1.0)
            optimizer.step()
        assert model.fc.curvature().tolist() == pytest.approx([bound, bound], rel=1e-6)


def test_a_group_may_have_its_own_options() -> None:
    model = Net()
    groups = [
        {'params': model.fc.parameters(), 'man_lr_scale': 0.5, 'curv_bounds': (0.5, 2.0)},
        {'params': model.head.parameters()},
    ]
    optimizer = HyperbolicAdamW(groups, lr=1.0)
    assert rates(optimizer)['manifold'] == [0.5, 0.25]
    assert [g['curv_bounds'] for g in optimizer.param_groups if g['kind'] == 'curvature'] == [(0.5, 2.0), (1e-6, 100)]
    optimizer.add_param_group({'params': model.norm.weight})
    assert optimizer.param_groups[-1]['params'] == [model.norm.weight]
    with pytest.raises(TypeError, match='not a set'):
        optimizer.add_param_group({'params': {model.norm.bias}})


def test_named_parameters_keep_their_names() -> None:
    optimizer = HyperbolicAdamW(Net().named_parameters())
    names = {g['kind']: g['param_names'] for g in optimizer.param_groups}
    assert names['manifold'] == ['fc.p_in', 'fc.p_out', 'head.weight']


@BOTH
def test_what_has_no_gradient_stays(optimizer_class) -> None:
    model = Net()
    optimizer = optimizer_class(model.parameters(), lr=0.1, weight_decay=0.5)
    before = copy.deepcopy(model.state_dict())
    optimizer.step()
    assert not optimizer.state
    backward(model, 0)
    model.head.requires_grad_(False)
    model.head.zero_grad()
    optimizer.step()
    stayed = {key for key, value in model.state_dict().items() if torch.equal(value, before[key])}
    # at its start the linear layer is Wx, whatever the curvature
    assert stayed - {'fc.curvature.raw'} == {key for key in before if key.startswith('head')}


@BOTH
def test_a_closure_is_called_with_gradients(optimizer_class) -> None:
    model = Net()
    optimizer = optimizer_class(model.parameters(), lr=0.1)
    assert optimizer.step(lambda: backward(model, 0)).item() > 0
    assert model.fc.p_in.abs().max() > 0


def test_hooks_run_once() -> None:
    torch.optim.AdamW([nn.Parameter(torch.zeros(1))])  # torch wraps the step of each class that was made
    model, calls = Net(), []
    optimizer = HyperbolicAdamW(model.parameters())
    optimizer.register_step_pre_hook(lambda *_: calls.append('pre'))
    backward(model, 0)
    optimizer.step()
    assert calls == ['pre']


def test_sparse_gradients_are_refused() -> None:
    p = nn.Parameter(torch.zeros(2, 2))
    p.grad = torch.ones(2, 2).to_sparse()
    with pytest.raises(RuntimeError, match='HyperbolicAdamW does not take sparse gradients'):
        HyperbolicAdamW([p]).step()


@BOTH
def test_the_scaler_of_timm_unscales_every_kind_and_skips_an_overflow(optimizer_class) -> None:
    model = Net()
    twin = copy.deepcopy(model)
    optimizer, plain = (optimizer_class(m.parameters(), lr=0.1) for m in (model, twin))
    scaler = NativeScaler('cpu')
    loss = nn.functional.cross_entropy(model(torch.ones(3, 4, dtype=torch.float64)), torch.arange(3))
    scaler(loss, optimizer, clip_grad=1e3, parameters=model.parameters())
    nn.functional.cross_entropy(twin(torch.ones(3, 4, dtype=torch.float64)), torch.arange(3)).backward()
    plain.step()
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(a.data, b.data)
    before = copy.deepcopy(model.state_dict())
    optimizer.zero_grad()
    scaler((model(torch.full((3, 4), torch.inf, dtype=torch.float64)) * 1.0).sum(), optimizer)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_lookahead_takes_it() -> None:
    model = Net()
    optimizer = create_optimizer_v2(model, 'lookahead_hypadamw', lr=0.01)
    for step in range(7):
        backward(model, step)
        optimizer.step()
    assert (model.fc.curvature()[:, None] * model.fc.p_in.square()).sum(-1).max() < 1


@pytest.fixture
def process_group(tmp_path):
    torch.distributed.init_process_group('gloo', init_method=f'file://{tmp_path}/store', rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@BOTH
def test_sharded_and_whole_parameters_step_in_one_group(process_group, optimizer_class) -> None:
    mesh = init_device_mesh('cpu', (1,))
    whole = [nn.Parameter(torch.randn(4, 3)) for _ in range(2)]
    mixed = [nn.Parameter(distribute_tensor(whole[0].detach().clone(), mesh)), nn.Parameter(whole[1].detach().clone())]
    optimizers = [optimizer_class(own, lr=0.1) for own in (whole, mixed)]
    for _ in range(3):
        for own in (whole, mixed):
            loss = sum((p.square() * 3).sum() for p in own if not isinstance(p, DTensor))
            loss.backward()
            for p in own:
                if isinstance(p, DTensor):
                    p.grad = distribute_tensor(6 * p.full_tensor().detach(), mesh)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
    torch.testing.assert_close(mixed[0].full_tensor(), whole[0])
    torch.testing.assert_close(mixed[1], whole[1])

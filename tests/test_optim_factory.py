import copy

import geoopt
import pytest
import torch
from test_optim_groups import Toy
from timm.scheduler import create_scheduler_v2
from torch import nn

from timm_hyperbolic.optim import JointOptimizer, create_optimizer


def backward(model, seed):
    """Fill the gradients with those of a loss that depends on every parameter, and on `seed`."""
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(seed))
    model.zero_grad()
    h = model.fc(x) @ model.gates
    (torch.cdist(h, model.proto).square().sum() + model.fc.bias.sum()).backward()


def test_flat_parameters_step_as_adamw_and_points_as_riemannian_adam():
    torch.manual_seed(0)
    model = Toy()
    flat, points = copy.deepcopy(model), copy.deepcopy(model)
    optimizer = create_optimizer(model, 'adamw', lr=0.1, weight_decay=0.3, man_lr_scale=0.25)
    adamw = torch.optim.AdamW(
        [{'params': [flat.fc.weight]}, {'params': [flat.fc.bias, flat.gates], 'weight_decay': 0.0}],
        lr=0.1,
        weight_decay=0.3,
    )
    riemannian = geoopt.optim.RiemannianAdam([points.proto], lr=0.025)
    for seed in range(4):
        for m in (model, flat, points):
            m.load_state_dict(model.state_dict()) if m is not model else None
            backward(m, seed)
        optimizer.step()
        adamw.step()
        riemannian.step()
        for name in ('fc.weight', 'fc.bias', 'gates'):
            torch.testing.assert_close(model.get_parameter(name), flat.get_parameter(name))
        torch.testing.assert_close(model.proto.data, points.proto.data)
        assert model.proto.norm(dim=-1).max() < 1


def test_a_flat_model_gets_the_plain_optimizer_of_timm():
    optimizer = create_optimizer(nn.Linear(2, 2), 'sgd', lr=0.1, momentum=0.5)
    assert type(optimizer) is torch.optim.SGD
    assert optimizer.param_groups[0]['momentum'] == 0.5


def test_schedule_reaches_both_optimizers_and_keeps_their_ratio():
    optimizer = create_optimizer(Toy(), lr=0.1, man_lr_scale=0.25)
    scheduler, _ = create_scheduler_v2(
        optimizer, num_epochs=2, updates_per_epoch=10, step_on_epochs=False, warmup_epochs=1, warmup_lr=0.01
    )
    rates = []
    for step in range(20):
        scheduler.step_update(step)
        flat, points = optimizer.optimizers[0].param_groups[0]['lr'], optimizer.optimizers[1].param_groups[0]['lr']
        assert points == pytest.approx(0.25 * flat)
        rates.append(flat)
    assert rates[0] == pytest.approx(0.01)
    assert max(rates) > 4 * rates[0]
    assert rates[-1] < 0.1 * max(rates)


def test_without_a_schedule_the_ratio_holds_too():
    optimizer = create_optimizer(Toy(), lr=0.1, man_lr_scale=0.5)
    assert [group['lr'] for group in optimizer.param_groups] == pytest.approx([0.1, 0.1, 0.05])


def test_a_restored_state_goes_on_as_the_original_would():
    torch.manual_seed(0)
    model = Toy()
    optimizer = create_optimizer(model, lr=0.1)
    backward(model, 0)
    optimizer.step()
    twin = copy.deepcopy(model)
    restored = create_optimizer(twin, lr=0.1)
    restored.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for m, o in ((model, optimizer), (twin, restored)):
        backward(m, 1)
        o.step()
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(a, b)


def test_gradients_of_both_are_cleared():
    model = Toy()
    optimizer = create_optimizer(model)
    assert isinstance(optimizer, JointOptimizer)
    backward(model, 0)
    optimizer.zero_grad()
    assert all(p.grad is None for p in model.parameters())


def test_gradient_scaler_unscales_both():
    torch.manual_seed(0)
    model = Toy()
    twin = copy.deepcopy(model)
    scaler = torch.amp.GradScaler('cpu', init_scale=1024.0)
    optimizer, plain = create_optimizer(model, 'sgd', lr=0.1), create_optimizer(twin, 'sgd', lr=0.1)
    backward(model, 0)
    for p in model.parameters():
        p.grad.mul_(1024)
    scaler.scale(torch.ones(()))  # the scaler makes its scale at the first use
    scaler.step(optimizer)
    backward(twin, 0)
    plain.step()
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(a.data, b.data)

import copy
from functools import partial
from itertools import pairwise
from unittest.mock import Mock

import pytest
import torch
from config_helpers import options
from timm.scheduler import create_scheduler_v2
from timm.task import ClassificationTask
from torch import nn

from timm_hyperbolic.config.run import LoopConfig
from timm_hyperbolic.errors import Diverged, TrainingError
from timm_hyperbolic.layers import HyperbolicHead
from timm_hyperbolic.train.loop import Loop
from timm_hyperbolic.train.optimizer import create_clip
from timm_hyperbolic.train.progress import Progress


class Net(nn.Module):
    """A linear classifier of 2x2 images into three classes, with timm's name for its last layer."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(12, 4)
        self.head = nn.Linear(4, 3, bias=False)

    def forward(self, x):
        return self.head(self.body(x.flatten(1)))

    def get_classifier(self):
        return self.head


def batches(count: int, size: int = 4, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    return [
        (torch.randn(size, 3, 2, 2, generator=generator), torch.randint(3, (size,), generator=generator))
        for _ in range(count)
    ]


def make_loop(model: nn.Module, *argv: str, lr: float = 0.1, ema: float | None = None, **kwargs) -> Loop:
    task = ClassificationTask(model)
    if ema is not None:
        task.setup_ema(decay=ema)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    config = options(*argv)
    clip = create_clip(model, config.optimizer)
    return Loop(task, optimizer, kwargs.pop('scheduler', None), config.loop, config.run.seed, clip, **kwargs)


def train(loop: Loop, loader):
    """Train for another epoch."""
    if loop.state.batch:
        loop.state = loop.state.next_epoch()
    with Progress(0, 1, len(loader), 50) as progress:
        return loop.train_one_epoch(loader, progress)


@pytest.fixture
def net() -> Net:
    torch.manual_seed(0)
    return Net()


def test_epoch_is_plain_gradient_descent_and_reports_the_mean_loss(net):
    twin, loader = copy.deepcopy(net), [*batches(2), *batches(1, size=2, seed=1)]
    stats = train(make_loop(net), loader)
    optimizer, losses = torch.optim.SGD(twin.parameters(), lr=0.1), []
    for image, target in loader:
        loss = nn.functional.cross_entropy(twin(image), target)
        losses.append(loss.item() * len(image))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for a, b in zip(net.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(a, b)
    assert stats.loss == pytest.approx(sum(losses) / 10)
    assert (stats.images, stats.lr) == (10, 0.1)
    assert stats.seconds > 0


def test_progress_shows_the_mean_loss_of_the_last_interval(net):
    shown, loader = [], batches(5)
    progress = Mock(update=lambda batch, loss, lr, images_per_second: shown.append(loss))
    with torch.no_grad():
        single = [nn.functional.cross_entropy(net(image), target).item() for image, target in loader]
    loop = make_loop(net, '--log-interval', '2', lr=0.0)
    loop.train_one_epoch(loader, progress)
    assert shown == pytest.approx([single[0], *((a + b) / 2 for a, b in pairwise(single))])


def test_accumulated_batches_make_the_step_of_one_large_batch(net):
    twin, loader = copy.deepcopy(net), batches(5)
    loop = make_loop(net, '--grad-accum-steps', '2')
    train(loop, loader)
    assert loop.step == 3  # the last batch makes a step alone, at its full weight
    large = [tuple(torch.cat(t) for t in zip(*pair, strict=True)) for pair in (loader[:2], loader[2:4])]
    train(make_loop(twin), [*large, loader[4]])
    for a, b in zip(net.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize(('accum', 'images'), [(1, 12), (2, 20)])
def test_max_steps_counts_steps_of_the_optimizer(net, accum, images):
    loop = make_loop(net, '--max-steps', '3', '--grad-accum-steps', str(accum))
    stats = train(loop, batches(5))
    assert (loop.step, loop.done, stats.images) == (3, True, images)


def test_schedule_moves_after_every_step(net):
    groups = [{'params': [p], 'lr_scale': scale} for p, scale in zip(net.parameters(), (0.5, 1.0), strict=False)]
    optimizer = torch.optim.SGD(groups, lr=0.1)  # the deepest layer has the first group
    scheduler, _ = create_scheduler_v2(
        optimizer, num_epochs=1, warmup_epochs=0, step_on_epochs=False, updates_per_epoch=4
    )
    loop = Loop(ClassificationTask(net), optimizer, scheduler, LoopConfig())
    stats = train(loop, batches(4))
    cosine = [0.05 * (1 + torch.cos(torch.tensor(torch.pi * step / 4)).item()) for step in range(5)]
    assert stats.lr == pytest.approx(cosine[3])
    assert optimizer.param_groups[1]['lr'] == pytest.approx(cosine[4], abs=1e-9)


def test_the_moving_average_is_what_is_evaluated(net):
    """timm's average starts from the weights after the first step."""
    loader, first = batches(4), copy.deepcopy(net)
    train(make_loop(first), loader[:1])
    for decay, weights in ((1.0, first), (0.0, None)):
        model = copy.deepcopy(net)
        loop = make_loop(model, ema=decay)
        train(loop, loader)
        assert loop.evaluate(loader) == make_loop(weights or model).evaluate(loader)
        assert (loop.evaluate(loader) == make_loop(model).evaluate(loader)) is (weights is None)


def test_evaluation_is_exact_and_leaves_the_model_as_it_was(net):
    loader = [*batches(2), *batches(1, size=2, seed=1)]
    image, target = (torch.cat(t) for t in zip(*loader, strict=True))
    state = copy.deepcopy(net.state_dict())
    metrics = make_loop(net).evaluate(loader)
    logits = net(image)
    assert metrics['loss'] == pytest.approx(nn.functional.cross_entropy(logits, target).item())
    assert metrics['top1'] == pytest.approx(100 * (logits.argmax(1) == target).float().mean().item())
    assert metrics['top5'] == 100  # three classes
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())


def test_dropout_acts_in_training_alone(net):
    net.body = nn.Sequential(nn.Linear(12, 4), nn.Dropout(0.9))
    loader, modes = batches(2), []
    loop = make_loop(net)
    net.body[1].register_forward_hook(lambda module, args, output: modes.append(module.training))
    for _ in range(2):
        train(loop, loader)
        loop.evaluate(loader)
    assert modes == 2 * [True, True, False, False]


def change(net: Net, *argv: str) -> dict[str, torch.Tensor]:
    before = copy.deepcopy(net.state_dict())
    train(make_loop(net, *argv, lr=1.0), batches(1))
    return {key: value - before[key] for key, value in net.state_dict().items()}


def test_clipping_bounds_the_norm_over_all_parameters(net):
    free = change(copy.deepcopy(net), '--clip-grad', '0')
    clipped = change(copy.deepcopy(net), '--clip-grad', '0.01')
    norm = lambda step: torch.cat([t.flatten() for t in step.values()]).norm().item()
    assert norm(free) > 0.1
    assert norm(clipped) == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize('scaled', [False, True])
def test_points_are_clipped_apart_and_both_norms_are_reported(scaled):
    """Plain gradient descent shows the clipped gradients, unscaled."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), HyperbolicHead(12, 3, learn_curvature=False))
    head = net[1]
    before = copy.deepcopy(head.state_dict())
    flags = ['--clip-grad', '0.01', '--man-clip-grad', '1e-3', '--man-clip-norm', 'euclidean']
    scaler = torch.amp.GradScaler('cpu', init_scale=8.0) if scaled else None
    stats = train(make_loop(net, *flags, lr=1.0, scaler=scaler), batches(1))
    change = {key: value - before[key] for key, value in head.state_dict().items()}
    points = change.pop('weight').norm().item()
    flat = torch.cat([t.flatten() for t in change.values()]).norm().item()
    assert (points, flat) == pytest.approx((1e-3, 0.01), rel=1e-3)
    assert set(stats.norms) == {'grad_norm', 'man_grad_norm'}
    assert stats.norms['grad_norm'] > 0.01
    assert stats.norms['man_grad_norm'] > 1e-3


def test_norms_are_means_over_the_steps(net):
    loader = batches(3)
    single = [train(make_loop(net, lr=0.0), [batch]).norms['grad_norm'] for batch in loader]
    assert train(make_loop(net, lr=0.0), loader).norms == {'grad_norm': pytest.approx(sum(single) / 3)}


def test_clipping_by_value(net):
    clipped = change(net, '--clip-grad', '0.001', '--clip-mode', 'value')
    assert max(t.abs().max().item() for t in clipped.values()) == pytest.approx(0.001, rel=1e-4)


def test_adaptive_clipping_leaves_out_the_classifier_wherever_it_stands(net):
    free = change(copy.deepcopy(net))
    clipped = change(copy.deepcopy(net), '--clip-grad', '1e-4', '--clip-mode', 'agc')
    assert torch.equal(free['head.weight'], clipped['head.weight'])
    assert clipped['body.weight'].norm() < 0.1 * free['body.weight'].norm()


def poisoned(count: int, *numbers: int):
    loader = batches(count)
    for number in numbers:
        loader[number][0][0, 0] = torch.inf
    return loader


def test_a_step_that_is_not_finite_is_left_out_and_told(net, capsys):
    """The other batches train as if the bad one had not been there, but for the place of the schedule."""
    twin, loader = copy.deepcopy(net), poisoned(4, 2)
    loop = make_loop(net, ema=0.5)
    stats = train(loop, loader)
    good = make_loop(twin, ema=0.5)
    assert stats.loss == pytest.approx(train(good, [loader[i] for i in (0, 1, 3)]).loss)
    for a, b in zip(loop.task.state_dict().values(), good.task.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    assert (loop.state.step, loop.state.skipped, loop.state.bad_in_row) == (4, 1, 0)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith('step 3: skipped, not finite: the images of the batch are not finite (training loss ')
    assert '1 in a row, 1 in all' in line


def test_the_moving_average_starts_after_the_first_step_that_was_made(net):
    loop = make_loop(net, ema=1.0)
    train(loop, poisoned(2, 0))
    for a, b in zip(loop.task.trainable_module_ema.module.parameters(), net.parameters(), strict=True):
        assert torch.equal(a, b)


def test_one_bad_batch_spoils_its_step_alone_when_gradients_are_accumulated(net):
    twin, loader = copy.deepcopy(net), poisoned(4, 1)
    train(make_loop(net, '--grad-accum-steps', '2'), loader)
    train(make_loop(twin, '--grad-accum-steps', '2'), loader[2:])
    for a, b in zip(net.parameters(), twin.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_gradient_that_is_not_finite_is_a_fault_too(net, capsys):
    """The loss of the second batch is finite, its gradient is not; the parameter of which it is one is named."""
    net.body.weight.register_hook(
        lambda g, calls=[]: (calls.append(0), g * (torch.nan if len(calls) in (2, 3) else 1))[1]
    )
    before = copy.deepcopy(net.state_dict())
    loop = make_loop(net, lr=0.0)
    train(loop, batches(3))
    assert loop.state.skipped == 1
    assert 'first in the gradient, that of body.weight' in capsys.readouterr().err
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_statistics_of_batch_normalisation_survive_a_bad_batch(net):
    net.body = nn.Sequential(nn.Linear(12, 4), nn.BatchNorm1d(4))
    twin, loader = copy.deepcopy(net), poisoned(3, 1)
    train(make_loop(net), loader)
    train(make_loop(twin), [loader[0], loader[2]])
    for a, b in zip(net.state_dict().values(), twin.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_too_many_bad_steps_in_a_row_end_at_the_last_good_state(net):
    twin, loader = copy.deepcopy(net), poisoned(6, 2, 3, 4)
    train(make_loop(twin), loader[:2])
    loop = make_loop(net, '--max-bad-steps', '3')
    with pytest.raises(Diverged, match='3 steps in a row, up to step 5, were not finite'):
        train(loop, loader)
    assert (loop.state.batch, loop.state.step, loop.state.bad_in_row, loop.state.skipped) == (2, 2, 0, 3)
    for a, b in zip(net.parameters(), twin.parameters(), strict=True):
        assert torch.equal(a, b)
    loop = make_loop(copy.deepcopy(twin), '--max-bad-steps', '3')
    train(loop, poisoned(6, 1, 2, 4, 5))  # two at a time
    assert loop.state.skipped == 4


def test_an_overflow_that_a_smaller_scale_mends_is_no_fault(net, capsys):
    """The scaler leaves out the step itself, until there is no scale left to blame."""
    scaler = torch.amp.GradScaler('cpu', init_scale=4.0)
    net.body.weight.register_hook(lambda g: g * torch.inf)
    before = copy.deepcopy(net.state_dict())
    loop = make_loop(net, scaler=scaler)
    for scale, skipped in ((2, 0), (1, 0), (0.5, 1)):
        train(loop, batches(1))
        assert (scaler.get_scale(), loop.state.skipped) == (scale, skipped)
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_an_evaluation_that_is_not_finite_stops_too(net):
    nn.init.constant_(net.body.weight, torch.inf)
    with pytest.raises(TrainingError, match='the loss at evaluation is nan'):
        make_loop(net).evaluate(batches(1))


@pytest.mark.parametrize('dtype', ['bfloat16', 'float16'])
def test_mixed_precision_trains(net, dtype):
    seen = set()
    net.body.register_forward_hook(lambda module, args, output: seen.add(output.dtype))
    autocast = partial(torch.autocast, 'cpu', dtype=getattr(torch, dtype))
    scaler = torch.amp.GradScaler('cpu') if dtype == 'float16' else None
    loop = make_loop(net, '--clip-grad', '10', autocast=autocast, scaler=scaler)
    loader = batches(4) * 10
    before = loop.evaluate(loader)['loss']
    train(loop, loader)
    assert seen == {getattr(torch, dtype)}
    assert loop.evaluate(loader)['loss'] < before
    assert next(net.parameters()).dtype == torch.float32


def test_mixed_images_reach_the_task(net):
    seen = []
    loop = make_loop(net, mixup=lambda image, target: (image * 0, target))
    net.body.register_forward_hook(lambda module, args, output: seen.append(args[0].abs().max().item()))
    train(loop, batches(2))
    assert seen == [0, 0]


def test_an_evaluation_may_be_limited_to_the_first_batches(net):
    loader = batches(3)
    assert make_loop(net, '--limit-eval-batches', '2').evaluate(loader) == make_loop(net).evaluate(loader[:2])
    assert make_loop(net, '--limit-eval-batches', '9').evaluate(loader) == make_loop(net).evaluate(loader)

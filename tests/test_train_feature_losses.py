"""Losses on features in training: each is what its class in `losses/` computes, whatever the model."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from config_helpers import options
from test_train_task import DATA, batch
from timm.task import TrainingTask
from torch import nn
from train_helpers import run

from timm_hyperbolic.errors import UserError
from timm_hyperbolic.losses import BasinLoss, PairwiseCrossEntropy, TreeCorrelation
from timm_hyperbolic.models.head_options import hierarchy_of
from timm_hyperbolic.optim import learning_rate
from timm_hyperbolic.train.loop import Loop
from timm_hyperbolic.train.model import create_model
from timm_hyperbolic.train.optimizer import create_optimizer
from timm_hyperbolic.train.task import create_task

sys.path.append(str(Path(__file__).resolve().parent.parent / 'benchmarks'))
import kill_and_resume

pytestmark = pytest.mark.usefixtures('one_thread')

TEXT = 'digits\n  even\n    0\n    2\n    4\n    6\n    8\n  odd\n    1\n    3\n    5\n    7\n    9\n'
NAMES = [str(digit) for digit in range(10)]
VIT = ['embed_dim=12', 'depth=1', 'num_heads=3']
PLAIN = ['--model', 'vit_tiny_patch4_euclid', '--model-kwargs', *VIT]
PROJECTED = [
    '--model',
    'hyp_classifier',
    '--model-kwargs',
    'backbone=vit_tiny_patch4_euclid',
    *VIT,
    'head=mlr',
    'dim=4',
]
BASIN = ['--model', 'hyp_classifier', '--model-kwargs', 'backbone=vit_tiny_patch4_euclid', *VIT]
BASIN += ['head=basin', 'dim=4', 'k=2']
CPU = torch.device('cpu')


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    path = tmp_path / 'tree.txt'
    path.write_text(TEXT)
    return path


def make(*argv: object, classes: list[str] | None = None) -> tuple[nn.Module, TrainingTask]:
    torch.manual_seed(0)
    config = options('--smoothing', '0', *argv)
    model = create_model(config.model, 10, config.model_training, classes=classes)
    splits = config.augment.aug_splits
    task = create_task(model, config.task, DATA, False, CPU, classes, splits, '', config.feature_losses)
    return model, task.train()


def features_of(model: nn.Module, image: torch.Tensor) -> torch.Tensor:
    features = model.forward_head(model.forward_features(image), pre_logits=True)
    head = model.get_classifier()
    return head.embed(features) if hasattr(head, 'embed') else features


# --- what is added ----------------------------------------------------------------------------------------------------


def test_a_basin_head_is_trained_by_its_own_loss_also_on_mixed_labels() -> None:
    image, target = batch()
    model, task = make(*BASIN, '--basin-contrast', '0.7', '--basin-position', '0.3', '--basin-agreement', '0.2')
    head = model.get_classifier()
    features = model.forward_head(model.forward_features(image), pre_logits=True)
    expected = BasinLoss(0.7, 0.3, 0.2)(head.scores(features), target)
    result = task(image, target)
    torch.testing.assert_close(result['loss'], expected)
    assert result['loss'] > F.cross_entropy(result['output'], target) + 0.1
    result['loss'].backward()
    assert all(p.grad is not None for p in model.parameters())
    loss = BasinLoss(0.7, 0.3, 0.2)
    scores, other = head.scores(features), target.roll(1)
    mixed = 0.7 * F.one_hot(target, 10) + 0.3 * F.one_hot(other, 10)
    torch.testing.assert_close(loss(scores, mixed), 0.7 * loss(scores, target) + 0.3 * loss(scores, other))


@pytest.mark.parametrize('model', [PLAIN, PROJECTED], ids=['plain', 'projected'])
def test_the_tree_and_the_pairs_are_added_to_any_model(model: list[str], tree: Path) -> None:
    image, _ = batch(8)
    target = torch.tensor([0, 1, 2, 3, 0, 1, 2, 4])
    flags = ['--tree-correlation', '0.5', '--hierarchy', tree, '--pairwise', '2', '--pairwise-curvature', '0.4']
    made, task = make(*model, *flags, '--task-loss-weight', '0.25', classes=NAMES)
    result = task(image, target)
    features = features_of(made, image)
    taxonomy = hierarchy_of(TEXT).with_classes(NAMES)  # the file has its classes in another order than the labels
    tree_part, pairs = TreeCorrelation.of(taxonomy)(features, target), PairwiseCrossEntropy(curvature=0.4)
    expected = 0.25 * F.cross_entropy(result['output'], target) + 0.5 * tree_part + 2 * pairs(features, target)
    torch.testing.assert_close(result['loss'], expected)
    in_order_of_lines = TreeCorrelation.of(hierarchy_of(TEXT))(features, target)
    assert (tree_part - in_order_of_lines).abs() > 1e-3
    made.eval()(image)  # an evaluation leaves nothing behind
    torch.testing.assert_close(task.train()(image, target)['loss'], result['loss'])


def test_views_of_one_image_belong_together() -> None:
    image, _ = batch(6)
    target = torch.tensor([4, 4, 1] * 2)
    flags = ['--aug-splits', '2', '--pairwise', '1', '--pairwise-pairs', 'views', '--pairwise-geometry', 'sphere']
    model, task = make(*PLAIN, *flags)
    result = task(image, target)
    first, second = features_of(model, image).chunk(2)
    pairs = PairwiseCrossEntropy(geometry='sphere')(torch.stack([first, second], 1))
    torch.testing.assert_close(result['loss'], F.cross_entropy(result['output'], target) + pairs)


def test_the_head_gives_the_tree_and_compiling_changes_nothing(tree: Path) -> None:
    image, target = batch()
    losses = []
    for compiled in (False, True):
        _, task = make(*PROJECTED, f'hierarchy={tree}', '--tree-correlation', '0.5', classes=NAMES)
        task.setup_ema(decay=0.9)
        if compiled:
            torch.compiler.reset()
            task.compile(backend='eager', fullgraph=True)
        losses.append([task.train()(image, target)['loss'].item() for _ in range(2)])
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


# --- in a run ---------------------------------------------------------------------------------------------------------


def test_a_stopped_run_with_a_basin_head_goes_on_to_the_same_end(tree, tmp_path, monkeypatch) -> None:
    flags = [
        *BASIN,
        '--epochs',
        '2',
        '--drop',
        '0.1',
        '--model-ema',
        '--tree-correlation',
        '0.1',
        '--hierarchy',
        str(tree),
    ]
    status, whole = run(tmp_path, *flags, name='whole', steps=None)
    assert status == 0
    original, calls = Loop._make_step, []

    def stopping(self: Loop) -> None:
        calls.append(None)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        original(self)

    monkeypatch.setattr(Loop, '_make_step', stopping)
    assert run(tmp_path, *flags, name='stopped', steps=None)[0] == 128 + signal.SIGTERM
    monkeypatch.undo()
    status, _ = run(tmp_path, '--resume', str(tmp_path / 'stopped'), name='stopped', tiny=False, steps=None)
    assert status == 0
    assert kill_and_resume.differences(whole, tmp_path / 'stopped') == []


@pytest.mark.parametrize('decay', [None, 0.5])
def test_the_parts_of_a_basin_head_have_their_own_learning_rates(decay: float | None) -> None:
    layers = [] if decay is None else ['--layer-decay', decay]
    for opt, rate in (('adamw', lambda group: group['lr']), ('hypadamw', learning_rate)):
        config = options(*BASIN, '--opt', opt, '--lr', '1', *layers)
        model = create_model(config.model, 10)
        optimizer = create_optimizer(model, config.optimizer)
        rates = {id(p): rate(group) for group in optimizer.param_groups for p in group['params']}
        decayed = {id(p) for group in optimizer.param_groups if group['weight_decay'] for p in group['params']}
        own = {name: rates[id(p)] for name, p in model.named_parameters()}
        assert own['head.maps.0.0.weight'] == 1
        assert own['head.fusion'] == own['head.gates'] == 0.5
        assert own['head.staircase.weight'] == own['head.staircase.alpha'] == 0.1
        assert own['patch_embed.proj.weight'] == (1 if decay is None else 0.25)
        names = {name for name, p in model.named_parameters() if id(p) in decayed}
        assert 'head.maps.0.0.weight' in names
        assert not {'head.vertices.0', 'head.staircase.weight', 'head.gates', 'pos_embed'} & names


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('argv', 'message'),
    [
        (['--tree-correlation', '1'], 'there is no tree of the classes: .*give --hierarchy cifar100, wordnet'),
        (
            ['--tree-correlation', '1', '--hierarchy', 'cifar100'],
            '--hierarchy cifar100: its 100 leaves are',
        ),
        (['--tree-correlation', '1', '--hierarchy', 'x.txt'], '--hierarchy x.txt: no such file; give cifar100'),
        (['--hierarchy', 'cifar100'], '--hierarchy cifar100: has no effect without --tree-correlation'),
        (['--pairwise-temperature', '1'], '--pairwise-temperature 1: has no effect without --pairwise;'),
        (['--pairwise', '1', '--mixup', '0.2'], '--pairwise 1: needs images of one class, .*leave out --mixup'),
        (['--pairwise', '1', '--pairwise-pairs', 'views'], '--pairwise-pairs views: .*give --aug-splits 2 too'),
    ],
)
def test_what_does_not_fit_is_named(argv: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make(*PLAIN, *argv)

import copy

import pytest
import timm
import torch
import torch.nn.functional as F
from config_helpers import options
from timm.task import ClassificationTask
from train_helpers import run, summary

from timm_hyperbolic.errors import UserError
from timm_hyperbolic.train.model import create_model
from timm_hyperbolic.train.task import create_task, use_channels_last

TINY = ['--model', 'vit_tiny_patch4_hyp_res', '--model-kwargs', 'embed_dim=12', 'depth=1', 'num_heads=3']
DATA = {'input_size': (3, 8, 8), 'mean': (0.5, 0.4, 0.3), 'std': (0.2, 0.3, 0.4)}
CPU = torch.device('cpu')


def make(*argv: str, soft_targets: bool = False, num_classes: int = 10, classes: list[str] | None = None):
    torch.manual_seed(0)
    config = options(*TINY, '--smoothing', '0', *argv)
    model = create_model(config.model, num_classes, config.model_training)
    splits = config.augment.aug_splits
    return create_task(model, config.task, DATA, soft_targets, CPU, classes, splits, config.model.model)


def batch(size: int = 4):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(size, 3, 8, 8, generator=generator), torch.randint(10, (size,), generator=generator)


def test_the_loss_is_cross_entropy_unless_said_otherwise(fixed_seed):
    image, target = batch()
    result = make()(image, target)
    assert result['loss'].item() == pytest.approx(F.cross_entropy(result['output'], target).item())
    result = make('--smoothing', '0.2')(image, target)
    smooth = F.cross_entropy(result['output'], target, label_smoothing=0.2)
    assert result['loss'].item() == pytest.approx(smooth.item())


def test_binary_cross_entropy_and_its_relatives():
    image, target = batch()
    one_hot = F.one_hot(target, 10).float()
    bce = F.binary_cross_entropy_with_logits
    result = make('--bce-loss')(image, target)
    assert result['loss'].item() == pytest.approx(bce(result['output'], one_hot).item())
    result = make('--bce-loss', '--bce-sum', '--bce-pos-weight', '3')(image, target)
    weighted = bce(result['output'], one_hot, pos_weight=torch.tensor(3.0), reduction='sum') / len(target)
    assert result['loss'].item() == pytest.approx(weighted.item())
    mixed = 0.7 * one_hot + 0.3 * one_hot.roll(1, 0)
    result = make('--bce-loss', '--bce-target-thresh', '0.4', soft_targets=True)(image, mixed)
    assert result['loss'].item() == pytest.approx(bce(result['output'], (mixed > 0.4).float()).item())


def test_divergence_between_augmentations_of_the_same_images():
    image, target = batch(6)
    result = make('--jsd-loss', '--aug-splits', '3')(image, target)
    views = result['output'].softmax(-1).view(3, 2, 10)
    mean = views.mean(0)
    divergence = sum((view * (view / mean).log()).sum(-1).mean() for view in views) / 3
    expected = F.cross_entropy(result['output'][:2], target[:2]) + 12 * divergence
    assert result['loss'].item() == pytest.approx(expected.item(), rel=1e-4)


@pytest.fixture
def teacher(tmp_path):
    """A trained model in a folder, with another mean and deviation than the student's."""
    status, folder = run(tmp_path, '--mean', '0.2', '--std', '0.5', name='teacher', steps=2)
    assert status == 0
    return folder


@pytest.mark.parametrize(
    ('flags', 'of_task', 'of_teacher'),
    [
        ([], 1, 1),
        (['--task-loss-weight', '0.3'], 0.3, 0.7),
        (['--distill-loss-weight', '2', '--task-loss-weight', '0.5'], 0.5, 2),
    ],
)
def test_distillation_matches_the_teachers_view_of_the_same_pixels(teacher, flags, of_task, of_teacher):
    image, target = batch()
    task = make('--kd-model-name', f'local-dir:{teacher}', '--kd-temperature', '2', *flags).train()
    assert not task.teacher.training
    result = task(image, target)
    mean, std = (torch.tensor(DATA[key]).view(1, 3, 1, 1) for key in ('mean', 'std'))
    pixels = image * std + mean
    with torch.no_grad():
        logits = timm.create_model(f'local-dir:{teacher}', pretrained=True).eval()((pixels - 0.2) / 0.5)
    match = F.kl_div(
        F.log_softmax(result['output'] / 2, -1), F.softmax(logits / 2, -1), reduction='batchmean', log_target=False
    )
    expected = of_task * F.cross_entropy(result['output'], target) + of_teacher * 4 * match
    assert result['loss'].item() == pytest.approx(expected.item(), rel=1e-4)
    result['loss'].backward()
    assert all(p.grad is None for p in task.teacher.parameters())


def test_a_run_that_distils_leaves_the_student_alone_in_its_folder(teacher, tmp_path):
    flags = ['--kd-model-name', f'local-dir:{teacher}', '--model-ema', '--torchcompile', 'eager']
    status, folder = run(tmp_path, *flags, '--model', 'vit_tiny_patch4_euclid', name='student', steps=6)
    assert status == 0
    assert len(summary(folder)) == 2
    model = timm.create_model(f'local-dir:{folder}', pretrained=True)
    assert not any('teacher' in name for name in model.state_dict())


@pytest.mark.parametrize(
    ('flags', 'message'),
    [
        (['--kd-model-name', 'nowhere'], '--kd-model-name nowhere: .*nowhere'),
        (['--kd-model-name', 'vit_tiny_patch4_euclid'], '--kd-model-name vit_tiny_patch4_euclid: '),
        (['--kd-model-name', 'local-dir:{teacher}', '--kd-distill-type', 'token'], 'distill-type token with --model'),
    ],
)
def test_a_teacher_that_cannot_teach(teacher, flags, message):
    with pytest.raises(UserError, match=message):
        make(*(flag.format(teacher=teacher) for flag in flags))


def test_a_teacher_of_other_classes(teacher):
    flags = ['--kd-model-name', f'local-dir:{teacher}']
    with pytest.raises(UserError, match='its weights have 10 classes; a classifier of 7 would be untrained'):
        make(*flags, num_classes=7)
    names = [str(digit) for digit in range(10)]
    with pytest.raises(
        UserError, match='its label 0 is 0, which in the data set is 9; take a teacher of the same classes'
    ):
        make(*flags, classes=names[::-1])
    make(*flags, classes=names)


def test_a_teacher_of_other_images(teacher, monkeypatch):
    monkeypatch.setitem(DATA, 'input_size', (3, 16, 16))
    with pytest.raises(UserError, match=r'--kd-model-name local-dir:.*: .*16'):
        make('--kd-model-name', f'local-dir:{teacher}')


@pytest.mark.parametrize(
    ('argv', 'message'),
    [
        (['--bce-sum'], '--bce-sum: give --bce-loss too'),
        (['--bce-target-thresh', '0.2'], '--bce-target-thresh 0.2: give --bce-loss too'),
        (['--bce-pos-weight', '2'], '--bce-pos-weight 2: give --bce-loss too'),
        (['--jsd-loss'], '--jsd-loss: .* give --aug-splits 3 too'),
        (['--jsd-loss', '--aug-splits', '2', '--bce-loss'], '--jsd-loss and --bce-loss: two losses'),
        (['--task-loss-weight', '0'], '--task-loss-weight 0: give --kd-model-name or --pairwise too'),
    ],
)
def test_flags_that_need_another(argv, message):
    with pytest.raises(UserError, match=message):
        options(*argv)


def test_channels_last_changes_the_layout_and_nothing_else():
    torch.manual_seed(0)
    model = timm.create_model('resnet10t', num_classes=3).eval()
    other, (image, _) = copy.deepcopy(model), batch(2)
    use_channels_last(other)
    seen = []
    other.conv1[0].register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    image = image.repeat(1, 1, 4, 4)
    with torch.no_grad():
        torch.testing.assert_close(other(image), model(image), rtol=1e-4, atol=1e-5)
        copy.deepcopy(other)(image)  # as the moving average is made
    assert len(seen) == 2
    assert all(t.is_contiguous(memory_format=torch.channels_last) for t in (*seen, other.conv1[0].weight))
    assert other.state_dict().keys() == model.state_dict().keys()


def test_a_run_with_channels_last(tmp_path):
    flags = ['--model', 'resnet10t', '--img-size', '32', '-b', '32', '--channels-last', '--model-ema']
    status, folder = run(tmp_path, *flags, tiny=False, steps=1)
    assert status == 0
    timm.create_model(f'local-dir:{folder}', pretrained=True)


def test_the_plain_task_is_timms():
    assert type(make()) is ClassificationTask

"""The training command from the outside: what it prints, writes and returns."""

import re
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest
import timm
import torch
import yaml
from timm.data import create_loader, resolve_model_data_config
from timm.task import ClassificationTask
from train_helpers import TINY, run, summary

import timm_hyperbolic
from timm_hyperbolic import cli
from timm_hyperbolic.data.digits import Digits
from timm_hyperbolic.train.loop import Loop

ROOT = Path(__file__).parent.parent
CIFAR100 = ROOT.parent / 'shared' / 'data' / 'cifar100'
FILES = {'.lock', 'args.yaml', 'checkpoint-N.pt', 'config.json', 'model.safetensors', 'run.json', 'summary.csv'}


def files_of(folder: Path) -> set[str]:
    """Names of the files, without the numbers of steps."""
    return {re.sub(r'-\d{8}\.', '-N.', file.name) for file in folder.iterdir()}


def script(*argv: str, cwd: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / 'train_hyp.py'), *map(str, argv)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)


def test_script_trains_on_the_digits_and_leaves_a_model_that_timm_loads(tmp_path):
    done = script(*TINY, '--epochs', '12', '--log-interval', '2', cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, '')
    (folder,) = (tmp_path / 'output' / 'train').iterdir()
    assert files_of(folder) == FILES
    assert folder.name == 'digits'

    rows = summary(folder)
    assert len(rows) == 12
    assert rows[-1]['train_loss'] < 0.95 * rows[0]['train_loss']
    assert rows[-1]['eval_top1'] > 30  # guessing gives 10
    assert rows[0]['curvature_min'] <= rows[0]['curvature_mean'] <= rows[0]['curvature_max']

    # An evaluation of the loaded model by timm alone, with the input that its own configuration describes.
    model = timm.create_model(f'local-dir:{folder}', pretrained=True).eval()
    loader = create_loader(
        Digits('test'), batch_size=360, device=torch.device('cpu'), **resolve_model_data_config(model)
    )
    image, target = next(iter(loader))
    with torch.no_grad():
        logits = model(image)
    assert 100 * (logits.argmax(1) == target).float().mean().item() == pytest.approx(rows[-1]['eval_top1'])
    assert torch.nn.functional.cross_entropy(logits, target).item() == pytest.approx(rows[-1]['eval_loss'], rel=1e-5)
    assert model.pretrained_cfg['label_names'] == [str(digit) for digit in range(10)]

    table = [line.split() for line in done.stdout.splitlines()]
    assert ['Top-1', f'{rows[-1]["eval_top1"]:.2f}', '%'] in table
    curvatures = timm_hyperbolic.named_curvatures(model).values()
    assert next(line for line in table if line[:1] == ['curvature'])[1::2][:3] == [
        f'{value:.4f}' for value in (min(curvatures), sum(curvatures) / len(curvatures), max(curvatures))
    ]
    summary_lines = done.stdout.rpartition('\n\n')[2].splitlines()
    assert len(summary_lines) <= 24
    assert summary_lines[-3:] == [
        f'  timm-hyperbolic {name} output/train/digits' for name in ('validate', 'report', 'card')
    ]
    assert any(line.startswith('epoch 1/12  batch 2/5  loss ') for line in done.stdout.splitlines())


def test_script_reports_bad_input_in_one_line_and_writes_nothing(tmp_path):
    done = script('--batch-size', '0', cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, '')
    assert done.stderr.splitlines() == [
        "train_hyp.py: error: argument -b/--batch-size: must be a whole number of at least 1, not '0'"
    ]
    assert list(tmp_path.iterdir()) == []


def test_installed_command_is_the_same_program(capsys):
    said = "error: argument --epochs: must be a whole number of at least 1, not '0'"
    assert (cli.run('train', ['--epochs', '0'], 'train_hyp.py'), cli.main(['train', '--epochs', '0'])) == (2, 2)
    assert capsys.readouterr().err == f'train_hyp.py: {said}\ntimm-hyperbolic train: {said}\n'


def test_command_without_a_command_or_with_a_wrong_one(capsys):
    assert cli.main([]) == 0
    said = capsys.readouterr().out
    assert all(f'\n  {name} ' in said for name in ('train', 'validate', 'report', 'card', 'push'))
    assert cli.main(['trian']) == 2
    assert capsys.readouterr().err.startswith('timm-hyperbolic: error: unknown command trian. Nearest: train')
    with pytest.raises(SystemExit):
        cli.main(['--version'])
    assert capsys.readouterr().out == f'timm_hyperbolic {timm_hyperbolic.__version__}\n'


@pytest.fixture
def bad(tmp_path):
    """What some bad arguments need to exist: an empty data set, an images folder, a file, a checkpoint, configs."""
    (tmp_path / 'empty' / 'train').mkdir(parents=True)
    (tmp_path / 'empty' / 'val').mkdir()
    (tmp_path / 'file').touch()
    (tmp_path / 'unknown.yaml').write_text('epoch: 3\n')
    euclid = timm.create_model('vit_tiny_patch4_euclid', embed_dim=24, depth=2, num_heads=3, img_size=8, num_classes=10)
    torch.save(euclid.state_dict(), tmp_path / 'euclid.pth')
    return tmp_path


@pytest.mark.parametrize(
    ('argv', 'said'),
    [
        (['--data-dir', '{bad}/nowhere'], ['--data-dir', 'nowhere', 'no such folder']),
        (['--dataset', 'hfds/{bad}/nowhere'], ['--dataset', 'nowhere', 'no such folder']),
        (['--data-dir', '{bad}/empty'], ['--data-dir', 'empty', 'there is no image in']),
        (['--dataset', 'hfds/{bad}/empty'], ['--dataset', 'empty', "doesn't contain any data files"]),
        (['--model', 'vit_tiny_patch4_hyp_rez'], ['--model', 'hyp_rez', 'Nearest: vit_tiny_patch4_hyp_res']),
        (['--model-kwargs', 'curvature=-1'], ['--model-kwargs', 'curvature=-1', '>= 0']),
        (['--model-kwargs', 'curvatur=1'], ['--model-kwargs', 'curvatur']),
        (['--model-kwargs', 'depth=two'], ['--model-kwargs depth=two: must be a whole number']),
        (['--model-kwargs', 'depth=2.0'], ['--model-kwargs depth=2.0: must be a whole number']),
        (['--model-kwargs', 'qk_norm=false'], ['--model-kwargs qk_norm=false: must be True or False']),
        (['--model-kwargs', 'learn_curvature=no'], ['learn_curvature=no: ', 'must be True, False, or None']),
        (['--model-kwargs', 'init_values=two'], ['--model-kwargs init_values=two: must be a number']),
        (['--model-kwargs', 'hyperbolic=3'], ['--model-kwargs hyperbolic=3: must be a name or a tuple']),
        (['--model-kwargs', 'num_heads=0'], ['--model-kwargs num_heads=0']),
        (['--model', 'resnet18', '--model-kwargs', 'cardinality=two'], ['cardinality=two: must be a whole number']),
        (
            ['--drop', '0.1', '--model-kwargs', 'drop_rate=0.2'],
            ['--drop 0.1: says the same', 'drop_rate=0.2'],
        ),
        (['--no-aug', '--aa', 'rand-m9'], ['--aa rand-m9: has no effect beside --no-aug']),
        (['--initial-checkpoint', '{bad}/nowhere.pth'], ['--initial-checkpoint', 'nowhere.pth', 'no such file']),
        (
            ['--initial-checkpoint', '{bad}/euclid.pth'],
            ['euclid.pth', 'missing: blocks.0.residual1', 'Give the --model'],
        ),
        (['--batch-size', '0'], ['--batch-size', "'0'", 'at least 1']),
        (['--batch-size', '5000'], ['--batch-size 5000', '1437 images']),
        (['--mixup', '0.2', '-b', '33'], ['--batch-size 33', 'even number']),
        (['--epochs', '-1'], ['--epochs', "'-1'", 'at least 1']),
        (['--warmup-epochs', '3', '--epochs', '3'], ['--warmup-epochs 3', 'less than --epochs 3']),
        (['--num-classes', '7'], ['labels from 0 to 9', '--num-classes 10']),
        (['--device', 'gpu'], ['--device gpu', '--device cpu']),
        (['--amp-dtype', 'float8'], ['--amp-dtype', 'float8', 'float16, bfloat16']),
        (['--opt', 'adamww'], ['--opt', 'adamww', 'Nearest: adamw']),
        (['--opt-betas', '0.9'], ['--opt hypadamw', '--opt-betas 0.9']),
        (
            ['--opt', 'adamw', '--model', 'vit_tiny_patch4_hyp_head'],
            ['--opt adamw', 'head.weight', 'hypadamw or hypsgd'],
        ),
        (['--curv-bounds', '2', '1'], ['--opt hypadamw', 'curv_bounds=(2.0, 1.0)', 'low < high']),
        (['--man-clip-norm', 'flat'], ['--man-clip-norm', "'flat'", 'riemannian, euclidean']),
        (['--sched', 'cosin'], ['--sched', 'cosin', 'Nearest: cosine']),
        (['--sched', 'wsd', '--decay-epochs', '500'], ['--sched wsd', 'decay_epochs']),
        (['--config', '{bad}/unknown.yaml'], ['--config', 'unknown.yaml', "'epoch'", 'Nearest: epochs']),
        (['--bathc-size', '3'], ['--bathc-size', 'Nearest: --batch-size']),
        (['--output', '{bad}/file'], ['--output', 'file is a file']),
        (['--val-split', '1.5'], ['--val-split', "'1.5'", 'a share between 0 and 1']),
        (['--val-split', '1430'], ['--val-split 1430', 'at most 1427']),
        (['--test-split', 'test'], ['--test-split test', '--val-split validation', 'same images']),
        (['--data-in-memory', '--aa', 'rand-m5'], ['--data-in-memory', '--aa rand-m5']),
        (['--crop-padding', '1', '--train-crop-mode', 'rrc'], ['--crop-padding', '--train-crop-mode rrc']),
        (['--mean', '0.1', '0.2'], ['--model', 'mean must have one value or 3']),
    ],
)
def test_bad_input_is_one_line_and_status_2_before_anything_is_written(bad, tmp_path, capfd, argv, said):
    files = sorted(bad.rglob('*'))
    flags = [arg.format(bad=bad) for arg in argv]
    status, _ = run(tmp_path / 'out', *flags)
    output = capfd.readouterr()
    assert status == 2
    (line,) = output.err.splitlines()
    assert line.startswith('train_hyp.py: error: ')
    for text in said:
        assert text in line
    assert sorted(bad.rglob('*')) == files  # `bad` is the same folder as `tmp_path`


@pytest.mark.parametrize('extra', [['--aa', 'rand-m5'], ['--data-in-memory', '--val-split', '0.1']], ids=' '.join)
def test_same_seed_same_weights_bit_for_bit(tmp_path, extra):
    flags = ['--drop', '0.1', '--drop-path', '0.1', '--mixup', '0.2', '--reprob', '0.2', *extra]
    folders = [
        run(tmp_path, *flags, '--seed', seed, name=name)[1] for name, seed in (('a', '1'), ('b', '1'), ('c', '2'))
    ]
    weights = [(folder / 'model.safetensors').read_bytes() for folder in folders]
    assert weights[0] == weights[1]
    assert weights[0] != weights[2]


def test_options_of_a_run_are_a_config_that_repeats_it(tmp_path):
    _, first = run(tmp_path, '--model-ema', '--model-ema-decay', '0.5', name='a')
    options = yaml.safe_load((first / 'args.yaml').read_text())
    assert (options['num_classes'], options['val_split'], options['device']) == (10, 'validation', 'cpu')
    assert options['workers'] == 0
    status, second = run(tmp_path, '--config', str(first / 'args.yaml'), name='b', tiny=False, steps=None)
    assert status == 0
    assert (first / 'model.safetensors').read_bytes() == (second / 'model.safetensors').read_bytes()


def test_advice_is_repeated_at_the_end_and_on_the_card(tmp_path, capsys):
    status, folder = run(tmp_path, '--model', 'vit_tiny_patch4_hyp_mlp', '--epochs', '3', '-b', '720', steps=None)
    out = capsys.readouterr().out
    assert status == 0
    told = [line for line in out.splitlines() if 'of the tokens are at the margin' in line]
    assert len(told) == 2
    assert out.index('Top-1') < out.rindex(told[1])
    assert all('start from --model-kwargs curvature=0.' in line for line in told)
    assert cli.main(['card', str(folder)]) == 0
    assert f'- At the epoch that was kept, {told[1].removeprefix("advice: ")}.' in (folder / 'README.md').read_text()


def test_max_steps_ends_the_run_with_everything_saved(tmp_path, capsys):
    status, folder = run(tmp_path, steps=7, name='a')  # an epoch has five
    assert status == 0
    assert len(summary(folder)) == 2
    assert 'after 7 steps' in capsys.readouterr().out
    assert files_of(folder) == FILES


def test_a_run_starts_from_the_folder_of_another(tmp_path):
    _, first = run(tmp_path, name='a', steps=10)
    status, second = run(tmp_path, '--initial-checkpoint', str(first), '--lr', '1e-9', name='b', steps=1)
    assert status == 0
    assert summary(second)[0]['eval_loss'] == pytest.approx(summary(first)[-1]['eval_loss'], rel=1e-3)


def test_a_second_run_into_the_same_folder_is_refused(tmp_path, capsys):
    _, folder = run(tmp_path, steps=1)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    status, _ = run(tmp_path, steps=1)
    assert status == 2
    assert 'already holds a run' in capsys.readouterr().err
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def interrupt_in_epoch(monkeypatch, epoch: int, error: BaseException):
    """Raise `error` in the given epoch, counted from 0."""
    train_one_epoch, calls = Loop.train_one_epoch, []

    def patched(self, *args):
        calls.append(None)
        if len(calls) > epoch:
            raise error
        return train_one_epoch(self, *args)

    monkeypatch.setattr(Loop, 'train_one_epoch', patched)


def test_interrupt_says_what_was_saved(tmp_path, capsys, monkeypatch):
    interrupt_in_epoch(monkeypatch, 1, KeyboardInterrupt())
    status, folder = run(tmp_path, steps=None)
    assert status == 130
    assert (
        f'train_hyp.py: interrupted: {folder} holds the model after epoch 1; go on with --resume {folder}\n'
        == capsys.readouterr().err
    )
    timm.create_model(f'local-dir:{folder}', pretrained=True)


def test_interrupt_of_a_run_that_keeps_its_best_model(tmp_path, capsys, monkeypatch):
    interrupt_in_epoch(monkeypatch, 2, KeyboardInterrupt())
    status, folder = run(tmp_path, '--val-split', '0.1', steps=None)
    assert status == 130
    assert f'{folder} holds the best model of 2 epochs; go on with --resume {folder}\n' in capsys.readouterr().err
    assert not (folder / 'test.json').exists()


def test_interrupt_in_the_first_epoch(tmp_path, capsys, monkeypatch):
    interrupt_in_epoch(monkeypatch, 0, KeyboardInterrupt())
    status, folder = run(tmp_path, steps=None)
    assert status == 130
    assert 'no epoch was done' in capsys.readouterr().err
    assert files_of(folder) == {'.lock', 'args.yaml'}  # written before the first step


def test_interrupt_before_training(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr('timm_hyperbolic.train.tasks.create_splits', Mock(side_effect=KeyboardInterrupt))
    assert run(tmp_path)[0] == 130
    assert capsys.readouterr().err == 'train_hyp.py: interrupted: nothing was saved\n'


def poison(monkeypatch, *bad: int) -> None:
    """Make the training loss of some batches, counted from 1, not a number."""
    forward, calls = ClassificationTask.forward, []

    def patched(self, image, target):
        calls.append(None)
        result = forward(self, image, target)
        return {**result, 'loss': result['loss'] * torch.nan} if len(calls) in bad else result

    monkeypatch.setattr(ClassificationTask, 'forward', patched)


def test_losses_that_are_not_finite_end_the_run_with_the_last_good_state(tmp_path, capsys, monkeypatch):
    poison(monkeypatch, *range(7, 99))
    status, folder = run(tmp_path, '--max-bad-steps', '3', '--epochs', '3', steps=None)
    *told, line = capsys.readouterr().err.splitlines()
    assert status == 4
    assert len(told) == 3
    assert all('skipped, not finite: first in the loss' in text for text in told)
    saved = folder / 'checkpoint-00000006.pt'
    assert (
        f'3 steps in a row, up to step 9, were not finite; the last good state, that after step 6, is in {saved}'
        in line
    )
    assert '--lr' in line
    monkeypatch.undo()
    status, _ = run(tmp_path, '--resume', str(saved), steps=None, tiny=False)
    assert status == 0
    assert [row['skipped_steps'] for row in summary(folder)] == [0, 3, 3]


@pytest.mark.parametrize(
    'flags',
    [
        ['--amp', '--amp-dtype', 'bfloat16'],
        ['--amp', '--amp-dtype', 'float16', '--clip-grad', '1', '--man-clip-grad', '1', '--man-clip-norm', 'euclidean'],
        ['--clip-mode', 'agc', '--clip-grad', '0.1', '--man-clip-grad', '0.1', '--curv-lr-scale', '2'],
        ['--opt', 'hypsgd', '--momentum', '0.5', '--sched', 'none', '--lr', '0.03'],
        ['--opt', 'lookahead_hypadamw', '--layer-decay', '0.7'],
        ['--sched', 'wsd', '--cooldown-epochs', '1'],
        ['--mixup', '0.2', '--cutmix', '1', '--mixup-off-epoch', '1', '--grad-accum-steps', '2'],
        ['--workers', '1', '--no-aug', '--smoothing', '0'],
        [
            '--data-in-memory',
            '--aug-repeats',
            '3',
            '--reprob',
            '0.2',
            '--color-jitter',
            '0.2',
            '--mixup',
            '0.2',
            '--val-split',
            '0.2',
        ],
        ['--grad-checkpointing', '--model-ema', '--model-ema-warmup'],
        ['--in-chans', '1', '--eval-metric', 'loss', '--train-crop-mode', 'rkrr'],
    ],
    ids=' '.join,
)
def test_options_that_work_together(tmp_path, capfd, flags):
    status, folder = run(tmp_path, '--model', 'vit_tiny_patch4_hyp_all', '--epochs', '2', *flags, steps=None)
    assert (status, capfd.readouterr().err) == (0, '')
    rows = summary(folder)
    assert len(rows) == 2 + ('--cooldown-epochs' in flags)
    assert rows[-1]['train_loss'] < 2.6
    assert all(row[name] > 0 for row in rows for name in ('grad_norm', 'man_grad_norm'))
    assert files_of(folder) == FILES | ({'test.json'} if '--val-split' in flags else set())


def test_divergence_of_augmented_splits_is_trained_on(tmp_path):
    flags = ['--aug-splits', '2', '--jsd-loss', '--aa', 'rand-m5', '--reprob', '0.2', '--resplit', '--val-split', '0.2']
    status, folder = run(tmp_path, *flags, '-b', '24', steps=2)
    assert status == 0
    assert summary(folder)[0]['train_loss'] < 4


def test_compiled_model_is_saved_under_its_own_names(tmp_path):
    flags = ['--torchcompile', 'eager', '--model-ema', '--model-kwargs', 'embed_dim=24', 'depth=1', 'num_heads=3']
    status, folder = run(tmp_path, *flags, steps=1)
    assert status == 0
    timm.create_model(f'local-dir:{folder}', pretrained=True)


def test_any_other_timm_model_trains_too(tmp_path, capsys):
    status, folder = run(tmp_path, '--model', 'resnet10t', '--img-size', '32', '-b', '32', tiny=False, steps=1)
    assert status == 0
    assert 'curvature' not in capsys.readouterr().out
    assert 'curvature_mean' not in summary(folder)[0]


@pytest.mark.skipif(not CIFAR100.is_dir(), reason='../shared/data/cifar100 is not there')
def test_cifar100_of_a_local_folder(tmp_path, capsys, monkeypatch):
    pytest.importorskip('datasets')
    monkeypatch.chdir(ROOT)
    flags = ['--dataset', 'hfds/../shared/data/cifar100', '--input-key', 'img', '--target-key', 'fine_label']
    flags += ['--train-split', 'train[:256]', '--val-split', 'test[:256]', '-b', '64', '--workers', '0']
    flags += ['--model', 'vit_tiny_patch4_hyp_all', '--img-size', '16', '--no-aug', '--smoothing', '0', '--lr', '1e-2']
    flags += ['--model-kwargs', 'embed_dim=24', 'depth=1', 'num_heads=3', 'global_pool=avg', '--epochs', '4']
    status, folder = run(tmp_path, *flags, tiny=False, steps=None)
    assert status == 0
    rows = summary(folder)
    assert rows[-1]['train_loss'] < rows[0]['train_loss'] - 0.02
    assert 'vit_tiny_patch4_hyp_all on hfds/../shared/data/cifar100, split test[:256], after 16 steps' in (
        capsys.readouterr().out
    )
    model = timm.create_model(f'local-dir:{folder}', pretrained=True)
    assert (model.num_classes, model.pretrained_cfg['label_names'][:2]) == (100, ['apple', 'aquarium_fish'])
    assert model.pretrained_cfg['mean'] == pytest.approx((0.5071, 0.4865, 0.4409))


def test_names_of_the_classes_that_it_was_trained_on_before_are_forgotten(tmp_path):
    datasets = pytest.importorskip('datasets')
    before = run(tmp_path, name='before', steps=1)[1]
    assert 'label_names' in (before / 'config.json').read_text()
    digits = Digits('train')
    features = datasets.Features({'image': datasets.Image(), 'label': datasets.Value('int64')})
    for split in ('train', 'validation'):
        rows = {'image': [digits[row][0] for row in range(20)], 'label': [9 - digits.targets[row] for row in range(20)]}
        data = datasets.Dataset.from_dict(rows, features=features)
        data.to_parquet(tmp_path / 'set' / f'{split}-00000-of-00001.parquet')
    flags = ['--dataset', f'hfds/{tmp_path / "set"}', '--data-dir', str(tmp_path / 'cache'), '-b', '10']
    flags += ['--model', f'local-dir:{before}', '--pretrained', '--num-classes', '10', '--model-kwargs']
    status, after = run(tmp_path, *flags, name='after', steps=1)
    assert status == 0
    assert 'label_names' not in (after / 'config.json').read_text()


def test_a_dry_run_shows_what_would_be_done_and_writes_nothing(tmp_path, capsys):
    status, _ = run(tmp_path, '--dry-run', '--mixup', '0.2')
    said = capsys.readouterr().out
    assert (status, list(tmp_path.iterdir())) == (0, [])
    assert yaml.safe_load(said.partition('\n\n')[0])['num_classes'] == 10
    assert 'HyperbolicVisionTransformer(' in said
    assert 'first batch: images (240, 3, 8, 8) torch.float32, targets (240, 10) torch.float32' in said
    sizes = [float(number.replace(',', '')) for number in re.findall(r': ([\d,.]+) MiB', said)]
    assert sum(sizes[:3]) == pytest.approx(sizes[3], abs=0.2)
    # 240 images of 5 tokens of 24 features in float32, kept several times in each of two blocks
    assert sizes[2] > 2 * 240 * 5 * 24 * 4 * 4 / 2**20

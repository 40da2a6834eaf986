"""Resuming, and what may be wrong with a checkpoint. A run that goes on must end bit for bit as one left alone."""

import json
import math
import os
import pickle
import random
import re
import shutil
import signal
import sys
import zipfile
from pathlib import Path

import pytest
import torch
import yaml
from torch.utils.data import get_worker_info
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter
from train_helpers import run, stop_at, summary

from timm_hyperbolic import cli
from timm_hyperbolic.commands.train import train
from timm_hyperbolic.config.options import to_values, with_values
from timm_hyperbolic.config.train import TrainConfig, read_train_options
from timm_hyperbolic.data.digits import Digits
from timm_hyperbolic.errors import UserError
from timm_hyperbolic.train.checkpoint import check_options, read_checkpoint
from timm_hyperbolic.train.loop import Loop

sys.path.append(str(Path(__file__).resolve().parent.parent / 'benchmarks'))
import kill_and_resume

# Three epochs of five batches, everything that draws random numbers switched on.
FLAGS = ['--model', 'vit_tiny_patch4_hyp_all', '--epochs', '3', '--drop', '0.1', '--drop-path', '0.1', '--mixup', '0.4']
FLAGS += ['--reprob', '0.3', '--model-ema', '--model-ema-decay', '0.9', '--checkpoint-every', '2', '--keep', '3']


@pytest.fixture(scope='module')
def whole(tmp_path_factory) -> Path:
    """The folder of a run that was left alone."""
    status, folder = run(tmp_path_factory.mktemp('whole'), *FLAGS, steps=None)
    assert status == 0
    return folder


@pytest.fixture(scope='module')
def stopped_once(tmp_path_factory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, '_make_step', 8)
        status, folder = run(tmp_path_factory.mktemp('stopped'), *FLAGS, steps=None)
    assert status == 143
    return folder


@pytest.fixture
def stopped(whole, stopped_once, tmp_path) -> Path:
    """The folder of a run that was stopped after eight steps, in the middle of the second epoch."""
    return shutil.copytree(stopped_once, tmp_path / 'run')


def go_on(tmp_path: Path, *argv: str) -> tuple[int, Path]:
    return run(tmp_path, *FLAGS, '--resume', 'auto', *argv, steps=None)


def test_a_stopped_run_goes_on_to_the_same_end(whole, stopped, tmp_path, capsys):
    status, folder = go_on(tmp_path)
    assert status == 0
    assert 'going on after step 8, batch 3 of epoch 2' in capsys.readouterr().out
    assert kill_and_resume.differences(whole, folder) == []
    assert len(summary(folder)) == 3
    # The comparison can fail: one number of the moving average.
    path = max(folder.glob('checkpoint-*.pt'))
    content = torch.load(path, weights_only=True)
    content['state_dict_ema']['cls_token'][0, 0, 0] += 1e-7
    torch.save(content, path)
    assert kill_and_resume.differences(whole, folder) == ['state_dict_ema.cls_token']


def test_the_folder_alone_is_enough_to_go_on(whole, stopped, tmp_path):
    """Its options are the defaults; what was given to the run need not be given again."""
    (stopped / '.unfinished-abc').mkdir()  # by a process that was killed while it wrote
    status, _ = run(tmp_path / 'elsewhere', '--resume', str(stopped), '--epochs', '3', tiny=False, steps=99, name='x')
    assert status == 0
    assert kill_and_resume.differences(whole, tmp_path / 'elsewhere' / 'x') == []


def test_a_finished_run_has_nothing_left_to_do(whole, tmp_path, capsys):
    shutil.copytree(whole, tmp_path / 'run')
    status, folder = go_on(tmp_path)
    assert status == 0
    assert 'after 15 steps' in capsys.readouterr().out
    assert kill_and_resume.differences(whole, folder) == []


def test_keep_is_the_number_of_checkpoints(whole):
    assert sorted(path.name for path in whole.glob('*.pt')) == [f'checkpoint-{n:08d}.pt' for n in (12, 14, 15)]


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_training_finishes_the_step_and_saves(whole, tmp_path, capfd, monkeypatch, number):
    stop_at(monkeypatch, '_make_step', 7, number)
    status, folder = run(tmp_path, *FLAGS, steps=None)
    assert status == 128 + number
    assert f'train_hyp.py: interrupted: saved after step 7; go on with --resume {folder}' in capfd.readouterr().err
    monkeypatch.undo()
    assert go_on(tmp_path)[0] == 0
    assert kill_and_resume.differences(whole, folder) == []


def test_a_signal_in_evaluation_saves_and_evaluates_again(whole, tmp_path, monkeypatch, capfd):
    stop_at(monkeypatch, '_evaluate', 2, signal.SIGTERM)
    status, folder = run(tmp_path, *FLAGS, steps=None)
    assert status == 143
    assert len(summary(folder)) == 1
    monkeypatch.undo()
    status, _ = go_on(tmp_path)
    assert status == 0
    assert 'going on after step 10, batch 5 of epoch 2' in capfd.readouterr().out
    assert kill_and_resume.differences(whole, folder) == []


def test_a_signal_in_the_test_evaluation_leaves_that_to_the_next_start(tmp_path, monkeypatch, capfd):
    flags = [*FLAGS, '--epochs', '1', '--val-split', '0.2']
    assert run(tmp_path, *flags, name='whole', steps=None)[0] == 0
    stop_at(monkeypatch, '_evaluate', 2, signal.SIGTERM)
    status, folder = run(tmp_path, *flags, steps=None)
    assert status == 143
    said = f'all epochs are done, the evaluation of the result is not; go on with --resume {folder}'
    assert f'train_hyp.py: interrupted: {said}\n' in capfd.readouterr().err
    assert not (folder / 'test.json').exists()
    monkeypatch.undo()
    assert run(tmp_path, '--resume', str(folder), tiny=False, steps=None)[0] == 0
    assert (folder / 'test.json').read_text() == (tmp_path / 'whole' / 'test.json').read_text()
    assert kill_and_resume.differences(tmp_path / 'whole', folder) == []


def kill_workers(monkeypatch, images: int, until: Path) -> None:
    """Have loader processes of the split with so many images die, until there is a file, which the first one makes."""
    own, look = Digits.__getitem__, _MultiProcessingDataLoaderIter._try_get_data
    monkeypatch.setattr(look, '__defaults__', (0.2,))  # torch looks after its workers every five seconds

    def patched(self, index):
        if get_worker_info() is not None and len(self) == images and index == 7 and not until.exists():
            if until.parent.exists():
                until.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return own(self, index)

    monkeypatch.setattr(Digits, '__getitem__', patched)


def test_a_worker_that_dies_in_evaluation_is_replaced(tmp_path, monkeypatch, capfd):
    assert run(tmp_path, '--model-ema', name='whole', steps=1)[0] == 0
    kill_workers(monkeypatch, 360, tmp_path / 'dead')
    status, folder = run(tmp_path, '--model-ema', '--workers', '1', steps=1)
    assert status == 0
    assert 'the evaluation: a loader process died' in capfd.readouterr().err
    assert kill_and_resume.differences(tmp_path / 'whole', folder) == []


@pytest.mark.parametrize('where', ['training', 'evaluation'])
def test_workers_that_die_again_and_again_end_the_run_with_all_that_was_done(tmp_path, monkeypatch, capfd, where):
    flags = [*FLAGS, '--epochs', '1', '--checkpoint-every', '99']
    assert run(tmp_path, *flags, name='whole', steps=None)[0] == 0
    kill_workers(monkeypatch, 1437 if where == 'training' else 360, tmp_path / 'no folder' / 'dead')
    status, folder = run(tmp_path, *flags, '--workers', '1', steps=None)
    assert status == 1
    said = capfd.readouterr().err
    # A batch that arrives before the workers die starts the count anew.
    places = re.findall(r'(batch \d+|the evaluation): a loader process died', said)
    assert places.count(places[-1]) == 4
    (saved,) = folder.glob('checkpoint-*.pt')
    step = int(saved.stem[-8:])
    assert step < 5 if where == 'training' else step == 5
    assert f'saved after step {step}; go on with --resume {folder} --workers 0' in said
    assert run(tmp_path, '--resume', str(folder), '--workers', '0', tiny=False, steps=None)[0] == 0
    assert kill_and_resume.differences(tmp_path / 'whole', folder) == []


def test_a_second_interrupt_leaves_at_once(tmp_path, monkeypatch, capfd):
    stop_at(monkeypatch, '_backward', 7, signal.SIGINT)
    stop_at(monkeypatch, '_make_step', 7, signal.SIGINT)
    status, folder = run(tmp_path, *FLAGS, steps=None)
    assert status == 130
    assert f'{folder} holds the model after epoch 1; go on with --resume {folder}' in capfd.readouterr().err


def test_a_checkpoint_cut_in_half_is_left_for_the_one_before(whole, stopped, tmp_path, capsys):
    newest = stopped / 'checkpoint-00000008.pt'
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
    status, folder = go_on(tmp_path)
    assert status == 0
    output = capsys.readouterr()
    assert f'{newest}: damaged, or no checkpoint' in output.err
    assert 'taking the one before' in output.err
    assert 'going on after step 6' in output.out
    assert kill_and_resume.differences(whole, folder) == []


def test_one_wrong_bit_is_found(stopped, tmp_path, capsys):
    path = stopped / 'checkpoint-00000008.pt'
    with zipfile.ZipFile(path) as archive:
        largest = max(archive.infolist(), key=lambda entry: entry.file_size)
    content = bytearray(path.read_bytes())
    header = largest.header_offset
    names = int.from_bytes(content[header + 26 : header + 28], 'little')
    padding = int.from_bytes(content[header + 28 : header + 30], 'little')
    content[header + 30 + names + padding + largest.file_size // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match='damaged'):
        read_checkpoint(path)
    status, _ = run(tmp_path, *FLAGS, '--resume', str(path), steps=None)
    assert status == 2
    assert f'--resume {path}: damaged in' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('version', 'said'),
    [({'version': '99.1'}, 'timm_hyperbolic 99.1 has written it, and this is '), ({}, 'a newer timm_hyperbolic has')],
)
def test_a_checkpoint_of_a_newer_version_is_called_so(stopped, tmp_path, capsys, version, said):
    path = stopped / 'checkpoint-00000008.pt'
    content = torch.load(path, weights_only=True) | {'format': 2}
    del content['version']
    torch.save(content | version, path)
    # and not passed over for the one before
    status, _ = run(tmp_path, *FLAGS, '--resume', str(stopped), steps=None)
    assert status == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f'--resume {path}: {said}' in line
    assert line.endswith('update timm_hyperbolic')


class _Code:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize('kind', ['zip', 'pickle'])
def test_a_checkpoint_with_code_in_it_is_refused(stopped, tmp_path, capsys, kind):
    path, trace = stopped / 'checkpoint-00000008.pt', tmp_path / 'ran'
    if kind == 'zip':
        torch.save({'format': 1, 'args': _Code(trace)}, path)
    else:
        path.write_bytes(pickle.dumps({'format': 1, 'args': _Code(trace)}))
    status, _ = run(tmp_path, *FLAGS, '--resume', str(path), steps=None)
    assert status == 2
    assert f'--resume {path}: ' in (said := capsys.readouterr().err)
    assert ('it could run code' if kind == 'zip' else 'no checkpoint') in said
    assert not trace.exists()


def test_a_full_disk_costs_a_checkpoint_and_nothing_else(whole, tmp_path, monkeypatch, capsys):
    """The disk is full from the second epoch on, until shortly before the end."""
    fsync, step = os.fsync, []
    backward = Loop._backward
    monkeypatch.setattr(Loop, '_backward', lambda self, loss: (step.append(0), backward(self, loss))[1])

    def full(descriptor):
        if 5 < len(step) < 14:
            raise OSError(28, 'No space left on device')
        fsync(descriptor)

    monkeypatch.setattr(os, 'fsync', full)
    status, folder = run(tmp_path, *FLAGS, steps=None)
    assert status == 0
    said = capsys.readouterr().err
    assert 'No space left on device; the checkpoint of step 8 is left out' in said
    assert 'No space left on device; tried again after the next epoch' in said
    assert kill_and_resume.differences(whole, folder) == []
    assert not list(folder.glob('.unfinished-*'))


def test_a_write_that_the_system_refuses_leaves_the_older_checkpoints(stopped, tmp_path, capsys):
    """The system itself refuses to write more than so many bytes into a file."""
    resource = pytest.importorskip('resource')
    before = {path: path.read_bytes() for path in stopped.glob('*.pt')}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        status, _ = go_on(tmp_path, '--max-steps', '9')
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert status == 0  # the weights alone are small enough
    assert 'the checkpoint of step 9 is left out' in capsys.readouterr().err
    assert {path: path.read_bytes() for path in stopped.glob('*.pt')} == before


@pytest.mark.parametrize(
    ('flags', 'said'),
    [
        (['--lr', '1e-4'], '--lr 0.0001: the run to resume has --lr 0.003'),
        (['--seed', '1'], '--seed 1: the run to resume has --seed 42'),
        (['--model-kwargs', 'depth=1'], '--model-kwargs'),
    ],
)
def test_options_that_change_the_result_are_refused(stopped, tmp_path, capsys, flags, said):
    status, _ = go_on(tmp_path, *flags)
    assert status == 2
    assert said in capsys.readouterr().err


def test_a_run_goes_on_with_a_copy_of_its_data_set_elsewhere(tmp_path):
    config = with_values(TrainConfig(), dataset='hfds/some/where')
    content = {'args': yaml.safe_dump(to_values(config)), 'state': {'step': 1}, 'schedule_steps': 9}
    check_options(content, with_values(config, dataset=f'hfds/{tmp_path}'), 9)
    for other in (f'hfds/{tmp_path}/nowhere', f'torch/{tmp_path}', 'digits'):
        with pytest.raises(UserError, match=f'--dataset {other}: the run to resume has --dataset hfds/some/where'):
            check_options(content, with_values(config, dataset=other), 9)


def test_auto_without_a_checkpoint_starts_anew_and_says_so(tmp_path, capsys):
    status, folder = run(tmp_path, '--resume', 'auto', steps=1)
    assert status == 0
    assert f'no checkpoint in {folder} yet: starting anew' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('flags', 'said'),
    [
        (['--resume', 'auto', '--experiment', ''], '--resume auto needs --experiment'),
        (['--resume', '{tmp}/nowhere'], 'no such file or folder'),
        (['--resume', '{tmp}'], 'no checkpoint there'),
    ],
)
def test_what_cannot_be_resumed(tmp_path, capsys, flags, said):
    status, _ = run(tmp_path / 'out', *(flag.format(tmp=tmp_path) for flag in flags))
    assert status == 2
    assert said in capsys.readouterr().err


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_end(tmp_path, one_thread, capsys):
    """By SIGKILL, with accumulation, mixup and workers; `benchmarks/kill_and_resume.py` kills again and again."""
    flags = [*kill_and_resume.CASES['all'], '--epochs', '2']
    whole, killed = (kill_and_resume.command(tmp_path, name, flags) for name in ('whole', 'killed'))
    assert cli.run('train', whole[2:]) == 0
    assert 'epoch 2/2' in kill_and_resume.run_and_kill(killed, random.Random(5), batches=25)
    capsys.readouterr()
    assert cli.run('train', killed[2:]) == 0
    assert re.search(r'going on after step \d+, batch \d+ of epoch 2', capsys.readouterr().out)
    assert kill_and_resume.differences(tmp_path / 'whole', tmp_path / 'killed') == []


def test_a_run_goes_on_with_the_labels_that_it_had(tmp_path):
    """Where a folder was renamed, all labels after it would be others."""
    digits = Digits('train')
    for row in range(120):
        image, target = digits[row]
        if target < 3:
            for split in ('train', 'val'):
                path = tmp_path / 'data' / split / f'class{target}' / f'{row}.png'
                path.parent.mkdir(parents=True, exist_ok=True)
                image.save(path)
    flags = ['--data-dir', str(tmp_path / 'data'), '-b', '8', '--epochs', '2']
    assert run(tmp_path, *flags, steps=2)[0] == 0
    for split in ('train', 'val'):
        (tmp_path / 'data' / split / 'class0').rename(tmp_path / 'data' / split / 'other')
    again = read_train_options([*flags, '--resume', str(tmp_path / 'run'), '--max-steps', '4'])
    with pytest.raises(UserError, match='split train: the resumed run has no class other;'):
        train(again)
    for split in ('train', 'val'):
        shutil.rmtree(tmp_path / 'data' / split / 'other')
    assert run(tmp_path, *flags, '--resume', 'auto', steps=4)[0] == 0
    names = json.loads((tmp_path / 'run' / 'config.json').read_text())['label_names']
    assert names == ['class0', 'class1', 'class2']


def test_a_run_folder_of_the_version_before_goes_on_and_is_read(tmp_path, capsys):
    """Version 0.1.0 trained it for 7 steps of 10, and one run for all 10: the numbers of its last epoch are below."""
    folder = tmp_path / 'before'
    shutil.copytree(Path(__file__).parent / 'data' / 'run_0', folder)
    assert cli.main(['card', str(folder)]) == 0
    assert '| Top-1 |' in (folder / 'README.md').read_text()
    assert cli.main(['validate', str(folder), '--device', 'cpu', '--results-file', str(tmp_path / 'x.json')]) == 0
    measured = json.loads((tmp_path / 'x.json').read_text())
    assert measured['loss'] == pytest.approx(summary(folder)[-1]['eval_loss'], rel=1e-5)
    assert cli.run('train', ['--resume', str(folder), '--max-steps', '10', '--device', 'cpu'], 'train_hyp.py') == 0
    row = summary(folder)[-1]
    assert row['train_loss'] == pytest.approx(2.3053372383117674, rel=1e-4)
    assert row['curvature_mean'] == pytest.approx(0.9944105744361877, rel=1e-4)


def rates(folder: Path) -> list[float]:
    """Return the learning rate of the last step of each epoch."""
    return [row['lr'] for row in summary(folder)]


def cosine(step: int, steps: int) -> float:
    return 3e-3 * (1 + math.cos(math.pi * step / steps)) / 2


def test_a_finished_run_is_extended_by_more_steps(tmp_path, monkeypatch, capsys):
    """On the schedule of all steps. A run that was interrupted keeps its own, whatever --max-steps is given."""
    flags = ['--warmup-epochs', '0', '--epochs', '4', '--model-ema']
    whole = run(tmp_path, *flags, steps=7, name='whole')[1]
    assert rates(whole) == pytest.approx([cosine(4, 7), cosine(6, 7)])
    stop_at(monkeypatch, '_make_step', 3)
    assert run(tmp_path, *flags, steps=7)[0] == 143
    monkeypatch.undo()
    resume = ['--resume', 'auto', *flags]
    assert run(tmp_path, *resume, steps=10)[0] == 2
    assert 'scheduled for 7 steps, of which 3 are done' in capsys.readouterr().err
    assert run(tmp_path, *resume, steps=6)[0] == 0
    assert run(tmp_path, *resume, steps=7)[0] == 0
    folder = tmp_path / 'run'
    assert kill_and_resume.differences(whole, folder) == []
    assert run(tmp_path, *resume, '--epochs', '5', steps=7)[0] == 2
    assert '--epochs 5: the run ends at --max-steps 7' in capsys.readouterr().err
    assert run(tmp_path, *resume, steps=13)[0] == 0
    assert rates(folder) == pytest.approx([cosine(4, 7), cosine(9, 13), cosine(12, 13)])
    # The model of an epoch that is not finished may be the best one.
    assert run(tmp_path, *flags, '--val-split', '0.1', steps=4, name='best')[0] == 0
    assert run(tmp_path, *resume, '--val-split', '0.1', steps=8, name='best')[0] == 2
    assert 'stopped within an epoch' in capsys.readouterr().err


def test_a_finished_run_is_extended_by_more_epochs(tmp_path):
    """On the schedule of all epochs; a run that is not finished keeps its own."""
    flags = ['--warmup-epochs', '0', '--epochs']
    status, folder = run(tmp_path, *flags, '2', steps=None)
    assert status == 0
    assert cli.run('train', ['--resume', str(folder), '--epochs', '4'], 'train_hyp.py') == 0
    assert [row['epoch'] for row in summary(folder)] == [0, 1, 2, 3]
    assert rates(folder)[2] == pytest.approx(cosine(14, 20))
    assert cli.run('train', ['--resume', str(folder), '--epochs', '3'], 'train_hyp.py') == 2

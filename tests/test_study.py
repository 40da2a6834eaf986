"""`timm-hyperbolic study`: its file, its grid of runs, and what it says of them."""

import contextlib
import csv
import errno
import json
import os
import shlex
import shutil
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml
from doc_blocks import blocks_of
from safetensors.torch import load_file
from timm.task import ClassificationTask
from train_helpers import stop_at

from timm_hyperbolic.cli import run as run_command
from timm_hyperbolic.config.study import StudyFileConfig, read_study
from timm_hyperbolic.errors import TrainingError
from timm_hyperbolic.train.grid import Grid
from timm_hyperbolic.train.model import create_model
from timm_hyperbolic.train.study_run import state_of

ROOT = Path(__file__).resolve().parent.parent
STUDIES = sorted(path for path in (ROOT / 'recipes' / 'studies').glob('[!_]*.yaml'))
TINY = {
    'about': 'Does it help?',
    'protocol': {
        'img_size': 8,
        'batch_size': 240,
        'epochs': 1,
        'lr': 3e-3,
        'checkpoint_every': 2,
        'max_bad_steps': 3,
        'model_kwargs': {'embed_dim': 24, 'depth': 1, 'num_heads': 3},
    },
    'seeds': [0, 1],
    'arms': {
        'euclid': {'model': 'vit_tiny_patch4_euclid'},
        'flat': {'model': 'vit_tiny_patch4_flat_res', 'about': 'gate only'},
        'hyp': {'model': 'vit_tiny_patch4_hyp_res', 'control': 'flat', 'model_kwargs': {'curvature': 0.5}},
    },
}


@pytest.fixture
def file(tmp_path):
    return written(tmp_path, {})


def written(tmp_path: Path, changes: dict) -> Path:
    path = tmp_path / 'tiny.yaml'
    path.write_text(yaml.safe_dump({**TINY, 'output': str(tmp_path / 'runs'), **changes}, sort_keys=False))
    return path


def study(*argv) -> int:
    return run_command('study', list(map(str, argv)), prog='timm-hyperbolic study')


# --- the file ---------------------------------------------------------------------------------------------------------


def test_the_runs_are_those_of_the_arms_and_seeds_the_first_seed_first(file, tmp_path):
    found = read_study(StudyFileConfig(study=file))
    assert [run.name for run in found.runs()] == [
        *('euclid-seed0', 'flat-seed0', 'hyp-seed0'),
        *('euclid-seed1', 'flat-seed1', 'hyp-seed1'),
    ]
    run = found.run('hyp-seed1')
    assert run.config.model.model_kwargs == {'embed_dim': 24, 'depth': 1, 'num_heads': 3, 'curvature': 0.5}
    assert (run.config.run.seed, run.config.optimizer.lr, run.config.data.dataset) == (1, 3e-3, 'digits')
    assert run.config.augment.hflip == 0  # the default of the digits
    assert run.folder == tmp_path / 'runs' / 'hyp-seed1'
    assert [run.name for run in found.runs(['hyp', 'euclid'], [1])] == ['euclid-seed1', 'hyp-seed1']
    other = read_study(StudyFileConfig(study=file, output='elsewhere', dataset='hfds/x'))
    assert other.runs()[0].folder == Path('elsewhere/euclid-seed0')
    assert other.runs()[0].config.data.dataset == 'hfds/x'


@pytest.mark.parametrize(
    ('changes', 'argv', 'line'),
    [
        ({}, ['--arms', 'hyb'], '--arms hyb: {file} has no such arm. Nearest: hyp.'),
        (
            {},
            ['--run', 'zzz-seed0'],
            '--run zzz-seed0'.partition(' ')[0] + ' zzz: {file} has no such arm. The arms are',
        ),
        ({}, ['--run', 'hyp'], '--run hyp: must be ARM-seedSEED, for example euclid-seed0'),
        ({}, ['--run', 'hyp-seed7'], '--run hyp-seed7: the seeds of {file} are 0, 1'),
        ({}, ['--seeds', '3'], '--seeds 3: the seeds of {file} are 0, 1'),
        ({}, ['--status', '--table'], '--status and --table are two things to do; give one of them'),
        ({'arms': {}}, [], '{file}: arms: must be a mapping from names to options'),
        ({'seeds': [0.5]}, [], '{file}: seeds: must be a list of whole numbers'),
        ({'baseline': 'euclyd'}, [], "{file}: baseline: there is no arm 'euclyd'. Nearest: euclid."),
        ({'arm': {}}, [], "{file}: unknown key 'arm'. Nearest: arms."),
        ({'protocol': 'none.yaml'}, [], 'protocol {folder}/none.yaml: No such file'),
        ({'protocol': {'epoch': 3}}, [], "{file}: protocol: unknown option 'epoch'. Nearest: epochs"),
        ({'arms': {'a': {'lr': -1}}}, [], '{file}: arm a: lr: must be a number greater than 0'),
        ({'arms': {'a': {'seed': 1}}}, [], '{file}: arm a: seed is what the study sets for each run'),
        ({'arms': {'a/b': {}}}, [], '{file}: arm a/b: the name is that of a folder'),
        ({'arms': {'a': {'control': 'b'}}}, [], "{file}: arm a: control: there is no arm 'b'."),
        ({'arms': {'a': {'model': 'vit_tiny_patch4_hyp_ress'}}}, [], 'arm a: --model vit_tiny_patch4_hyp_ress'),
        ({'arms': {'a': {'amp_dtype': 'float16'}}}, [], '{file}: arm a: --amp-dtype'),
        (
            {'arms': {'a': {'task': 'segmentation'}}},
            [],
            '{file}: arm a: task segmentation: a study compares classifiers',
        ),
    ],
)
def test_a_wrong_study_is_one_line_and_begins_nothing(tmp_path, capsys, changes, argv, line):
    file = written(tmp_path, changes)
    assert study(file, *argv) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert line.format(file=file, folder=tmp_path) in said
    assert not (tmp_path / 'runs').exists()


@pytest.mark.parametrize('path', STUDIES, ids=lambda path: path.stem)
def test_every_arm_of_a_shipped_study_can_be_made_and_has_as_many_parameters_as_its_control(path):
    found = read_study(StudyFileConfig(study=path))
    sizes = {}
    for run in found.runs(seeds=found.seeds[:1]):
        small = {**run.config.model.model_kwargs, 'embed_dim': 24, 'depth': 1, 'num_heads': 3}
        model = create_model(run.config.model.__class__(model=run.config.model.model, model_kwargs=small), 10)
        sizes[run.arm] = sum(p.numel() for name, p in model.named_parameters() if 'curvature' not in name)
    assert len(sizes) == len(found.arms)
    controls = {arm.name: arm.control for arm in found.arms.values() if arm.control}
    assert {arm: sizes[arm] for arm in controls} == {arm: sizes[control] for arm, control in controls.items()}


def test_the_study_of_the_documentation_is_one(tmp_path):
    (block,) = [block for block in blocks_of('docs/studies.md') if block.language == 'yaml']
    (tmp_path / 'study.yaml').write_text(block.text)
    shutil.copy(ROOT / 'recipes' / 'studies' / '_small.yaml', tmp_path)
    found = read_study(StudyFileConfig(study=tmp_path / 'study.yaml'))
    assert len(found.runs()) == 9
    assert found.arms['hyp_res'].control == 'flat_res_clip'


# --- the grid, with processes that only pretend to train --------------------------------------------------------------

WORKER = """
import os, signal, sys, time
from pathlib import Path
from filelock import FileLock, Timeout
folder, seconds, act = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3]

def save(*_):
    (folder / 'saved').touch()
    sys.exit(143)

signal.signal(signal.SIGTERM, save)
try:
    with FileLock(folder / '.claim', timeout=0):
        if (folder / 'measures.json').exists():
            sys.exit(0)
        with (folder.parent / 'begun').open('a') as file:
            file.write(folder.name + '\\n')
        time.sleep(seconds)
        if act == 'fail':
            print('the cause')
            sys.exit(1)
        if act == 'diverge':
            (folder / 'outcome.json').write_text('{"state": "diverged"}')
            sys.exit(4)
        (folder / 'test.json').write_text('{}')
        (folder / 'measures.json').write_text('{}')
        (folder.parent / 'threads').write_text(os.environ['OMP_NUM_THREADS'])
except Timeout:
    sys.exit(5)
"""


def grid(file: Path, seconds: float = 0.0, act=lambda run: 'work', jobs: int = 2, limit: float | None = None) -> Grid:
    def command(run):
        return [sys.executable, '-S', '-c', PATHS + WORKER, str(run.folder), str(seconds), act(run)]

    return Grid(read_study(StudyFileConfig(study=file)).runs(), command, jobs, 3, limit)


PATHS = f'import sys; sys.path[:0] = {sys.path!r}\n'


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr('timm_hyperbolic.train.grid._POLL', 0.02)
    monkeypatch.setattr('timm_hyperbolic.train.grid._AGAIN', 0.2)


def begun(tmp_path: Path) -> list[str]:
    return sorted((tmp_path / 'runs' / 'begun').read_text().split())


def names(file: Path) -> list[str]:
    return sorted(run.name for run in read_study(StudyFileConfig(study=file)).runs())


def in_a_fork(work) -> int:
    """Start a function in a process of its own and return the number of the process."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        work()
        os._exit(0)
    finally:
        os._exit(1)


def wait_for(condition) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_two_processes_share_a_study_and_do_every_run_once(file, tmp_path):
    other = in_a_fork(lambda: grid(file, 0.1).work())
    assert grid(file, 0.1).work()
    assert os.waitpid(other, 0)[1] == 0
    assert begun(tmp_path) == names(file)
    assert (tmp_path / 'runs' / 'threads').read_text() == '3'
    again = grid(file)
    assert again.work()  # nothing is left to do
    assert begun(tmp_path) == names(file)
    assert '6 of 6 runs done' in again.summary()


def test_after_kill_9_the_next_call_waits_for_what_still_runs_and_does_the_rest(file, tmp_path, capsys):
    killed = in_a_fork(lambda: grid(file, 0.7).work())
    wait_for(lambda: (tmp_path / 'runs' / 'begun').exists() and len(begun(tmp_path)) == 2)
    os.kill(killed, signal.SIGKILL)
    os.waitpid(killed, 0)
    assert grid(file, 0.0).work()
    assert begun(tmp_path) == names(file)  # the two orphans ended their runs
    said = capsys.readouterr().out
    assert 'another process works on it' in said
    assert 'flat-seed1: begins' in said
    assert 'euclid-seed0: begins' not in said  # it is not begun only to find out


def test_a_run_that_fails_stops_no_other_and_is_begun_again_by_the_next_call(file, tmp_path, capsys):
    with pytest.raises(TrainingError, match=r'1 of 6 runs failed: flat-seed0: exit status 1, see .*flat-seed0.log.txt'):
        grid(file, act=lambda run: 'fail' if run.name == 'flat-seed0' else 'work').work()
    said = capsys.readouterr()
    assert 'flat-seed0: the cause' in said.err
    assert '5 of 6 runs done' in said.out
    assert grid(file).work()
    assert begun(tmp_path).count('flat-seed0') == 2
    assert begun(tmp_path).count('euclid-seed0') == 1


def test_a_run_that_diverged_is_an_end(file, tmp_path, capsys):
    assert grid(file, act=lambda run: 'diverge' if run.arm == 'hyp' else 'work').work()
    assert '4 of 6 runs done, 2 diverged' in capsys.readouterr().out
    assert grid(file).work()
    assert begun(tmp_path) == names(file)


def test_without_room_for_a_log_the_study_ends_after_the_runs_at_hand_have_saved(file, tmp_path, monkeypatch):
    working, original = grid(file, 30), Path.open

    def opened(path, *args, **keywords):
        if path.name == 'log.txt' and path.parent.name == 'flat-seed0':
            wait_for((tmp_path / 'runs' / 'begun').exists)
            raise OSError(errno.ENOSPC, 'No space left on device')
        return original(path, *args, **keywords)

    monkeypatch.setattr(Path, 'open', opened)
    with pytest.raises(TrainingError, match=r'cannot write into .*flat-seed0: .*No space left'):
        working.work()
    assert [path.parent.name for path in (tmp_path / 'runs').glob('*/saved')] == ['euclid-seed0']


def test_when_the_time_is_over_the_runs_are_asked_to_save(file, tmp_path):
    assert not grid(file, 30, limit=1.0).work()
    assert len(begun(tmp_path)) == 2
    assert list((tmp_path / 'runs').glob('*/measures.json')) == []
    assert grid(file).work()


def test_the_commands_are_those_of_the_runs_that_are_left(file, tmp_path, capsys):
    folder = tmp_path / 'runs' / 'euclid-seed0'
    folder.mkdir(parents=True)
    for name in ('test.json', 'measures.json'):
        (folder / name).write_text('{}')
    assert study(file, '--commands', '--threads', '2', '--seeds', '0') == 0
    lines = capsys.readouterr().out.splitlines()
    assert [shlex.split(line) for line in lines] == [
        ['timm-hyperbolic', 'study', str(file), '--threads', '2', '--run', f'{arm}-seed0'] for arm in ('flat', 'hyp')
    ]
    assert study(file, '--status', '--seeds', '0') == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ['done', 'new', 'new']


# --- runs that train --------------------------------------------------------------------------------------------------


def test_a_run_that_was_stopped_goes_on_to_the_same_weights_and_is_measured(tmp_path, monkeypatch, capsys):
    file = written(tmp_path, {})
    assert study(file, '--run', 'hyp-seed1', '--output', tmp_path / 'whole') == 0
    with monkeypatch.context() as patch:
        stop_at(patch, '_make_step', 3)
        assert study(file, '--run', 'hyp-seed1') == 143
    folder = tmp_path / 'runs' / 'hyp-seed1'
    assert state_of(folder) == 'begun'
    assert study(file, '--run', 'hyp-seed1') == 0
    assert state_of(folder) == 'done'
    weights = [load_file(path / 'model.safetensors') for path in (folder, tmp_path / 'whole' / 'hyp-seed1')]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[1])
    measures = json.loads((folder / 'measures.json').read_text())
    with (folder / 'summary.csv').open() as rows:
        last = list(csv.DictReader(rows))[-1]
    assert measures['top1'] == pytest.approx(float(last['eval_top1']))
    assert measures['loss'] == pytest.approx(float(last['eval_loss']), rel=1e-5)
    assert len(measures['noise']) == 5
    assert json.loads((folder / 'run.json').read_text())['command'][-2:] == ['--run', 'hyp-seed1']
    # Another study may not take the folder for its own.
    capsys.readouterr()
    other = written(tmp_path, {'protocol': {**TINY['protocol'], 'weight_decay': 0.3}})
    assert study(other, '--run', 'hyp-seed1') == 2
    assert f'{folder} holds a run with weight_decay 0.05, and the study has weight_decay 0.3' in capsys.readouterr().err


def test_a_run_that_diverges_is_kept_and_shown_as_such(tmp_path, monkeypatch, capsys):
    file = written(tmp_path, {'seeds': [0]})
    forward = ClassificationTask.forward

    def poisoned(self, image, target):
        result = forward(self, image, target)
        return {**result, 'loss': result['loss'] * torch.nan}

    with monkeypatch.context() as patch:
        patch.setattr(ClassificationTask, 'forward', poisoned)
        assert study(file, '--run', 'hyp-seed0') == 4
    assert state_of(tmp_path / 'runs' / 'hyp-seed0') == 'diverged'
    assert study(file, '--run', 'euclid-seed0') == 0
    assert study(file, '--run', 'hyp-seed0') == 0  # it has ended: nothing is done
    assert state_of(tmp_path / 'runs' / 'hyp-seed0') == 'diverged'
    monkeypatch.setattr('timm_hyperbolic.commands.study_page.figures_of', lambda content: {})
    assert study(file, '--table') == 0
    folder = tmp_path / 'runs' / 'tables' / 'tiny'
    page = (folder / 'results.md').read_text()
    assert '| `hyp` | 0, 1 diverged |' in page
    assert '| `hyp-seed0` | diverged |' in page
    runs = {record['run']: record for record in json.loads((folder / 'runs.json').read_text())['runs']}
    assert 'were not finite' in runs['hyp-seed0']['message']
    assert 'measures' not in runs['hyp-seed0']


def test_a_full_disk_is_one_line_and_loses_nothing(file, tmp_path, monkeypatch, capsys):
    def full(*_):
        raise OSError(errno.ENOSPC, 'No space left on device')

    with monkeypatch.context() as patch:
        patch.setattr('timm_hyperbolic.files._sync', full)
        assert study(file, '--run', 'euclid-seed0') in (1, 2)
    lines = [line for line in capsys.readouterr().err.splitlines() if 'No space left' in line]
    assert lines[-1].startswith('timm-hyperbolic study: error: ')
    assert state_of(tmp_path / 'runs' / 'euclid-seed0') == 'new'

    def full_at_the_end(folder, name, content):
        raise TrainingError('No space left on device')

    with monkeypatch.context() as patch:
        patch.setattr('timm_hyperbolic.commands.study.save_json', full_at_the_end)
        assert study(file, '--run', 'euclid-seed0') == 1
    before = (tmp_path / 'runs' / 'euclid-seed0' / 'model.safetensors').read_bytes()
    assert study(file, '--run', 'euclid-seed0') == 0
    assert state_of(tmp_path / 'runs' / 'euclid-seed0') == 'done'
    assert (tmp_path / 'runs' / 'euclid-seed0' / 'model.safetensors').read_bytes() == before


class Here:
    """Stands for `subprocess.Popen`: runs the words at once, without the seconds of a new interpreter."""

    def __init__(self, words, stdout, stderr, env):
        assert words[:4] == [sys.executable, '-m', 'timm_hyperbolic.cli', 'study']
        assert env['OMP_NUM_THREADS'] == '1'
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            self.returncode = study(*words[4:])

    def poll(self):
        return self.returncode


def test_the_speed_is_by_the_ratios_within_a_turn_and_is_kept_beside_that_of_other_arms(file, tmp_path, monkeypatch):
    turns = {'euclid': [1.0, 2.0, 40.0], 'flat': [2.0, 4.0, 80.0], 'hyp': [1.5, 3.0, 9.0]}

    def pretended(contenders, rounds, device):
        for call in contenders.values():
            call()
        return {name: turns[name] for name in contenders}

    monkeypatch.setattr('timm_hyperbolic.evaluate.speed.interleaved', pretended)
    assert study(file, '--speed', '--device', 'cpu', '--arms', 'euclid', 'flat') == 0
    assert study(file, '--speed', '--device', 'cpu', '--arms', 'euclid', 'hyp') == 0
    arms = json.loads((tmp_path / 'runs' / 'speed.json').read_text())['arms']
    assert {arm: each['train'] for arm, each in arms.items()} == {'euclid': 120.0, 'flat': 60.0, 'hyp': 80.0}
    # A training step holds at least the tokens of all blocks at once: 240 images, 5 tokens, 24 features, 4 bytes.
    assert min(each['memory'] for each in arms.values()) > 3 * 240 * 5 * 24 * 4


def test_a_whole_study_is_the_single_runs_and_goes_on_elsewhere_from_its_records(tmp_path, monkeypatch, capsys):
    file = written(tmp_path, {'seeds': [0], 'arms': {name: TINY['arms'][name] for name in ('euclid', 'flat')}})
    monkeypatch.setattr('timm_hyperbolic.train.grid.subprocess', SimpleNamespace(Popen=Here))
    assert study(file, '--jobs', '2', '--threads', '1') == 0
    assert [state_of(tmp_path / 'runs' / f'{arm}-seed0') for arm in ('euclid', 'flat')] == ['done', 'done']
    out, err = capsys.readouterr()
    assert err == ''
    assert 'flat-seed0: done; 2 of 2 runs done' in out
    assert out.endswith(f'next:\n  timm-hyperbolic study {file} --table\n')
    assert (tmp_path / 'runs' / 'euclid-seed0' / 'log.txt').read_text().endswith('euclid-seed0: done\n')

    # Another machine, which has the records and not the folders, has nothing left to do and makes the same tables.
    assert study(file, '--table') == 0
    tables, there = tmp_path / 'runs' / 'tables' / 'tiny', tmp_path / 'there'
    records = ('--records', tables / 'runs.json')
    assert study(file, '--output', there, *records) == 0
    assert not there.exists()
    assert 'nothing left to do' in capsys.readouterr().out
    assert study(file, '--output', there, *records, '--commands') == 0
    assert capsys.readouterr().out == ''
    assert study(file, '--output', there, *records, '--status') == 0
    assert [line.split()[1:] for line in capsys.readouterr().out.splitlines()] == [['done,', 'in', '--records']] * 2
    assert study(file, '--output', there, *records, '--table') == 0
    for name in ('runs.json', 'results.md'):
        assert (there / 'tables' / 'tiny' / name).read_bytes() == (tables / name).read_bytes()

    # A recorded run never counts for a study that has changed since.
    changed = written(tmp_path, {'seeds': [0], 'protocol': {**TINY['protocol'], 'lr': 0.1}})
    for words, line in (
        (records, 'has lr 0.003, and the study has lr 0.1; leave the file out'),
        (('--records', file), 'must be a runs.json that timm-hyperbolic study --table has written'),
    ):
        capsys.readouterr()
        assert study(changed, '--output', there, *words) != 0
        assert line in capsys.readouterr().err

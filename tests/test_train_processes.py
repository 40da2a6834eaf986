"""Two processes, joined by gloo, against one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from train_helpers import summary
from two_processes import LENET, TINY, WIDE

from timm_hyperbolic.cli import run as run_command
from timm_hyperbolic.config.options import from_values
from timm_hyperbolic.config.train import TrainConfig
from timm_hyperbolic.errors import UserError
from timm_hyperbolic.train.processes import Processes

TESTS = Path(__file__).resolve().parent


@pytest.fixture(scope='module')
def runs(tmp_path_factory) -> Path:
    """The folder of all runs: of two processes, which compare gradients before, and the same of one."""
    output = tmp_path_factory.mktemp('runs')
    to = ['--output', str(output), '--experiment']
    # One process first: it compiles the kernels, which the two then find.
    assert run_command('train', [*TINY, *to, 'one']) == 0
    assert run_command('train', [*LENET, *to, 'points-one']) == 0
    assert run_command('train', [*WIDE, *to, 'whole']) == 0
    argv = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', '2']
    path = os.pathsep.join([str(TESTS.parent), str(TESTS)])
    done = subprocess.run(
        [*argv, str(TESTS / 'two_processes.py'), str(output)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, 'PYTHONPATH': path, 'OMP_NUM_THREADS': '1'},
    )
    assert done.returncode == 0, done.stderr
    (output / 'printed').write_text(done.stdout)
    assert run_command('train', [*TINY, *to, 'mixed', '--resume', 'auto']) == 0
    assert run_command('train', [*WIDE, *to, 'sharded', '--resume', 'auto']) == 0
    return output


def furthest(a: Path, b: Path) -> float:
    """Return the largest difference between the weights of two runs."""
    left, right = (load_file(folder / 'model.safetensors') for folder in (a, b))
    assert left.keys() == right.keys()
    return max((left[key] - right[key]).abs().max().item() for key in left)


RUNS = [('two', 'one'), ('mixed', 'one'), ('sharded', 'whole'), ('points-two', 'points-one')]


@pytest.mark.slow
@pytest.mark.parametrize(('name', 'reference'), RUNS)
def test_the_number_of_processes_does_not_change_the_weights(runs, name, reference):
    """After 20 steps; begun by two and ended by one; sharded over two, resumed so, and ended by one; on points,
    of which a part alone is trained in the first epoch.
    """
    assert furthest(runs / name, runs / reference) < 1e-5
    rows = [summary(runs / folder) for folder in (name, reference)]
    assert len(rows[0]) == len(rows[1])
    for two, one in zip(*rows, strict=True):
        for key in ('train_loss', 'eval_loss', 'lr', 'curvature_min', 'curvature_max'):
            assert two[key] == pytest.approx(one[key], rel=1e-5)
        # 360 images of evaluation in batches of 50: the last ones are padded, and count once.
        assert (two['eval_top1'], two['eval_top5']) == (one['eval_top1'], one['eval_top5'])


def test_the_weights_moved_and_the_shards_are_several(runs):
    checkpoint = torch.load(runs / 'whole' / 'checkpoint-00000006.pt', weights_only=True)
    assert sum(value.numel() >= 2**14 for value in checkpoint['state_dict'].values()) == 2
    first = load_file(runs / 'one' / 'model.safetensors')
    assert first['head.curvature.raw'] != first['pos_join.curvature.raw']
    frozen_at_first = [
        torch.load(runs / 'points-two' / f'checkpoint-{step:08d}.pt', weights_only=True)['state_dict']['conv1.weight']
        for step in (5, 10)
    ]
    assert not torch.equal(*frozen_at_first)


def test_the_first_process_alone_prints(runs):
    printed = (runs / 'printed').read_text()
    assert printed.count('epoch 1/') == 4  # one line of each run that passes there
    assert 'going on after step 2, batch 4 of epoch 1' in printed
    assert '2 processes, the first on cpu' in printed


def test_one_process_needs_no_group(monkeypatch):
    monkeypatch.delenv('WORLD_SIZE', raising=False)
    monkeypatch.delenv('SLURM_NTASKS', raising=False)
    alone = Processes.start(torch.device('cpu'))
    assert (alone.rank, alone.count, alone.first) == (0, 1, True)
    assert alone.sum([1.5, True]) == [1.5, True]
    assert alone.from_first('x') == 'x'


@pytest.mark.parametrize(
    ('count', 'options', 'said'),
    [
        (3, {}, r'--batch-size 100: .* cannot be shared out evenly to 3; give a multiple of 3'),
        (1, {'fsdp': True}, '--fsdp: one process'),
        (2, {'fsdp': True, 'clip_grad': 1.0, 'clip_mode': 'agc'}, '--clip-mode agc'),
        (2, {'fsdp': True, 'data_in_memory': True}, '--data-in-memory: not with --fsdp'),
        (2, {'fsdp': True, 'torchcompile': 'eager'}, '--torchcompile: not with --fsdp'),
    ],
)
def test_what_several_processes_cannot_do(count, options, said):
    with pytest.raises(UserError, match=said):
        Processes(torch.device('cpu'), 0, count).check(from_values(TrainConfig, {'batch_size': 100, **options}))

"""Runs of the training command in the processes that torchrun has started; the tests look at what they leave."""

import sys

import pytest
import test_losses_contrastive
import test_train_contrastive
import torch
import torch.distributed as dist
from train_helpers import stop_at

from timm_hyperbolic.commands.train import train
from timm_hyperbolic.config.train import read_train_options
from timm_hyperbolic.errors import Interrupted
from timm_hyperbolic.train.processes import Processes

MODEL = ['--model', 'vit_tiny_patch4_hyp_all', '--img-size', '8', '-b', '240', '--lr', '3e-3']
MODEL += ['--workers', '0', '--device', 'cpu']
TINY = [
    *MODEL,
    '--model-kwargs',
    'embed_dim=24',
    'depth=2',
    'num_heads=3',
    'num_centroids=8',
    '-vb',
    '50',
    '--epochs',
    '4',
]
# Wide enough to have parameters that are sharded. SGD: Adam makes a step of the rounding error of a gradient near 0.
WIDE = [*MODEL, '--model-kwargs', 'embed_dim=72', 'depth=1', 'num_heads=3', 'num_centroids=8', '--model-ema']
WIDE += [
    '--model-ema-decay',
    '0.5',
    '--opt',
    'hypsgd',
    '--momentum',
    '0.9',
    '--clip-grad',
    '0.5',
    '--grad-accum-steps',
    '2',
    '--epochs',
    '2',
]
# On points, by SGD; in the first epoch a part alone: those that are frozen must not be waited for, nor forgotten later
LENET = ['--model', 'hyp_lenet', '--img-size', '16', '-b', '240', '--workers', '0', '--device', 'cpu', '--epochs', '2']
LENET += ['--opt', 'sgd', '--lr', '0.05', '--train-only', 'fc*', '--train-only-epochs', '1']


def interrupted(argv: list[str], step: int, rank: int) -> None:
    """Train until the second process alone is interrupted in a step of this run; both stop after the next step."""
    with pytest.MonkeyPatch.context() as patch:
        if rank == 1:
            stop_at(patch, '_make_step', step)
        with pytest.raises(Interrupted):
            train(read_train_options(argv))


def main(output: str) -> None:
    """Compare gradients; train with DistributedDataParallel, stop, and train sharded, stop, go on."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    parts = [(part, part.of_one_process()) for part in (test_losses_contrastive, test_train_contrastive)]
    rank = Processes.start(torch.device('cpu')).rank
    for part, of_one in parts:
        part.assert_two_processes_agree(rank, *of_one)
    torch.manual_seed(rank)  # what is drawn before must not matter
    to = ['--output', output, '--experiment']
    train(read_train_options([*TINY, *to, 'two']))
    train(read_train_options([*LENET, *to, 'points-two']))
    interrupted([*TINY, *to, 'mixed'], 11, rank)
    interrupted([*WIDE, *to, 'sharded', '--fsdp'], 1, rank)
    interrupted([*WIDE, *to, 'sharded', '--fsdp', '--resume', 'auto'], 1, rank)
    dist.destroy_process_group()


if __name__ == '__main__':
    main(sys.argv[1])

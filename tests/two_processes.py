"""Runs of the training command in the processes that torchrun has started; the tests look at what they leave."""

import sys

import torch
import torch.distributed as dist

from timm_hyperbolic.commands.train import train
from timm_hyperbolic.config.train import read_train_options
from timm_hyperbolic.train.processes import Processes

MODEL = ['--model', 'vit_tiny_patch4_hyp_all', '--img-size', '8', '-b', '240', '--lr', '3e-3', '--epochs', '6']
MODEL += ['--workers', '0', '--device', 'cpu']
TINY = [*MODEL, '--model-kwargs', 'embed_dim=24', 'depth=2', 'num_heads=3', 'num_centroids=8', '-vb', '50']
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
]


def main(output: str) -> None:
    """Train with DistributedDataParallel, stop, and train sharded, stop, go on."""
    torch.set_num_threads(1)
    torch.manual_seed(Processes.start(torch.device('cpu')).rank)  # what is drawn before must not matter
    to = ['--output', output, '--experiment']
    train(read_train_options([*TINY, *to, 'two', '--max-steps', '20']))
    train(read_train_options([*TINY, *to, 'mixed', '--max-steps', '12']))
    train(read_train_options([*WIDE, *to, 'sharded', '--max-steps', '2', '--fsdp']))
    train(read_train_options([*WIDE, *to, 'sharded', '--max-steps', '4', '--fsdp', '--resume', 'auto']))
    dist.destroy_process_group()


if __name__ == '__main__':
    main(sys.argv[1])

"""What an epoch trains and how it computes: a function of its number alone, so that a resumed run does the same."""

import argparse

from timm.task import TrainingTask
from torch import nn

from ..config.argtypes import whole
from ..errors import UserError
from ..layers import HyperbolicModule
from .patterns import matching
from .processes import Processes, wrap_task

__all__ = ['Phases', 'add_phase_options', 'check_phases']


def add_phase_options(group) -> None:
    """Add the flags of this file to an argument group."""
    group.add_argument(
        '--train-only',
        nargs='+',
        metavar='PATTERN',
        help='train only parameters whose name matches one of these shell patterns, for example "blocks.*.attn.*"',
    )
    group.add_argument(
        '--train-only-epochs',
        type=whole(1),
        metavar='N',
        help='do so in the first N epochs, then train everything (default: in all epochs)',
    )
    group.add_argument(
        '--hamp',
        action=argparse.BooleanOptionalAction,
        default=False,
        help='mixed precision inside hyperbolic layers too: with --amp, their vectors in the type of --amp-dtype; '
        'the scalars of a row stay in float32 or better',
    )
    group.add_argument(
        '--hamp-start-epoch', type=whole(0), default=0, metavar='N', help='from epoch N on, counted from 0'
    )


def check_phases(args: argparse.Namespace) -> None:
    """Refuse flags that need another one.

    Raises:
        UserError: naming both.
    """
    if args.hamp and not args.amp:
        raise UserError('--hamp: acts on mixed precision; give --amp too')
    if args.hamp_start_epoch and not args.hamp:
        raise UserError(f'--hamp-start-epoch {args.hamp_start_epoch}: gives the start of --hamp; give --hamp too')
    if args.train_only_epochs and not args.train_only:
        raise UserError(f'--train-only-epochs {args.train_only_epochs}: give --train-only, what to train in them')


class Phases:
    """Sets a task up for an epoch: freezes parameters, switches hAMP.

    A frozen parameter has no gradient, so that optimizers leave it and its state alone, weight decay included.

    Args:
        task: holds `model`, and its moving average if there is one.
        model: whose parameters are trained, under the names that the patterns speak of.
        args: options of the run (`train_only`, `train_only_epochs`, `hamp`, `hamp_start_epoch`).
        processes: that train together.

    Raises:
        UserError: a pattern matches no parameter.
    """

    def __init__(
        self, task: TrainingTask, model: nn.Module, args: argparse.Namespace, processes: Processes | None = None
    ) -> None:
        self.task, self.args = task, args
        self.processes = processes or Processes(task.device)
        self._parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self._chosen = matching(args.train_only or (), self._parameters, '--train-only')

    def begin(self, epoch: int) -> None:
        """Set everything up for `epoch`, counted from 0; the epochs before it need not have been begun."""
        self._freeze(bool(self.args.train_only) and epoch < (self.args.train_only_epochs or epoch + 1))
        if self.args.hamp:
            for ema in (False, True):
                module = self.task.get_trainable_module(ema=ema)
                for layer in module.modules() if module is not None else ():
                    if isinstance(layer, HyperbolicModule):
                        layer.hamp = epoch >= self.args.hamp_start_epoch

    def _freeze(self, all_others: bool) -> None:
        changed = False
        for name, p in self._parameters.items():
            train = not all_others or name in self._chosen
            changed |= p.requires_grad != train
            p.requires_grad_(train)
            if not train:
                p.grad = None
        if changed:
            # DistributedDataParallel takes the parameters that are trained at the moment that it is made.
            wrap_task(self.task, self.processes)

    def __str__(self) -> str:
        """What is trained when, in one line; empty where everything is, always."""
        if not self.args.train_only:
            return ''
        which = f'{len(self._chosen)} of {len(self._parameters)} parameters ({", ".join(self.args.train_only)})'
        epochs = self.args.train_only_epochs
        first = 'epoch 1' if epochs == 1 else f'epochs 1 to {epochs}'
        return f'training {which} in {f"{first}, then all of them" if epochs else "all epochs"}'

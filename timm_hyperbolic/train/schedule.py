"""The learning rate schedule of a run, with errors that name the command-line flag."""

import torch
from timm.scheduler import create_scheduler_v2
from timm.scheduler.scheduler import Scheduler

from ..config.optim import ScheduleConfig
from ..errors import UserError

__all__ = ['create_schedule']


def create_schedule(
    optimizer: torch.optim.Optimizer, config: ScheduleConfig, steps_per_epoch: int
) -> tuple[Scheduler | None, int]:
    """Return a scheduler of timm, updated after every step, and the number of epochs including the cooldown.

    Args:
        optimizer: The optimizer whose learning rates are scheduled.
        config: Options of the schedule.
        steps_per_epoch: Steps of the optimizer in an epoch.

    Raises:
        UserError: The warm-up is too long, or timm rejects a value.
    """
    config = config.with_warmup()
    if config.warmup_epochs >= config.epochs:
        raise UserError(f'--warmup-epochs {config.warmup_epochs:g}: must be less than --epochs {config.epochs}')
    try:
        scheduler, epochs = create_scheduler_v2(
            optimizer,
            sched=config.sched,
            num_epochs=config.epochs,
            warmup_epochs=config.warmup_epochs,
            warmup_lr=config.warmup_lr,
            min_lr=config.min_lr,
            cooldown_epochs=config.cooldown_epochs,
            decay_epochs=config.decay_epochs,
            decay_milestones=config.decay_milestones,
            decay_rate=config.decay_rate,
            step_on_epochs=False,
            updates_per_epoch=steps_per_epoch,
        )
    except (AssertionError, ValueError) as error:
        raise UserError(f'--sched {config.sched}: {error}') from error
    return scheduler, round(epochs)

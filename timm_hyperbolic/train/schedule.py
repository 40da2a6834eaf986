"""The learning rate schedule of a run, with errors that name the command-line flag."""

import torch
from timm.scheduler import create_scheduler_v2
from timm.scheduler.scheduler import Scheduler

from ..config.optim import ScheduleConfig
from ..errors import UserError

__all__ = ['create_schedule']


def create_schedule(
    optimizer: torch.optim.Optimizer, config: ScheduleConfig, steps_per_epoch: int, max_steps: int | None = None
) -> tuple[Scheduler | None, int]:
    """Return a scheduler of timm, which is updated after every step, and the number of steps of the run.

    The run has `(epochs + cooldown_epochs) * steps_per_epoch` steps. If `max_steps` is less than that, the schedule is
    compressed to `max_steps` steps in its whole length: warm-up, decay and cooldown keep their shares of the run.

    Args:
        optimizer: The optimizer whose learning rates are scheduled.
        config: Options of the schedule.
        steps_per_epoch: Number of steps of the optimizer in an epoch.
        max_steps: Largest number of steps of the run; None for no limit.

    Returns:
        The scheduler, which is None for `--sched none`, and the number of steps.

    Raises:
        UserError: The warm-up is too long, or timm rejects a value.
    """
    config = config.with_warmup()
    if config.warmup_epochs >= config.epochs:
        raise UserError(f'--warmup-epochs {config.warmup_epochs:g}: must be less than --epochs {config.epochs}')
    scheduler, epochs = _create(optimizer, config, steps_per_epoch)
    steps = epochs * steps_per_epoch
    if max_steps is None or max_steps >= steps:
        return scheduler, steps
    return _create(optimizer, config, max_steps / epochs, f' with --max-steps {max_steps}')[0], max_steps


def _create(
    optimizer: torch.optim.Optimizer, config: ScheduleConfig, steps_per_epoch: float, limit: str = ''
) -> tuple[Scheduler | None, int]:
    """Return a scheduler and the number of epochs with the cooldown."""
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
        raise UserError(f'--sched {config.sched}{limit}: {error}') from error
    return scheduler, round(epochs)

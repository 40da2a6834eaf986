"""The training command: from options to a trained model in a folder."""

import argparse
import sys
from pathlib import Path

from timm.scheduler import create_scheduler_v2
from timm.scheduler.scheduler import Scheduler
from timm.utils import random_seed

from ..analysis import track
from .data import check_splits, create_splits
from .device import create_autocast, create_scaler, resolve_device
from .errors import EngineError, UserError
from .loaders import create_loaders, create_mixup, default_workers
from .loop import Loop
from .model import check_start, create_model, resolve_data_config, start_from_checkpoint
from .optimizer import create_optimizer
from .options import parse_options
from .output import OutputFolder
from .phases import Phases, check_phases
from .report import Progress, curvature_summary, final_table
from .selection import Result
from .task import check_task, create_task, use_channels_last
from .trackers import Tracker, check_trackers, create_trackers

__all__ = ['main', 'train']


def main(argv: list[str] | None = None, prog: str | None = None) -> int:
    """Run the training command and return its exit status.

    Args:
        argv: the command line without the program's name, by default `sys.argv[1:]`.
        prog: name of the program in help and messages, by default that of the running script.

    Returns:
        0; 2 for input that cannot be trained on; 1 for a run that failed; 130 for one interrupted.
    """
    prog = prog or Path(sys.argv[0]).name
    try:
        train(parse_options(argv, prog))
    except EngineError as error:
        print(f'{prog}: error: {" ".join(str(error).split())}', file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt as interrupt:
        print(f'{prog}: interrupted: {str(interrupt) or "nothing was saved"}', file=sys.stderr)
        return 130
    return 0


def train(args: argparse.Namespace) -> Path:
    """Train as `args`, from `parse_options`, say, and return the folder with the result.

    The saved model is that of the last epoch or of the best one, as `Result` says, and of its moving
    average with `--model-ema`. Options that were left open (`num_classes`, `val_split`, `workers`, ...)
    are filled in and written to `args.yaml`.

    Raises:
        UserError: something that `args` name does not exist or does not fit; nothing was written.
        TrainingError: the loss was not finite, or the folder could not be written.
        KeyboardInterrupt: with a message that says what was saved.
    """
    for check in (check_start, check_phases, check_task, check_trackers):
        check(args)
    device = resolve_device(args.device)
    autocast, scaler = create_autocast(args, device), create_scaler(args, device)
    folder = OutputFolder.of(args)
    random_seed(args.seed)

    splits = create_splits(args)
    model = create_model(args, splits.num_classes)
    start_from_checkpoint(model, args)
    data_config = resolve_data_config(model, args)
    check_splits(splits, model.num_classes, data_config['input_size'][0], args)
    mixup = create_mixup(args, model.num_classes)
    args.val_split, args.test_split = splits.val_name, splits.test_name
    args.num_classes, args.device = model.num_classes, str(device)
    args.workers = default_workers(device) if args.workers is None else args.workers
    train_loader, val_loader = create_loaders(splits, data_config, args, device)

    model.to(device)
    if args.channels_last:
        use_channels_last(model)
    task = create_task(model, args, data_config, soft_targets=mixup is not None, device=device)
    if args.model_ema:
        task.setup_ema(decay=args.model_ema_decay, use_warmup=args.model_ema_warmup)
    optimizer = create_optimizer(model, args)
    phases = Phases(task, model, args)
    steps_per_epoch = -(-len(train_loader) // args.grad_accum_steps)
    scheduler, epochs = _create_scheduler(optimizer, steps_per_epoch, args)
    if args.torchcompile:
        task.compile(backend=args.torchcompile)
        task.compile_ema(backend=args.torchcompile)

    folder.create(args)
    parameters = sum(p.numel() for p in model.parameters())
    print(
        f'{args.model}: {parameters:,} parameters, {model.num_classes} classes, on {device}\n'
        f'{splits}; output in {folder.path}',
        flush=True,
    )
    if str(phases):
        print(phases, flush=True)
    loop = Loop(task, optimizer, scheduler, args, autocast, scaler, mixup)
    trackers = create_trackers(folder.path, args)
    saved = task.get_trainable_module(ema=True).module if task.has_ema() else model
    result = Result(folder, splits, saved, args, data_config)
    try:
        _run(loop, phases, train_loader, val_loader, epochs, result, trackers)
    except KeyboardInterrupt as interrupt:
        done = f'{folder.path} holds {result.kept}' if folder.rows else 'no epoch was done'
        raise KeyboardInterrupt(done) from interrupt
    finally:
        for tracker in trackers:
            tracker.close()
    return folder.path


def _run(
    loop: Loop, phases: Phases, train_loader, val_loader, epochs: int, result: Result, trackers: list[Tracker]
) -> None:
    """Train, evaluate and save, epoch by epoch, and print the final table."""
    args = loop.args
    images = seconds = 0
    for epoch in range(epochs):
        phases.begin(epoch)
        if loop.mixup is not None and args.mixup_off_epoch and epoch >= args.mixup_off_epoch:
            loop.mixup.mixup_enabled = False
        batches = len(train_loader)
        if args.max_steps is not None:
            batches = min(batches, (args.max_steps - loop.step) * args.grad_accum_steps)
        with Progress(epoch, epochs, batches, args.log_interval) as progress:
            stats = loop.train_one_epoch(train_loader, progress)
        metrics = loop.evaluate(val_loader)
        images, seconds = images + stats.images, seconds + stats.seconds
        row = {
            'epoch': epoch,
            'train_loss': stats.loss,
            **{f'eval_{name}': value for name, value in metrics.items()},
            'lr': stats.lr,
            **stats.norms,
            'images_per_second': stats.images / stats.seconds,
            **curvature_summary(result.saved),
            **track(result.saved, loop.sample, loop.autocast),
        }
        result.add(row)
        for tracker in trackers:
            tracker.log(row, epoch)
        print(
            f'epoch {epoch + 1}/{epochs}  train loss {stats.loss:.4f}  eval loss {metrics["loss"]:.4f}  '
            f'top1 {metrics["top1"]:.2f}  lr {stats.lr:.2e}  {stats.images / stats.seconds:.0f} images/s',
            flush=True,
        )
        if loop.done:
            break
    split, metrics = result.finish(loop)
    print(f'\n{args.model} on {args.dataset or args.data_dir}, split {split}, after {loop.step} steps')
    print(final_table(result.saved, metrics, images / seconds))
    print(f'saved: {result}')


def _create_scheduler(optimizer, steps_per_epoch: int, args: argparse.Namespace) -> tuple[Scheduler | None, int]:
    """Return timm's scheduler, moved after every step, and the number of epochs with its cooldown."""
    if args.warmup_epochs is None:
        args.warmup_epochs = min(5.0, 0.1 * args.epochs)
    if args.warmup_epochs >= args.epochs:
        raise UserError(f'--warmup-epochs {args.warmup_epochs:g}: must be less than --epochs {args.epochs}')
    try:
        scheduler, epochs = create_scheduler_v2(
            optimizer,
            sched=args.sched,
            num_epochs=args.epochs,
            warmup_epochs=args.warmup_epochs,
            warmup_lr=args.warmup_lr,
            min_lr=args.min_lr,
            cooldown_epochs=args.cooldown_epochs,
            decay_epochs=args.decay_epochs,
            decay_milestones=args.decay_milestones,
            decay_rate=args.decay_rate,
            step_on_epochs=False,
            updates_per_epoch=steps_per_epoch,
        )
    except (AssertionError, ValueError) as error:
        raise UserError(f'--sched {args.sched}: {error}') from error
    return scheduler, round(epochs)

"""The training command: from options to a trained model in a folder."""

import argparse
import copy
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

import torch
from timm.scheduler import create_scheduler_v2
from timm.scheduler.scheduler import Scheduler
from timm.utils import random_seed, unwrap_model

from ..analysis import track
from ..analysis.pixels import to_pixels
from ..data.loaders import check_augmentation, create_loaders, create_mixup, default_workers
from ..data.sampling import TrainLoader
from ..data.splits import check_splits, create_splits
from ..errors import DeadWorkers, Diverged, TrainingError, UserError, exit_status
from ..hub.publish import Publisher, check_publish
from ..train.checkpoint import Checkpoints, check_options, find_shared_checkpoint, restore
from ..train.device import create_autocast, create_scaler, resolve_device
from ..train.health import Advice
from ..train.loop import Loop
from ..train.model import check_start, create_model, resolve_data_config, start_from_checkpoint
from ..train.optimizer import create_optimizer
from ..train.phases import Phases, check_phases
from ..train.processes import Processes, wrap_task
from ..train.progress import Progress, curvature_summary, final_table
from ..train.provenance import Provenance
from ..train.run_folder import OutputFolder
from ..train.selection import Result
from ..train.sharding import shard_task, to_whole
from ..train.stop import StopRequest
from ..train.task import check_task, create_task, use_channels_last
from ..train.trackers import Tracker, check_trackers, create_trackers
from .options import parse_options

__all__ = ['main', 'train']


def main(argv: list[str] | None = None, prog: str | None = None) -> int:
    """Run the training command and return its exit status.

    Args:
        argv: the command line without the program's name, by default `sys.argv[1:]`.
        prog: name of the program in help and messages, by default that of the running script.

    Returns:
        0; 2 for input that cannot be trained on; 1 for a run that failed; 3 for a result that did not reach the Hub;
        130 for a run that was interrupted, 143 for one that SIGTERM ended.
    """
    prog = prog or Path(sys.argv[0]).name
    command = [*prog.split(), *(sys.argv[1:] if argv is None else argv)]
    try:
        return exit_status(lambda: train(parse_options(argv, prog), command), prog, interrupted='nothing was saved')
    finally:
        Processes.end()


def train(args: argparse.Namespace, command: Sequence[str] | None = None) -> Path:
    """Train as `args`, from `parse_options`, say, and return the folder with the result.

    The saved model is that of the last epoch or of the best one, as `Result` says, and of its moving
    average with `--model-ema`. Options that were left open (`num_classes`, `val_split`, `workers`, ...)
    are filled in and written to `args.yaml`.

    Under torchrun, every process calls it; the first one writes and prints.

    Args:
        args: the options.
        command: the words that they were given in, to be written down.

    Raises:
        UserError: something that `args` name does not exist or does not fit; nothing was written.
        TrainingError: too many losses were not finite, or the folder could not be written.
        PublishError: the result is in the folder, but not on the Hub.
        Interrupted: by SIGTERM or SIGINT, after the step at hand was saved.
        KeyboardInterrupt: by a second SIGINT, or before training began; the message says what was saved.
    """
    for check in (check_augmentation, check_start, check_phases, check_task, check_trackers, check_publish):
        check(args)
    processes = Processes.start(resolve_device(args.device))
    with nullcontext() if processes.first else redirect_stdout(Path(os.devnull).open('w')):
        return _train(args, processes, command)


def _train(args: argparse.Namespace, processes: Processes, command: Sequence[str] | None) -> Path:
    device = processes.device
    processes.check(args)
    autocast, scaler = create_autocast(args, device), create_scaler(args, device)
    folder = OutputFolder.shared(args, processes)
    try:
        return _train_in(folder, args, processes, autocast, scaler, command)
    finally:
        folder.close()


def _train_in(
    folder: OutputFolder,
    args: argparse.Namespace,
    processes: Processes,
    autocast,
    scaler,
    command: Sequence[str] | None,
) -> Path:
    device = processes.device
    checkpoint = find_shared_checkpoint(args.resume, folder, processes) if args.resume else None
    args.resume = None  # what follows belongs to the run, however it was started
    random_seed(args.seed)

    splits = create_splits(args, None if checkpoint is None else checkpoint.get('classes'))
    model = create_model(args, splits.num_classes, pretrained=args.pretrained and checkpoint is None)
    if checkpoint is None:
        start_from_checkpoint(model, args)
    data_config = resolve_data_config(model, args)
    check_splits(splits, model.num_classes, data_config['input_size'][0], args)
    for key in ('label_names', 'label_descriptions'):  # of the classes that it was trained on before
        model.pretrained_cfg.pop(key, None)
    mixup = create_mixup(args, model.num_classes, processes.count)
    args.val_split, args.test_split = splits.val_name, splits.test_name
    args.num_classes, args.device = model.num_classes, str(device)
    args.workers = default_workers(device) if args.workers is None else args.workers
    train_loader, val_loader = create_loaders(splits, data_config, args, device, processes.rank, processes.count)

    model.to(device)
    if args.channels_last:
        use_channels_last(model)
    task = create_task(model, args, data_config, soft_targets=mixup is not None, device=device, classes=splits.classes)
    if args.model_ema:
        task.setup_ema(decay=args.model_ema_decay, use_warmup=args.model_ema_warmup)
    saved = task.get_trainable_module(ema=True).module if task.has_ema() else model
    if args.fsdp:
        saved = copy.deepcopy(saved)  # whole; it is given the weights when they are saved
        shard_task(task, processes)
    optimizer = create_optimizer(model, args)
    phases = Phases(task, model, args, processes)
    steps_per_epoch = -(-len(train_loader) // args.grad_accum_steps)
    scheduler, epochs = _create_scheduler(optimizer, steps_per_epoch, args)
    if args.torchcompile:
        task.compile(backend=args.torchcompile)
        task.compile_ema(backend=args.torchcompile)
    if not args.fsdp:
        wrap_task(task, processes)
    loop = Loop(task, optimizer, scheduler, args, autocast, scaler, mixup, processes)
    if checkpoint is not None:
        # A run that stopped in an epoch has written that epoch's model over the best one if it was better.
        check_options(checkpoint, args, fixed=['max_steps'] if splits.keeps_best else [])
        restore(loop, checkpoint)
        folder.rows = checkpoint['rows']

    folder.create(args)
    parameters = sum(p.numel() for p in model.parameters())
    where = f'{device}' if processes.count == 1 else f'{processes.count} processes, the first on {device}'
    print(
        f'{args.model}: {parameters:,} parameters, {model.num_classes} classes, on {where}\n'
        f'{splits}; output in {folder.path}',
        flush=True,
    )
    if str(phases):
        print(phases, flush=True)
    if checkpoint is not None:
        print(f'going on after step {loop.step}, batch {loop.state.batch} of epoch {loop.state.epoch + 1}', flush=True)
    trackers = create_trackers(folder.path, args, loop.state.epoch, loop.step) if processes.first else []
    result = Result(folder, splits, saved, args, data_config)
    provenance = Provenance(folder, splits, parameters, processes, command)
    publisher = Publisher(folder.path, args)
    checkpoints = Checkpoints(folder, loop, args, splits.classes)
    try:
        with StopRequest() as request:
            _watch(loop, checkpoints, request, trackers)
            loop.on_first_batch = lambda images: _show_images(trackers, images, data_config)
            _run(loop, phases, train_loader, val_loader, epochs, checkpoints, result, trackers, provenance, publisher)
    except Diverged as error:
        path = checkpoints.save()
        kept = f'the last good state, that after step {loop.step}, is in {path}' if path else 'see the checkpoints'
        raise TrainingError(
            f'{error}; {kept}. Start a new run from it by --initial-checkpoint, with a smaller --lr, --clip-grad 1, '
            'a longer warm-up, or --amp-dtype bfloat16 with --amp'
        ) from error
    except DeadWorkers as error:
        # A sharded model is saved by all processes together, of which the others may still be training.
        kept = f'; {checkpoints.keep()} --workers 0' if not loop.sharded else '; try --workers 0'
        raise TrainingError(f'{error}{kept}') from error
    except KeyboardInterrupt as interrupt:
        done = f'{folder.path} holds {result.kept}' if folder.rows else 'no epoch was done'
        raise KeyboardInterrupt(f'{done}; go on with --resume {folder.path}') from interrupt
    finally:
        for tracker in trackers:
            tracker.close()
    if processes.first:
        publisher.finish()
    return folder.path


def _show_images(trackers: Sequence[Tracker], images: torch.Tensor, data_config: dict[str, Any]) -> None:
    """Give the first batch to the trackers, as it was before it was normalised."""
    for tracker in trackers:
        tracker.log_images(to_pixels(images.cpu(), data_config['mean'], data_config['std']))


def _watch(loop: Loop, checkpoints: Checkpoints, request: StopRequest, trackers: Sequence[Tracker]) -> None:
    """Have the loop log every step, save every `--checkpoint-every` steps, and save and leave when asked to stop."""
    every = loop.args.checkpoint_every

    def on_step() -> None:
        for tracker in trackers:
            tracker.log_step({'loss': loop.step_loss, 'lr': loop.state.lr}, loop.step)
        if loop.stopping:
            raise request.interrupted(checkpoints.keep())
        if every and loop.step % every == 0 and not loop.state.bad_in_row:
            checkpoints.save()

    def on_eval_batch() -> None:
        # Several processes agree at the next step of training, so that none waits for one that has left.
        if request.signal and loop.processes.count == 1:
            raise request.interrupted(checkpoints.keep())

    loop.stop_wanted = lambda: bool(request.signal)
    loop.on_step, loop.on_eval_batch = on_step, on_eval_batch


def _run(
    loop: Loop,
    phases: Phases,
    train_loader: TrainLoader,
    val_loader,
    epochs: int,
    checkpoints: Checkpoints,
    result: Result,
    trackers: list[Tracker],
    provenance: Provenance,
    publisher: Publisher,
) -> None:
    """Train, evaluate and save, epoch by epoch, and print the final table."""
    args, advice = loop.args, Advice(unwrap_model(loop.task.get_trainable_module()), loop.optimizer)
    while loop.state.epoch < epochs:
        epoch = loop.state.epoch
        phases.begin(epoch)
        if loop.mixup is not None and args.mixup_off_epoch and epoch >= args.mixup_off_epoch:
            loop.mixup.mixup_enabled = False
        batches = len(train_loader)
        if args.max_steps is not None:
            batches = min(batches, loop.state.batch + (args.max_steps - loop.step) * args.grad_accum_steps)
        train_loader.set_epoch(epoch, loop.state.batch)
        with Progress(epoch, epochs, batches, args.log_interval) as progress:
            stats = loop.train_one_epoch(train_loader, progress)
        last = loop.done or epoch + 1 == epochs
        if loop.done:
            checkpoints.save()  # from where a larger --max-steps goes on
        metrics = loop.evaluate(val_loader)
        if loop.sharded:
            result.saved.load_state_dict(to_whole(loop.evaluated_model.state_dict()))
        row = {
            'epoch': epoch,
            'train_loss': stats.loss,
            **{f'eval_{name}': value for name, value in metrics.items()},
            'lr': stats.lr,
            **stats.norms,
            'skipped_steps': loop.state.skipped,
            'images_per_second': stats.images / stats.seconds,
            **curvature_summary(result.saved),
            **track(result.saved, loop.sample, loop.autocast),
        }
        result.add(row, last)
        told = advice.check(row, result.saved, loop.sample, loop.autocast) if loop.processes.first else ()
        provenance.write(loop.state, result.so_far, told)
        for tracker in trackers:
            tracker.log(row, epoch)
        print(
            f'epoch {epoch + 1}/{epochs}  train loss {stats.loss:.4f}  eval loss {metrics["loss"]:.4f}  '
            f'top1 {metrics["top1"]:.2f}  lr {stats.lr:.2e}  {stats.images / stats.seconds:.0f} images/s',
            flush=True,
        )
        if loop.done:
            break
        loop.state = loop.state.next_epoch()
        checkpoints.save()
        if loop.processes.first and not last:
            publisher.after_epoch(epoch + 1)
    checkpoints.close()
    metrics = result.finish(loop)
    if result.splits.test is not None:
        for tracker in trackers:
            tracker.log_test({name: metrics[name] for name in ('loss', 'top1', 'top5')}, metrics['epoch'])
    provenance.write(loop.state, metrics, last=True)
    state = loop.state
    speed = (state.run_images + state.images) / (state.run_seconds + state.seconds)
    print(f'\n{args.model} on {args.dataset or args.data_dir}, split {metrics["split"]}, after {loop.step} steps')
    print(final_table(result.saved, metrics, speed))
    for text in provenance.advice:
        print(f'advice: {text}')
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

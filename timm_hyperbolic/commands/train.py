"""The training command: from options to a trained model in a folder."""

import copy
import os
import shlex
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from timm.data.loader import PrefetchLoader
from timm.utils import random_seed, unwrap_model
from torch.utils.data import DataLoader

from ..analysis import track
from ..analysis.pixels import to_pixels
from ..config.options import to_values, with_values
from ..config.train import TrainConfig
from ..data.loaders import default_workers
from ..data.sampling import TrainLoader
from ..errors import DeadWorkers, Diverged, NotFinite, TrainingError
from ..hub.publish import Publisher, check_publish
from ..train.checkpoint import Checkpoints, check_options, extends, find_shared_checkpoint, restore
from ..train.device import create_autocast, create_scaler, resolve_device
from ..train.dry_run import describe
from ..train.health import Advice
from ..train.loop import Loop
from ..train.model import start_from_checkpoint
from ..train.optimizer import create_clip, create_optimizer
from ..train.phases import Phases
from ..train.processes import Processes, shard_task, to_whole, wrap_task
from ..train.progress import Progress, curvature_summary, duration, final_summary
from ..train.provenance import Provenance
from ..train.run_folder import OutputFolder
from ..train.schedule import create_schedule
from ..train.selection import Result
from ..train.stop import StopRequest
from ..train.task import use_channels_last
from ..train.tasks import task_kind
from ..train.trackers import Tracker, check_trackers, create_trackers

__all__ = ['train']


def train(config: TrainConfig, command: Sequence[str] | None = None) -> Path:
    """Train a model and return the folder with the result.

    The saved model is that of the last epoch or of the best one, as `Result` says, and of its moving average with
    `--model-ema`. Options that were left open (`num_classes`, `val_split`, `workers`, ...) are filled in and written to
    `args.yaml`.

    Under torchrun, every process calls this function; the first one writes and prints.

    Args:
        config: The options.
        command: The words of the command line, to be written down.

    Raises:
        UserError: The model, the data or a folder does not exist or does not fit; nothing was written.
        NotFinite: Too many losses or gradients were not finite.
        TrainingError: The folder could not be written.
        PublishError: The result is in the folder, but not on the Hub.
        Interrupted: SIGTERM or SIGINT came, and the state after the step at hand was saved.
        KeyboardInterrupt: A second SIGINT came, or one before training began; the message says what was saved.
    """
    check_trackers(config.trackers)
    check_publish(config.hub)
    try:
        processes = Processes.start(resolve_device(config.device.device))
        with nullcontext() if processes.first else redirect_stdout(Path(os.devnull).open('w')):
            processes.check(config)
            folder = OutputFolder.shared(config.run, _run_name(config), processes)
            try:
                return _train_in(folder, config, processes, command)
            finally:
                folder.close()
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(str(interrupt) or 'nothing was saved') from interrupt


def _run_name(config: TrainConfig) -> str:
    """Return the name of the folder of a run that was given none: that of its data set."""
    return Path(config.data.name.rstrip('/')).name or 'images'


def _train_in(folder: OutputFolder, config: TrainConfig, processes: Processes, command: Sequence[str] | None) -> Path:
    device = processes.device
    autocast, scaler = create_autocast(config.device, device), create_scaler(config.device, device)
    resume = config.run.resume
    checkpoint = find_shared_checkpoint(resume, folder, processes) if resume else None
    dry_run = config.run.dry_run
    config = with_values(config, resume=None, dry_run=False)  # what follows belongs to the run, however it was started
    seed, name = config.run.seed, config.model.model
    random_seed(seed)

    classes = None if checkpoint is None else checkpoint.get('classes')
    kind = task_kind(config.task.task)
    splits = kind.open_splits(config, seed, classes)
    model_config = config.model
    if checkpoint is not None:  # it holds the weights
        model_config = replace(model_config, pretrained=False, pretrained_file=None)
    model = kind.create_model(config, model_config, splits)
    if checkpoint is None:
        start_from_checkpoint(model, config.start, name)
    data_config = kind.data_config(model, splits, config)
    kind.check(splits, model, data_config, config)
    for key in ('label_names', 'label_descriptions'):  # of the classes that it was trained on before
        model.pretrained_cfg.pop(key, None)
    workers = default_workers(device) if config.loader.workers is None else config.loader.workers
    config = with_values(
        config,
        val_split=splits.val_name,
        test_split=splits.test_name,
        num_classes=model.num_classes,
        device=str(device),
        amp_dtype=config.device.dtype_on(device.type),
        workers=workers,
        warmup_epochs=config.schedule.with_warmup().warmup_epochs,
    )
    mixup = kind.mixup(config, model, processes)
    train_loader, val_loader = kind.loaders(splits, data_config, config, processes)

    model.to(device)
    if config.device.channels_last:
        use_channels_last(model)
    task = kind.training_task(model, splits, data_config, config, device, soft_targets=mixup is not None)
    if config.ema.model_ema:
        task.setup_ema(decay=config.ema.model_ema_decay, use_warmup=config.ema.model_ema_warmup)
    saved = task.get_trainable_module(ema=True).module if task.has_ema() else model
    if config.device.fsdp:
        saved = copy.deepcopy(saved)  # whole; it is given the weights when they are saved
        shard_task(task, processes)
    optimizer = create_optimizer(model, config.optimizer, name)
    phases = Phases(task, model, config.phases, processes)
    steps_per_epoch = -(-len(train_loader) // config.loop.grad_accum_steps)
    scheduler, steps = create_schedule(optimizer, config.schedule, steps_per_epoch, config.loop.max_steps)
    schedule_steps: int | None = steps
    if config.compile.torchcompile:
        task.compile(backend=config.compile.torchcompile)
        task.compile_ema(backend=config.compile.torchcompile)
    if not config.device.fsdp:
        wrap_task(task, processes)
    clip = create_clip(unwrap_model(task.get_trainable_module()), config.optimizer)
    loop = Loop(task, optimizer, scheduler, config.loop, seed, clip, autocast, scaler, mixup, processes, kind.predict)
    if checkpoint is not None:
        extended = extends(checkpoint, config, steps)
        # A run that stopped in an epoch has written that epoch's model over the best one if it was better.
        stays_best = splits.keeps_best and 0 < checkpoint['state']['batch'] < len(train_loader)
        check_options(checkpoint, config, steps, stays_best)
        restore(loop, checkpoint, new_schedule=extended)
        if not extended:
            schedule_steps = checkpoint.get('schedule_steps')
        folder.rows = checkpoint['rows']

    if dry_run:
        print(describe(config, model, loop, next(iter(train_loader))))
        return folder.path
    folder.create(to_values(config), processes)
    parameters = sum(p.numel() for p in model.parameters())
    where = f'{device}' if processes.count == 1 else f'{processes.count} processes, the first on {device}'
    taken = f' ({folder.taken} exists already)' if folder.taken else ''
    print(
        f'{name}: {parameters:,} parameters, {model.num_classes} classes, on {where}\n'
        f'{splits}; output in {folder.path}{taken}',
        flush=True,
    )
    if str(phases):
        print(phases, flush=True)
    if checkpoint is not None:
        print(f'going on after step {loop.step}, batch {loop.state.batch} of epoch {loop.state.epoch + 1}', flush=True)
    trackers = []
    if processes.first:
        trackers = create_trackers(folder.path, config.trackers, to_values(config), loop.state.epoch, loop.step)
    result = Result(folder, splits, saved, config, data_config, processes, kind)
    provenance = Provenance(folder, splits, parameters, processes, command)
    publisher = Publisher(folder.path, config.hub)
    checkpoints = Checkpoints(folder, loop, config, splits.classes, schedule_steps)
    try:
        with StopRequest() as request:
            _watch(loop, checkpoints, request, config.run.checkpoint_every, trackers)
            loop.on_first_batch = lambda images: _show_images(trackers, images, data_config)
            _run(
                config,
                loop,
                phases,
                train_loader,
                val_loader,
                steps,
                checkpoints,
                result,
                trackers,
                provenance,
                publisher,
            )
    except Diverged as error:
        path = checkpoints.save()
        kept = f'the last good state, that after step {loop.step}, is in {path}' if path else 'see the checkpoints'
        raise NotFinite(
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


def _watch(
    loop: Loop, checkpoints: Checkpoints, request: StopRequest, every: int | None, trackers: Sequence[Tracker]
) -> None:
    """Have the loop log every step, save every `every` steps, and save and leave when it is asked to stop."""

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
    config: TrainConfig,
    loop: Loop,
    phases: Phases,
    train_loader: TrainLoader,
    val_loader: DataLoader | PrefetchLoader,
    steps: int,
    checkpoints: Checkpoints,
    result: Result,
    trackers: list[Tracker],
    provenance: Provenance,
    publisher: Publisher,
) -> None:
    """Train to a number of steps, evaluate and save, epoch by epoch, and print the final table."""
    advice = Advice(unwrap_model(loop.task.get_trainable_module()), loop.optimizer)
    epoch_batches, accum = len(train_loader), config.loop.grad_accum_steps
    epochs, rest = divmod(steps, -(-epoch_batches // accum))
    run_batches = epochs * epoch_batches + rest * accum
    epochs += rest > 0
    while loop.state.epoch < epochs:
        epoch = loop.state.epoch
        phases.begin(epoch)
        if loop.mixup is not None and config.mixup.mixup_off_epoch and epoch >= config.mixup.mixup_off_epoch:
            loop.mixup.mixup_enabled = False
        train_loader.set_epoch(epoch, loop.state.batch)
        batches = min(epoch_batches, run_batches - epoch * epoch_batches)
        left = run_batches - epoch * epoch_batches - batches
        with Progress(epoch, epochs, batches, config.loop.log_interval, left, loop.processes.device) as progress:
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
        first = next(iter(result.kind.measures))
        print(
            f'epoch {epoch + 1}/{epochs}  train loss {stats.loss:.4f}  eval loss {metrics["loss"]:.4f}  '
            f'{first} {metrics[first]:.2f}  lr {stats.lr:.2e}  {stats.images / stats.seconds:.0f} images/s',
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
            tracker.log_test({name: metrics[name] for name in result.kind.measures}, metrics['epoch'])
    provenance.write(loop.state, metrics, last=True)
    state = loop.state
    seconds = state.run_seconds + state.seconds
    speed = f'{duration(seconds)} of training, {(state.run_images + state.images) / seconds:.0f} images/s'
    print(f'\n{config.model.model} on {config.data.name}, split {metrics["split"]}, after {loop.step} steps')
    print(final_summary(result.row, metrics, result.saved.num_classes, speed, result.kind.name))
    for text in provenance.advice:
        print(f'advice: {text}')
    folder = shlex.quote(str(result.folder.path))
    print(f'saved: {result}\nnext:')
    for name in result.kind.commands:
        print(f'  timm-hyperbolic {name} {folder}')

"""The command that works through a study: a grid of arms and seeds, each an ordinary training run."""

import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from filelock import FileLock

from ..config.options import from_values
from ..config.run_files import MEASURES, OUTCOME
from ..config.study import Run, Study, StudyConfig, read_study
from ..config.trained import TrainedConfig
from ..data.loaders import create_eval_loader
from ..data.splits import create_splits
from ..data.superclasses import read_superclasses
from ..errors import NotFinite, TrainingError, UserError
from ..evaluate.measures import measure_model
from ..evaluate.speed import measure_speed
from ..evaluate.study_records import read_records, records_of, study_record
from ..evaluate.trained import load_trained
from ..train.device import create_autocast, resolve_device
from ..train.grid import Grid, threads_of_a_run
from ..train.model import create_model, resolve_data_config
from ..train.run_folder import check_output
from ..train.study_run import check_same_run, claim, epochs_done, read_json, save_json, state_of
from .study_page import write_page
from .train import train

__all__ = ['study']

_SPEED = 'speed.json'
_CLASSES = 100  # of a model whose options do not say it, where only its size matters


def study(config: StudyConfig, command: Sequence[str] | None = None) -> None:
    """Work through a study, or do what `--run`, `--status`, `--commands`, `--speed` or `--table` asks for.

    Args:
        config: The options.
        command: The words of the command line, to be written down by a run.

    Raises:
        UserError: The study or one of its arms does not exist or cannot be made; nothing was written.
        NotFinite: With `--run`, the run diverged; this is its result.
        TrainingError: Runs failed, or their folders could not be written.
        Busy: With `--run`, another process works on the run.
        Interrupted: SIGTERM or SIGINT came, and the state of the runs was saved.
    """
    found, action = read_study(config.file), config.action
    if config.work.threads is not None and (action.run is not None or action.speed):
        torch.set_num_threads(config.work.threads)
    if action.run is not None:
        _work_on(found.run(action.run), command)
        return
    runs = found.runs(config.file.arms, config.file.seeds)
    recorded, speed = read_records(config.file.records, found, runs)
    left = [run for run in runs if run.name not in recorded]
    if action.status:
        _print_status(runs, recorded)
    elif action.commands:
        for run in left:
            if state_of(run.folder) not in ('done', 'diverged'):
                print(shlex.join(['timm-hyperbolic', *_words(config, run)]))
    elif action.speed:
        _measure_speed(found, runs)
    elif action.table:
        _write_tables(config, found, runs, recorded, speed)
    else:
        if recorded:
            print(f'{len(recorded)} of {len(runs)} runs are done by --records')
        _work_through(config, found, left)


def _work_through(config: StudyConfig, found: Study, runs: Sequence[Run]) -> None:
    """Train and measure all runs."""
    check_output(found.output)
    _check_arms(runs)
    for run in runs:
        check_same_run(run)
    threads = config.work.threads or threads_of_a_run(config.work.jobs)
    seconds = None if config.work.minutes is None else 60 * config.work.minutes
    program = [sys.executable, '-m', 'timm_hyperbolic.cli']
    grid = Grid(runs, lambda run: [*program, *_words(config, run, threads)], config.work.jobs, threads, seconds)
    ended = grid.work()
    print(grid.summary() if ended else f'{grid.summary()}; the time is over, the same command goes on')
    if ended:
        print(f'next:\n  {shlex.join(["timm-hyperbolic", *_words(config), "--table"])}')


def _words(config: StudyConfig, run: Run | None = None, threads: int | None = None) -> list[str]:
    """Return the command line, after the program's name, that works on a run of the study, or on all of them."""
    words = ['study', str(config.file.study)]
    for name in ('output', 'dataset', 'device'):
        value = getattr(config.file, name)
        words += [] if value is None else [f'--{name}', value]
    threads = threads or config.work.threads
    if run is None:
        return [*words, *(['--records', *config.file.records] if config.file.records else [])]
    return [*words, *([] if threads is None else ['--threads', str(threads)]), '--run', run.name]


def _check_arms(runs: Sequence[Run]) -> None:
    """Make the model of every arm once, so that an arm that cannot be made is found before the first run."""
    for run in {run.arm: run for run in runs}.values():
        try:
            create_model(run.config.model, _CLASSES, run.config.model_training, run.config.phases.hamp)
        except UserError as error:
            raise UserError(f'arm {run.arm}: {error}') from error


def _work_on(run: Run, command: Sequence[str] | None) -> None:
    """Train one run to its end and measure its model, unless that is done."""
    with claim(run):
        check_same_run(run)
        if state_of(run.folder) in ('new', 'begun'):
            try:
                train(run.config, command)
            except NotFinite as error:
                message = ' '.join(str(error).split())
                outcome = {'state': 'diverged', 'epochs': epochs_done(run.folder), 'message': message}
                save_json(run.folder, OUTCOME, outcome)
                raise
            save_json(run.folder, OUTCOME, {'state': 'trained', 'epochs': epochs_done(run.folder)})
        state = state_of(run.folder)
        if state == 'trained':
            save_json(run.folder, MEASURES, _measure(run))
            state = 'done'
        print(f'{run.name}: {state}')


def _measure(run: Run) -> dict[str, Any]:
    """Return what is measured of a trained model, on the test split, or where there is none on the evaluation split."""
    config = run.config
    device = resolve_device(config.device.device)
    autocast = create_autocast(config.device, device)
    size = config.loader.validation_batch_size or config.loader.batch_size
    splits = create_splits(config.data, config.splits, run.seed, config.loader.batch_size)
    dataset, name = (splits.val, splits.val_name) if splits.test is None else (splits.test, splits.test_name)
    model = load_trained(from_values(TrainedConfig, {'model': f'local-dir:{run.folder}'})).to(device).eval()
    data_config = resolve_data_config(model, config.model)
    superclasses = read_superclasses(dataset, name, model.num_classes, config.data)
    superclass = None if superclasses is None else superclasses.of_class
    loader = create_eval_loader(dataset, data_config, size, config.loader.workers, device)
    measures = measure_model(model, loader, data_config['mean'], data_config['std'], superclass, autocast)
    return {'split': name, **measures}


def _print_status(runs: Sequence[Run], recorded: Mapping[str, Mapping[str, Any]]) -> None:
    width = max(len(run.name) for run in runs)
    for run in runs:
        state, epochs = state_of(run.folder), run.config.schedule.epochs
        if run.name in recorded:
            state = f'{recorded[run.name]["state"]}, in --records'
        far = f', epoch {epochs_done(run.folder)} of {epochs}' if state == 'begun' else ''
        print(f'{run.name:<{width}}  {state}{far}')


def _measure_speed(found: Study, runs: Sequence[Run]) -> None:
    """Measure every arm and keep the figures beside the runs."""
    configs = {run.arm: run.config for run in runs}
    device = resolve_device(next(iter(configs.values())).device.device)
    arms = measure_speed(configs, _CLASSES, device)
    for arm, each in arms.items():
        shown = f'{each["train"]:7.0f} images/s in training, {each["infer"]:7.0f} in inference'
        print(f'{arm:<24} {shown}, {each["memory"] / 2**20:6.1f} MiB')
    name = torch.cuda.get_device_name(device) if device.type == 'cuda' else f'CPU ({platform.machine()})'
    hardware = f'{name}, threads: {torch.get_num_threads()}'
    try:
        found.output.mkdir(parents=True, exist_ok=True)
        with FileLock(found.output / '.speed-lock'):
            before = read_json(found.output / _SPEED)
            # Figures of another machine cannot be compared with these.
            kept = before.get('arms', {}) if before.get('hardware') == hardware else {}
            save_json(found.output, _SPEED, {'hardware': hardware, 'arms': {**kept, **arms}})
    except OSError as error:
        raise TrainingError(f'cannot write into {found.output}: {error}') from error


def _write_tables(
    config: StudyConfig,
    found: Study,
    runs: Sequence[Run],
    recorded: Mapping[str, dict[str, Any]],
    speed: Mapping[str, Any],
) -> None:
    made = {record['run']: record for record in records_of(runs, f'timm-hyperbolic study {config.file.study}')}
    every = {**recorded, **made}
    records = [every[run.name] for run in runs if run.name in every]
    if not any(record['state'] == 'done' for record in records):
        raise UserError(f'--table: no run in {found.output} is done yet')
    content = {**study_record(found, read_json(found.output / _SPEED) or speed), 'runs': records}
    folder = found.output / 'tables' / found.file.stem
    for path in write_page(content, folder):
        print(path)

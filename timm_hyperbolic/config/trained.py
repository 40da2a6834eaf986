"""The configurations of the commands that look at a trained model, and how they are read."""

from argparse import ArgumentTypeError
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar

import yaml

from ..errors import UserError
from .argtypes import whole
from .command_line import create_parser, read_command_line
from .conflicts import check_conflicts, check_needs
from .data import DataConfig, LoaderConfig
from .model import TrainedModelConfig
from .options import from_values, option, options_of, to_values
from .run import CompileConfig, DeviceConfig
from .run_files import ARGS, CONFIG, MODEL
from .train import data_set_of

__all__ = [
    'ReportConfig',
    'ResultsConfig',
    'TrainedConfig',
    'ValidateConfig',
    'read_report_options',
    'read_trained',
    'read_validate_options',
]


@dataclass(frozen=True, kw_only=True)
class CheckpointConfig:
    """Where the trained weights are."""

    title: ClassVar[str] = 'model'

    checkpoint: str | None = option(
        None, metavar='PATH', help='the weights: a file, or the folder of a run; the same as CHECKPOINT'
    )


@dataclass(frozen=True, kw_only=True)
class LookConfig:
    """Which images to look at."""

    title: ClassVar[str] = 'data'

    split: str | None = option(
        None, metavar='NAME', help='split to look at (default: validation, or test where there is none)'
    )
    coarse_key: str | None = option(
        None,
        metavar='KEY',
        help='column of the superclasses (hfds/ only; default: coarse_label where there is one)',
    )


@dataclass(frozen=True, kw_only=True)
class ResultsConfig:
    """Where the results of an evaluation go."""

    title: ClassVar[str] = 'results'

    results_file: str | None = option(
        None, metavar='FILE', help='write the results here, as CSV or JSON by the ending of the name'
    )


@dataclass(frozen=True, kw_only=True)
class PageConfig:
    """What the page of pictures shows, and where it goes."""

    title: ClassVar[str] = 'page'

    output: str | None = option(None, metavar='DIR', help='where to write (default: report/ in the folder of the run)')
    samples: int | None = option(
        None,
        type=whole(4),
        metavar='N',
        help='features in a draw of the δ-hyperbolicity (default: 1000, or all where there are fewer)',
    )
    draws: int = option(5, type=whole(1), metavar='N', help='how many draws')
    images: int = option(12, type=whole(1), metavar='N', help='examples of each kind')
    seed: int = option(0, type=whole(0), metavar='N', help='seed of the draws')


@dataclass(frozen=True, kw_only=True)
class TrainedConfig:
    """A trained model and images to look at it on: what the commands about trained models share."""

    data: DataConfig = field(default_factory=DataConfig)
    look: LookConfig = field(default_factory=LookConfig)
    model: TrainedModelConfig = field(default_factory=TrainedModelConfig)
    weights: CheckpointConfig = field(default_factory=CheckpointConfig)
    loader: LoaderConfig = field(default_factory=LoaderConfig)
    device: DeviceConfig = field(default_factory=DeviceConfig)


@dataclass(frozen=True, kw_only=True)
class ValidateConfig(TrainedConfig):
    """All options of `timm-hyperbolic validate`."""

    compile: CompileConfig = field(default_factory=CompileConfig)
    results: ResultsConfig = field(default_factory=ResultsConfig)


@dataclass(frozen=True, kw_only=True)
class ReportConfig(TrainedConfig):
    """All options of `timm-hyperbolic report`."""

    page: PageConfig = field(default_factory=PageConfig)


def read_validate_options(argv: list[str] | None = None, prog: str | None = None) -> ValidateConfig:
    """Return the configuration of an evaluation that a command line asks for.

    Args:
        argv: Words of the command line without the name of the program; None for those of this process.
        prog: Name of the program, for the help; None for that of this process.

    Raises:
        UserError: A flag or value does not exist or is out of range, or an option would have no effect.
    """
    return read_trained(ValidateConfig, argv, prog, 'Measure a trained model on a split of a data set.')


def read_report_options(argv: list[str] | None = None, prog: str | None = None) -> ReportConfig:
    """Return the configuration of a page of pictures that a command line asks for.

    Args:
        argv: Words of the command line without the name of the program; None for those of this process.
        prog: Name of the program, for the help; None for that of this process.

    Raises:
        UserError: A flag or value does not exist or is out of range, or an option would have no effect.
    """
    return read_trained(
        ReportConfig,
        argv,
        prog,
        'Write one HTML page that holds pictures of what a model has learned, and the pictures as SVG and PNG beside '
        'it.',
    )


def read_trained(
    config_class: type[TrainedConfig],
    argv: list[str] | None,
    prog: str | None,
    description: str,
    instead: str | None = None,
) -> Any:
    """Return the configuration of a command about a trained model that a command line asks for.

    Args:
        config_class: The dataclass of the command's configuration.
        argv: The command line without the program's name, by default `sys.argv[1:]`.
        prog: Name of the program, for the help.
        description: What the command does.
        instead: The name of an option that stands in place of a model, so that none need be given beside it.

    Raises:
        UserError: A flag or value does not exist or is out of range, or an option would have no effect.
    """
    parser = create_parser(
        config_class,
        prog,
        f'{description} CHECKPOINT is the folder that a run leaves: model, weights and data are then those of the run. '
        'Or it is a file of weights, of the model that --model names.',
    )
    parser.add_argument('folder', nargs='?', metavar='CHECKPOINT', help='folder of a run, or a file of weights')
    parser.add_argument(
        '--data',
        metavar='NAME|DIR',
        help='a data set as --dataset names it, or a folder of images (default: that of the run, else the digits)',
    )
    given = read_command_line(parser, argv)
    folder = given.pop('folder', None)
    if folder is not None and given.setdefault('checkpoint', folder) != folder:
        raise UserError(f'two checkpoints: {folder} and --checkpoint {given["checkpoint"]}; give one')
    given = _with_data(given)
    alone = instead in given and not {'model', 'checkpoint'} & given.keys()
    if alone:
        _check_alone(given, instead)
    chosen = dict(given) if alone else _with_run(given, config_class)
    chosen['dataset'] = data_set_of(chosen)
    check_conflicts(given)
    check_needs(given, to_values(config_class()) | chosen)
    return from_values(config_class, chosen)


def _check_alone(given: dict[str, Any], instead: str) -> None:
    """Refuse options of a model or of its images where an option stands in place of both."""
    without = next((name for name in options_of(TrainedConfig) if name in given), None)
    if without is not None:
        both = f'--{without.replace("_", "-")}: has no effect beside --{instead} {given[instead]}'
        raise UserError(f'{both} without --model; give the model too, or leave this out')


def _with_data(given: dict[str, Any]) -> dict[str, Any]:
    """Return the options with `--data` replaced by `--dataset` or `--data-dir`."""
    given = dict(given)
    source = given.pop('data', None)
    if source is None:
        return given
    other = next((key for key in ('dataset', 'data_dir') if key in given), None)
    if other is not None:
        raise UserError(f'--data {source}: --{other.replace("_", "-")} {given[other]} says the same; give one')
    return {**given, 'data_dir' if Path(source).is_dir() else 'dataset': source}


#: The command that measures a run of another task than classification.
_COMMANDS = {'segmentation': 'evaluate', 'contrastive': 'zeroshot'}


def _with_run(given: dict[str, Any], config_class: type[TrainedConfig]) -> dict[str, Any]:
    """Return the options with those that follow from the folder of a run: model, task, and its data if none is named.

    Raises:
        UserError: The command has no measures of the task of the run.
    """
    given = dict(given)
    if 'model' not in given:
        given |= _model_of(given.get('checkpoint'))
    file = Path(given['model'].removeprefix('local-dir:')) / ARGS
    if not given['model'].startswith('local-dir:') or not file.is_file():
        return given
    of_run = yaml.safe_load(file.read_text(encoding='utf-8'))
    task, known = of_run.get('task', 'classification'), options_of(config_class)
    try:
        if task != 'classification':
            known['task'].type(task)
    except (KeyError, ArgumentTypeError) as error:
        raise UserError(
            f'{given["model"]}: was trained with --task {task}, for which this command has no measures; see '
            f'timm-hyperbolic {_COMMANDS.get(task, "validate")} {file.parent}'
        ) from error
    names = [] if {'dataset', 'data_dir'} & given.keys() else [f.name for f in fields(DataConfig)]
    names += [name for name in ('task', 'ignore_index') if name in known and task != 'classification']
    return {**{name: of_run[name] for name in names if name in of_run}, **given}


def _model_of(checkpoint: str | None) -> dict[str, Any]:
    """Return the options that name the model of a run by the folder of the run."""
    if checkpoint is None:
        raise UserError('give CHECKPOINT, the folder of a run, or --model: the name of a model or local-dir:FOLDER')
    path = Path(checkpoint)
    folder = path.parent if path.name == MODEL else path
    if not (folder / CONFIG).is_file():
        found = f'not the folder of a run, which has a {CONFIG}' if path.exists() else 'no such file or folder'
        raise UserError(f'--checkpoint {checkpoint}: {found}; weights alone need their model, by --model')
    return {'model': f'local-dir:{folder}', 'checkpoint': None}

"""The configuration of a training run, and how it is read.

The value of an option is looked for in five places, of which the last one wins: the default of its field, the default
of the data set and then of the task (`defaults.py`), the `--config` file, the command line. An option that is a
mapping, such as `model_kwargs`, is joined key by key. A file may say `base: other.yaml`: it then continues that file,
found beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import UserError
from .captions import PairConfig
from .command_line import create_parser, joined, named_folder, read_command_line, read_file
from .conflicts import check_conflicts, check_needs, check_together
from .data import AugmentConfig, DataConfig, MixupConfig, SplitConfig, TrainLoaderConfig
from .defaults import DATASET_DEFAULTS, TASK_DEFAULTS
from .losses import FeatureLossConfig
from .model import EmaConfig, ModelConfig, ModelTrainingConfig, StartConfig
from .optim import OptimizerConfig, ScheduleConfig
from .options import from_values, options_of, to_values
from .run import (
    CompileConfig,
    LoopConfig,
    PhaseConfig,
    PublishConfig,
    RunConfig,
    TaskConfig,
    TrackerConfig,
    TrainDeviceConfig,
)
from .run_files import ARGS
from .segmentation import CropConfig

__all__ = ['TrainConfig', 'data_set_of', 'read_train_options', 'with_defaults']


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """All options of a training run.

    Raises:
        UserError: Two options exclude each other, or one needs another that is not given.
    """

    data: DataConfig = field(default_factory=DataConfig)
    splits: SplitConfig = field(default_factory=SplitConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    start: StartConfig = field(default_factory=StartConfig)
    model_training: ModelTrainingConfig = field(default_factory=ModelTrainingConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    loader: TrainLoaderConfig = field(default_factory=TrainLoaderConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    mixup: MixupConfig = field(default_factory=MixupConfig)
    task: TaskConfig = field(default_factory=TaskConfig)
    crops: CropConfig = field(default_factory=CropConfig)
    pairs: PairConfig = field(default_factory=PairConfig)
    feature_losses: FeatureLossConfig = field(default_factory=FeatureLossConfig)
    ema: EmaConfig = field(default_factory=EmaConfig)
    phases: PhaseConfig = field(default_factory=PhaseConfig)
    device: TrainDeviceConfig = field(default_factory=TrainDeviceConfig)
    compile: CompileConfig = field(default_factory=CompileConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    run: RunConfig = field(default_factory=RunConfig)
    trackers: TrackerConfig = field(default_factory=TrackerConfig)
    hub: PublishConfig = field(default_factory=PublishConfig)

    def __post_init__(self) -> None:
        check_together(to_values(self))


def read_train_options(argv: list[str] | None = None, prog: str | None = None) -> TrainConfig:
    """Return the configuration that a command line asks for.

    Args:
        argv: The command line without the program's name, by default `sys.argv[1:]`.
        prog: Name of the program, for the help.

    Raises:
        UserError: A flag, a value or a key of the `--config` file does not exist, is out of range, or contradicts
            another one.
    """
    given = named_folder(read_command_line(_create_parser(prog), argv))
    file = given.pop('config', None)
    written = {} if file is None else read_file(Path(file), TrainConfig)
    config = {**_options_to_resume(given), **written}
    check_conflicts(given)
    chosen = joined(config, given)
    values = with_defaults(chosen)
    # The file may be the args.yaml of a run, in which every option stands.
    defaults = with_defaults({key: chosen[key] for key in ('dataset', 'data_dir', 'task') if key in chosen})
    written = {key: value for key, value in written.items() if value != defaults[key]}
    check_conflicts(written, f'--config {file}: ')
    check_needs(given, values)
    return from_values(TrainConfig, values)


def with_defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of every option of a training run: the given one, else the default of its task or data set.

    Args:
        given: Values of some options by name.
    """
    name, values = data_set_of(given), to_values(TrainConfig())
    of_task = TASK_DEFAULTS.get(given.get('task', values['task']), {})
    return {**values, **DATASET_DEFAULTS.get(name, {}), **of_task, **given, 'dataset': name}


def data_set_of(given: Mapping[str, Any]) -> str:
    """Return the name of the data set: the digits, unless another one or a folder is given.

    Args:
        given: Values of the options by name, of which `dataset` and `data_dir` count.
    """
    name = given.get('dataset')
    if name is not None:
        return name
    return 'digits' if given.get('data_dir') is None else ''


def _create_parser(prog: str | None) -> Any:
    recipe = ' '.join(_as_flag(key, value) for key, value in DATASET_DEFAULTS['digits'].items())
    parser = create_parser(
        TrainConfig,
        prog,
        'Train a hyperbolic Vision Transformer, or any other timm model, on images. Without arguments: '
        'vit_tiny_patch4_hyp_res on the handwritten digits that come with scikit-learn.',
        usage='%(prog)s [DIR] [options]',
        epilog=f'On the digits these defaults apply instead: {recipe}. '
        "The output folder loads with timm.create_model('local-dir:FOLDER', pretrained=True).",
    )
    parser.add_argument('data', nargs='?', metavar='DIR', help='folder of the data set, the same as --data-dir')
    parser.add_argument(
        '-c', '--config', metavar='FILE', help='YAML file of option values: a recipe, or the args.yaml of a run'
    )
    return parser


def _options_to_resume(given: dict[str, Any]) -> dict[str, Any]:
    """Return the options of the run that `--resume` names by its folder, or by a checkpoint in it."""
    path = given.get('resume')
    if path == 'auto' and not given.get('experiment'):
        raise UserError('--resume auto needs --experiment, the name of the run to go on with')
    if path is None or path == 'auto':
        return {}
    if not Path(path).exists():
        raise UserError(f'--resume {path}: no such file or folder')
    folder = Path(path) if Path(path).is_dir() else Path(path).parent
    values = read_file(folder / ARGS, TrainConfig, flag='--resume') if (folder / ARGS).is_file() else {}
    return {**values, 'output': str(folder.absolute().parent), 'experiment': folder.absolute().name}


def _as_flag(key: str, value: Any) -> str:
    entry, flag = options_of(TrainConfig)[key], '--' + key.replace('_', '-')
    if entry.is_switch:
        return flag if value else flag.replace('--', '--no-', 1)
    return f'{flag} {" ".join(map(str, value))}' if isinstance(value, list) else f'{flag} {value}'

"""The configurations of the commands about model cards and the Hugging Face Hub, and how they are read."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from .command_line import create_parser, read_command_line
from .options import from_values, option
from .run import HubConfig
from .run_files import CARD

__all__ = ['CardConfig', 'PushConfig', 'read_card_options', 'read_push_options']


@dataclass(frozen=True, kw_only=True)
class FolderConfig:
    """The folder of a run."""

    title: ClassVar[str] = 'run'

    folder: Path = option(Path(), positional=True, metavar='DIR', type=Path, help='folder that a run leaves')


@dataclass(frozen=True, kw_only=True)
class RepositoryConfig:
    """Where a run is pushed to."""

    title: ClassVar[str] = 'Hugging Face Hub'

    repo_id: str = option('', positional=True, metavar='OWNER/NAME', help='the repository, made where there is none')


@dataclass(frozen=True, kw_only=True)
class CardContentConfig:
    """What a model card says besides the numbers of its run."""

    title: ClassVar[str] = 'card'

    repo_id: str | None = option(None, metavar='OWNER/NAME', help='where the model is, or will be, on the Hub')
    against: tuple[Path, ...] = option(
        (),
        metavar='DIR',
        type=Path,
        nargs='+',
        help='folders of runs to compare with: the Euclidean model, the model at curvature zero',
    )


@dataclass(frozen=True, kw_only=True)
class PushConfig:
    """All options of `timm-hyperbolic push`."""

    run: FolderConfig = field(default_factory=FolderConfig)
    repository: RepositoryConfig = field(default_factory=RepositoryConfig)
    hub: HubConfig = field(default_factory=HubConfig)


@dataclass(frozen=True, kw_only=True)
class CardConfig:
    """All options of `timm-hyperbolic card`."""

    run: FolderConfig = field(default_factory=FolderConfig)
    card: CardContentConfig = field(default_factory=CardContentConfig)


def read_push_options(argv: list[str] | None = None, prog: str | None = None) -> PushConfig:
    """Return the configuration of a push that a command line asks for.

    Args:
        argv: Words of the command line without the name of the program; None for those of this process.
        prog: Name of the program, for the help; None for that of this process.

    Raises:
        UserError: A flag or value does not exist.
    """
    return _read(
        PushConfig,
        argv,
        prog,
        f'Push the model of a run to the Hugging Face Hub in one commit: weights, configuration, {CARD}, the table of '
        f'epochs and figures. A {CARD} that is there is pushed unchanged; otherwise it is written first.',
    )


def read_card_options(argv: list[str] | None = None, prog: str | None = None) -> CardConfig:
    """Return the configuration of a model card that a command line asks for.

    Args:
        argv: Words of the command line without the name of the program; None for those of this process.
        prog: Name of the program, for the help; None for that of this process.

    Raises:
        UserError: A flag or value does not exist.
    """
    return _read(CardConfig, argv, prog, f'Write {CARD}, the model card of a run, from the numbers in its folder.')


def _read(config_class: type, argv: list[str] | None, prog: str | None, description: str) -> Any:
    return from_values(config_class, read_command_line(create_parser(config_class, prog, description), argv))

"""Studies: the file that lists the runs of a study, and the options of `timm-hyperbolic study`.

A study trains several models, its arms, with several seeds each, by one protocol. Each pair of an arm and a seed is an
ordinary training run, in a folder `ARM-seedSEED` of its own.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from ..errors import UserError, nearest
from .argtypes import real, whole
from .command_line import checked, create_parser, joined, read_command_line, read_file, read_yaml
from .conflicts import check_needs
from .options import from_values, option
from .train import TrainConfig, with_defaults

__all__ = ['Arm', 'Run', 'Study', 'StudyConfig', 'read_study', 'read_study_options']

_KEYS = ('about', 'output', 'protocol', 'seeds', 'baseline', 'arms')
_ARM_KEYS = ('about', 'control')
_ACTIONS = ('run', 'status', 'commands', 'speed', 'table')


@dataclass(frozen=True)
class Arm:
    """One of the models that a study compares.

    Attributes:
        name: Name of the arm, the beginning of the names of its runs.
        values: Options of its training runs by name: those of the protocol, and its own.
        about: What the arm is, in a few words, for the tables.
        control: Name of the arm that differs from this one only in its geometry; None where there is none.
    """

    name: str
    values: Mapping[str, Any]
    about: str = ''
    control: str | None = None


@dataclass(frozen=True)
class Run:
    """One training run of a study.

    Attributes:
        arm: Name of the arm.
        seed: Seed of the run.
        config: All options of the run.
    """

    arm: str
    seed: int
    config: TrainConfig

    @property
    def name(self) -> str:
        """Name of the run, which is that of its folder."""
        return f'{self.arm}-seed{self.seed}'

    @property
    def folder(self) -> Path:
        """Folder of the run."""
        return Path(self.config.run.output) / self.name


@dataclass(frozen=True)
class Study:
    """A grid of training runs.

    Attributes:
        file: The file that describes the study.
        arms: The arms by name, in the order of the file.
        seeds: The seeds of every arm.
        output: Folder of the runs.
        baseline: Name of the arm that all others are compared with.
        about: The question of the study, for the tables.
    """

    file: Path
    arms: Mapping[str, Arm]
    seeds: tuple[int, ...]
    output: Path
    baseline: str
    about: str = ''

    def runs(self, arms: Sequence[str] = (), seeds: Sequence[int] = ()) -> list[Run]:
        """Return the runs, those of the first seed before those of the second.

        Args:
            arms: Names of the arms to take; all of them where there is none.
            seeds: Seeds to take; all of them where there is none.

        Raises:
            UserError: An arm or a seed is none of the study's, or the options of an arm contradict each other.
        """
        for arm in arms:
            self._check_arm(arm, '--arms')
        unknown = next((seed for seed in seeds if seed not in self.seeds), None)
        if unknown is not None:
            raise UserError(f'--seeds {unknown}: the seeds of {self.file} are {", ".join(map(str, self.seeds))}')
        return [
            self._run(arm, seed)
            for seed in self.seeds
            for arm in self.arms
            if seed in (seeds or self.seeds) and arm in (arms or self.arms)
        ]

    def run(self, name: str) -> Run:
        """Return the run of a name `ARM-seedSEED`.

        Args:
            name: The name.

        Raises:
            UserError: The study has no such run.
        """
        arm, _, seed = name.rpartition('-seed')
        if not arm:
            raise UserError(
                f'--run {name}: must be ARM-seedSEED, for example {next(iter(self.arms))}-seed{self.seeds[0]}'
            )
        self._check_arm(arm, '--run')
        if not seed.isdecimal() or int(seed) not in self.seeds:
            raise UserError(f'--run {name}: the seeds of {self.file} are {", ".join(map(str, self.seeds))}')
        return self._run(arm, int(seed))

    def _check_arm(self, arm: str, flag: str) -> None:
        if arm not in self.arms:
            known = nearest(arm, self.arms) or f' The arms are {", ".join(self.arms)}.'
            raise UserError(f'{flag} {arm}: {self.file} has no such arm.{known}')

    def _run(self, arm: str, seed: int) -> Run:
        name = f'{arm}-seed{seed}'
        place = {'seed': seed, 'output': str(self.output), 'experiment': name, 'resume': 'auto'}
        values = with_defaults({**self.arms[arm].values, **place})
        try:
            if values['task'] != 'classification':
                raise UserError(f'task {values["task"]}: a study compares classifiers; leave the task out')
            check_needs(self.arms[arm].values, values)
            return Run(arm, seed, from_values(TrainConfig, values))
        except UserError as error:
            raise UserError(f'{self.file}: arm {arm}: {error}') from error


@dataclass(frozen=True, kw_only=True)
class StudyFileConfig:
    """Which study, and which of its runs."""

    title: ClassVar[str] = 'study'

    study: Path = option(
        Path(),
        positional=True,
        metavar='CONFIG',
        type=Path,
        help='YAML file with the arms, the seeds and the protocol, as in recipes/studies/',
    )
    output: str | None = option(
        None, metavar='DIR', help='folder of the runs (default: that of CONFIG, else output/study/ and its name)'
    )
    arms: tuple[str, ...] = option((), nargs='+', metavar='ARM', help='only these arms (default: all)')
    seeds: tuple[int, ...] = option((), nargs='+', type=whole(0), metavar='N', help='only these seeds (default: all)')
    dataset: str | None = option(
        None, '-d', metavar='NAME', help='data set in place of that of CONFIG, such as hfds/FOLDER for a copy of it'
    )
    device: str | None = option(None, metavar='NAME', help='device in place of that of CONFIG')
    records: tuple[str, ...] = option(
        (),
        nargs='+',
        metavar='FILE',
        help='runs.json that --table has written elsewhere: its runs count as done, and the tables have them too',
    )


@dataclass(frozen=True, kw_only=True)
class StudyWorkConfig:
    """How the runs share the machine."""

    title: ClassVar[str] = 'machine'

    jobs: int = option(1, '-j', type=whole(1), metavar='N', help='runs at a time')
    threads: int | None = option(
        None, type=whole(1), metavar='N', help='threads of each run (default: the cores, shared out among the jobs)'
    )
    minutes: float | None = option(
        None,
        type=real(positive=True),
        metavar='X',
        help='after X minutes stop the runs, which save their state and go on with the next call',
    )


@dataclass(frozen=True, kw_only=True)
class StudyActionConfig:
    """What to do in place of training all runs."""

    title: ClassVar[str] = 'instead of all runs'

    run: str | None = option(None, metavar='ARM-seedN', help='train and measure this one run, in this process')
    status: bool = option(False, negatable=False, help='say how far each run is')
    commands: bool = option(
        False, negatable=False, help='print one command for each unfinished run, for the scheduler of a cluster'
    )
    speed: bool = option(
        False,
        negatable=False,
        help='measure images per second and memory of every arm on this machine, which should have nothing else to do',
    )
    table: bool = option(
        False, negatable=False, help='write the tables and figures of the runs that are done, into tables/ in --output'
    )


@dataclass(frozen=True, kw_only=True)
class StudyConfig:
    """All options of `timm-hyperbolic study`."""

    file: StudyFileConfig = field(default_factory=StudyFileConfig)
    work: StudyWorkConfig = field(default_factory=StudyWorkConfig)
    action: StudyActionConfig = field(default_factory=StudyActionConfig)


def read_study_options(argv: list[str] | None = None, prog: str | None = None) -> StudyConfig:
    """Return the configuration of `timm-hyperbolic study` that a command line asks for.

    Args:
        argv: Words of the command line without the name of the program; None for those of this process.
        prog: Name of the program, for the help; None for that of this process.

    Raises:
        UserError: A flag or value does not exist or is out of range, or two flags ask for different things.
    """
    parser = create_parser(
        StudyConfig,
        prog,
        'Train and measure a grid of arms and seeds, one folder for each run. A run that is done is skipped, one that '
        'was begun goes on, and several calls may work on one study at once, on one machine or on several that share '
        'the folder.',
    )
    given = read_command_line(parser, argv)
    actions = [name for name in _ACTIONS if given.get(name)]
    if len(actions) > 1:
        raise UserError(f'--{actions[0]} and --{actions[1]} are two things to do; give one of them')
    return from_values(StudyConfig, given)


def read_study(config: StudyFileConfig) -> Study:
    """Return the study that a file describes.

    Args:
        config: The file, and what replaces its values.

    Raises:
        UserError: The file cannot be read, lacks something, or has an unknown key or a value that is not allowed.
    """
    path = config.study
    content = read_yaml(path, str(path))
    _check_keys(content, _KEYS, str(path))
    protocol = _protocol(content.get('protocol'), path)
    given = {'dataset': config.dataset, 'device': config.device}
    given = {name: value for name, value in given.items() if value is not None}
    written = content.get('arms')
    if not isinstance(written, dict) or not written:
        raise UserError(f'{path}: arms: must be a mapping from names to options, with at least one arm')
    arms = {str(name): _arm(str(name), own, protocol, given, path) for name, own in written.items()}
    seeds = content.get('seeds', [0])
    if not isinstance(seeds, list) or not seeds or not all(type(seed) is int and seed >= 0 for seed in seeds):
        raise UserError(f'{path}: seeds: must be a list of whole numbers of at least 0, not {seeds!r}')
    baseline = str(content.get('baseline', next(iter(arms))))
    for where, name in [('baseline', baseline), *((f'arm {arm.name}: control', arm.control) for arm in arms.values())]:
        if name is not None and name not in arms:
            raise UserError(f'{path}: {where}: there is no arm {name!r}.{nearest(name, arms)}')
    output = config.output or content.get('output') or f'output/study/{path.stem}'
    return Study(path, arms, tuple(seeds), Path(output), baseline, str(content.get('about', '')))


def _protocol(value: Any, path: Path) -> dict[str, Any]:
    """Return the options that all arms share: of a file beside that of the study, or written into it."""
    if isinstance(value, str):
        return read_file(path.parent / value, TrainConfig, flag=f'{path}: protocol')
    if not isinstance(value, dict | None):
        raise UserError(f'{path}: protocol: must be the name of a file or a mapping of options, not {value!r}')
    return checked(value or {}, TrainConfig, path, f'{path}: protocol')


def _arm(name: str, own: Any, protocol: Mapping[str, Any], given: Mapping[str, Any], path: Path) -> Arm:
    where = f'{path}: arm {name}'
    if not re.fullmatch(r'[A-Za-z0-9][A-Za-z0-9_.+-]*', name):
        raise UserError(f'{where}: the name is that of a folder, of letters, digits and the signs _.+-')
    if not isinstance(own, dict):
        raise UserError(f'{where}: expected lines of `option: value`, not {own!r}')
    for key in ('seed', 'output', 'experiment', 'resume'):
        if key in own or key in protocol:
            raise UserError(f'{where}: {key} is what the study sets for each run; leave it out')
    options = {key: value for key, value in own.items() if key not in _ARM_KEYS}
    values = joined(joined(protocol, checked(options, TrainConfig, path, where)), given)
    control = own.get('control')
    return Arm(name, values, str(own.get('about', '')), None if control is None else str(control))


def _check_keys(content: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for key in content:
        if key not in known:
            names = nearest(str(key), known) or f' The keys are {", ".join(known)}.'
            raise UserError(f'{where}: unknown key {key!r}.{names}')

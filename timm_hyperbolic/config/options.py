"""Options of a program as frozen dataclasses: one field holds the name, type, default and help of an option.

A component, such as `OptimizerConfig`, is a dataclass whose fields `option` makes. The configuration of a program,
such as `TrainConfig`, is a dataclass whose fields are components. The names of all options of a program are different,
so that they can also be written as a flat mapping: on the command line, in a YAML file, in the `args.yaml` of a run.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, TypeVar

from ..errors import UserError, nearest
from .argtypes import KeyValues

__all__ = ['Option', 'add_options', 'convert', 'from_values', 'option', 'options_of', 'to_values', 'with_values']

Config = TypeVar('Config')


@dataclass(frozen=True)
class Option:
    """How an option is written on the command line.

    Attributes:
        default: The value where none is given.
        help: Description for `--help`.
        flags: Short flags, such as `-b`, besides the one that is made from the name.
        type: Converts a word and checks it; None keeps the word.
        nargs: Number of words, as argparse has it.
        metavar: Stands for the value in `--help`.
        const: The value of a flag that is given without a word.
        positional: Whether the option has no flag.
        negatable: Whether a switch also has a `--no-` flag.
    """

    default: Any
    help: str
    flags: tuple[str, ...] = ()
    type: Callable[[str], Any] | None = None
    nargs: str | int | None = None
    metavar: str | None = None
    const: Any = None
    positional: bool = False
    negatable: bool = True

    @property
    def is_switch(self) -> bool:
        """Whether the option is either on or off."""
        return isinstance(self.default, bool)

    @property
    def is_mapping(self) -> bool:
        """Whether the option is written as `key=value` words."""
        return isinstance(self.default, dict)

    def add_to(self, group: Any, name: str) -> None:
        """Add the option to an argument group of argparse, under `name`."""
        keywords: dict[str, Any] = {'help': self.help, 'default': self.default}
        if self.is_switch:
            keywords['action'] = argparse.BooleanOptionalAction if self.negatable else 'store_true'
        else:
            keywords |= {'nargs': self.nargs, 'metavar': self.metavar}
            keywords |= {'action': KeyValues} if self.is_mapping else {'type': self.type}
            keywords |= {} if self.const is None else {'const': self.const}
        if self.positional:
            group.add_argument(name, **keywords)
        else:
            group.add_argument(*self.flags, f'--{name.replace("_", "-")}', dest=name, **keywords)


def option(default: Any, *flags: str, help: str, **keywords: Any) -> Any:
    """Return the field of an option in a dataclass.

    Args:
        default: The value where none is given.
        flags: Short flags, such as `-b`, besides the one that is made from the name.
        help: Description for `--help`.
        keywords: Other fields of `Option`.
    """
    metadata = {'option': Option(default, help, flags, **keywords)}
    if isinstance(default, dict):
        return field(default_factory=dict, metadata=metadata)
    return field(default=default, metadata=metadata)


def components_of(config_class: type) -> Iterator[type]:
    """Yield the components of a configuration, in order; a component has only itself."""
    parts = [f.default_factory for f in fields(config_class) if 'option' not in f.metadata]
    if not parts:
        yield config_class
    for part in parts:
        yield from components_of(part)


def options_of(config_class: type) -> dict[str, Option]:
    """Return the options of a configuration by name.

    Args:
        config_class: The dataclass of a component or of a program.

    Raises:
        TypeError: Two components have an option of the same name.
    """
    found: dict[str, Option] = {}
    for part in components_of(config_class):
        for f in fields(part):
            if f.name in found:
                raise TypeError(f'{config_class.__name__} has two options called {f.name}')
            found[f.name] = f.metadata['option']
    return found


def add_options(parser: argparse.ArgumentParser, config_class: type) -> None:
    """Add the options of a configuration to a parser, in one argument group for each `title` of its components.

    Args:
        parser: The parser of the command line.
        config_class: The dataclass of a component or of a program.
    """
    groups: dict[str | None, Any] = {group.title: group for group in parser._action_groups}
    for part in components_of(config_class):
        title = part.title
        if title not in groups:
            groups[title] = parser.add_argument_group(title)
        for f in fields(part):
            entry: Option = f.metadata['option']
            entry.add_to(parser if entry.positional else groups[title], f.name)


def from_values(config_class: type[Config], values: Mapping[str, Any]) -> Config:
    """Return a configuration made from a flat mapping; options that are not in it have their defaults.

    Args:
        config_class: The dataclass of a component or of a program.
        values: Value of each option by its name. Lists become tuples.

    Raises:
        UserError: There is no option of such a name.
    """
    return with_values(config_class(), **values)


def to_values(config: Any) -> dict[str, Any]:
    """Return the value of each option of a configuration by its name. Tuples become lists, as YAML has them.

    Args:
        config: A component, or the configuration of a program.
    """
    values: dict[str, Any] = {}
    for f in fields(config):
        value = getattr(config, f.name)
        if is_dataclass(value):
            values |= to_values(value)
        else:
            values[f.name] = list(value) if isinstance(value, tuple) else value
    return values


def with_values(config: Config, **values: Any) -> Config:
    """Return a configuration in which some options have other values.

    Args:
        config: A component, or the configuration of a program.
        **values: The new values by the names of the options. Lists become tuples.

    Raises:
        UserError: There is no option of such a name.
    """
    known = options_of(type(config))
    for name in values:
        if name not in known:
            raise UserError(f'unknown option {name!r}.{nearest(name, known)}')
    return _replaced(config, values)


def _replaced(config: Any, values: Mapping[str, Any]) -> Any:
    changes: dict[str, Any] = {}
    for f in fields(config):
        if 'option' not in f.metadata:
            part = getattr(config, f.name)
            own = {name: values[name] for name in options_of(type(part)).keys() & values.keys()}
            if own:
                changes[f.name] = _replaced(part, own)
        elif f.name in values:
            value = values[f.name]
            changes[f.name] = tuple(value) if isinstance(value, list) else value
    return replace(config, **changes) if changes else config


def convert(entry: Option, value: Any) -> Any:
    """Check a value from a YAML file as if it had been given on the command line. (YAML reads `1e-3` as a string.)

    Args:
        entry: The option.
        value: The value as the YAML file has it.

    Raises:
        argparse.ArgumentTypeError: The value is not allowed.
    """
    if value is None:
        if entry.default is not None:
            raise argparse.ArgumentTypeError('needs a value')
        return None
    if entry.is_mapping:
        if not isinstance(value, dict):
            raise argparse.ArgumentTypeError(f'must be a mapping, not {value!r}')
        return value
    if entry.is_switch:
        if not isinstance(value, bool):
            raise argparse.ArgumentTypeError(f'must be true or false, not {value!r}')
        return value
    parse = entry.type or str
    if entry.nargs == '+' or isinstance(entry.nargs, int):
        items = value if isinstance(value, list) else [value]
        if isinstance(entry.nargs, int) and len(items) != entry.nargs:
            raise argparse.ArgumentTypeError(f'must be a list of {entry.nargs} numbers, not {value!r}')
        return [parse(str(item)) for item in items]
    if isinstance(value, (list, dict, bool)):
        raise argparse.ArgumentTypeError(f'must be one value, not {value!r}')
    return parse(str(value))

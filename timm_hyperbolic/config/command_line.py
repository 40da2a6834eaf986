"""From a command line and files of options to the value of every option."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import yaml

from ..errors import UserError, nearest
from .options import Option, add_options, convert, options_of
from .run_files import newer_version

__all__ = [
    'Parser',
    'checked',
    'create_parser',
    'joined',
    'named_folder',
    'read_command_line',
    'read_file',
    'read_yaml',
]

_UNSET = object()


class Parser(argparse.ArgumentParser):
    """A parser that raises a `UserError` where argparse would leave the program."""

    def error(self, message: str) -> NoReturn:
        """Raise a `UserError` with the message."""
        raise UserError(message)


class _HelpFormatter(argparse.HelpFormatter):
    """Show the default of an option that has one, unless its help describes it."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        default = action.default
        silent = any(default is value for value in (None, False, argparse.SUPPRESS)) or default == {}
        if silent or default == () or not action.option_strings or 'default:' in (action.help or ''):
            return action.help
        if isinstance(default, tuple):
            default = ' '.join(value if isinstance(value, str) else f'{value:g}' for value in default)
        return f'{action.help} (default: {default})'


def create_parser(config_class: type, prog: str | None, description: str, **keywords: Any) -> argparse.ArgumentParser:
    """Return a parser of the options of a configuration.

    Args:
        config_class: The dataclass of the program's configuration.
        prog: Name of the program, for the help.
        description: What the program does.
        keywords: Others of argparse's parser.
    """
    parser = Parser(prog=prog, description=description, allow_abbrev=False, formatter_class=_HelpFormatter, **keywords)
    add_options(parser, config_class)
    return parser


def read_command_line(parser: argparse.ArgumentParser, argv: list[str] | None) -> dict[str, Any]:
    """Return the value of every option that stands on the command line.

    Args:
        parser: A parser that `create_parser` made.
        argv: Words of the command line without the name of the program; None for those of this process.

    Raises:
        UserError: A flag or value does not exist or is out of range.
    """
    options = {action.dest: action for action in parser._actions if action.dest != 'help'}
    # Whatever is still unset after parsing was not on the command line.
    given = argparse.Namespace(**dict.fromkeys(options, _UNSET))
    _, unknown = parser.parse_known_args(argv, given)
    if unknown:
        flags = [flag for action in options.values() for flag in action.option_strings]
        raise UserError(f'unknown argument {unknown[0]}.{nearest(unknown[0], flags)}')
    return {key: value for key, value in vars(given).items() if value is not _UNSET}


def named_folder(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return options in which the positional `data` has become `data_dir`.

    Args:
        given: Values of the options by name, of the command line alone.

    Raises:
        UserError: Both are given, and differ.
    """
    given = dict(given)
    folder = given.pop('data', None)
    if folder is not None and given.setdefault('data_dir', folder) != folder:
        raise UserError(f'two data folders: {folder} and --data-dir {given["data_dir"]}; give one')
    return given


def joined(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Return both mappings as one in which `second` wins, key by key within values that are mappings too.

    Args:
        first: Values by name.
        second: Values by name, which replace those of `first`.
    """
    both = {**first, **second}
    for key in first.keys() & second.keys():
        if isinstance(first[key], dict) and isinstance(second[key], dict):
            both[key] = {**first[key], **second[key]}
    return both


def read_file(path: Path, config_class: type, flag: str = '--config') -> dict[str, Any]:
    """Return the options in a YAML file, and in the file that it names as its `base`.

    Args:
        path: The file.
        config_class: The dataclass whose options the file may have.
        flag: The flag that named the file, for messages.

    Raises:
        UserError: The file cannot be read, or has an unknown option or a value that is not allowed.
    """
    return _read(path, config_class, flag, ())


def read_yaml(path: Path, where: str) -> dict[str, Any]:
    """Return the content of a YAML file, which must be a mapping; an empty file has no keys.

    Args:
        path: The file.
        where: What names the file, for messages.

    Raises:
        UserError: The file cannot be read, or is no mapping.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except OSError as error:
        raise UserError(f'{where}: {error.strerror}') from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f'{where}: not a YAML file: {error}') from error
    if not isinstance(content, dict | None):
        raise UserError(f'{where}: expected lines of `option: value`')
    return content or {}


def checked(content: Mapping[Any, Any], config_class: type, path: Path, where: str) -> dict[str, Any]:
    """Return options that stand in a file, by name, each as if it had been given on the command line.

    Args:
        content: The options as the file has them.
        config_class: The dataclass whose options these may be.
        path: The file.
        where: What names the place in the file, for messages.

    Raises:
        UserError: An option is unknown, or a value is not allowed.
    """
    options, values = options_of(config_class), {}
    for key, value in content.items():
        name = str(key).replace('-', '_')
        try:
            if name not in options:
                raise argparse.ArgumentTypeError(f'unknown option {key!r}')
            values[name] = convert(options[name], value)
        except argparse.ArgumentTypeError as error:
            raise UserError(_complaint(path, where, name, str(key), str(error), options)) from error
    return values


def _read(path: Path, config_class: type, flag: str, chain: tuple[Path, ...]) -> dict[str, Any]:
    """Read a file; `chain` are the files of which it is a base."""
    chain = (*chain, path.resolve())
    where = f'{flag} {path}'
    content = read_yaml(path, where)
    base = content.pop('base', None)
    values = checked(content, config_class, path, where)
    if base is None:
        return values
    if not isinstance(base, str):
        raise UserError(f'{where}: base: must be the name of a file, not {base!r}')
    file = path.parent / base
    if file.resolve() in chain:
        raise UserError(f'{where}: base: {base} has this file as its base in turn')
    return joined(_read(file, config_class, flag, chain), values)


def _complaint(path: Path, where: str, name: str, key: str, text: str, options: Mapping[str, Option]) -> str:
    newer = newer_version(path)
    if name in options:
        return f'{where}: {key}: {text}{f"; {newer}" if newer else ""}'
    return f'{where}: {text}{f"; {newer}" if newer else f".{nearest(name, options)}"}'

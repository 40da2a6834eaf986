"""The value of every option of the training command.

It is looked for in four places, the later ones winning: the parser's default, the data set's
(`defaults.py`), the `--config` file, the command line. An option that is a mapping, such as `model_kwargs`,
is joined key by key. A file may say `base: other.yaml`: it then continues that file, found beside it.
"""

import argparse
from pathlib import Path
from typing import Any

import yaml

from ..config.argtypes import KeyValues, nearest
from ..errors import UserError
from ..train.run_files import ARGS, newer_version
from .conflicts import check_conflicts, check_needs
from .defaults import DATASET_DEFAULTS
from .parser import create_parser

__all__ = ['parse_options', 'read_command_line']

_UNSET = object()
_NOT_IN_CONFIG = {'help', 'data', 'config'}


def parse_options(argv: list[str] | None = None, prog: str | None = None) -> argparse.Namespace:
    """Return the value of every option.

    Args:
        argv: the command line without the program's name, by default `sys.argv[1:]`.
        prog: the program's name, for the help.

    Raises:
        UserError: a flag, value or `--config` key that does not exist or is out of range.
    """
    parser = create_parser(prog)
    options = {action.dest: action for action in parser._actions if action.dest != 'help'}
    given = read_command_line(parser, argv)
    written = _read_config(given['config'], options) if given.get('config') else {}
    config = {**_options_to_resume(given, options), **written}

    values = {key: action.default for key, action in options.items() if key not in _NOT_IN_CONFIG}
    chosen = _joined(config, given)
    dataset = chosen.get('dataset')
    if dataset is None:
        dataset = 'digits' if chosen.get('data_dir') is None else ''
    values.update(DATASET_DEFAULTS.get(dataset, {}))
    check_conflicts(given)
    # The file may be the args.yaml of a run, in which every option stands.
    written = {key: value for key, value in written.items() if value != values.get(key)}
    check_conflicts(written, f'--config {given.get("config")}: ')
    values.update(chosen, dataset=dataset)
    values.pop('config', None)
    args = argparse.Namespace(**values)
    check_needs(given, args)
    return args


def read_command_line(parser: argparse.ArgumentParser, argv: list[str] | None = None) -> dict[str, Any]:
    """Return the value of every option that stands on the command line; the folder of the data as `data_dir`.

    Raises:
        UserError: a flag or value that does not exist or is out of range.
    """
    options = {action.dest: action for action in parser._actions if action.dest != 'help'}
    # Whatever is still unset after parsing was not on the command line.
    given = argparse.Namespace(**dict.fromkeys(options, _UNSET))
    _, unknown = parser.parse_known_args(argv, given)
    if unknown:
        flags = [flag for action in options.values() for flag in action.option_strings]
        raise UserError(f'unknown argument {unknown[0]}.{nearest(unknown[0], flags)}')
    given = {key: value for key, value in vars(given).items() if value is not _UNSET}
    folder = given.pop('data', None)
    if folder is not None and given.setdefault('data_dir', folder) != folder:
        raise UserError(f'two data folders: {folder} and --data-dir {given["data_dir"]}; give one')
    return given


def _options_to_resume(given: dict[str, Any], options: dict[str, argparse.Action]) -> dict[str, Any]:
    """Return the options of the run that `--resume` names by its folder, or by a checkpoint in it."""
    path = given.get('resume')
    if path == 'auto' and not given.get('experiment'):
        raise UserError('--resume auto needs --experiment, the name of the run to go on with')
    if path is None or path == 'auto':
        return {}
    if not Path(path).exists():
        raise UserError(f'--resume {path}: no such file or folder')
    folder = Path(path) if Path(path).is_dir() else Path(path).parent
    values = _read_config(str(folder / ARGS), options, flag='--resume') if (folder / ARGS).is_file() else {}
    return {**values, 'output': str(folder.absolute().parent), 'experiment': folder.absolute().name}


def _joined(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Return both, `second` winning, by key within values that are mappings."""
    both = {**first, **second}
    for key in first.keys() & second.keys():
        if isinstance(first[key], dict) and isinstance(second[key], dict):
            both[key] = {**first[key], **second[key]}
    return both


def _read_config(
    path: str, options: dict[str, argparse.Action], chain: tuple[Path, ...] = (), flag: str = '--config'
) -> dict[str, Any]:
    """Return the options in the file at `path`, and in its base where it has one; `chain` are those that it is of."""
    chain = (*chain, Path(path).resolve())
    where = f'{flag} {path}'
    try:
        content = yaml.safe_load(Path(path).read_text(encoding='utf-8'))
    except OSError as error:
        raise UserError(f'{where}: {error.strerror}') from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f'{where}: not a YAML file: {error}') from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UserError(f'{where}: expected lines of `option: value`')
    base = content.pop('base', None)
    values = {}
    known = [key for key in options if key not in _NOT_IN_CONFIG]
    for key, value in content.items():
        name = str(key).replace('-', '_')
        if name not in known:
            newer = newer_version(Path(path))
            raise UserError(f'{where}: unknown option {key!r}{f"; {newer}" if newer else f".{nearest(name, known)}"}')
        try:
            values[name] = _convert(options[name], value)
        except argparse.ArgumentTypeError as error:
            newer = newer_version(Path(path))
            raise UserError(f'{where}: {key}: {error}{f"; {newer}" if newer else ""}') from error
    if base is None:
        return values
    if not isinstance(base, str):
        raise UserError(f'{where}: base: must be the name of a file, not {base!r}')
    file = Path(path).parent / base
    if file.resolve() in chain:
        raise UserError(f'{where}: base: {base} has this file as its base in turn')
    return _joined(_read_config(str(file), options, chain, flag), values)


def _convert(action: argparse.Action, value: Any) -> Any:
    """Check a value from YAML as if it had stood on the command line (YAML reads `1e-3` as a string)."""
    if value is None:
        if action.default is not None:
            raise argparse.ArgumentTypeError('needs a value')
        return None
    if isinstance(action, KeyValues):
        if not isinstance(value, dict):
            raise argparse.ArgumentTypeError(f'must be a mapping, not {value!r}')
        return value
    if action.nargs == 0:  # a switch
        if not isinstance(value, bool):
            raise argparse.ArgumentTypeError(f'must be true or false, not {value!r}')
        return value
    parse = action.type or str
    if action.nargs == '+' or isinstance(action.nargs, int):
        items = value if isinstance(value, list) else [value]
        if isinstance(action.nargs, int) and len(items) != action.nargs:
            raise argparse.ArgumentTypeError(f'must be a list of {action.nargs} numbers, not {value!r}')
        return [parse(str(item)) for item in items]
    if isinstance(value, (list, dict, bool)):
        raise argparse.ArgumentTypeError(f'must be one value, not {value!r}')
    return parse(str(value))

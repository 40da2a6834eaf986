"""The command that writes a page of pictures of what a trained model has learned."""

import argparse
import importlib.metadata
import importlib.util
import platform
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from torch.utils.data import IterableDataset

from ..analysis.history import History, read_history
from ..analysis.predictions import Labels, predict
from ..config.argtypes import whole
from ..errors import TrainingError, UserError, exit_status
from ..train.device import create_autocast, resolve_device
from ..train.run_files import ARGS, MODEL, SUMMARY
from ..train.run_folder import check_output, scratch_folder
from ..version import __version__
from .options import read_command_line
from .trained import DATA_FLAGS, Trained, create_trained_parser, open_trained, with_defaults

__all__ = ['PAGE', 'main', 'parse_options', 'report']

PAGE = 'report.html'
_PACKAGES = ('timm', 'torch', 'geoopt')
_SAMPLES = 1000


def main(argv: list[str] | None = None, prog: str | None = None) -> int:
    """Run the command and return its exit status.

    Args:
        argv: the command line without the program's name, by default `sys.argv[1:]`.
        prog: name of the program in help and messages, by default that of the running script.

    Returns:
        0; 2 for input that no page can be made of; 1 for a failure; 130 for an interrupt.
    """
    prog = prog or Path(sys.argv[0]).name
    return exit_status(lambda: report(parse_options(argv, prog)), prog)


def parse_options(argv: list[str] | None = None, prog: str | None = None) -> argparse.Namespace:
    """Return the value of every option; the data set of a run's folder is that of the run, if none is named.

    Raises:
        UserError: a flag or value that does not exist or is out of range.
    """
    prog = prog or Path(sys.argv[0]).name
    parser, groups = create_trained_parser(
        prog,
        'Write one HTML page that holds pictures of what a model has learned, and the pictures as SVG and PNG beside '
        'it. CHECKPOINT is the folder that a run leaves; or weights of the model that --model names, any of timm.',
    )
    parser.add_argument('checkpoint', nargs='?', metavar='CHECKPOINT', help='folder of a run, or a file of weights')
    groups['data'].add_argument(
        '--data',
        dest='source',
        metavar='NAME|DIR',
        help='a data set as --dataset names it, or a folder of images (default: that of the run, else the digits)',
    )
    groups['run'].add_argument('--output', metavar='DIR', help='where to write (default: report/ in CHECKPOINT)')
    groups['run'].add_argument(
        '--samples',
        type=whole(4),
        metavar='N',
        help=f'features in a draw of the δ-hyperbolicity (default: {_SAMPLES}, or all where there are fewer)',
    )
    groups['run'].add_argument('--draws', type=whole(1), default=5, metavar='N', help='how many draws')
    groups['run'].add_argument('--images', type=whole(1), default=12, metavar='N', help='examples of each kind')
    groups['run'].add_argument('--seed', type=whole(0), default=0, metavar='N', help='of the draws')
    argv = sys.argv[1:] if argv is None else argv
    given = _named_data(read_command_line(parser, argv))
    given = {
        **given,
        **_named_model(given),
        'checkpoint_flag': 'CHECKPOINT',
        'command': shlex.join([*prog.split(), *argv]),
    }
    args = with_defaults(parser, given)
    if args.output is None:
        folder = Path(args.model.removeprefix('local-dir:')) if args.model.startswith('local-dir:') else Path()
        args.output = str(folder / 'report')
    return args


def _named_data(given: dict[str, Any]) -> dict[str, Any]:
    """The options with `--data` as what it stands for."""
    given = dict(given)
    source = given.pop('source', None)
    if source is None:
        return given
    other = next((key for key in ('dataset', 'data_dir') if key in given), None)
    if other is not None:
        raise UserError(f'--data {source}: --{other.replace("_", "-")} {given[other]} says the same; give one')
    return {**given, 'data_dir' if Path(source).is_dir() else 'dataset': source}


def _named_model(given: dict[str, Any]) -> dict[str, Any]:
    """Options that follow from CHECKPOINT where it is the folder of a run: the model, and the data if none is named."""
    checkpoint = given.get('checkpoint')
    if 'model' in given:
        return {}
    if checkpoint is None:
        raise UserError(
            'give CHECKPOINT, the folder of a run, or weights by --model NAME and CHECKPOINT or --pretrained'
        )
    path = Path(checkpoint)
    folder = path.parent if path.name == MODEL else path
    if not (folder / 'config.json').is_file():
        found = 'not the folder of a run, which has a config.json' if path.exists() else 'no such file or folder'
        raise UserError(f'CHECKPOINT {checkpoint}: {found}; weights alone need their model, by --model')
    named = {'model': f'local-dir:{folder}', 'checkpoint': None}
    if not {'dataset', 'data_dir'} & given.keys() and (folder / ARGS).is_file():
        of_run = yaml.safe_load((folder / ARGS).read_text(encoding='utf-8'))
        named |= {key: of_run[key] for key in DATA_FLAGS if key in of_run and key not in given}
    return named


def report(args: argparse.Namespace) -> Path:
    """Write the page of the model that `args`, from `parse_options`, name, and return its path.

    Raises:
        UserError: something that `args` name does not exist or does not fit; nothing was written.
        TrainingError: the page could not be written.
    """
    _check_packages()
    folder = Path(args.output)
    check_output(folder)
    device = resolve_device(args.device)
    autocast = create_autocast(args, device)
    trained = open_trained(args, device, same_classes=not args.num_classes)
    if not isinstance(trained.dataset, IterableDataset):
        _sample_size(args, len(trained.dataset))
    predictions = predict(trained.model, trained.loader, args.images, autocast)
    samples = _sample_size(args, len(predictions.targets))

    from ..analysis.page import LeftOut, render
    from ..analysis.report_sections import ReportInput, create_sections  # needs matplotlib

    sections = create_sections(
        ReportInput(
            trained.model,
            predictions,
            _labels(trained),
            trained.is_matched,
            trained.data_config['mean'],
            trained.data_config['std'],
            _history(args),
            autocast,
            samples,
            args.draws,
            args.seed,
        )
    )
    name = trained.model.pretrained_cfg.get('architecture') or args.model
    page = render(name, _facts(args, name, trained, predictions.top1, len(predictions.targets)), sections)
    _write(folder, page, sections)
    left_out = ', '.join(section.name for section in sections if isinstance(section, LeftOut))
    print(f'{folder / PAGE}: {name} on {trained.split}' + (f'; without {left_out}' if left_out else ''))
    return folder / PAGE


def _history(args: argparse.Namespace) -> History | None:
    """Read the training curves of a run whose folder is the model."""
    path = Path(args.model.removeprefix('local-dir:')) / SUMMARY
    if not (args.model.startswith('local-dir:') and path.is_file()):
        return None
    try:
        return read_history(path)
    except ValueError as error:
        raise UserError(str(error)) from error


def _check_packages() -> None:
    if importlib.util.find_spec('matplotlib') is None:
        raise UserError('the page needs matplotlib: pip install timm_hyperbolic[report]')


def _sample_size(args: argparse.Namespace, count: int) -> int:
    """How many features a draw has, of `count` images."""
    if count < 4:
        raise UserError(f'{args.dataset or args.data_dir}: δ is a number of four points, and there are {count} images')
    if args.samples is not None and args.samples > count:
        raise UserError(f'--samples {args.samples}: there are {count} images; give at most that')
    return args.samples or min(_SAMPLES, count)


def _labels(trained: Trained) -> Labels:
    names, groups = trained.classes, trained.superclasses
    return Labels(names) if groups is None else Labels(names, groups.of_class, groups.names)


def _facts(args: argparse.Namespace, name: str, trained: Trained, top1: float, images: int) -> Sequence:
    from ..analysis.page import Fact

    parameters = sum(p.numel() for p in trained.model.parameters())
    versions = [f'{package} {importlib.metadata.version(package)}' for package in _PACKAGES]
    versions = [f'timm_hyperbolic {__version__}', *versions, f'Python {platform.python_version()}']
    return [
        Fact('model', f'{name}, {parameters:,} parameters'),
        Fact('checkpoint', args.checkpoint or args.model),
        Fact('data', f'{args.dataset or args.data_dir}, split {trained.split}, {images:,} images'),
        Fact('Top-1', f'{top1:.2f} %' if trained.is_matched else 'none: the model has other classes than the data'),
        Fact('versions', ', '.join(versions)),
        Fact('written', time.strftime('%Y-%m-%d %H:%M')),
        Fact('command', args.command, is_code=True),
    ]


def _write(folder: Path, page: str, sections: Sequence) -> None:
    """Write figures and page; figures of an earlier page that this one has not got are removed."""
    from ..analysis.report_sections import FIGURES

    figures = folder / 'figures'
    try:
        figures.mkdir(parents=True, exist_ok=True)
        drawn = [figure for section in sections for figure in getattr(section, 'figures', ())]
        with scratch_folder(figures) as scratch:
            for figure in drawn:
                (scratch / f'{figure.name}.svg').write_bytes(figure.svg)
                (scratch / f'{figure.name}.png').write_bytes(figure.png)
        for name in set(FIGURES) - {figure.name for figure in drawn}:
            for ending in ('svg', 'png'):
                (figures / f'{name}.{ending}').unlink(missing_ok=True)
        with scratch_folder(folder) as scratch:
            (scratch / PAGE).write_text(page, encoding='utf-8')
    except OSError as error:
        raise TrainingError(f'--output {folder}: {error}') from error

"""The command that writes a page of pictures of what a trained model has learned."""

import importlib.metadata
import importlib.util
import platform
import shlex
import time
from collections.abc import Sequence
from pathlib import Path

from torch.utils.data import IterableDataset

from ..analysis.history import History, read_history
from ..analysis.predictions import Labels, predict
from ..config.run_files import SUMMARY
from ..config.trained import ReportConfig
from ..errors import TrainingError, UserError
from ..evaluate.trained import Trained, open_trained
from ..files import scratch_folder
from ..train.device import create_autocast, resolve_device
from ..train.run_folder import check_output
from ..version import __version__

__all__ = ['PAGE', 'report']

PAGE = 'report.html'
_PACKAGES = ('timm', 'torch', 'geoopt')
_SAMPLES = 1000


def report(config: ReportConfig, command: Sequence[str] = ()) -> Path:
    """Write the page of a trained model and return its path.

    Args:
        config: The model, the data and what the page shows.
        command: The words of the command line, to be shown on the page.

    Raises:
        UserError: The model or the data does not exist or does not fit; nothing was written.
        TrainingError: the page could not be written.
    """
    _check_packages()
    page = config.page
    folder = _output(config)
    check_output(folder)
    device = resolve_device(config.device.device)
    autocast = create_autocast(config.device, device)
    trained = open_trained(config, device, same_classes=not config.model.num_classes)
    if not isinstance(trained.dataset, IterableDataset):
        _sample_size(config, len(trained.dataset))
    predictions = predict(trained.model, trained.loader, page.images, autocast)
    samples = _sample_size(config, len(predictions.targets))

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
            _history(config.model.model),
            autocast,
            samples,
            page.draws,
            page.seed,
        )
    )
    name = trained.model.pretrained_cfg.get('architecture') or config.model.model
    html = render(name, _facts(config, command, name, trained, predictions.top1, len(predictions.targets)), sections)
    _write(folder, html, sections)
    left_out = ', '.join(section.name for section in sections if isinstance(section, LeftOut))
    print(f'{folder / PAGE}: {name} on {trained.split}' + (f'; without {left_out}' if left_out else ''))
    return folder / PAGE


def _history(model: str) -> History | None:
    """Read the training curves of a run whose folder is the model."""
    path = Path(model.removeprefix('local-dir:')) / SUMMARY
    if not (model.startswith('local-dir:') and path.is_file()):
        return None
    try:
        return read_history(path)
    except ValueError as error:
        raise UserError(str(error)) from error


def _output(config: ReportConfig) -> Path:
    """Return the folder to write into: by default `report/` in the folder of the run."""
    if config.page.output is not None:
        return Path(config.page.output)
    name = config.model.model
    return (Path(name.removeprefix('local-dir:')) if name.startswith('local-dir:') else Path()) / 'report'


def _check_packages() -> None:
    if importlib.util.find_spec('matplotlib') is None:
        raise UserError('the page needs matplotlib: pip install timm_hyperbolic[report]')


def _sample_size(config: ReportConfig, count: int) -> int:
    """How many features a draw has, of `count` images."""
    if count < 4:
        raise UserError(f'{config.data.name}: δ is a number of four points, and there are {count} images')
    if config.page.samples is not None and config.page.samples > count:
        raise UserError(f'--samples {config.page.samples}: there are {count} images; give at most that')
    return config.page.samples or min(_SAMPLES, count)


def _labels(trained: Trained) -> Labels:
    names, groups = trained.classes, trained.superclasses
    return Labels(names) if groups is None else Labels(names, groups.of_class, groups.names)


def _facts(
    config: ReportConfig, command: Sequence[str], name: str, trained: Trained, top1: float, images: int
) -> Sequence:
    from ..analysis.page import Fact

    parameters = sum(p.numel() for p in trained.model.parameters())
    versions = [f'{package} {importlib.metadata.version(package)}' for package in _PACKAGES]
    versions = [f'timm_hyperbolic {__version__}', *versions, f'Python {platform.python_version()}']
    return [
        Fact('model', f'{name}, {parameters:,} parameters'),
        Fact('checkpoint', config.weights.checkpoint or config.model.model),
        Fact('data', f'{config.data.name}, split {trained.split}, {images:,} images'),
        Fact('Top-1', f'{top1:.2f} %' if trained.is_matched else 'none: the model has other classes than the data'),
        Fact('versions', ', '.join(versions)),
        Fact('written', time.strftime('%Y-%m-%d %H:%M')),
        Fact('command', shlex.join(command), is_code=True),
    ]


def _write(folder: Path, page: str, sections: Sequence) -> None:
    """Write figures and page; figures of an earlier page that this one has not got are removed."""
    from ..analysis.basin_section import BASIN_FIGURES
    from ..analysis.report_sections import FIGURES

    figures = folder / 'figures'
    try:
        figures.mkdir(parents=True, exist_ok=True)
        drawn = [figure for section in sections for figure in getattr(section, 'figures', ())]
        with scratch_folder(figures) as scratch:
            for figure in drawn:
                (scratch / f'{figure.name}.svg').write_bytes(figure.svg)
                (scratch / f'{figure.name}.png').write_bytes(figure.png)
        for name in {*FIGURES, *BASIN_FIGURES} - {figure.name for figure in drawn}:
            for ending in ('svg', 'png'):
                (figures / f'{name}.{ending}').unlink(missing_ok=True)
        with scratch_folder(folder) as scratch:
            (scratch / PAGE).write_text(page, encoding='utf-8')
    except OSError as error:
        raise TrainingError(f'--output {folder}: {error}') from error

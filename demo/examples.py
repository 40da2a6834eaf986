"""Example images for the start page of the demo."""

from pathlib import Path

from PIL import Image
from torch.utils.data import IterableDataset

from timm_hyperbolic.config.run_files import ARGS
from timm_hyperbolic.config.trained import read_report_options
from timm_hyperbolic.data.sources import default_split, open_split
from timm_hyperbolic.errors import UserError

__all__ = ['example_files', 'examples_of_run']


def example_files(folder: Path, most: int = 12) -> list[Path]:
    """Return the image files of a folder, in the order of their names.

    Args:
        folder: of images.
        most: number of files to return, at most.

    Raises:
        UserError: the folder does not exist or has no image.
    """
    endings = Image.registered_extensions()
    files = sorted(path for path in folder.glob('*') if path.suffix.lower() in endings)
    if not files:
        raise UserError(f'--examples {folder}: {"no image in it" if folder.is_dir() else "no such folder"}')
    return files[:most]


def examples_of_run(source: str, folder: Path, most: int = 10) -> list[Path]:
    """Write one image of each class that a run was evaluated on, as PNG.

    Args:
        source: the folder of a run; any other model has no examples.
        folder: an empty folder for the files.
        most: number of classes, at most.

    Returns:
        The files, in the order of the classes; none if the data of the run are not known or are a stream.

    Raises:
        UserError: the data set of the run cannot be opened.
    """
    run = Path(source.removeprefix('local-dir:'))
    if not (run / ARGS).is_file():
        return []
    data = read_report_options([str(run)], prog='app.py').data
    dataset = open_split(data, default_split(data, 'validation', 'test') or 'validation')
    if isinstance(dataset, IterableDataset):
        return []
    first: dict[int, int] = {}
    for row, label in enumerate(dataset.targets or ()):
        first.setdefault(label, row)
    files = []
    for number, label in enumerate(sorted(first)[:most]):
        image, _ = dataset[first[label]]
        files.append(folder / f'{number}.png')
        image.save(files[-1])
    return files

"""Image folders: a split stored as one folder per class."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from timm.data import create_dataset, get_img_extensions
from timm.utils.misc import natural_key
from torchvision.datasets.folder import IMG_EXTENSIONS

from ..errors import UserError, listed
from .images import Images
from .labels import ClassMap

__all__ = ['ENDINGS', 'open_folder', 'survey']

#: File name endings of images: those that timm's and torchvision's readers accept.
ENDINGS = tuple(dict.fromkeys((*get_img_extensions(), *IMG_EXTENSIONS)))


@dataclass
class Survey:
    """What the folder of a split contains. Paths are relative to this folder.

    Attributes:
        images: the number of images of each class. A class is named after the innermost folder, as in timm.
        places: the folders of each class.
        ignored: the number of files that are not images, by the ending of their names.
        example: one ignored file for each ending.
        hidden: folders whose names begin with a dot, and image files whose names do. They are left out; the contents of
            a hidden folder are not listed.
        loose: images that are not in the folder of a class.
        empty: folders of classes without an image.
        files: the number of files in each folder of `empty`.
    """

    images: Counter[str] = field(default_factory=Counter)
    places: dict[str, list[str]] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)
    example: dict[str, str] = field(default_factory=dict)
    hidden: list[str] = field(default_factory=list)
    loose: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    files: Counter[str] = field(default_factory=Counter)


def survey(root: Path, endings: Sequence[str] = ENDINGS) -> Survey:
    """List the contents of the folder of a split without opening any file.

    Args:
        root: the folder.
        endings: file name endings of images, in lower case.
    """
    found = Survey()
    own: dict[Path, int] = {}  # images directly in a folder
    files: Counter[Path] = Counter()  # files in a folder and all of its subfolders
    whole: Counter[Path] = Counter()  # images in a folder and all of its subfolders
    for name, folders, names in os.walk(root, followlinks=True):
        folder = Path(name)
        here = folder.relative_to(root)
        found.hidden += [str(here / each) for each in sorted(folders) if each.startswith('.')]
        folders[:] = sorted(each for each in folders if not each.startswith('.'))
        own[here] = 0
        for each in sorted(names):
            ending = os.path.splitext(each)[1].lower()  # noqa: PTH122 (a Path for each file takes too long)
            if each.startswith('.'):
                if ending in endings:
                    found.hidden.append(str(here / each))
            elif ending in endings:
                own[here] += 1
                if here == Path():
                    found.loose.append(each)
            else:
                found.ignored[ending] += 1
                found.example.setdefault(ending, str(here / each))
        if own[here] and here != Path():
            found.images[here.name] += own[here]
            found.places.setdefault(here.name, []).append(str(here))
        for above in (here, *here.parents):
            files[above] += sum(not each.startswith('.') for each in names)
            whole[above] += own[here]
    for here in own:
        above = here.parent
        # A folder of a class may have subfolders without images. Of nested empty folders, only the outermost is listed.
        if here != Path() and not whole[here] and not own[above] and (above == Path() or whole[above]):
            found.empty.append(str(here))
            found.files[str(here)] = files[here]
    return found


def open_folder(
    root: Path, where: str, known: ClassMap | None, is_training: bool, endings: Sequence[str] = ENDINGS
) -> Images:
    """Open the folder of a split.

    What is left out is printed: hidden files and folders, files that are not images, and the folders that a
    `--class-map` does not name.

    Args:
        root: the folder.
        where: the split, for messages.
        known: the label of each class; None to number the folders in timm's order.
        is_training: whether this is the training split.
        endings: file name endings of images, in lower case.

    Raises:
        UserError: there is no image, an image has no class, a class has no image, or a class is not in `known`.
    """
    found = survey(root, endings)
    _tell(found, where)
    if found.loose:
        raise UserError(
            f'{where}: {len(found.loose)} images lie beside the folders of the classes, and belong to none: '
            f'{listed(found.loose)}; move them into the folder of their class'
        )
    if not found.images:
        raise UserError(f'{where}: there is no image in {root}; images end in {", ".join(endings)}')
    chosen = known is not None and known.from_file
    # Outside the training split, a class may have an empty folder. Files that are not images hint at a mistake.
    empty = [each for each in found.empty if is_training or found.files[each]]
    empty = [each for each in empty if not chosen or Path(each).name in known.labels]
    if empty:
        files = sum(found.files[each] for each in empty)
        raise UserError(
            f'{where}: no image in the folder of a class: {listed(empty)} ({files} other files); images end in '
            f'{", ".join(endings)}. Convert the files, name their endings by --input-key, or remove the folder'
        )
    names = sorted(found.images, key=natural_key)
    if known is None:
        known = ClassMap.of_names(names, where)
    elif not chosen or not known.labels.keys() & set(names):
        known.check_names(names, where)
    left_out = [name for name in names if name not in known.labels]
    if left_out:  # by the user's choice
        count = sum(found.images[name] for name in left_out)
        print(f'{where}: left out {count} images of classes that {known.source} does not name: {listed(left_out)}')
    # timm leaves out classes that the map does not name, but it does not leave out hidden files and folders.
    reader = create_dataset(
        '', root=str(root), search_split=False, class_map=dict(known.labels), input_key=';'.join(endings)
    ).reader
    reader.samples = [sample for sample in reader.samples if not _is_hidden(sample[0], root)]
    return Images(reader, [label for _, label in reader.samples], known.names, where)


def _is_hidden(path: str, root: Path) -> bool:
    return f'{os.sep}.' in path[len(str(root)) :]


def _tell(found: Survey, where: str) -> None:
    """Print what is left out, and which folders of the same name are merged into one class."""
    if found.hidden:
        print(f'{where}: left out as hidden: {listed(found.hidden)}')
    if found.ignored:
        kinds = [
            f'{count} {ending or "without an ending"} (such as {found.example[ending]})'
            for ending, count in found.ignored.most_common()
        ]
        print(f'{where}: left out {found.ignored.total()} files that are no images: {listed(kinds)}')
    merged = [f'{name} ({listed(places)})' for name, places in found.places.items() if len(places) > 1]
    if merged:
        print(f'{where}: folders of the same name are one class: {listed(merged)}')

"""A split that is a folder of images, with a folder for each class."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from timm.data import create_dataset, get_img_extensions
from timm.utils.misc import natural_key
from torchvision.datasets.folder import IMG_EXTENSIONS

from ..errors import UserError
from ..models.state_dict_checks import listed
from .images import Images
from .labels import ClassMap

__all__ = ['ENDINGS', 'open_folder', 'survey']

#: Endings of the files that are read: those of timm's and of torchvision's readers.
ENDINGS = tuple(dict.fromkeys((*get_img_extensions(), *IMG_EXTENSIONS)))


@dataclass
class Survey:
    """What lies in the folder of a split. Paths are relative to it.

    Attributes:
        images: how many images each class has, by the name of the innermost folder, as timm has it.
        places: the folders of each class.
        ignored: how many files are no images, by the ending of their names.
        example: one file of each such ending.
        hidden: files and folders whose names begin with a dot, and which are left out: the outermost ones, of files
            those alone that are called like an image.
        loose: images that lie in no folder of a class.
        empty: folders of classes without an image.
        files: how many files each of them has.
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
    """Look through the folder of a split, without opening a file.

    Args:
        root: the folder.
        endings: of the names of images, in small letters.
    """
    found = Survey()
    own: dict[Path, int] = {}  # images in a folder itself
    files: Counter[Path] = Counter()  # files in a folder and all below
    whole: Counter[Path] = Counter()  # images likewise
    for name, folders, names in os.walk(root, followlinks=True):
        folder = Path(name)
        here = folder.relative_to(root)
        found.hidden += [str(here / each) for each in sorted(folders) if each.startswith('.')]
        folders[:] = sorted(each for each in folders if not each.startswith('.'))
        own[here] = 0
        for each in sorted(names):
            ending = os.path.splitext(each)[1].lower()  # noqa: PTH122 (a path for each file takes too long)
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
        # Beside the images of a class may lie a folder of anything; and of nested folders the outermost one is told.
        if here != Path() and not whole[here] and not own[above] and (above == Path() or whole[above]):
            found.empty.append(str(here))
            found.files[str(here)] = files[here]
    return found


def open_folder(
    root: Path, where: str, known: ClassMap | None, is_training: bool, endings: Sequence[str] = ENDINGS
) -> Images:
    """Open the folder of a split.

    What is left out of it is printed: hidden files and folders, files that are no images, and with `--class-map` the
    folders that it does not name.

    Args:
        root: the folder.
        where: the split, for messages.
        known: the label of each class, None to number the folders in timm's order.
        is_training: whether it is the split to train on.
        endings: of the names of images, in small letters.

    Raises:
        UserError: there is no image, an image without a class, a class without an image, or one that is not known.
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
    # In other splits an empty folder may keep the place of a class; one with files in it was meant to have images.
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
    # timm leaves out what the map does not name; hidden files, and folders in hidden ones, may still be called like it.
    reader = create_dataset(
        '', root=str(root), search_split=False, class_map=dict(known.labels), input_key=';'.join(endings)
    ).reader
    reader.samples = [sample for sample in reader.samples if not _is_hidden(sample[0], root)]
    return Images(reader, [label for _, label in reader.samples], known.names, where)


def _is_hidden(path: str, root: Path) -> bool:
    return f'{os.sep}.' in path[len(str(root)) :]


def _tell(found: Survey, where: str) -> None:
    """Print what is left out, and which folders are one class."""
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

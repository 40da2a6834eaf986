"""Images with texts: from a table of paths and captions, or from a data set of classes with WordNet's glosses.

The second is a stand-in where there are no captioned photographs: all images of a class have one text, the name of the
class and its gloss; the phrase is that of one of its hypernyms, and the box is a random crop.
"""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import RandomResizedCrop

from ..config.argtypes import split_size
from ..config.data import DataConfig, SplitConfig
from ..errors import UserError, listed
from ..taxonomy import Taxonomy, wordnet
from .caption_tars import TAR, TarImages, read_tars
from .images import Images
from .splits import Splits, create_splits
from .stratified_split import Part, stratified_split

__all__ = [
    'Captioned',
    'Captions',
    'create_caption_splits',
    'gloss_captions',
    'hypernym_texts',
    'read_captions',
    'text_of',
]

TABLES = ('.csv', '.tsv', '.parquet', TAR)
#: Names of columns that are looked for, the preferred one first.
_IMAGE = ('image', 'path', 'filepath', 'file', 'filename')
_CAPTION = ('caption', 'text', 'title')
_BOX = ('x1', 'y1', 'x2', 'y2')
#: Share of a table that is held out where no split is named.
_HELD_OUT = '0.1'
_TASK = '--task contrastive'


class Captions(NamedTuple):
    """Texts by the label of an image.

    Attributes:
        texts: The text of each label.
        phrases: The texts for a part of the image, of which one is drawn, for each label; None for none.
        boxes: The part of the image, in pixels from the left and the top, for each label; None for a random crop.
    """

    texts: Sequence[str]
    phrases: Sequence[Sequence[str]] | None = None
    boxes: Sequence[tuple[float, ...]] | None = None


class Captioned(Dataset):
    """Images, each with the tokens of its text, and if asked for with a part of it and the tokens of a phrase.

    Args:
        images: A data set of images and labels without a transform of its own.
        captions: The texts by label.
        where: The split, for messages.

    Attributes:
        tokenize: Takes texts to tokens; to be set before an item is taken.
        transform: Takes an image to a tensor `[C, H, W]` in uint8; to be set before an item is taken.
        parts: Whether items have parts and phrases.
    """

    #: Share of the image that a random crop takes, and its ratio of width to height.
    crop_scale, crop_ratio = (0.2, 0.6), (3 / 4, 4 / 3)

    def __init__(self, images: Dataset, captions: Captions, where: str) -> None:
        self.images, self.captions, self.where = images, captions, where
        self.tokenize: Callable[[Sequence[str]], Tensor] | None = None
        self.transform: Callable[[Image.Image], Tensor] | None = None
        self.parts = False

    @property
    def source(self) -> Images:
        """The whole split of which the images may be a part."""
        return self.images.dataset if isinstance(self.images, Part) else self.images

    @property
    def classes(self) -> None:
        """There are no classes."""
        return

    @property
    def targets(self) -> None:
        """There are no labels."""
        return

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, label = self.images[index]
        views, texts = [image], [self.captions.texts[label]]
        if self.parts:
            views.append(self.part(image, label))
            texts.append(random.choice(self.captions.phrases[label]))
        tensors = torch.cat([torch.as_tensor(self.transform(view)) for view in views])
        tokens = self.tokenize(texts)
        return tensors, tokens if self.parts else tokens[0]

    def part(self, image: Image.Image, label: int) -> Image.Image:
        """Return the box of an image, or a random crop where there are no boxes.

        Args:
            image: The image.
            label: Its label.
        """
        if self.captions.boxes is not None:
            return image.crop(_whole_box(self.captions.boxes[label], *image.size))
        top, left, height, width = RandomResizedCrop.get_params(image, list(self.crop_scale), list(self.crop_ratio))
        return image.crop((left, top, left + width, top + height))


def _whole_box(box: tuple[float, ...], width: int, height: int) -> tuple[int, int, int, int]:
    """A box in whole pixels inside of the image, at least one pixel large."""
    left, top = (min(max(math.floor(v), 0), size - 1) for v, size in zip(box[:2], (width, height), strict=True))
    right, bottom = (min(math.ceil(v), size) for v, size in zip(box[2:], (width, height), strict=True))
    return left, top, max(right, left + 1), max(bottom, top + 1)


class _Files:
    """A reader of image files, as timm's readers are: the label of a file is its row in the table."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> tuple[Any, int]:
        return self.paths[row].open('rb'), row

    def filename(self, row: int, absolute: bool = False) -> str:
        """Return the path of an image."""
        return str(self.paths[row])


def _columns(path: Path) -> dict[str, list[Any]]:
    """The columns of a table by name."""
    try:
        if path.suffix == '.parquet':
            try:
                import pyarrow.parquet as parquet
            except ImportError as error:
                raise UserError(f'{path}: reading parquet needs pip install timm_hyperbolic[data]') from error
            return parquet.read_table(path).to_pydict()
        with path.open(encoding='utf-8-sig', newline='') as file:
            rows = list(csv.DictReader(file, delimiter='\t' if path.suffix == '.tsv' else ','))
    except (OSError, UnicodeDecodeError, ValueError, csv.Error) as error:
        raise UserError(f'{path} cannot be read: {error}') from error
    return {name: [row[name] for row in rows] for name in (rows[0] if rows else {}) if name is not None}


def read_captions(data: DataConfig, table: str) -> Captioned:
    """Return the images and texts of a table.

    A row has the path of an image and a caption; optionally the box of a part of the image, in columns `x1`, `y1`,
    `x2`, `y2` in pixels from the left and the top, and the phrase for it, in a column `phrase`.

    Args:
        data: Folder of the images (that of the table if it is None), and names of the columns.
        table: Path of the table: `.csv`, `.tsv` or `.parquet`; or of tar files, for which see `read_tars`.

    Raises:
        UserError: the table or a column does not exist, a caption is empty, a box is none, or images are missing.
    """
    path = Path(table)
    if path.suffix == TAR and data.data_dir:
        raise UserError(f'--data-dir {data.data_dir}: the tar files {table} hold their images; leave it out')
    if path.suffix == TAR:
        columns, image = read_tars(table, data.input_key), 'image'
    elif path.is_file():
        columns = _columns(path)
        image = _column(columns, data.input_key, _IMAGE, '--input-key', path)
    else:
        raise UserError(f'--dataset {table}: no such file')
    caption = _column(columns, data.target_key, _CAPTION, '--target-key', path)
    texts = [str(text or '').strip() for text in columns[caption]]
    empty = [str(row + 1) for row, text in enumerate(texts) if not text]
    if empty:
        raise UserError(f'{path}: the caption of row {listed(empty)} is empty; leave such rows out')
    reader = TarImages(columns[image]) if path.suffix == TAR else _files(columns[image], data, path)
    phrases = [[str(text)] for text in columns['phrase']] if 'phrase' in columns else None
    return Captioned(
        Images(reader, range(len(reader)), None, str(path)),
        Captions(texts, phrases, _boxes(columns, path)),
        str(path),
    )


def _files(names: Sequence[Any], data: DataConfig, path: Path) -> _Files:
    """The images that a table names."""
    folder = Path(data.data_dir) if data.data_dir else path.parent
    paths = [folder / str(name) for name in names]
    missing = [str(each) for each in paths if not each.is_file()]
    if missing:
        raise UserError(
            f'{path}: {len(missing)} of {len(paths)} images do not exist: {listed(missing, 3)}; give their folder by '
            '--data-dir, or leave out their rows'
        )
    return _Files(paths)


def _column(columns: dict[str, list[Any]], named: str | None, usual: Sequence[str], flag: str, path: Path) -> str:
    found = next((name for name in ((named,) if named else usual) if name in columns), None)
    if found is None:
        wanted = f'{flag} {named}' if named else f'no column {" or ".join(usual)}; name it by {flag}'
        raise UserError(f'{path}: {wanted}: the columns are {listed(columns, 10) or "none, since it has no row"}')
    return found


def _boxes(columns: dict[str, list[Any]], path: Path) -> list[tuple[float, ...]] | None:
    if not all(name in columns for name in _BOX):
        return None
    boxes = []
    for row, values in enumerate(zip(*(columns[name] for name in _BOX), strict=True), 1):
        try:
            box = tuple(float(value) for value in values)
        except (TypeError, ValueError):
            box = (math.nan,)
        if not (len(box) == 4 and all(map(math.isfinite, box)) and box[0] < box[2] and box[1] < box[3]):
            raise UserError(f'{path}: row {row} has the box {values}; it must be x1 < x2 and y1 < y2, in pixels')
        boxes.append(box)
    return boxes


def text_of(node: str, glosses: dict[str, str]) -> str:
    """Return the text of a noun: its name and its gloss.

    Args:
        node: A noun of WordNet, such as `dog.n.01`.
        glosses: The glosses by noun.
    """
    return f'{node.rpartition(".n.")[0].replace("_", " ")}: {glosses[node]}'


def gloss_captions(classes: Sequence[str], wordnet_dir: str | None = None) -> tuple[Captions, Taxonomy]:
    """Return the texts of classes by WordNet, and the tree of their nouns and all nouns above them.

    The text is the name of the class and its gloss. The phrases are the names and glosses of its hypernyms in the
    spanning tree, but for the root.

    Args:
        classes: Names of classes that WordNet knows, those of CIFAR-100 and ImageNet among them.
        wordnet_dir: The folder of WordNet's files; None to look for it.

    Raises:
        UserError: WordNet is not found, or a class has no noun.
    """
    folder = wordnet.find(wordnet_dir)
    nouns = wordnet.read_nouns(folder)
    whole = Taxonomy.from_parents(nouns.parents, nouns.ids, str(folder / 'data.noun'))
    tree = whole.for_names(classes)
    nodes = [tree.names[node] for node in tree.classes]
    texts = [f'{name.replace("_", " ")}: {nouns.glosses[node]}' for name, node in zip(classes, nodes, strict=True)]
    phrases = [[text_of(above, nouns.glosses) for above in tree.path(node)[1:-1]] for node in nodes]
    return Captions(texts, phrases), tree


def hypernym_texts(captions: Captions, tree: Taxonomy, wordnet_dir: str | None = None) -> tuple[list[str], list[str]]:
    """Return the nouns of a tree but its root, and their texts: those of the classes as images are trained with them.

    Args:
        captions: What `gloss_captions` returns.
        tree: The tree that it returns.
        wordnet_dir: The folder of WordNet's files; None to look for it.

    Returns:
        Names of nodes, and the text of each.
    """
    glosses = wordnet.read_nouns(wordnet.find(wordnet_dir)).glosses
    of_class = dict(zip((tree.names[node] for node in tree.classes), captions.texts, strict=True))
    names = [name for node, name in enumerate(tree.names) if node != tree.root]
    return names, [of_class.get(name) or text_of(name, glosses) for name in names]


def create_caption_splits(
    data: DataConfig,
    names: SplitConfig,
    batch_size: int,
    parts: bool,
    wordnet_dir: str | None = None,
    seed: int = 42,
    classes: list[str] | None = None,
) -> Splits:
    """Open the training, the evaluation and the optional test split of images with texts.

    Args:
        data: The data set: the path of a table, or a data set of classes.
        names: Names of the splits; of a table the share or number of rows that are held out, or the path of another.
        batch_size: Images in a batch.
        parts: Whether to train with boxes and phrases.
        wordnet_dir: The folder of WordNet's files, for a data set of classes.
        seed: Seed of the choice of the images that are held out.
        classes: Class names by label of a resumed run; None for those of the data set.

    Raises:
        UserError: see `read_captions`, `gloss_captions` and `create_splits`; or there are no phrases.
    """
    if not data.dataset.endswith(TABLES):
        splits = create_splits(data, names, seed, batch_size, classes)
        if splits.classes is None:
            raise UserError(
                f'{data}: its classes have no names, from which {_TASK} makes texts; give a table of captions'
            )
        captions, _ = gloss_captions(splits.classes, wordnet_dir)
        made = [Captioned(dataset, captions, name) for name, dataset in splits.named()]
        own, found_val, test = splits.classes, splits.val_name, (made[2] if len(made) > 2 else None)
        result = Splits(
            made[0], splits.train_name, made[1], found_val, own, None, test, splits.test_name, splits.held_out
        )
    else:
        result = _table_splits(data, names, seed)
    result.train.parts = parts
    if parts and result.train.captions.phrases is None:
        raise UserError(f'--parts: {data} has no column phrase; add it, or leave out --parts')
    return result


def _table_splits(data: DataConfig, names: SplitConfig, seed: int) -> Splits:
    train = read_captions(data, data.dataset)
    val_name = names.val_split or _HELD_OUT
    test = None if names.test_split is None else read_captions(data, names.test_split)
    if val_name.endswith(TABLES):
        val = read_captions(data, val_name)
        return Splits(train, data.dataset, val, val_name, None, None, test, names.test_split)
    size = split_size(val_name)
    if size is None:
        raise UserError(f'--val-split {val_name}: give a share such as 0.1, a number of rows, or the path of a table')
    try:
        rows = stratified_split([0] * len(train), size, seed)
    except ValueError as error:
        raise UserError(f'--val-split {val_name}: {error}') from error
    train, val = (Captioned(Part(train.images, part), train.captions, train.where) for part in rows)
    return Splits(train, data.dataset, val, val_name, None, None, test, names.test_split, True)

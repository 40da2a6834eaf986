"""The splits of a training run: training, evaluation after every epoch, and an optional test at the end."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from torch.utils.data import Dataset, IterableDataset

from ..config.argtypes import split_size
from ..config.data import DataConfig, SplitConfig
from ..config.model import ModelConfig
from ..errors import UserError, listed
from .images import MODES, ImageError, Images
from .labels import ClassMap
from .sources import default_split, is_same_split, open_split
from .stratified_split import Part, stratified_split

__all__ = ['Splits', 'check_batch_size', 'check_split', 'check_splits', 'class_count', 'create_splits']


@dataclass(frozen=True)
class Splits:
    """The data of a run.

    Attributes:
        train: The training split.
        train_name: Name of `train` in the data set.
        val: The evaluation split, used after every epoch.
        val_name: Name of `val` in the data set.
        classes: Class names by label; None if the data set has none.
        num_classes: Number of classes; None if it is unknown.
        test: The test split, used once with the model that was best on `val`; None for no test.
        test_name: Name of `test` in the data set.
        held_out: Whether `val` is a part of the training split that is not trained on.
    """

    train: Dataset
    train_name: str
    val: Dataset
    val_name: str
    classes: list[str] | None
    num_classes: int | None
    test: Dataset | None = None
    test_name: str | None = None
    held_out: bool = False

    @property
    def keeps_best(self) -> bool:
        """Whether the result of the run is the model of the best epoch, not of the last one.

        The best epoch on `val` is chosen only if `val` is held out of the training split or a test split exists;
        otherwise the reported result would be that of the images it was chosen on.
        """
        return self.held_out or self.test is not None

    def __str__(self) -> str:
        test = '' if self.test is None else f', {len(self.test):,} to test on'
        return f'{len(self.train):,} images to train on, {len(self.val):,} to evaluate on{test}'

    def named(self) -> list[tuple[str, Dataset]]:
        """Return the name and the data set of every split."""
        splits = [(self.train_name, self.train), (self.val_name, self.val)]
        return splits if self.test is None else [*splits, (self.test_name, self.test)]


def create_splits(
    data: DataConfig, names: SplitConfig, seed: int = 42, batch_size: int = 1, classes: list[str] | None = None
) -> Splits:
    """Open the training, the evaluation and the optional test split of a data set.

    A class has the label of the training split in every split.

    Args:
        data: The data set.
        names: Names of the splits.
        seed: Seed of the choice of the images that are held out of the training split.
        batch_size: Images in a batch, for readers of streams, which read that many at once.
        classes: Class names by label of a resumed run; None for those of the training split.

    Raises:
        UserError: the data set, a split or a column does not exist, or is empty; or the training split does not have
            the class of an image.
    """
    size = None if names.val_split is None else split_size(names.val_split)
    train_name, val_name, test_name = names.train_split, names.val_split, names.test_split
    if val_name is None:
        val_name = default_split(data, 'validation', 'test')
        if val_name is None:
            val_name = 'validation'  # if it does not exist, `open_split` raises
        elif val_name == 'test':
            print('no split called validation: evaluating on test')
    if size is not None and test_name is None:
        test_name = default_split(data, 'test', 'validation')
    if test_name is not None:
        for flag, other in (('--train-split', train_name), ('--val-split', val_name)):
            if is_same_split(data, test_name, other):
                raise UserError(f'--test-split {test_name}: the same images as {flag} {other}; name another one')

    stream = {'batch_size': batch_size, 'seed': seed}
    known = None if classes is None else ClassMap.of_names(classes, 'the resumed run')
    train = open_split(data, train_name, known, is_training=True, **stream)
    if known is None and train.classes is not None:
        known = ClassMap.of_names(train.classes, f'split {train_name}')
    whole = train
    if size is None:
        val = open_split(data, val_name, known, **stream)
    else:
        train, val = _held_out(train, size, names.val_split, seed)
    test = None if test_name is None else open_split(data, test_name, known, **stream)
    splits = Splits(train, train_name, val, val_name, None, None, test, test_name, size is not None)
    num_classes = class_count([dataset for _, dataset in splits.named()])
    _check_variety(whole, num_classes, f'{data}, split {train_name}')
    return replace(splits, classes=whole.classes, num_classes=num_classes)


def _check_variety(train: Dataset, num_classes: int | None, where: str) -> None:
    """Check that a training split has at least two classes, and print classes without an image."""
    present = {*range(num_classes or 0)} if train.targets is None else set(train.targets)
    if len(present) == 1:
        label = present.pop()
        name = str(label) if train.classes is None else train.classes[label]
        raise UserError(f'{where}: all images are of one class, {name}; there is nothing to tell apart')
    absent = [name for label, name in enumerate(train.classes or ()) if label not in present]
    if absent:
        print(f'{where}: no image of {len(absent)} of the {len(train.classes)} classes: {listed(absent)}')


def _held_out(train: Dataset, size: int | float, flag: str, seed: int) -> tuple[Part, Part]:
    """Divide a training split into a training part and a held-out part of `size`; `flag` is the user's text."""
    if isinstance(train, IterableDataset):
        raise UserError(f'--val-split {flag}: no images of a stream can be held out; give the name of a split')
    labels = train.targets
    if labels is None:  # labels are known only after reading the images
        labels = [train[row][1] for row in range(len(train))]
    try:
        return tuple(Part(train, rows) for rows in stratified_split(labels, size, seed))
    except ValueError as error:
        raise UserError(f'--val-split {flag}: {error}') from error


def class_count(datasets: Iterable[Dataset]) -> int | None:
    """Return the number of class names or, without names, the highest label plus one; None if no label is known.

    Args:
        datasets: The data sets of a run, that of training first.
    """
    datasets = list(datasets)
    if datasets[0].classes:
        return len(datasets[0].classes)
    labels = [label for dataset in datasets for label in dataset.targets or ()]
    return max(labels) + 1 if labels else None


def check_splits(
    splits: Splits, num_classes: int, in_chans: int, data: DataConfig, model: ModelConfig, batch_size: int
) -> None:
    """Check the labels and images of all splits against the model, and set the number of channels of the images.

    Args:
        splits: The splits.
        num_classes: Number of classes of the model.
        in_chans: Number of channels of the model's input.
        data: The data set, for messages.
        model: The model, for messages.
        batch_size: Images in a batch.

    Raises:
        UserError: a label exceeds the number of classes, the number of channels is not 1 or 3, no image of a class can
            be read, or the training split is smaller than one batch.
    """
    for name, dataset in splits.named():
        check_split(dataset, name, num_classes, in_chans, data, model)
    check_batch_size(splits, batch_size)


def check_batch_size(splits: Splits, batch_size: int) -> None:
    """Check that the training split has at least one batch; the size of a stream is not known.

    Args:
        splits: The splits.
        batch_size: Images in a batch.

    Raises:
        UserError: it is smaller than one batch.
    """
    if not isinstance(splits.train, IterableDataset) and len(splits.train) < batch_size:
        raise UserError(
            f'--batch-size {batch_size}: more than the {len(splits.train)} images of split {splits.train_name}'
        )


def check_split(
    dataset: Dataset,
    name: str,
    num_classes: int,
    in_chans: int,
    data: DataConfig,
    model: ModelConfig,
    is_trained: bool = False,
) -> None:
    """Check the labels and images of one split against the model, and set the number of channels of its images.

    One image of each class is read.

    Args:
        dataset: The split.
        name: Name of the split.
        num_classes: Number of classes of the model.
        in_chans: Number of channels of the model's input.
        data: The data set, for messages.
        model: The model, for messages.
        is_trained: Whether the model is trained already and is only evaluated.

    Raises:
        UserError: a label exceeds the number of classes, the number of channels is not 1 or 3, or no image of a class
            can be read.
    """
    where = f'{data}, split {name}'
    if in_chans not in MODES:
        raise UserError(
            f'{f"--in-chans {in_chans}" if model.in_chans else f"--model {model.model}"}: the model takes images of '
            f'{in_chans} channels; they are read as grey, with --in-chans 1, or in colour, with --in-chans 3'
        )
    source = dataset.dataset if isinstance(dataset, Part) else dataset
    source.input_img_mode = MODES[in_chans]
    targets = dataset.targets
    if targets is None:
        return
    high = max(targets)
    if high >= num_classes:
        remedy = f'give --num-classes {high + 1}, or leave it out'
        if is_trained:
            remedy = 'measure it on the classes that it was trained for'
        raise UserError(
            f'{where}: labels from {min(targets)} to {high} do not fit a classifier of {num_classes} classes; {remedy}'
        )
    if isinstance(source, Images):
        _check_readable(dataset, source, where)


def _check_readable(dataset: Dataset, source: Images, where: str) -> None:
    """Check that at least one image of each class can be read."""
    rows_of: dict[int, list[int]] = {}
    for row, label in zip(
        dataset.rows if isinstance(dataset, Part) else range(len(dataset)), dataset.targets, strict=True
    ):
        rows_of.setdefault(label, []).append(row)
    for label, rows in rows_of.items():
        first = None
        for row in rows:
            try:
                source.read(row)
                break
            except ImageError:
                raise
            except Exception as error:  # Pillow raises different errors for different formats
                first = first or source.complaint(row, error)
        else:
            name = label if source.classes is None else source.classes[label]
            raise UserError(f'{where}: none of the {len(rows)} images of class {name} can be read: {first}')

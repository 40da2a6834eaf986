"""Options of the data: which images, how they are split, loaded, augmented and mixed."""

from dataclasses import dataclass
from typing import ClassVar

from .argtypes import one_of, real, split, whole
from .options import option

__all__ = ['INTERPOLATIONS', 'AugmentConfig', 'DataConfig', 'LoaderConfig', 'MixupConfig', 'SplitConfig']
__all__ += ['TrainLoaderConfig']

INTERPOLATIONS = ('nearest', 'bilinear', 'bicubic', 'box', 'hamming', 'lanczos')


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which data set."""

    title: ClassVar[str] = 'data'

    data_dir: str | None = option(None, metavar='DIR', help='folder of the data set')
    dataset: str = option(
        'digits',
        '-d',
        metavar='NAME',
        help='"digits", or a data set as timm names it: hfds/NAME (of the Hub, or a local folder), torch/NAME, '
        'tfds/NAME, wds/NAME, or "" for a folder of images given by --data-dir '
        '(default: digits, or "" when a folder is given)',
    )
    dataset_download: bool = option(False, help='download the data set where its kind can (torch/, tfds/)')
    class_map: str | None = option(
        None,
        metavar='FILE',
        help='text file of the names of the classes, one a line in the order of the labels (default: the names of the '
        'training split, or of the trained model)',
    )
    input_key: str | None = option(
        None,
        metavar='KEY',
        help='column of the images, for example img (default: image); of a folder, the endings of their names, for '
        'example ".png;.jpg" (default: all that timm and torchvision read)',
    )
    target_key: str | None = option(
        None, metavar='KEY', help='column of the labels, for example fine_label (default: label)'
    )

    def __str__(self) -> str:
        """The flag that names the data set, for messages."""
        return f'--dataset {self.dataset}' if self.dataset else f'--data-dir {self.data_dir}'

    @property
    def name(self) -> str:
        """The data set as the user named it."""
        return self.dataset or str(self.data_dir)


@dataclass(frozen=True, kw_only=True)
class SplitConfig:
    """Which splits of the data set to train, evaluate and test on."""

    title: ClassVar[str] = 'data'

    train_split: str = option('train', metavar='NAME', help='split to train on')
    val_split: str | None = option(
        None,
        type=split,
        metavar='NAME|SIZE',
        help='split to evaluate on after every epoch; 0.1 or 5000 sets so many images of the training split aside, the '
        'same share of every class, chosen by --seed (default: validation, or test where there is none)',
    )
    test_split: str | None = option(
        None,
        metavar='NAME',
        help='split to evaluate on once, at the end, with the model of the epoch that was best on --val-split; '
        'without one, the result is the last epoch (default: test where --val-split is a size, else none)',
    )


@dataclass(frozen=True, kw_only=True)
class LoaderConfig:
    """How images become batches."""

    title: ClassVar[str] = 'loading'

    batch_size: int = option(128, '-b', type=whole(1), metavar='N', help='images in a batch, over all processes')
    workers: int | None = option(
        None, '-j', type=whole(0), metavar='N', help='loader processes (default: by the machine)'
    )


@dataclass(frozen=True, kw_only=True)
class TrainLoaderConfig(LoaderConfig):
    """How images become batches, in training."""

    validation_batch_size: int | None = option(
        None, '-vb', type=whole(1), metavar='N', help='images in a batch at evaluation (default: --batch-size)'
    )
    data_in_memory: bool = option(
        False,
        help='decode the images once, keep them on the training device and augment them there in batches: for small '
        'images of one size, which loader processes cannot feed fast enough to a GPU; not with --aa',
    )


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """What is done to each training image."""

    title: ClassVar[str] = 'augmentation'

    no_aug: bool = option(False, negatable=False, help='no augmentation at all')
    train_crop_mode: str | None = option(
        None,
        type=one_of(('rrc', 'rkrc', 'rkrr')),
        metavar='NAME',
        help='rrc: random resized crop; rkrc, rkrr: resize keeping the ratio, then a centre or random crop '
        '(default: rrc)',
    )
    scale: tuple[float, float] | None = option(
        None, type=real(positive=True), nargs=2, metavar='X', help='area of the crop (default: 0.08 1)'
    )
    ratio: tuple[float, float] | None = option(
        None, type=real(positive=True), nargs=2, metavar='X', help='aspect ratio of the crop (default: 0.75 1.33)'
    )
    crop_padding: int | None = option(
        None,
        type=whole(0),
        metavar='N',
        help='resize to the input size, add a black border of N pixels and crop to the input size at random, in '
        'place of --train-crop-mode, --scale and --ratio',
    )
    hflip: float = option(0.5, type=real(0, 1), metavar='P', help='probability of a horizontal flip')
    vflip: float = option(0.0, type=real(0, 1), metavar='P', help='probability of a vertical flip')
    color_jitter: float = option(0.4, type=real(0), metavar='X', help='strength of the colour jitter')
    aa: str | None = option(None, metavar='POLICY', help='AutoAugment policy, for example rand-m9-mstd0.5-inc1')
    reprob: float = option(0.0, type=real(0, 1), metavar='P', help='probability of random erasing')
    remode: str = option(
        'pixel', type=one_of(('const', 'rand', 'pixel')), metavar='NAME', help='what random erasing fills in'
    )
    recount: int = option(1, type=whole(1), metavar='N', help='areas that random erasing fills')
    train_interpolation: str = option(
        'random',
        type=one_of((*INTERPOLATIONS, 'random')),
        metavar='NAME',
        help='interpolation in training; random: bilinear or bicubic',
    )
    aug_repeats: int = option(
        0,
        type=whole(0),
        metavar='N',
        help='each image N times in a row of an epoch, each time augmented anew; the epoch stays as long and sees '
        'an N-th of the images (default: 0, off)',
    )
    aug_splits: int = option(
        0,
        type=whole(0),
        metavar='N',
        help='every batch N times over, at first without --aa and --color-jitter: for --jsd-loss (default: 0, off)',
    )
    resplit: bool = option(False, negatable=False, help='with --aug-splits: no random erasing in the first one')


@dataclass(frozen=True, kw_only=True)
class MixupConfig:
    """How the images of a batch are mixed with each other."""

    title: ClassVar[str] = 'augmentation'

    mixup: float = option(0.0, type=real(0), metavar='ALPHA', help='mixup, on if greater than 0')
    cutmix: float = option(0.0, type=real(0), metavar='ALPHA', help='cutmix, on if greater than 0')
    mixup_prob: float = option(1.0, type=real(0, 1), metavar='P', help='probability of mixing a batch')
    mixup_switch_prob: float = option(0.5, type=real(0, 1), metavar='P', help='probability of cutmix if both are on')
    mixup_mode: str = option(
        'batch', type=one_of(('batch', 'pair', 'elem')), metavar='NAME', help='one mix per batch, pair or elem(ent)'
    )
    mixup_off_epoch: int = option(0, type=whole(0), metavar='N', help='no mixing from epoch N on; 0: never off')

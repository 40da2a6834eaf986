"""Options of semantic segmentation, where every pixel of an image has a class."""

from dataclasses import dataclass
from typing import ClassVar

from .argtypes import one_of, whole
from .options import option

__all__ = ['CropConfig', 'PixelConfig', 'PixelMeasureConfig']


@dataclass(frozen=True, kw_only=True)
class PixelConfig:
    """Which pixels of a mask count."""

    title: ClassVar[str] = 'segmentation'

    ignore_index: tuple[int, ...] = option(
        (255,),
        type=whole(0),
        nargs='+',
        metavar='N',
        help='with --task segmentation: numbers in the masks that are no class; their pixels are left out',
    )


@dataclass(frozen=True, kw_only=True)
class CropConfig(PixelConfig):
    """How images and masks are cut in training."""

    crop_size: tuple[int, ...] | None = option(
        None,
        type=whole(1),
        nargs='+',
        metavar='N',
        help='with --task segmentation: side, or height and width, of the crops to train on, in pixels; evaluation is '
        'on whole images (default: the largest height and width of the training images)',
    )
    leave_out: str | None = option(
        None,
        metavar='NAMES|FILE',
        help='with --task segmentation: classes whose pixels are ignored in training but not at evaluation, separated '
        'by commas, or a text file of one name a line: the zero-label protocol',
    )


@dataclass(frozen=True, kw_only=True)
class PixelMeasureConfig(PixelConfig):
    """What is measured of a segmentation."""

    task: str | None = option(
        None,
        type=one_of(('classification', 'segmentation')),
        metavar='NAME',
        help='what the model was trained for: classification or segmentation (default: what the run says, else '
        'classification)',
    )
    uncertainty: bool = option(
        False,
        negatable=False,
        help='with --task segmentation: also measure what the hyperbolic norm of a pixel says of boundaries and '
        'errors, beside the entropy of the softmax, and draw pictures',
    )
    pictures: str | None = option(
        None,
        metavar='DIR',
        help='with --uncertainty: folder of the pictures (default: segmentation/ in the folder of the run, else none)',
    )

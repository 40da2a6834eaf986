"""The configuration of the command that reads a trained model against a tree of its classes."""

from dataclasses import dataclass, field
from typing import ClassVar

from .argtypes import whole
from .features import FeatureSourceConfig
from .options import option
from .segmentation import PixelMeasureConfig
from .trained import ResultsConfig, TrainedConfig, read_trained

__all__ = ['EvaluateConfig', 'OodConfig', 'TreeConfig', 'read_evaluate_options']


@dataclass(frozen=True, kw_only=True)
class TreeConfig:
    """The tree of the classes, and what is measured against it."""

    title: ClassVar[str] = 'tree'

    hierarchy: str | None = option(
        None,
        metavar='NAME|FILE',
        help='cifar100: its 20 superclasses; wordnet: the classes by their names in WordNet, ImageNet and CIFAR-100 '
        'among them; or a text file of one name a line, indented under its parent, whose leaves are the classes '
        "(default: the tree of the model's head, else the superclasses of the data set)",
    )
    unseen: str | None = option(
        None,
        metavar='NAMES|FILE',
        help='classes that the model was not trained on, separated by commas, or a text file of one name a line: also '
        'measure how well it classifies their images',
    )
    retrieval: int = option(
        10_000,
        type=whole(0),
        metavar='N',
        help='most images for the retrieval, of which each is compared with each; 0: no retrieval',
    )


@dataclass(frozen=True, kw_only=True)
class OodConfig:
    """Other images, which the model should be less certain of."""

    title: ClassVar[str] = 'other images'

    ood: str | None = option(
        None,
        metavar='NAME|DIR',
        help='another data set, as --dataset names it, or a folder of images: also measure how well the model tells '
        'its images from those of its own classes',
    )
    ood_dir: str | None = option(None, metavar='DIR', help='folder of the data set of --ood, as --data-dir')
    ood_split: str | None = option(
        None, metavar='NAME', help='split of --ood (default: validation, or test where there is none)'
    )
    ood_input_key: str | None = option(None, metavar='KEY', help='column of the images of --ood (default: image)')
    ood_target_key: str | None = option(
        None, metavar='KEY', help='a column of labels of --ood, which are not used (default: label)'
    )


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(TrainedConfig):
    """All options of `timm-hyperbolic evaluate`."""

    source: FeatureSourceConfig = field(default_factory=FeatureSourceConfig)
    tree: TreeConfig = field(default_factory=TreeConfig)
    ood: OodConfig = field(default_factory=OodConfig)
    pixels: PixelMeasureConfig = field(default_factory=PixelMeasureConfig)
    results: ResultsConfig = field(default_factory=ResultsConfig)


def read_evaluate_options(argv: list[str] | None = None, prog: str | None = None) -> EvaluateConfig:
    """Return the configuration of an evaluation against a tree that a command line asks for.

    Args:
        argv: Words of the command line without the name of the program; None for those of this process.
        prog: Name of the program, for the help; None for that of this process.

    Raises:
        UserError: A flag or value does not exist or is out of range, or an option would have no effect.
    """
    return read_trained(
        EvaluateConfig,
        argv,
        prog,
        'Read a trained model against a tree of its classes: how far its mistakes lie from the truth, whether the '
        'images nearest to an image are of its class or of a related one, how it classifies classes that it was not '
        'trained on, and whether it tells other images from its own. With --features alone, the retrieval. With --task '
        'segmentation, how many pixels of images with masks it gets right, and what their norm says.',
        'features',
    )

"""Options of losses on features, besides the loss on the labels."""

from dataclasses import dataclass
from typing import ClassVar

from .argtypes import one_of, real
from .options import option

__all__ = ['FeatureLossConfig']


@dataclass(frozen=True, kw_only=True)
class FeatureLossConfig:
    """Losses that are added to the loss on the labels.

    The features are the inputs of the classifier, or the projected ones where the classifier projects them.
    """

    title: ClassVar[str] = 'losses on features'

    tree_correlation: float = option(
        0.0,
        type=real(0),
        metavar='X',
        help='weight of 1 - the correlation of the distances between class means with those in --hierarchy',
    )
    hierarchy: str | None = option(
        None,
        metavar='TREE',
        help="with --tree-correlation: cifar100, wordnet, or a file of indented names (default: the head's tree)",
    )
    pairwise: float = option(
        0.0, type=real(0), metavar='X', help='weight of the cross-entropy of distances, for metric learning'
    )
    pairwise_pairs: str = option(
        'class',
        type=one_of(('class', 'views')),
        metavar='NAME',
        help='with --pairwise: what belongs together: class, or views of one image by --aug-splits',
    )
    pairwise_geometry: str = option(
        'hyperbolic',
        type=one_of(('hyperbolic', 'sphere')),
        metavar='NAME',
        help='with --pairwise: distances in the ball or on the unit sphere: hyperbolic, sphere',
    )
    pairwise_curvature: float = option(
        0.1, type=real(0), metavar='C', help='with --pairwise: curvature of the ball; 0 is flat space'
    )
    pairwise_temperature: float = option(
        0.2, type=real(1e-6), metavar='X', help='with --pairwise: divisor of the distances'
    )
    basin_contrast: float = option(
        0.5, type=real(0), metavar='X', help='basin head: weight of the cross-entropy of each compatibility'
    )
    basin_position: float = option(
        0.1, type=real(0), metavar='X', help="basin head: weight of the pull of the staircase to the class's position"
    )
    basin_agreement: float = option(
        0.1, type=real(0), metavar='X', help='basin head: weight of the pull between the scales of the staircase'
    )

"""The section of the report page about a basin head."""

from torch import nn

from ..layers import BasinHead
from ..layers.basin import COMPATIBILITIES
from . import figures
from .basin import BasinView, view_basin
from .drawing import page_figure
from .page import LeftOut, Section
from .predictions import Labels, Predictions

__all__ = ['BASIN_FIGURES', 'basin_sections']

#: Names of the figures that the page of a model with a basin head has besides.
BASIN_FIGURES = ('basin_weights', 'basin_positions', 'basin_sorted', 'basin_scales', 'basin_intervals')

_TITLE = 'How the basin head scores a class'


def basin_sections(
    model: nn.Module, predictions: Predictions, labels: Labels, is_matched: bool
) -> list[Section | LeftOut]:
    """Return the section of a basin head; nothing for a model without one.

    Args:
        model: the model.
        predictions: of the model for a split.
        labels: names and superclasses of the model's classes.
        is_matched: whether the labels of the split are the model's classes.
    """
    head = next((module for module in model.modules() if isinstance(module, BasinHead)), None)
    if head is None:
        return []
    if not predictions.features.isfinite().all():
        return [LeftOut('basin', _TITLE, 'some features are not finite')]
    view = view_basin(head, predictions.features, predictions.targets)
    text = (
        'At each scale a class gets three scores: how well the query agrees with the mean of the class’s vertices '
        '(feature), how near the position of the image on a soft Cantor staircase is to the position of the class '
        '(cantor), and how near the query is to the nearest vertex (crystal). A softmax weighs the three, another one '
        f'weighs the scales, and the sum is divided by the temperature, here {view.temperature:.3g}. A weight is no '
        'measure of use: the three scores have different ranges. The height α of the middle third, which Cantor’s '
        f'function has at 0.5, is {view.alpha:.3g}.'
    )
    drawn = [
        page_figure(
            'basin_weights', lambda width: figures.basin_weights_figure(view, width), *_weights(view, is_matched)
        ),
        page_figure(
            'basin_positions',
            lambda width: figures.basin_positions_figure(view, width),
            'Histograms of the positions of classes and images at each scale.',
            'Positions on the staircase. Classes start evenly spread between 0 and 1. Images in one heap have nearly '
            'one position, which then tells no class from another.',
        ),
        page_figure(
            'basin_sorted',
            lambda width: figures.basin_sorted_figure(view, width),
            'The positions of the classes in ascending order, a curve for each scale.',
            f'The positions of the classes, sorted: {_moved(view)}.',
        ),
        page_figure(
            'basin_scales',
            lambda width: figures.basin_scales_figure(view, labels, width),
            'The position of each class from scale to scale.',
            'The position of each class across the scales. A level line is a class with one position at all scales.',
        ),
        page_figure(
            'basin_intervals',
            lambda width: figures.basin_intervals_figure(view, width),
            'Shares of the left, middle and right third at each level of the staircase.',
            'How often the ternary digit of a level is 0 (left), 1 (middle) and 2 (right), on average over the images.',
        ),
    ]
    return [Section('basin', _TITLE, text, drawn)]


def _weights(view: BasinView, is_matched: bool) -> tuple[str, str]:
    """The description and the caption of the weights."""
    most = [COMPATIBILITIES[k] for k in view.compatibility.argmax(-1).tolist()]
    alt = '; '.join(f'scale {scale}: mostly {name}' for scale, name in zip(view.scales, most, strict=True))
    caption = 'Weights in percent: of the compatibilities at each scale, and of the scales in the fusion.'
    if is_matched:
        alone = ', '.join(
            f'{accuracy:.1f} % (scale {scale})'
            for scale, accuracy in zip(view.scales, view.alone.tolist(), strict=True)
        )
        caption += f' Top-1 of each scale alone: {alone}.'
    return f'Weights of the basin head. {alt}.', caption


def _moved(view: BasinView) -> str:
    """How far the classes have moved from their even spread."""
    count = view.positions.shape[1]
    start = (view.positions.new_tensor(range(count)) + 0.5) / count
    return f'they have moved by {(view.positions - start).abs().mean():.2g} on average since the start of training'

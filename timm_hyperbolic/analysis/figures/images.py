"""Images with what the model says of them."""

import textwrap
from collections.abc import Sequence

from matplotlib.figure import Figure
from torch import Tensor

from ..predictions import Example, Labels
from .style import CLIP, INK, new_figure

__all__ = ['examples_figure']

_COLUMNS = 6
_WIDTH = 20  # letters of a line under an image


def examples_figure(examples: Sequence[Example], labels: Labels, mean: Sequence[float], std: Sequence[float]) -> Figure:
    """Draw images in rows, each with the confidence, the prediction, and the class where that is another.

    Args:
        examples: at least one.
        labels: names of the classes.
        mean: of each channel, of values from 0 to 1, that the images are normalised by.
        std: of each channel, likewise.
    """
    rows = -(-len(examples) // _COLUMNS)
    figure = new_figure(1.6 * _COLUMNS, 2.25 * rows)
    grid = figure.subplots(rows, _COLUMNS, squeeze=False)
    for axes in grid.flat[len(examples) :]:
        axes.set_axis_off()
    for axes, example in zip(grid.flat, examples, strict=False):
        axes.imshow(_pixels(example.image, mean, std), cmap='gray', vmin=0, vmax=1, interpolation='nearest')
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        right = example.predicted == example.target
        lines = [f'{example.confidence:.1%}', labels.name(example.predicted)]
        if not right:
            lines.append(f'is {labels.name(example.target)}')
        text = '\n'.join(textwrap.shorten(line.replace('_', ' '), _WIDTH, placeholder='…') for line in lines)
        axes.set_xlabel(text, fontsize=9, color=INK if right else CLIP, linespacing=1.3)
    return figure


def _pixels(image: Tensor, mean: Sequence[float], std: Sequence[float]):
    """`[C, H, W]`, normalised, to an array `[H, W, 3]`, or `[H, W]` of another number of channels, in [0, 1]."""
    shape = (-1, 1, 1)
    pixels = image.float() * image.new_tensor(std).float().view(shape) + image.new_tensor(mean).float().view(shape)
    pixels = pixels.clamp(0, 1)
    return pixels.permute(1, 2, 0).numpy() if len(pixels) == 3 else pixels.mean(0).numpy()

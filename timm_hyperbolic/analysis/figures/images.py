"""Images with the predictions of the model."""

import textwrap
from collections.abc import Sequence

from matplotlib.figure import Figure

from ..pixels import to_pixels
from ..predictions import Example, Labels
from .style import CLIP, INK, WIDE, new_figure

__all__ = ['examples_figure']

_LETTERS = 20  # of a line under an image


def examples_figure(
    examples: Sequence[Example], labels: Labels, mean: Sequence[float], std: Sequence[float], width: float = WIDE
) -> Figure:
    """Draw images in rows, each with the confidence, the prediction, and the class where the prediction is wrong.

    Args:
        examples: at least one.
        labels: names of the classes.
        mean: of each channel, of values from 0 to 1, by which the images are normalised.
        std: of each channel, likewise.
        width: of the figure in inches.
    """
    columns = 6 if width >= WIDE else 3
    rows = -(-len(examples) // columns)
    figure = new_figure(width, (width / columns + 0.65) * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(examples) :]:
        axes.set_axis_off()
    for axes, example in zip(grid.flat, examples, strict=False):
        pixels = to_pixels(example.image, mean, std).permute(1, 2, 0).squeeze(-1).numpy()
        axes.imshow(pixels, cmap='gray', vmin=0, vmax=1, interpolation='nearest')
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        right = example.predicted == example.target
        lines = [f'{example.confidence:.1%}', labels.name(example.predicted)]
        if not right:
            lines.append(f'is {labels.name(example.target)}')
        text = '\n'.join(textwrap.shorten(line.replace('_', ' '), _LETTERS, placeholder='…') for line in lines)
        axes.set_xlabel(text, fontsize=8.5, color=INK if right else CLIP, linespacing=1.3)
    return figure

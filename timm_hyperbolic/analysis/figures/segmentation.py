"""Pictures of a segmentation: image, prediction, errors, norm and boundaries beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from .style import CLIP, GREY, INK, WIDE, colors, legend_below, new_figure, shortened

__all__ = ['SegmentedImage', 'class_colors', 'segmentation_figure']

_TITLES = ('image', 'prediction', 'errors', 'hyperbolic norm', 'distance from a boundary')


@dataclass(frozen=True)
class SegmentedImage:
    """What is drawn of one image.

    Attributes:
        name: Name of the image.
        pixels: `[H, W, 3]`, uint8.
        prediction: The predicted classes, `[H, W]`.
        right: 1 where the prediction is right, 0 where it is wrong, -1 where the pixel has no class, `[H, W]`.
        norm: The hyperbolic norm, `[H, W]`.
        boundary: The distance from the nearest boundary between two classes of the mask, in pixels, `[H, W]`.
    """

    name: str
    pixels: np.ndarray
    prediction: np.ndarray
    right: np.ndarray
    norm: np.ndarray
    boundary: np.ndarray


def class_colors(count: int) -> np.ndarray:
    """Return a colour for each class, `[count, 3]`, from 0 to 1.

    Args:
        count: Number of classes.
    """
    return np.array([color[:3] for color in colors(count)])


def segmentation_figure(
    images: Sequence[SegmentedImage], classes: Sequence[str], width: float = WIDE, photographs: bool = True
) -> Figure:
    """Draw one row for each image: the image, the prediction, the errors, the norm, and the distance from a boundary.

    Wrong pixels are red and pixels without a class white. Norm and distance are dark where they are small; their ranges
    are those of the 2nd to the 98th percentile of all images that are drawn.

    Args:
        images: At least one.
        classes: Names of the classes by label.
        width: Of the figure in inches.
        photographs: Whether to draw the images themselves, which their licence may forbid.
    """
    titles = _TITLES if photographs else _TITLES[1:]
    height, wide = images[0].pixels.shape[:2]
    row = width / len(titles) * height / wide
    legend_rows = -(-len(classes) // 6)
    figure = new_figure(width, row * len(images) + 0.25 + 0.2 * legend_rows)
    panels = figure.subplots(len(images), len(titles), squeeze=False)
    palette = class_colors(len(classes))
    verdict = np.array([to_rgb('#ffffff'), to_rgb(CLIP), to_rgb('#d5dae1')])
    norms, distances = (
        np.percentile(np.concatenate([np.ravel(part[np.isfinite(part)]) for part in parts]), (2, 98))
        for parts in ([each.norm for each in images], [each.boundary for each in images])
    )
    for axes, each in zip(panels, images, strict=True):
        shown = [palette[each.prediction], verdict[each.right + 1]]
        shown = [each.pixels, *shown] if photographs else shown
        for axis, picture in zip(axes, shown, strict=False):
            axis.imshow(picture, interpolation='nearest')
        limited = np.minimum(each.boundary, distances[1])
        for axis, values, (low, high) in zip(axes[-2:], (each.norm, limited), (norms, distances), strict=True):
            axis.imshow(values, cmap='magma', vmin=low, vmax=high, interpolation='nearest')
        for axis in axes:
            axis.set_xticks([])
            axis.set_yticks([])
            for spine in axis.spines.values():
                spine.set_color(GREY)
                spine.set_linewidth(0.4)
    for axis, title in zip(panels[0], titles, strict=True):
        axis.set_title(title, fontsize=8 if width >= WIDE else 5, color=INK)
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0.0, hspace=0.0)
    handles = [Patch(color=palette[label], label=shortened(name, 16)) for label, name in enumerate(classes)]
    if len(classes) <= 40:
        legend_below(figure, handles, 6, fontsize=7)
    return figure

"""The sections of the page of what a model has learned, each from the numbers to its figures and words."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from matplotlib.figure import Figure
from torch import nn

from ..layers import HyperbolicHead, named_curvatures
from . import figures
from .delta import relative_deltas
from .disk import DiskView, view_head
from .gates import named_gates
from .margin import margin_shares
from .norms import origin_distances
from .page import PageFigure, Section
from .predictions import Example, Labels, Predictions

__all__ = [
    'FIGURES',
    'confidence_section',
    'curvature_section',
    'delta_section',
    'disk_sections',
    'distances_section',
    'gates_section',
    'margin_section',
]

#: Names of all figures that a page may have.
FIGURES = ('curvature', 'gates', 'margin', 'norms', 'delta', 'disk', 'origin', 'most_confident', 'least_confident')

Autocast = Callable[[], AbstractContextManager]


def _drawn(name: str, figure: Figure, alt: str, caption: str = '') -> PageFigure:
    return PageFigure(name, alt, caption, figures.to_svg(figure), figures.to_png(figure))


def curvature_section(model: nn.Module) -> Section:
    """The curvature of every module."""
    title, values = 'Curvature of each module', named_curvatures(model)
    if not values:
        return Section('curvature', title, missing='This model has no hyperbolic module, and so no curvature.')
    text = (
        'The magnitude c of the sectional curvature −c that each hyperbolic module has learned, or was given. '
        'At c = 0 a module is its Euclidean limit; where the vectors that enter have length r, the geometry is felt '
        'once √c·r comes near 1. A row is a kind of module; q, k and v of an attention, packed in one layer, have '
        'curvatures of their own and are numbered 0, 1 and 2.'
    )
    figure = figures.grid_figure(values, 'curvature c', '.2f')
    alt = f'Curvatures of {len(values)} maps, from {min(values.values()):.4g} to {max(values.values()):.4g}.'
    return Section('curvature', title, text, [_drawn('curvature', figure, alt)])


def gates_section(model: nn.Module) -> Section:
    """Gates and centres of the residuals by depth."""
    title, gates = 'Gates and centres by depth', named_gates(model)
    if not gates:
        return Section('gates', title, missing='This model has no hyperbolic residual, and so no gate and no centre.')
    text = (
        'Every hyperbolic residual weighs what its branch adds by a gate γ, which starts at 0: there the branch is not '
        'heard, and a block whose γ stays near 0 is hardly used. A negative γ moves away from the branch. '
    )
    if all('s' in own for own in gates.values()):
        text += (
            'The centre s is where between branch (0) and stream (1) the residual about a centre takes its origin; it '
            'starts half way.'
        )
    gammas = [own['gamma'] for own in gates.values()]
    alt = f'Gates of {len(gates)} residuals by depth, from {min(gammas):.3g} to {max(gammas):.3g}.'
    return Section('gates', title, text, [_drawn('gates', figures.gates_figure(gates), alt)])


def margin_section(model: nn.Module, predictions: Predictions, autocast: Autocast) -> Section:
    """The share of rows at the margin of every module."""
    title = 'Share of rows at the margin'
    with autocast():
        shares = margin_shares(model, predictions.sample)
    if not shares:
        return Section('margin', title, missing='This model has no module that clips, and so no margin.')
    text = (
        'The share of rows (tokens; for a head, images) of which a vector is as long as the module lets it be. Of such '
        'a row the module knows the direction, not the length: where most rows are at the margin, it is the clip and '
        f'less the curvature that shapes the result. Taken on the first {len(predictions.sample)} images.'
    )
    figure = figures.grid_figure({name: 100 * share for name, share in shares.items()}, 'rows, %', '.0f', (0, 100))
    alt = f'Shares at the margin of {len(shares)} modules, the largest {max(shares.values()):.0%}.'
    return Section('margin', title, text, [_drawn('margin', figure, alt)])


def distances_section(model: nn.Module, predictions: Predictions, autocast: Autocast) -> Section:
    """The distribution of hyperbolic norms by depth."""
    title = 'Hyperbolic norms by depth'
    with autocast():
        distances = origin_distances(model, predictions.sample)
    if not distances:
        return Section(
            'norms', title, missing='This model has no hyperbolic module, and so no vector has a hyperbolic norm.'
        )
    text = (
        'How far from the origin of its ball lies what enters a module: the point is the median, the bar holds the '
        'middle half of the rows, the line nine tenths of them. The distance is that before the module’s first clip; '
        'what lies beyond the mark of the clip is drawn in to it. Taken on the first '
        f'{len(predictions.sample)} images.'
    )
    alt = f'Quantiles of the distances to the origin in {len(distances)} modules.'
    return Section('norms', title, text, [_drawn('norms', figures.distances_figure(distances), alt)])


def delta_section(predictions: Predictions, samples: int, draws: int, seed: int) -> Section:
    """The δ-hyperbolicity of the features, and of Gaussians beside them.

    Args:
        predictions: of which the features are taken.
        samples: features in a draw.
        draws: how many.
        seed: of the draws.
    """
    title = 'δ-hyperbolicity of the features'
    try:
        found = relative_deltas(predictions.features, samples, draws, seed)
    except ValueError as error:
        return Section('delta', title, missing=f'The features have no δ: {error}.')
    count, dim = predictions.features.shape
    text = (
        'Gromov’s δ_rel = 2δ/diameter of the features that enter the classifier, under the Euclidean distance: 0 is a '
        f'tree, 1 the most there can be. {draws} draws of {samples:,} of the {count:,} features of {dim:,} dimensions, '
        'each with a random base point. In many dimensions distances concentrate, and δ_rel is low for any cloud of '
        'points. Two Gaussians show how low: an isotropic one, where all directions count the same, and one with the '
        'features’ covariance. A low δ_rel alone proves no tree, and one above the Gaussian of equal covariance says '
        'that the features are less like a tree than noise of their shape.'
    )
    if samples == count:
        text += ' These are all features, so the draws differ in the base point alone.'
    caption = (
        f'Features: {_mean_and_range(found.points)}. Gaussian of equal covariance: {_mean_and_range(found.gaussian)}. '
        f'Isotropic Gaussian: {_mean_and_range(found.isotropic)}.'
    )
    figure = _drawn('delta', figures.delta_figure(found), f'δ_rel by draw. {caption}', caption)
    return Section('delta', title, text, [figure])


def _mean_and_range(values: Sequence[float]) -> str:
    return f'mean {sum(values) / len(values):.3f} ({min(values):.3f} to {max(values):.3f})'


def disk_sections(model: nn.Module, predictions: Predictions, labels: Labels) -> list[Section]:
    """Prototypes and features on the disk; the classes nearest the origin."""
    titles = {'disk': 'Prototypes and features on the Poincaré disk', 'origin': 'Classes nearest the origin'}
    head = next((module for module in model.modules() if isinstance(module, HyperbolicHead)), None)
    if head is None or head.curvature.is_flat:
        missing = (
            'This model’s classifier is not hyperbolic: it has no prototypes, and its features lie in no ball.'
            if head is None
            else 'This model’s classifier is flat: its prototypes and features lie in no ball.'
        )
        return [Section(name, title, missing=missing) for name, title in titles.items()]
    if not predictions.features.isfinite().all():
        missing = 'Some features are not finite: they have no place on the disk.'
        return [Section(name, title, missing=missing) for name, title in titles.items()]
    view = view_head(head, predictions.features, predictions.targets)
    return [_disk_section(titles['disk'], view, predictions, labels), _origin_section(titles['origin'], view, labels)]


def _disk_section(title: str, view: DiskView, predictions: Predictions, labels: Labels) -> Section:
    if labels.superclass_of is not None:
        colour = 'Colours are superclasses. '
    elif len(view.prototypes) <= figures.MOST_COLORS:
        colour = 'Colours are classes. '
    else:
        colour = 'The classes are too many for colours, and the data set names no superclasses. '
    text = (
        'What the head compares, from its ball in many dimensions, brought to two. The distance from the centre is '
        'exact for every point. The angle is that of the projection to the plane in which the classes’ means differ '
        'most; what lies across that plane is lost, so points that lie together here may be far apart in the ball. '
        f'{colour}The plane holds {view.in_plane:.0%} of the features’ squared length, and the rank correlation of '
        f'distances here with those in the ball is {view.agreement:.2f}.'
    )
    figure = figures.disk_figure(view, predictions.targets, labels)
    alt = f'{len(view.prototypes)} prototypes and up to {len(view.features):,} images on the Poincaré disk.'
    return Section('disk', title, text, [_drawn('disk', figure, alt)])


def _origin_section(title: str, view: DiskView, labels: Labels) -> Section:
    text = (
        'The distance of each class’s prototype from the origin, the nearest first. Near the origin all else is near: '
        'if the space holds a hierarchy, general or ambiguous classes are to be looked for here and specific ones at '
        'the boundary.'
    )
    nearest = [labels.name(k) for k in view.distances.argsort()[:3].tolist()]
    low, high = view.distances.min().item(), view.distances.max().item()
    caption = f'Of all {len(view.distances)} prototypes the nearest is at {low:.3g}, the farthest at {high:.3g}.'
    alt = f'Bars of distances. Nearest: {", ".join(nearest)}.'
    return Section('origin', title, text, [_drawn('origin', figures.origin_figure(view, labels), alt, caption)])


def confidence_section(
    predictions: Predictions, labels: Labels, mean: Sequence[float], std: Sequence[float]
) -> Section:
    """The images of highest and of lowest confidence.

    Args:
        predictions: with the images.
        labels: names of the classes.
        mean: what the images are normalised by, of each channel.
        std: likewise.
    """

    def drawn(name: str, said: str, examples: Sequence[Example]) -> PageFigure:
        right = sum(example.predicted == example.target for example in examples)
        caption = f'The {len(examples)} {said} confident images; predicted right: {right}.'
        return _drawn(name, figures.examples_figure(examples, labels, mean, std), caption, caption)

    text = (
        'Under each image, as the model is given it: the probability of the prediction, the prediction, and in red '
        'what it is where that is something else.'
    )
    drawings = [drawn('most_confident', 'most', predictions.most), drawn('least_confident', 'least', predictions.least)]
    return Section('confidence', 'Most and least confident images', text, drawings)

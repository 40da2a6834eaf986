"""The sections of the report page: each turns numbers into figures and text."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from torch import nn

from ..layers import HyperbolicHead, named_curvatures
from . import figures
from .basin_section import basin_sections
from .confusion import find_confusion
from .curvatures import curvature_ratios
from .delta import relative_deltas
from .disk import DiskView, view_head
from .drawing import page_figure
from .figures.style import shortened
from .gates import named_gates
from .history import History
from .margin import clip_ratios, margin_shares
from .norms import origin_distances
from .page import LeftOut, PageFigure, Section
from .predictions import Example, Labels, Predictions

__all__ = ['FIGURES', 'ReportInput', 'create_sections']

#: Names of the figures that the page of a model may have, whatever its head.
FIGURES = (
    *('training', 'accuracy', 'confusion', 'most_confident', 'least_confident'),
    *('curvature', 'gates', 'margin', 'clip', 'norms', 'delta', 'disk', 'origin'),
)

Autocast = Callable[[], AbstractContextManager[Any]]
Found = Section | LeftOut

_NOT_HYPERBOLIC = 'the model has no hyperbolic module'


@dataclass(frozen=True)
class ReportInput:
    """What a report page is made of.

    Attributes:
        model: in evaluation mode.
        predictions: of the model for a split.
        labels: names and superclasses of the model's classes.
        is_matched: whether the labels of the split are the model's classes; if not, no prediction is right or wrong.
        mean: of each channel, by which the images are normalised.
        std: of each channel, likewise.
        history: training curves; None where the model comes without them.
        autocast: makes the context of a forward pass.
        samples: features in a draw of the δ-hyperbolicity.
        draws: number of draws.
        seed: of the draws.
    """

    model: nn.Module
    predictions: Predictions
    labels: Labels
    is_matched: bool
    mean: Sequence[float]
    std: Sequence[float]
    history: History | None = None
    autocast: Autocast = nullcontext
    samples: int = 1000
    draws: int = 5
    seed: int = 0


def create_sections(report: ReportInput) -> list[Found]:
    """Return all sections in their order on the page: first accuracy, then geometry.

    Args:
        report: What was measured on the model and its data.
    """
    return [
        _training_section(report.history),
        *_class_sections(report),
        _confidence_section(report),
        _curvature_section(report.model),
        _gates_section(report.model),
        _margin_section(report),
        _distances_section(report),
        _delta_section(report),
        *_disk_sections(report),
        *basin_sections(report.model, report.predictions, report.labels, report.is_matched),
    ]


def _training_section(history: History | None) -> Found:
    title = 'Training curves'
    if history is None:
        return LeftOut('training', title, 'the model comes without the summary.csv of its run')
    epochs, best = len(history.epochs), history.best
    text = (
        'Loss on the training images and on the evaluation split, accuracy on the evaluation split, and the learning '
        'rate, after each epoch. The large dot marks the highest accuracy. A training loss that falls while the '
        'evaluation loss rises is a sign of overfitting.'
    )
    caption = (
        f'{epochs} epoch{"s" * (epochs > 1)}. Highest Top-1: {history.eval_top1[best]:.2f} % after epoch '
        f'{history.epochs[best] + 1}; at the end {history.eval_top1[-1]:.2f} %.'
    )
    draw = lambda width: figures.history_figure(history, width)
    return Section('training', title, text, [page_figure('training', draw, f'Training curves. {caption}', caption)])


def _class_sections(report: ReportInput) -> list[Found]:
    titles = {'accuracy': 'Accuracy of each class', 'confusion': 'Confusion matrix'}
    if not report.is_matched:
        reason = 'the model has other classes than the data'
        return [LeftOut(name, title, reason) for name, title in titles.items()]
    labels, classes = report.labels, report.model.num_classes
    confusion = find_confusion(report.predictions, labels, classes)
    accuracy = confusion.accuracy
    shown = accuracy.nan_to_num(200)  # classes without images are at no end
    low, high = shown.argmin().item(), accuracy.nan_to_num(-1).argmax().item()
    names = [labels.name(confusion.order[place].item()).replace('_', ' ') for place in (low, high)]
    known = int(accuracy.isfinite().sum())
    text = 'The share of the images of a class whose prediction is right. '
    if known > figures.MOST_BARS:
        text += (
            'A row is a superclass, a dot one of its classes, a line their mean.'
            if confusion.groups is not None
            else f'Of {known} classes the {figures.MOST_BARS // 2} lowest and the {figures.MOST_BARS // 2} highest.'
        )
    elif confusion.groups is not None:
        text += 'Classes of one superclass stand together.'
    caption = f'Lowest: {names[0]}, {accuracy[low]:.0f} %. Highest: {names[1]}, {accuracy[high]:.0f} %.'
    bars = page_figure(
        'accuracy',
        lambda width: figures.accuracy_figure(confusion, labels, width),
        f'Accuracies of {known} classes. {caption}',
        caption,
    )
    sections: list[Found] = [Section('accuracy', titles['accuracy'], text, [bars])]
    if classes > figures.LARGEST_MATRIX:
        reason = f'{classes:,} classes are more than a picture of a matrix can show'
        return [*sections, LeftOut('confusion', titles['confusion'], reason)]
    text = (
        'A row is a class, a column a prediction, the colour the share of the row. What is right lies on the diagonal. '
        + (
            'Classes of one superclass stand together between the lines: errors within a superclass lie near the '
            'diagonal, in its box.'
            if confusion.groups is not None
            else ''
        )
    )
    errors = [
        f'{shortened(labels.name(target), 40)} as {shortened(labels.name(predicted), 40)} ({count})'
        for target, predicted, count in confusion.most_confused(5)
    ]
    caption = f'Most frequent errors (images): {"; ".join(errors)}.' if errors else 'There is no error.'
    inside = confusion.inside_superclass
    if inside is not None:
        right = confusion.superclass_accuracy
        caption += f' Superclass right: {right:.1f} % of images. Errors within the superclass: {inside:.1f} %.'
    matrix = page_figure(
        'confusion',
        lambda width: figures.confusion_figure(confusion, labels, width),
        f'Confusion matrix of {classes} classes. {caption}',
        caption,
    )
    return [*sections, Section('confusion', titles['confusion'], text, [matrix])]


def _confidence_section(report: ReportInput) -> Found:
    def drawn(name: str, kind: str, examples: Sequence[Example]) -> PageFigure:
        caption = f'The {len(examples)} {kind} confident images'
        if report.is_matched:
            right = sum(example.predicted == example.target for example in examples)
            caption += f'; {right} of the predictions are right'
        draw = lambda width: figures.examples_figure(examples, report.labels, report.mean, report.std, width)
        return page_figure(name, draw, f'{caption}.', f'{caption}.')

    text = (
        'Each image as the model gets it. Under it: the probability of the prediction, the prediction, and, in red, '
        'the class where the prediction is wrong.'
    )
    predictions = report.predictions
    drawings = [drawn('most_confident', 'most', predictions.most), drawn('least_confident', 'least', predictions.least)]
    return Section('confidence', 'Most and least confident images', text, drawings)


def _curvature_section(model: nn.Module) -> Found:
    title, values, ratios = 'Curvature of each module', named_curvatures(model), curvature_ratios(model)
    if not values:
        return LeftOut('curvature', title, _NOT_HYPERBOLIC)
    low, high = min(values.values()), max(values.values())
    if not ratios:
        fixed = f'{low:.4g}' if low == high else f'{low:.4g} to {high:.4g}'
        return LeftOut('curvature', title, f'the curvatures are fixed at {fixed} and not learned')
    values = {name: values[name] for name in ratios}
    text = (
        'The magnitude c of the sectional curvature −c that each hyperbolic module has learned. The colour shows by '
        'which factor c differs from its start: white is no change, and the scale reaches at least 10 % in both '
        'directions, so that small changes look small. At c = 0 a module is its Euclidean limit. Inputs of length r '
        'feel the curvature once √c·r comes near 1. A row is a kind of module. The q, k and v of an attention have '
        'curvatures of their own, numbered 0, 1 and 2.'
    )
    scale = figures.ratio_scale(list(ratios.values()), least=1.1)

    def draw(width: float) -> Figure:
        return figures.grid_figure(values, 'c relative to its start', '.2f', scale, ratios, width)

    furthest = max(ratios, key=lambda name: max(ratios[name], 1 / max(ratios[name], 1e-30)))
    caption = (
        f'From {min(values.values()):.4g} to {max(values.values()):.4g}. Furthest from its start: {furthest}, '
        f'{values[furthest] / ratios[furthest]:.4g} to {values[furthest]:.4g}.'
    )
    alt = f'Curvatures of {len(values)} maps. {caption}'
    return Section('curvature', title, text, [page_figure('curvature', draw, alt, caption)])


def _gates_section(model: nn.Module) -> Found:
    title, gates = 'Gates and centres by depth', named_gates(model)
    if not gates:
        has_any = bool(named_curvatures(model))
        return LeftOut('gates', title, 'the model has no hyperbolic residual' if has_any else _NOT_HYPERBOLIC)
    text = (
        'Every hyperbolic residual multiplies what its branch adds by a gate γ. It starts at 0, where the branch has '
        'no effect; a block whose γ stays near 0 is hardly used, and a negative γ moves away from the branch. '
    )
    if all('s' in own for own in gates.values()):
        text += (
            'The centre s is the point between branch (0) and stream (1) that a centred residual uses as its origin; '
            'it starts at 0.5.'
        )
    gammas = [own['gamma'] for own in gates.values()]
    alt = f'Gates of {len(gates)} residuals by depth, from {min(gammas):.3g} to {max(gammas):.3g}.'
    return Section('gates', title, text, [page_figure('gates', lambda width: figures.gates_figure(gates, width), alt)])


def _margin_section(report: ReportInput) -> Found:
    title, images = 'How close to the clip', report.predictions.sample
    with report.autocast():
        shares, ratios = margin_shares(report.model, images), clip_ratios(report.model, images)
    if not shares:
        has_any = bool(named_curvatures(report.model))
        return LeftOut('margin', title, 'no module clips its inputs' if has_any else _NOT_HYPERBOLIC)
    text = (
        'Every hyperbolic module shortens inputs that are longer than its clip, which the margin sets: of such a '
        'token (for a head: image) the module knows the direction and not the length. The first figure is the share '
        'of tokens that are clipped. The second is the length of the median token relative to the clip: 0.5 is half '
        'way, 3 is three times as long. A share of 0 % with a ratio near 1 is about to be clipped. Where most tokens '
        f'are clipped, the clip shapes the result more than the curvature. Measured on the first {len(images)} images.'
    )
    percent = {name: 100 * share for name, share in shares.items()}
    first = page_figure(
        'margin',
        lambda width: figures.grid_figure(
            percent, 'clipped tokens', '.0f', figures.linear_scale(0, 100, ' %'), width=width
        ),
        f'Shares of clipped tokens in {len(shares)} modules, the largest {max(shares.values()):.0%}.',
        'Share of clipped tokens, %.',
    )
    scale = figures.ratio_scale(list(ratios.values()), least=2)
    second = page_figure(
        'clip',
        lambda width: figures.grid_figure(ratios, 'length relative to the clip', '.2f', scale, width=width),
        f'Median length relative to the clip in {len(ratios)} modules, the largest {max(ratios.values()):.2g}.',
        'Length of the median token, before the clip, relative to the clip.',
    )
    return Section('margin', title, text, [first, second])


def _distances_section(report: ReportInput) -> Found:
    title, images = 'Hyperbolic norms by depth', report.predictions.sample
    with report.autocast():
        distances = origin_distances(report.model, images)
    if not distances:
        return LeftOut('norms', title, _NOT_HYPERBOLIC)
    text = (
        'The distance from the origin of the inputs of each module, before its first clip, on a logarithmic axis. The '
        'point is the median, the bar holds the middle half of the tokens, the line 90 % of them. The red mark is the '
        f'clip: tokens beyond it are moved in to it. Measured on the first {len(images)} images.'
    )
    alt = f'Quantiles of the distances to the origin in {len(distances)} modules.'
    drawing = page_figure('norms', lambda width: figures.distances_figure(distances, width), alt)
    return Section('norms', title, text, [drawing])


def _delta_section(report: ReportInput) -> Found:
    title, features = 'δ-hyperbolicity of the features', report.predictions.features
    try:
        found = relative_deltas(features, report.samples, report.draws, report.seed)
    except ValueError as error:
        return LeftOut('delta', title, f'the features have no δ, {error}')
    count, dim = features.shape
    text = (
        'Gromov’s δ_rel = 2δ/diameter of the features that enter the classifier, under the Euclidean distance. It is '
        f'0 for a tree and at most 1. Each of {report.draws} draws takes {report.samples:,} of the {count:,} features '
        f'of {dim:,} dimensions and a random base point. In many dimensions distances concentrate, and δ_rel is low '
        'for any set of points. Two Gaussians show how low: an isotropic one, and one with the covariance of the '
        'features. A low δ_rel alone does not show a tree, and a δ_rel above that of the Gaussian of equal covariance '
        'says that the features are less like a tree than noise of the same shape.'
    )
    if report.samples == count:
        text += ' Each draw has all features, so the draws differ in the base point alone.'
    caption = (
        f'Features: {_mean_and_range(found.points)}. Gaussian of equal covariance: {_mean_and_range(found.gaussian)}. '
        f'Isotropic Gaussian: {_mean_and_range(found.isotropic)}.'
    )
    drawing = page_figure(
        'delta', lambda width: figures.delta_figure(found, width), f'δ_rel by draw. {caption}', caption
    )
    return Section('delta', title, text, [drawing])


def _mean_and_range(values: Sequence[float]) -> str:
    return f'mean {sum(values) / len(values):.3f} ({min(values):.3f} to {max(values):.3f})'


def _disk_sections(report: ReportInput) -> list[Found]:
    titles = {'disk': 'Prototypes and features on the Poincaré disk', 'origin': 'Classes nearest the origin'}
    model, predictions, labels = report.model, report.predictions, report.labels
    head = next((module for module in model.modules() if isinstance(module, HyperbolicHead)), None)
    reason = ''
    if head is None:
        reason = 'the classifier is not hyperbolic' if named_curvatures(model) else _NOT_HYPERBOLIC
    elif head.curvature.is_flat:
        reason = 'the classifier is flat'
    elif not predictions.features.isfinite().all():
        reason = 'some features are not finite'
    if reason:
        return [LeftOut(name, title, reason) for name, title in titles.items()]
    view = view_head(head, predictions.features, predictions.targets)
    return [
        _disk_section(titles['disk'], view, predictions, labels),
        _origin_section(titles['origin'], view, labels),
    ]


def _disk_section(title: str, view: DiskView, predictions: Predictions, labels: Labels) -> Section:
    if labels.superclass_of is not None:
        colour = 'Colours are superclasses. '
    elif len(view.prototypes) <= figures.MOST_COLORS:
        colour = 'Colours are classes. '
    else:
        colour = 'There are more classes than colours, and the data set has no superclasses. '
    text = (
        'The points that the head compares, moved from its ball of many dimensions to two. The distance from the '
        'centre is exact for every point. The angle is that of the projection to the plane in which the means of the '
        f'classes differ most, so points that lie together here may be far apart in the ball. {colour}The plane holds '
        f'{view.in_plane:.0%} of the squared length of the features, and the rank correlation of distances here with '
        f'those in the ball is {view.agreement:.2f}.'
    )
    alt = f'{len(view.prototypes)} prototypes and up to {len(view.features):,} images on the Poincaré disk.'

    def draw(width: float) -> Figure:
        return figures.disk_figure(view, predictions.targets, labels, width)

    return Section('disk', title, text, [page_figure('disk', draw, alt)])


def _origin_section(title: str, view: DiskView, labels: Labels) -> Section:
    text = (
        'The distance of the prototype of each class from the origin, the nearest first. If the space holds a '
        'hierarchy, general or ambiguous classes lie near the origin and specific ones near the boundary.'
    )
    nearest = [labels.name(k) for k in view.distances.argsort()[:3].tolist()]
    low, high = view.distances.min().item(), view.distances.max().item()
    caption = f'The nearest of all {len(view.distances)} prototypes is at {low:.3g}, the farthest at {high:.3g}.'
    alt = f'Bars of distances. Nearest: {", ".join(nearest)}.'
    drawing = page_figure('origin', lambda width: figures.origin_figure(view, labels, width=width), alt, caption)
    return Section('origin', title, text, [drawing])

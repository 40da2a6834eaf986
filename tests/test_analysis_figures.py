"""Each figure, in sizes that crowd it: nothing is cut off, no two texts overlap, and the numbers are on it."""

import re
import xml.etree.ElementTree as ElementTree
from itertools import combinations

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text

from timm_hyperbolic.analysis import figures
from timm_hyperbolic.analysis.confusion import Confusion, find_confusion
from timm_hyperbolic.analysis.delta import DeltaDraws
from timm_hyperbolic.analysis.disk import DiskView
from timm_hyperbolic.analysis.figures.style import INK, PAPER, shortened
from timm_hyperbolic.analysis.history import History
from timm_hyperbolic.analysis.norms import OriginDistances
from timm_hyperbolic.analysis.predictions import Example, Labels, Predictions

KINDS = ['attn', 'attn.qkv.0', 'attn.qkv.1', 'attn.qkv.2', 'attn.proj', 'mlp.fc1', 'mlp.fc2', 'residual1', 'residual2']


def modules(blocks: int, kinds: list[str] = KINDS, outside: tuple[str, ...] = ('pos_join', 'head')) -> list[str]:
    return [f'blocks.{i}.{kind}' for i in range(blocks) for kind in kinds] + list(outside)


def numbers(names: list[str]) -> dict[str, float]:
    return {name: 0.9 + 0.001 * i for i, name in enumerate(names)}


def distances(names: list[str], labels: list[str]) -> dict[str, OriginDistances]:
    spread = [0.5, 2.0, 3.0, 4.5, 27.0]
    return {name: OriginDistances(dict.fromkeys(labels, spread), 4.88) for name in names}


def gates(blocks: int, centred: bool) -> dict[str, dict[str, float]]:
    own = {'gamma': -0.1, 's': 0.52} if centred else {'gamma': 0.3}
    return dict.fromkeys(modules(blocks, ['residual1', 'residual2'], ()), own)


def view(classes: int, images: int) -> DiskView:
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(images + classes, 2, generator=generator) - 0.5
    return DiskView(points[classes:], points[:classes], torch.linspace(0.3, 0.6, classes).flip(0), 0.96, 0.4, 0.7)


def examples(count: int, channels: int = 3) -> list[Example]:
    return [Example(torch.randn(channels, 8, 8), 0.9 - 0.01 * i, i % 3, i % 2) for i in range(count)]


NAMES = [f'a class of a long name {k}' for k in range(100)]
GROUPS = Labels(NAMES, torch.arange(100) % 20, [f'large_man-made_outdoor_things_{k}' for k in range(20)])

HISTORY = History(
    list(range(30)), [5 - 0.1 * i for i in range(30)], [4.5] * 30, [3.0 * i for i in range(30)], [1e-3] * 30
)
SCALE = figures.ratio_scale([0.5, 1.2], least=1.1)


def confused(classes: int, labels: Labels) -> Confusion:
    targets = torch.arange(4 * classes) % classes
    predicted = torch.where(torch.arange(4 * classes) < classes, (targets + 1) % classes, targets)
    return find_confusion(Predictions(targets, targets, predicted, [], [], targets), labels, classes)


#: Figures whose layout differs most between the two widths.
BOTH_WIDTHS = {
    'grid': lambda width: figures.grid_figure(numbers(modules(12)), 'c', '.2f', SCALE, width=width),
    'gates': lambda width: figures.gates_figure(gates(12, True), width),
    'norms': lambda width: figures.distances_figure(distances(modules(12, KINDS[:3]), ['q', 'k', 'v']), width),
    'disk': lambda width: figures.disk_figure(view(100, 500), torch.arange(500) % 100, GROUPS, width),
    'superclasses': lambda width: figures.accuracy_figure(confused(100, GROUPS), GROUPS, width),
    'confusion': lambda width: figures.confusion_figure(confused(30, Labels(NAMES)), Labels(NAMES), width),
    'confusion by superclass': lambda width: figures.confusion_figure(confused(100, GROUPS), GROUPS, width),
}
#: Figures that are drawn in the narrow layout alone, the more crowded one.
NARROW = {
    'delta': lambda width: figures.delta_figure(DeltaDraws([0.9, 0.21], [0.23, 0.24], [0.12, 0.11]), width),
    'origin': lambda width: figures.origin_figure(view(100, 5), GROUPS, width=width),
    'examples': lambda width: figures.examples_figure(examples(12), Labels(NAMES), [0.5] * 3, [0.5] * 3, width),
    'training': lambda width: figures.history_figure(HISTORY, width),
    'classes': lambda width: figures.accuracy_figure(confused(30, Labels(NAMES)), Labels(NAMES), width),
    'grid of one': lambda width: figures.grid_figure({'head': 1.0}, 'c', width=width),
    'grid, deep': lambda width: figures.grid_figure(numbers(modules(48)), 'rows, %', '.0f', width=width),
    'norms of a head': lambda width: figures.distances_figure(distances(['head'], ['features']), width),
    'disk of classes': lambda width: figures.disk_figure(view(30, 50), torch.arange(50) % 30, Labels(NAMES), width),
    'lowest and highest': lambda width: figures.accuracy_figure(confused(31, Labels(NAMES)), Labels(NAMES), width),
    'confusion of ten': lambda width: figures.confusion_figure(confused(10, Labels()), Labels(), width),
    'example': lambda width: figures.examples_figure(examples(1, 1), Labels(), [0.5], [0.5], width),
}
FIGURES = {**BOTH_WIDTHS, **NARROW}
CASES = [(draw, figures.WIDE) for draw in BOTH_WIDTHS.values()] + [(draw, figures.NARROW) for draw in FIGURES.values()]
CASE_NAMES = [f'{name}, wide' for name in BOTH_WIDTHS] + list(FIGURES)


def texts(figure: Figure) -> list[Text]:
    """Every text that is drawn."""
    figure.draw_without_rendering()
    found = [text for legend in figure.legends for text in legend.get_texts()]
    for axes in figure.axes:
        found += [*axes.texts, axes.title, axes._left_title]
        if axes.get_legend():
            found += axes.get_legend().get_texts()
        if axes.axison:
            for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
                found.append(axis.label)
                shown = zip(axis.get_majorticklocs(), axis.get_ticklabels(), strict=False)  # hidden labels are left out
                found += [label for at, label in shown if min(limits) <= at <= max(limits)]
    return [text for text in found if text.get_visible() and text.get_text().strip()]


def check_texts(figure: Figure) -> None:
    """Fail if a text is cut off, or if two of them overlap."""
    boxes = {text: text.get_window_extent() for text in texts(figure)}
    assert boxes
    page = figure.bbox
    for text, box in boxes.items():
        inside = page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1
        assert inside, f'{text.get_text()!r} is cut off'
    for (a, box_a), (b, box_b) in combinations(boxes.items(), 2):
        assert not box_a.padded(-1).overlaps(box_b.padded(-1)), f'{a.get_text()!r} and {b.get_text()!r} overlap'


@pytest.mark.parametrize(('draw', 'width'), CASES, ids=CASE_NAMES)
def test_every_text_is_whole_and_alone(draw, width):
    figure = draw(width)
    assert figure.get_figwidth() == width
    check_texts(figure)


def shown(figure: Figure) -> list[str]:
    return [text.get_text() for text in texts(figure)]


@pytest.mark.parametrize(('width', 'bands'), [(figures.WIDE, 1), (figures.NARROW, 2)])
def test_a_grid_has_each_number_in_its_cell(width, bands):
    values = numbers(modules(7))
    figure = figures.grid_figure(values, 'curvature c', '.4f', width=width)
    *inside, outside = figure.axes[: bands + 1]
    found = {}
    for axes in inside:
        rows = [label.get_text() for label in axes.get_yticklabels()]
        assert rows == sorted(KINDS)
        blocks = [label.get_text() for label in axes.get_xticklabels()]
        for text in axes.texts:
            column, row = text.get_position()
            found[f'blocks.{blocks[column]}.{rows[row]}'] = (text.get_text(), axes.images[0].get_array()[row, column])
    for row, label in enumerate(outside.get_yticklabels()):
        found[label.get_text()] = (outside.texts[row].get_text(), outside.images[0].get_array()[row, 0])
    assert found == {name: (f'{value:.4f}', value) for name, value in values.items()}


def test_curvatures_are_coloured_about_their_start():
    """Neutral at the start, two colours about it, and hardly coloured where little has changed."""

    def shade(ratio: float, others: tuple[float, ...] = ()) -> np.ndarray:
        scale = figures.ratio_scale([ratio, *others], least=1.1)
        return np.array(scale.colormap(scale.norm(ratio))[:3])

    neutral = shade(1.0)
    assert neutral.min() > 0.95
    assert np.abs(shade(1.001) - neutral).max() < 0.03
    above, below = shade(1.1), shade(1 / 1.1)
    assert above.min() < 0.3
    assert below.min() < 0.3
    assert np.abs(above - below).max() > 0.3
    assert np.allclose(
        shade(1.2, (4.0,)), figures.ratio_scale([4.0], 1.1).colormap(0.5 + np.log(1.2) / np.log(4) / 2)[:3]
    )
    ten, hundred = (figures.ratio_scale([ratio], 2).norm for ratio in (0.0, 1e9))
    assert (ten.vmax, hundred.vmax) == (2, 100)


def test_norms_are_on_one_logarithmic_axis():
    found = distances(modules(2, ['residual1', 'residual2']), ['stream'])
    found['head'] = OriginDistances({'features': [0.0, 0.0, 0.1, 100.0, 200.0]}, None)
    axes = figures.distances_figure(found).axes[:3]
    assert {own.get_yscale() for own in axes} == {'log'}
    low, high = axes[0].get_ylim()
    assert {own.get_ylim() for own in axes} == {(low, high)}
    assert low < 1e-3 < 200 < high  # zero is drawn at 0.001


def test_colours_have_a_legend():
    said = shown(figures.disk_figure(view(100, 500), torch.arange(500) % 100, GROUPS))
    assert {shortened(name, 26) for name in GROUPS.superclasses} <= set(said)
    assert {'image', 'prototype', 'origin', 'margin of the head'} <= set(said)
    assert {'residual1', 'residual2', 'at the start'} <= set(shown(figures.gates_figure(gates(2, True))))
    assert {'q', 'k', 'v', 'clip'} <= set(
        shown(figures.distances_figure(distances(['blocks.0.attn'], ['q', 'k', 'v'])))
    )


def test_a_superclass_has_one_colour_in_disk_and_bars():
    labels = Labels(None, torch.tensor([0, 1, 0, -1]), ['x', 'y'])
    own = view(4, 8)
    disk = figures.disk_figure(own, torch.arange(8) % 4, labels).axes[0].collections
    features, prototypes = (c.get_facecolors()[:, :3].tolist() for c in disk)
    assert prototypes[0] == prototypes[2] != prototypes[1] != prototypes[3]
    assert features == prototypes * 2
    bars = figures.origin_figure(own, labels).axes[0].patches
    assert [list(bar.get_facecolor()[:3]) for bar in bars] == [prototypes[k] for k in (3, 2, 1, 0)]


def test_images_are_shown_as_they_were_before_they_were_normalised():
    picture = torch.rand(3, 8, 8)
    mean, std = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.4, 0.5, 0.6])
    example = Example((picture - mean.view(-1, 1, 1)) / std.view(-1, 1, 1), 0.5, 1, 2)
    figure = figures.examples_figure([example], Labels(['a', 'b', 'c']), mean.tolist(), std.tolist())
    (image,) = figure.axes[0].images
    assert torch.allclose(torch.from_numpy(image.get_array()), picture.permute(1, 2, 0), atol=1e-6)
    assert shown(figure) == ['50.0%\nc\nis b']


def test_the_matrix_and_the_bars_are_those_of_the_classes():
    labels = Labels(['a', 'b', 'c'], torch.tensor([1, 0, 1]), ['x', 'y'])  # in the order b, a, c
    targets, predicted = torch.tensor([0, 0, 0, 1, 2]), torch.tensor([0, 2, 2, 1, 1])
    confusion = find_confusion(Predictions(targets, targets, predicted, [], [], targets), labels, 3)
    axes = figures.confusion_figure(confusion, labels).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ['b', 'a', 'c']
    cells = {text.get_position(): text.get_text() for text in axes.texts}  # by column and row
    assert cells == {(0, 0): '1', (1, 1): '1', (2, 1): '2', (0, 2): '1'}
    assert np.allclose(axes.images[0].get_array() ** 2, [[1, 0, 0], [0, 1 / 3, 2 / 3], [1, 0, 0]])
    bars = figures.accuracy_figure(confusion, labels).axes[0]
    assert [bar.get_width() for bar in bars.patches] == pytest.approx([100, 100 / 3, 0])
    assert [label.get_text() for label in bars.get_yticklabels()] == ['b', 'a', 'c']


def test_files_are_whole_the_same_each_time_and_leave_matplotlib_alone():
    before = dict(matplotlib.rcParams)
    first, second = (figures.to_svg(FIGURES['disk'](figures.WIDE)) for _ in range(2))
    assert first == second
    root = ElementTree.fromstring(first)
    assert root.tag.endswith('svg')
    assert not [e for e in root.iter() if e.tag.endswith('}text')]  # shapes, for which no font can be missing
    assert figures.to_png(FIGURES['delta'](figures.WIDE)).startswith(b'\x89PNG')
    assert dict(matplotlib.rcParams) == before
    assert len(first) < 500_000


@pytest.mark.parametrize('name', ['grid', 'training', 'confusion'])
def test_dark_mode_changes_every_colour_of_text_and_lines(name):
    """What is black or white is the default of matplotlib, and would be lost on one of the two backgrounds."""
    svg = figures.to_svg(FIGURES[name](figures.NARROW)).decode()
    rules, body = svg.split('</style>', 1)
    assert '@media (prefers-color-scheme: dark)' in rules
    used = set(re.findall(r'(?:fill|stroke): (#\w{6})', body))
    assert {INK, PAPER} <= used
    assert used & {'#000000', '#ffffff'} == set()
    assert re.search(r'<path[^>]*style="fill: #fefefe"', body)  # the background
    for color in (INK, PAPER):
        assert f'[style*="fill: {color}"]{{fill: #' in rules
        assert f'[style*="stroke: {color}"]{{stroke: #' in rules
    groups = re.findall(r'<g (?:style="([^"]*)" )?transform="translate[^>]*>\s*<(?:use|defs)', body)
    assert groups  # text, each with a colour of its own
    assert all('fill: #' in style for style in groups)

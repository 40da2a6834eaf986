"""Each figure, in sizes that crowd it: nothing is cut off, no two texts overlap, and the numbers are on it."""

import xml.etree.ElementTree as ElementTree
from itertools import combinations

import matplotlib
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text

from timm_hyperbolic.analysis import figures
from timm_hyperbolic.analysis.delta import DeltaDraws
from timm_hyperbolic.analysis.disk import DiskView
from timm_hyperbolic.analysis.norms import OriginDistances
from timm_hyperbolic.analysis.predictions import Example, Labels

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

FIGURES = {
    'grid': lambda: figures.grid_figure(numbers(modules(12)), 'curvature c'),
    'grid of one': lambda: figures.grid_figure({'head': 1.0}, 'curvature c'),
    'grid of one block': lambda: figures.grid_figure(numbers(modules(1, outside=())), 'curvature c'),
    'grid, deep': lambda: figures.grid_figure(numbers(modules(48)), 'rows, %', '.0f', (0, 100)),
    'gates': lambda: figures.gates_figure(gates(12, True)),
    'gates of one block': lambda: figures.gates_figure(gates(1, False)),
    'gates, deep': lambda: figures.gates_figure(gates(48, True)),
    'norms': lambda: figures.distances_figure(distances(modules(12), ['q', 'k', 'v'])),
    'norms of a head': lambda: figures.distances_figure(distances(['head'], ['features'])),
    'norms, deep': lambda: figures.distances_figure(distances(modules(48, ['residual1']), ['stream', 'branch'])),
    'delta': lambda: figures.delta_figure(DeltaDraws([0.2, 0.21, 0.19], [0.23, 0.24, 0.23], [0.12, 0.11, 0.12])),
    'delta of one': lambda: figures.delta_figure(DeltaDraws([0.9], [0.1], [0.11])),
    'disk': lambda: figures.disk_figure(view(100, 500), torch.arange(500) % 100, GROUPS),
    'disk of classes': lambda: figures.disk_figure(view(30, 50), torch.arange(50) % 30, Labels(NAMES)),
    'disk without colours': lambda: figures.disk_figure(view(31, 50), torch.arange(50) % 31, Labels()),
    'origin': lambda: figures.origin_figure(view(100, 5), GROUPS),
    'origin of two': lambda: figures.origin_figure(view(2, 5), Labels()),
    'examples': lambda: figures.examples_figure(examples(12), Labels(NAMES), [0.5] * 3, [0.5] * 3),
    'example': lambda: figures.examples_figure(examples(1, 1), Labels(), [0.5], [0.5]),
}


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
                shown = zip(axis.get_majorticklocs(), axis.get_ticklabels(), strict=True)
                found += [label for at, label in shown if min(limits) <= at <= max(limits)]
    return [text for text in found if text.get_visible() and text.get_text().strip()]


@pytest.mark.parametrize('name', FIGURES)
def test_every_text_is_whole_and_alone(name):
    figure = FIGURES[name]()
    boxes = {text: text.get_window_extent() for text in texts(figure)}
    assert boxes
    page = figure.bbox
    for text, box in boxes.items():
        inside = page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1
        assert inside, f'{text.get_text()!r} is cut off'
    for (a, box_a), (b, box_b) in combinations(boxes.items(), 2):
        assert not box_a.padded(-1).overlaps(box_b.padded(-1)), f'{a.get_text()!r} and {b.get_text()!r} overlap'


def shown(figure: Figure) -> list[str]:
    return [text.get_text() for text in texts(figure)]


def test_a_grid_has_each_number_in_its_cell():
    values = numbers(modules(3))
    figure = figures.grid_figure(values, 'curvature c', '.3f')
    (image,) = figure.axes[0].images
    rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert rows == sorted(KINDS) + ['head', 'pos_join']
    for name, value in values.items():
        kind, column = (name.split('.', 2)[2], int(name.split('.')[1])) if name[:6] == 'blocks' else (name, 3)
        assert image.get_array()[rows.index(kind), column] == value
        cell = next(t for t in figure.axes[0].texts if t.get_position() == (column, rows.index(kind)))
        assert cell.get_text() == f'{value:.3f}'
    assert len(figure.axes[0].texts) == len(values)  # nothing stands where no module is


def test_colours_have_a_legend():
    said = shown(figures.disk_figure(view(100, 500), torch.arange(500) % 100, GROUPS))
    assert {name.replace('_', ' ') for name in GROUPS.superclasses} <= set(said)
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


def test_files_are_whole_the_same_each_time_and_leave_matplotlib_alone():
    before = dict(matplotlib.rcParams)
    first, second = (figures.to_svg(FIGURES['disk']()) for _ in range(2))
    assert first == second
    root = ElementTree.fromstring(first)
    assert root.tag.endswith('svg')
    assert not [e for e in root.iter() if e.tag.endswith('}text')]  # shapes, for which no font can be missing
    assert figures.to_png(FIGURES['delta']()).startswith(b'\x89PNG')
    assert dict(matplotlib.rcParams) == before
    assert len(first) < 500_000

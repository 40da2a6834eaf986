"""The two measured figures of the documentation, as SVG that can be read on a screen of 390 pixels.

`page.py` draws them from the rows of the CSV files.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / 'docs'))

from svg import BLUE, GREEN, GREY, INK, LINE, PURPLE, RED, circle, document, line, text

__all__ = ['layers', 'precision']

WIDTH, SIZE = 380, 13
Mark = Callable[[float, float], str]


def polygon(x: float, y: float, corners: str, color: str) -> str:
    """A small filled polygon whose corners are given relative to its middle."""
    points = ' '.join(f'{x + float(a):.1f},{y + float(b):.1f}' for a, b in (c.split(',') for c in corners.split()))
    return f'<polygon points="{points}" fill="{color}"/>'


MARKS: dict[str, Mark] = {
    'ours': lambda x, y: circle(x, y, 5.5, BLUE),
    'ours, compiled': lambda x, y: circle(x, y, 4.5, '#ffffff', stroke=BLUE, stroke_width=2.5),
    'reference': lambda x, y: polygon(x, y, '-5,-5 5,-5 5,5 -5,5', RED),
    'geoopt': lambda x, y: polygon(x, y, '0,-6.5 6.5,0 0,6.5 -6.5,0', PURPLE),
    'HypLL': lambda x, y: polygon(x, y, '0,-6 6,5 -6,5', GREEN),
}
TITLES = {
    'linear': 'linear',
    'mlp': 'MLP',
    'attn': 'attention',
    'head': 'head',
    'pos': 'position',
    'res': 'residual res',
    'res0': 'residual res0',
    'resx': 'residual resx',
}


def layers(rows: list[dict[str, str]]) -> str:
    """The time of every layer relative to its Euclidean twin, on a logarithmic axis."""
    ratio = {(row['layer'], row['contender']): float(row['ratio']) for row in rows}
    left, right, top, step = 104, WIDTH - 20, 96, 31
    most = max(ratio.values())
    scale = (right - left) / math.log10(most)
    bottom = top + step * len(TITLES) - 8

    def at(value: float) -> float:
        return left + scale * math.log10(value)

    body = [text(16, 26, 'Time relative to the Euclidean layer', 15, font_weight='bold')]
    x, y = 22, 48
    for name, mark in MARKS.items():
        if not any(contender == name for _, contender in ratio):
            continue
        body += [mark(x, y - 4.5), text(x + 11, y, name, SIZE)]
        x += 30 + 7 * len(name)
        if x > WIDTH - 110:
            x, y = 22, y + 20
    for value in (1, 2, 5, 10, 20, 50, 100, 200, 500):
        if value <= most:
            body.append(line([(at(value), top - 12), (at(value), bottom)], LINE if value > 1 else GREY, 1))
            if value in (1, 10, 100):
                body.append(text(at(value), bottom + 17, f'{value}×', SIZE, GREY, text_anchor='middle'))
    for i, (layer, title) in enumerate(TITLES.items()):
        y = top + step * i
        body.append(text(left - 9, y + 4.5, title, SIZE, text_anchor='end'))
        body.append(line([(left, y), (right, y)], LINE, 1))
        for name, mark in reversed(MARKS.items()):
            group = f'{layer}-peers' if (layer, name) not in ratio else layer
            if (group, name) in ratio:
                body.append(mark(at(ratio[group, name]), y))
    alternative = 'Time of a forward and backward pass relative to the Euclidean layer: ' + '; '.join(
        f'{TITLES[layer]} {", ".join(of_layer(ratio, layer))}' for layer in TITLES
    )
    return document(WIDTH, bottom + 30, 'Layers against their Euclidean twins', alternative, body)


def of_layer(ratio: dict[tuple[str, str], float], layer: str) -> Iterator[str]:
    """Name and ratio of each contender of a layer, in words."""
    for name in MARKS:
        value = ratio.get((layer, name), ratio.get((f'{layer}-peers', name)))
        if value is not None:
            yield f'{name} {value:.1f}'


CURVES = {
    'float32': (BLUE, 'ours, float32', ''),
    'float64': (BLUE, 'ours, float64', '6 4'),
    'geoopt float32': (RED, 'geoopt, float32', ''),
    'geoopt float64': (RED, 'geoopt, float64', '6 4'),
}


def precision(rows: list[dict[str, str]]) -> str:
    """The error of the centred residual by the length of its inputs, without a margin, for random pairs."""
    wanted = {'operation': 'centred residual', 'margin': '', 'pair': 'random', 'quantity': 'value'}
    rows = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
    rows.sort(key=lambda row: float(row['norm']))
    left, right, top, bottom = 62, WIDTH - 22, 92, 300
    step = (right - left) / (len(rows) - 1)

    def height(error: float) -> float:
        return top + (bottom - top) * -math.log10(max(error, 1e-17)) / 17

    body = [text(16, 26, 'Relative error of the centred residual', 15, font_weight='bold')]
    for i, (color, title, dashes) in enumerate(CURVES.values()):
        x, y = 18 + 172 * (i // 2), 48 + 20 * (i % 2)
        body.append(line([(x, y - 4.5), (x + 26, y - 4.5)], color, 2.5, stroke_dasharray=dashes or 'none'))
        body.append(text(x + 33, y, title, SIZE))
    for power in (0, -4, -8, -12, -16):
        y = height(10.0**power)
        body.append(line([(left, y), (right, y)], LINE, 1))
        body.append(text(left - 8, y + 4.5, f'1e{power}' if power else '1', SIZE, GREY, text_anchor='end'))
    for i, row in enumerate(rows):
        x = left + step * i
        body.append(text(x, bottom + 18, row['norm'], SIZE, GREY, text_anchor='middle'))
        if row['norm'] == '2.44':
            body.append(line([(x, top - 6), (x, bottom)], INK, 1, stroke_dasharray='2 3'))
            body.append(text(x - 6, height(1e-9), 'the margin', SIZE, text_anchor='end'))
            body.append(text(x - 6, height(1e-9) + 16, 'would clip', SIZE, text_anchor='end'))
    for name, (color, _, dashes) in CURVES.items():
        points = [(left + step * i, height(float(row[name]))) for i, row in enumerate(rows)]
        body.append(line(points, color, 2.5, stroke_dasharray=dashes or 'none'))
    middle = (left + right) / 2
    body.append(text(middle, bottom + 38, 'length of the tangent vectors', SIZE, GREY, text_anchor='middle'))
    alternative = (
        'Without a margin our error stays at rounding up to length 12; geoopt loses all digits from length 5 on.'
    )
    return document(WIDTH, bottom + 52, 'Error by length', alternative, body)

"""Draws the picture of the idea at the top of the README: `python docs/make_idea_figure.py`.

Every number in it is computed: moving `X` or `Y` moves the points, the Gram matrix, the coefficients and the strips
together. A test holds that `docs/idea.svg` is what this program writes.
"""

import argparse
import math
from pathlib import Path

from drawing import BLUE, GREY, INK, LINE, MONO, PURPLE, RED, arrow, document, text

X = (0.46, -0.34)
Y = (-0.12, 0.5)
CURVATURE = 1.0

WIDTH, HEIGHT = 1200, 470


def dot(p: tuple[float, float], q: tuple[float, float]) -> float:
    """The Euclidean inner product."""
    return p[0] * q[0] + p[1] * q[1]


def mobius_coefficients(xx: float, xy: float, yy: float, c: float) -> tuple[float, float]:
    """The coefficients of `x ⊕ y` over `x` and `y`, from the three inner products."""
    ux, uy = 1 - c * xx, 1 - c * yy
    s = c * (xx + 2 * xy + yy)
    d = ux * uy + s
    return (ux + s) / d, ux / d


def geodesic(p: tuple[float, float], q: tuple[float, float], steps: int = 40) -> list[tuple[float, float]]:
    """Points on the geodesic of the unit ball from `p` to `q`: `p ⊕ (t ⊗ (-p ⊕ q))`."""

    def add(u: tuple[float, float], v: tuple[float, float]) -> tuple[float, float]:
        a, b = mobius_coefficients(dot(u, u), dot(u, v), dot(v, v), 1.0)
        return a * u[0] + b * v[0], a * u[1] + b * v[1]

    direction = add((-p[0], -p[1]), q)
    norm = math.hypot(*direction)
    scales = (math.tanh(i / steps * math.atanh(norm)) / norm for i in range(steps + 1))
    return [add(p, (k * direction[0], k * direction[1])) for k in scales]


def strip(x: float, y: float, color: str, values: list[float], cell: int = 20) -> str:
    """One row of an activation: a strip of cells whose shade is the absolute value of the feature."""
    cells = (
        f'<rect x="{x + i * cell:g}" y="{y:g}" width="{cell}" height="{cell + 4}" fill="{color}" '
        f'fill-opacity="{0.12 + 0.8 * min(abs(v), 1):.2f}" stroke="#ffffff" stroke-width="1"/>'
        for i, v in enumerate(values)
    )
    return ''.join(cells)


def draw() -> str:
    """The whole picture."""
    xx, xy, yy = dot(X, X), dot(X, Y), dot(Y, Y)
    a, b = mobius_coefficients(xx, xy, yy, CURVATURE)
    total = (a * X[0] + b * Y[0], a * X[1] + b * Y[1])
    body: list[str] = []
    bold = {'font_weight': 'bold'}
    middle = {'text_anchor': 'middle'}
    mono = {'font_family': MONO}

    # Left: the disk, the two points, their Möbius sum, the parallelogram that it stays in the plane of.
    cx, cy, radius = 205, 258, 160
    body.append(text(32, 46, '1  One pass: inner products', 20, **bold))
    body.append(f'<circle cx="{cx}" cy="{cy}" r="{radius}" fill="#f6f8fb" stroke="{GREY}" stroke-width="1.5"/>')
    for k in range(6):  # geodesics through the centre and around it, only to show that this is not the flat disk
        turn = k * math.pi / 3
        ends = [(0.9999 * math.cos(turn + w), 0.9999 * math.sin(turn + w)) for w in (0.62, -0.62)]
        path = ' '.join(f'{cx + radius * u:.1f},{cy - radius * v:.1f}' for u, v in geodesic(*ends))
        body.append(f'<polyline points="{path}" fill="none" stroke="{LINE}" stroke-width="1.2"/>')
    curve = ' '.join(f'{cx + radius * u:.1f},{cy - radius * v:.1f}' for u, v in geodesic(X, total))
    body.append(f'<polyline points="{curve}" fill="none" stroke="{PURPLE}" stroke-width="2" stroke-dasharray="5 4"/>')
    for point, color in ((X, BLUE), (Y, RED), (total, PURPLE)):
        body.append(arrow(cx, cy, cx + radius * point[0], cy - radius * point[1], color))
    body.append(f'<circle cx="{cx}" cy="{cy}" r="3.5" fill="{INK}"/>')
    body.append(text(cx + radius * X[0] + 8, cy - radius * X[1] + 16, 'x', 20, BLUE, **bold))
    body.append(text(cx + radius * Y[0] - 24, cy - radius * Y[1] + 2, 'y', 20, RED, **bold))
    body.append(text(cx + radius * total[0] + 8, cy - radius * total[1] - 6, 'x ⊕ y', 20, PURPLE, **bold))
    body.append(text(cx, 448, 'x ⊕ y stays in the span of x and y', 16, GREY, **middle))

    # Middle: the Gram matrix and the scalar program.
    left = 445
    body.append(text(left, 46, '2  Per row: a few scalars', 20, **bold))
    cells = (('⟨x,x⟩', xx, BLUE), ('⟨x,y⟩', xy, INK), ('⟨y,x⟩', xy, INK), ('⟨y,y⟩', yy, RED))
    for i, (name, value, color) in enumerate(cells):
        px, py = left + 30 + 125 * (i % 2), 76 + 74 * (i // 2)
        body.append(
            f'<rect x="{px}" y="{py}" width="119" height="68" rx="5" fill="{color}" fill-opacity="0.09" '
            f'stroke="{color}" stroke-opacity="0.5"/>'
        )
        body.append(text(px + 59.5, py + 29, name, 19, color, **middle))
        body.append(text(px + 59.5, py + 54, f'{value:.2f}'.replace('-', '−'), 16, GREY, **middle, **mono))
    body.append(text(left + 152, 250, 'Gram matrix, no [B, N, D] tensor', 16, GREY, **middle))
    program = (
        f's = c‖x+y‖²       = {CURVATURE * (xx + 2 * xy + yy):.2f}',
        f'D = u_x·u_y + s   = {(1 - xx) * (1 - yy) + xx + 2 * xy + yy:.2f}',
        f'a = (u_x + s)/D   = {a:.2f}',
        f'b = u_x/D         = {b:.2f}',
    )
    body.append(f'<rect x="{left}" y="272" width="304" height="136" rx="6" fill="#f6f8fb" stroke="{LINE}"/>')
    for i, line in enumerate(program):
        body.append(text(left + 18, 302 + 29 * i, line, 17, xml__space='preserve', **mono))
    body.append(text(left + 152, 448, 'u = 1 − c‖·‖² is carried along', 16, GREY, **middle))

    # Right: the linear combination.
    left = 830
    body.append(text(left, 46, '3  One pass: combination', 20, **bold))
    wave = [(math.sin(1.7 * i + 0.4), math.cos(2.3 * i + 1.1)) for i in range(12)]
    rows = (
        (96, f'a = {a:.2f}  ×', BLUE, 'x', [u for u, _ in wave]),
        (160, f'b = {b:.2f}  ×', RED, 'y', [v for _, v in wave]),
        (262, '', PURPLE, 'x ⊕ y', [a * u + b * v for u, v in wave]),
    )
    for y, factor, color, name, values in rows:
        body.append(text(left, y + 18, factor, 17, INK, xml__space='preserve'))
        body.append(strip(left + 100, y, color, values, 16))
        if name != 'x ⊕ y':
            body.append(text(left + 304, y + 18, name, 20, color, **bold))
    body.append(text(left + 196, 150, '+', 20, INK, **bold, **middle))
    body.append(arrow(left + 196, 198, left + 196, 250, GREY, 2))
    body.append(text(left + 196, 312, 'x ⊕ y', 20, PURPLE, **bold, **middle))
    body.append(text(left + 196, 338, 'the only new [B, N, D] tensor', 16, GREY, **middle))
    for i, line in enumerate(('A layer chains many ⊕: only step 2', 'grows, and its numbers are [B, N, 1]')):
        body.append(text(left + 160, 424 + 24 * i, line, 16, GREY, **middle))

    body += [arrow(384, 240, 430, 240, GREY, 3), arrow(766, 240, 812, 240, GREY, 3)]
    alternative = (
        'Left: two points x and y of the Poincaré disk and their Möbius sum. Middle: their Gram matrix and the scalar '
        'program that turns it into two coefficients a and b. Right: the sum as the linear combination a x + b y.'
    )
    return document(WIDTH, HEIGHT, 'A Möbius expression is a linear combination', alternative, body)


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--output', type=Path, default=Path(__file__).parent, metavar='DIR')
    file = parser.parse_args().output / 'idea.svg'
    file.write_text(draw(), encoding='utf-8')
    print(file)


if __name__ == '__main__':
    main()

"""Draws the pictures of the mathematics: `python docs/make_geometry_figures.py`.

Every point is computed by the package, in float64. A test holds that `docs/geometry-*.svg` are what this program
writes.
"""

import argparse
import math
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from drawing import BLUE, GREEN, GREY, INK, LINE, PURPLE, RED, circle, document, line, text
from torch import Tensor

from timm_hyperbolic.geometry import ball_to_lorentz, exp0, log0, midpoint, mobius_add, mobius_scale
from timm_hyperbolic.layers import CenteredResidual, OriginResidual, PointResidual

BOLD = {'font_weight': 'bold'}
MIDDLE = {'text_anchor': 'middle'}
HALO = {'stroke': '#ffffff', 'stroke_width': '4', 'paint_order': 'stroke'}


def point(x: float, y: float) -> Tensor:
    """A point of the unit disk."""
    return torch.tensor([x, y], dtype=torch.float64)


def geodesic(p: Tensor, q: Tensor, steps: int = 48) -> Tensor:
    """Points from `p` to `q` at equal distances, `p ⊕ t⊗(-p ⊕ q)`, `[steps + 1, 2]`."""
    t = torch.linspace(0, 1, steps + 1, dtype=torch.float64).unsqueeze(-1)
    return mobius_add(p, mobius_scale(t, mobius_add(-p, q, 1.0).expand(steps + 1, 2), 1.0), 1.0)


class Disk:
    """The unit disk on the card.

    Args:
        x: Of its centre.
        y: Of its centre.
        radius: In the units of the card.
    """

    def __init__(self, x: float, y: float, radius: float) -> None:
        self.x, self.y, self.radius = x, y, radius

    def at(self, p: Iterable[float]) -> tuple[float, float]:
        """Where a point of the disk lies on the card."""
        u, v = (float(t) for t in p)
        return self.x + self.radius * u, self.y - self.radius * v

    def ground(self) -> str:
        """The disk and its origin."""
        return circle(self.x, self.y, self.radius, '#f6f8fb', stroke=GREY, stroke_width=1.5) + self.dot((0, 0), INK, 3)

    def dot(self, p: Iterable[float], color: str, size: float = 5) -> str:
        """A point."""
        return circle(*self.at(p), size, color)

    def curve(self, points: Iterable[Iterable[float]], color: str, width: float = 2, **attributes: object) -> str:
        """A line through points."""
        return line([self.at(p) for p in points], color, width, **attributes)

    def label(self, p: Iterable[float], content: str, color: str, dx: float = 9, dy: float = -9, size: int = 18) -> str:
        """A name beside a point."""
        x, y = self.at(p)
        return text(x + dx, y + dy, content, size, color, **BOLD)


def translation() -> str:
    """Möbius translations of a circle; a geodesic beside a chord; the two sums of two points."""
    left, right = Disk(240, 240, 180), Disk(740, 240, 180)
    body = [
        text(240, 36, 'One circle, translated by p ⊕ ·', 19, **BOLD, **MIDDLE),
        text(740, 36, 'Geodesics, and two sums', 19, **BOLD, **MIDDLE),
        left.ground(),
        right.ground(),
    ]
    turn = torch.linspace(0, 2 * math.pi, 61, dtype=torch.float64)
    ring = exp0(0.24 * torch.stack([turn.cos(), turn.sin()], dim=-1), 1.0)
    body.append(left.curve(ring, INK, 2))
    for k in range(6):
        direction = point(math.cos(k * math.pi / 3 + 0.3), math.sin(k * math.pi / 3 + 0.3))
        body.append(left.curve([point(0, 0), 0.999 * direction], LINE, 1))
        for step, color in zip((1, 2, 3), (BLUE, PURPLE, RED), strict=True):
            p = exp0(0.62 * step * direction, 1.0)
            body += [left.curve(mobius_add(p.expand(61, 2), ring, 1.0), color, 2), left.dot(p, color, 2)]
    body.append(text(240, 450, 'all of one size; steps along a ray of one length', 16, GREY, **MIDDLE))

    x, y = point(0.6, -0.38), point(-0.2, 0.72)
    xy, yx = mobius_add(x, y, 1.0), mobius_add(y, x, 1.0)
    body.append(right.curve([x, y], GREY, 1.5, stroke_dasharray='3 4'))
    path = geodesic(x, y)
    body.append(right.curve(path, GREEN, 2.5))
    body += [right.dot(p, GREEN, 3) for p in path[6:-1:6]]
    for p, start, color in ((xy, x, BLUE), (yx, y, RED)):
        body.append(right.curve(geodesic(start, p), color, 1.5, stroke_dasharray='6 4'))
    for p, name, color, dx, dy in (
        (x, 'x', BLUE, 8, 18),
        (y, 'y', RED, -20, 2),
        (xy, 'x ⊕ y', BLUE, -30, -14),
        (yx, 'y ⊕ x', RED, -28, -15),
    ):
        body += [right.dot(p, color), right.label(p, name, color, dx, dy)]
    body.append(text(740, 450, 'green: equal steps of the geodesic from x to y', 16, GREY, **MIDDLE))
    alternative = (
        'Left: a small circle around the origin of the Poincaré disk and its translates, which look smaller towards '
        'the boundary. Right: the geodesic between two points bends towards the origin; x ⊕ y and y ⊕ x are different '
        'points at the same distance from the origin.'
    )
    return document(980, 480, 'Translations and geodesics of the Poincaré disk', alternative, body)


def residual() -> str:
    """Where each residual takes two points as its gate opens."""
    x, y = point(0.62, -0.12), point(-0.1, 0.62)
    gates = torch.linspace(0, 1.69, 41, dtype=torch.float64).tolist()
    marks = (0.5, 1.0, 1.5)

    def result(layer: torch.nn.Module, gate: float) -> Tensor:
        layer.set_gate(gate)
        with torch.no_grad():
            return exp0(layer(log0(x, 1.0), log0(y, 1.0)), 1.0)

    def centered(s: float) -> torch.nn.Module:
        layer = CenteredResidual(margin=None).double()
        torch.nn.init.constant_(layer.center_logit, math.log(s / (1 - s)))
        return layer

    plain = {'margin': None}
    panels: tuple[tuple[str, str, list[tuple[torch.nn.Module, str, float | None]]], ...] = (
        ('res0: at the origin', 'x ⊕ γ⊗y', [(OriginResidual(**plain).double(), PURPLE, None)]),
        ('resx: at x', 'x ⊕ γ⊗(−x ⊕ y)', [(PointResidual(**plain).double(), PURPLE, None)]),
        (
            'res: about a centre p',
            'p = s⊗x ⊕ (1−s)⊗y',
            [(centered(s), color, s) for s, color in ((0.2, GREEN), (0.5, PURPLE), (0.8, '#a8741a'))],
        ),
    )
    body = []
    for i, (title, formula, curves) in enumerate(panels):
        disk = Disk(185 + 345 * i, 226, 150)
        body += [text(disk.x, 36, title, 19, **BOLD, **MIDDLE), disk.ground()]
        body.append(disk.curve(geodesic(x, y), LINE, 1.5))
        for j, (layer, color, s) in enumerate(curves):
            body.append(disk.curve([result(layer, gate) for gate in gates], color, 2.5))
            body += [disk.dot(result(layer, gate), color, 4 if gate == 1 else 2.6) for gate in marks]
            if s is not None:
                center = mobius_add(mobius_scale(s, x, 1.0), mobius_scale(1 - s, y, 1.0), 1.0)
                body.append(circle(*disk.at(center), 5, '#ffffff', stroke=color, stroke_width=2))
                body.append(line([(disk.x - 134 + 94 * j, 440), (disk.x - 116 + 94 * j, 440)], color, 3))
                body.append(text(disk.x - 111 + 94 * j, 445, f's = {s}', 15, INK))
        body += [disk.dot(x, BLUE), disk.label(x, 'x', BLUE, 9, 6), disk.dot(y, RED), disk.label(y, 'y', RED, -24, 2)]
        body.append(text(disk.x, 410, formula, 17, INK, **MIDDLE))
    body.append(text(357, 445, 'from x (γ = 0); dots at γ = 0.5, 1 (large), 1.5; rings: centres p', 15, GREY, **MIDDLE))
    alternative = (
        'Three Poincaré disks with the same two points x and y, and the path of the residual from x as its gate grows '
        'from 0 to 1.69: at the origin it moves away in the direction of y, at x along the geodesic through y, about a '
        'centre by a path that depends on the centre.'
    )
    return document(1060, 470, 'The three residuals', alternative, body)


def midpoints() -> str:
    """The gyro-midpoint on the disk, and why it is a mean on the hyperboloid."""
    disk = Disk(230, 240, 175)
    corners = torch.stack([point(0.9, 0.1), point(-0.35, 0.55), point(-0.45, -0.5)])
    middle, mean = midpoint(corners, 1.0), corners.mean(0)
    body = [text(230, 36, 'Gyro-midpoint of three points', 19, **BOLD, **MIDDLE), disk.ground()]
    for i in range(3):
        body.append(disk.curve(geodesic(corners[i], corners[(i + 1) % 3]), LINE, 1.5))
        body.append(disk.curve(geodesic(middle, corners[i]), PURPLE, 1.5, stroke_dasharray='5 4'))
    body += [disk.dot(p, BLUE) for p in corners]
    body += [disk.dot(middle, PURPLE, 6), disk.dot(mean, GREY, 4.5)]
    for x, color, name in ((70, PURPLE, 'gyro-midpoint'), (220, GREY, 'mean of the coordinates')):
        body += [circle(x, 445, 5, color), text(x + 12, 450, name, 16)]
    body.append(text(230, 480, 'the weights λ grow towards the boundary', 16, GREY, **MIDDLE))

    # Right: the hyperbola t² = 1 + h² of one dimension, two of its points, their mean and its image in both models.
    scale, left, base = 82, 740, 370

    def at(h: float, t: float) -> tuple[float, float]:
        return left + scale * h, base - scale * t

    body.append(text(left, 36, 'The same mean on the hyperboloid', 19, **BOLD, **MIDDLE))
    body.append(line([at(-2.4, 0), at(2.9, 0)], LINE, 1.5))
    body.append(line([at(0, -1.1), at(0, 3.7)], LINE, 1.5))
    body.append(line([at(h / 10, math.hypot(1, h / 10)) for h in range(-22, 35)], GREY, 2))
    body.append(line([at(-1, 0), at(1, 0)], INK, 4))
    body.append(line([at(-1, 1), at(1, 1)], GREEN, 4))
    p = torch.tensor([[-0.25], [0.72]], dtype=torch.float64)
    h = ball_to_lorentz(p, 1.0).squeeze(-1)
    points = [(float(a), math.hypot(1, float(a))) for a in h]
    mh, mt = (sum(values) / 2 for values in zip(*points, strict=True))
    ball = float(midpoint(p, 1.0))
    body.append(line([at(*points[0]), at(*points[1])], BLUE, 1.5, stroke_dasharray='5 4'))
    body += [circle(*at(*q), 5, BLUE) for q in points]
    body.append(line([at(0, 0), at(mh, mt)], PURPLE, 1.5))
    body.append(line([at(0, -1), at(*_on_hyperbola(mh, mt))], PURPLE, 1.5, stroke_dasharray='5 4'))
    body += [circle(*at(*q), 5, PURPLE) for q in ((mh, mt), _on_hyperbola(mh, mt), (ball, 0))]
    body.append(circle(*at(mh / mt, 1), 5, GREEN))
    body += [circle(*at(0, -1), 3.5, INK), circle(*at(0, 0), 3.5, INK)]
    for (px, py), content, color, dx, dy in (
        (at(mh, mt), 'mean (H, T)', PURPLE, -96, -8),
        (at(1, 1), 'Klein: H/T', GREEN, 10, 6),
        (at(1, 0), 'Poincaré: ½ ⊗ H/T', INK, 10, -8),
        (at(*points[0]), '(λv, λ−1)', BLUE, -122, 17),
        (at(0, 3.7), 't', GREY, 8, 12),
        (at(2.9, 0), 'h', GREY, -6, 22),
        (at(0, -1), '−1', GREY, -28, 6),
    ):
        body.append(text(px + dx, py + dy, content, 16, color, **HALO))
    body.append(text(left, 490, 'seen from 0 a Klein point, seen from −1 a Poincaré point', 16, GREY, **MIDDLE))
    alternative = (
        'Left: three points of the Poincaré disk, their gyro-midpoint, and the mean of their coordinates, which lies '
        'elsewhere. Right: two points of a hyperbola, their mean (H, T), its central projection H/T to the Klein '
        'model, and the Poincaré point half as far from the origin.'
    )
    return document(1040, 515, 'The gyro-midpoint', alternative, body)


def _on_hyperbola(h: float, t: float) -> tuple[float, float]:
    length = math.sqrt(t**2 - h**2)
    return h / length, t / length


def margin() -> str:
    """Lengths of tangent vectors and where they end on the disk; the complement by length, and where it is lost."""
    disk = Disk(230, 240, 175)
    body = [text(230, 36, 'exp0 of lengths 0.5, 1, … 4', 19, **BOLD, **MIDDLE), disk.ground()]
    for k in range(1, 9):
        body.append(
            circle(disk.x, disk.y, disk.radius * math.tanh(k / 2), stroke=BLUE, stroke_width=1, stroke_opacity=0.8)
        )
    for t, color in ((0.96, RED), (0.985, PURPLE)):
        body.append(circle(disk.x, disk.y, disk.radius * t, stroke=color, stroke_width=2))
    body += [
        line([(120, 450), (142, 450)], RED, 3),
        text(148, 455, 't = 0.96', 15),
        line([(240, 450), (262, 450)], PURPLE, 3),
        text(268, 455, 't = 0.985', 15),
    ]

    left, top, width, height, longest = 560, 66, 430, 350, 20.0

    def at(length: float, exponent: float) -> tuple[float, float]:
        return left + width * length / longest, top + height * (-exponent) / 18

    def complement(length: float) -> float:
        return -2 * math.log10(math.cosh(length))

    body.append(text(left + width / 2, 36, 'u = 1 − c‖p‖² = sech²(√c‖v‖)', 19, **BOLD, **MIDDLE))
    for exponent in range(0, -19, -3):
        body.append(line([at(0, exponent), at(longest, exponent)], LINE, 1))
        x, y = at(0, exponent)
        label = '1' if exponent == 0 else f'1e−{-exponent}'
        body.append(text(x - 10, y + 5, label, 15, GREY, text_anchor='end'))
    for length in range(0, 21, 5):
        x, y = at(length, -18)
        body.append(text(x, y + 22, str(length), 15, GREY, **MIDDLE))
    body.append(text(left + width / 2, top + height + 48, 'length √c‖v‖ of the tangent vector', 16, GREY, **MIDDLE))
    # Half the distance of 1 from the number below it: what is nearer to 1 is rounded to it.
    for eps, name, x, anchor in ((2.0**-25, 'float32', left + width, 'end'), (2.0**-54, 'float64', left, 'start')):
        lost = math.acosh(eps**-0.5)
        y = at(0, math.log10(eps))[1]
        body.append(line([(left, y), (left + width, y)], RED, 1.5, stroke_dasharray='6 4'))
        body.append(text(x, y - 7, f'1 − ‖p‖² in {name} is 0 below', 15, RED, text_anchor=anchor))
        body.append(circle(*at(lost, math.log10(eps)), 4, RED))
    body.append(line([at(k / 4, complement(k / 4)) for k in range(81)], INK, 2.5))
    clip = math.atanh(0.985)
    x, y = at(clip, complement(clip))
    body += [circle(x, y, 5, PURPLE), text(x + 12, y + 2, f'the margin 0.985: length {clip:.2f}', 15, PURPLE)]
    alternative = (
        'Left: circles of the Poincaré disk at equal steps of the length crowd at its boundary; the margins 0.96 and '
        '0.985 are drawn. Right: the complement u falls exponentially with the length. The margin lies at 2.44; '
        'float32 rounds 1 − ‖p‖² to zero from a length of 9, float64 from 19.'
    )
    return document(1040, 480, 'The margin and the complement', alternative, body)


FIGURES: dict[str, Callable[[], str]] = {
    'translation': translation,
    'residual': residual,
    'midpoint': midpoints,
    'margin': margin,
}


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--output', type=Path, default=Path(__file__).parent, metavar='DIR')
    folder = parser.parse_args().output
    for name, draw in FIGURES.items():
        file = folder / f'geometry-{name}.svg'
        file.write_text(draw(), encoding='utf-8')
        print(file)


if __name__ == '__main__':
    main()

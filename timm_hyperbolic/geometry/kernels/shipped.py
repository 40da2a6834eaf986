"""The kernels that the package ships in `printed/`."""

from __future__ import annotations

import torch

from .. import formulas
from ..radial import RADIAL
from . import linear
from .attention import distance_program, midpoint_program, point_program
from .fully_connected import fully_connected_program, plane_program, steep_distance_program
from .library import PRINTED
from .logits import feature_program, logit_program, prototype_program
from .printing import source
from .radial import radial_program
from .two_vectors import row_program

__all__ = ['renew', 'sources', 'stale']

_TWO_VECTORS = (
    formulas.centered_residual,
    formulas.origin_residual,
    formulas.point_residual,
    formulas.positional_sum,
)


def sources() -> dict[str, str]:
    """The text of every kernel by the name of its file, printed now."""
    programs = [(row_program(formula), 'two_vectors') for formula in _TWO_VECTORS]
    programs += [(linear.row_program(), 'linear')]
    programs += [(p(), 'point') for p in (point_program, feature_program, prototype_program)]
    programs += [(midpoint_program(), 'midpoint'), (logit_program(), 'prototype_logit')]
    programs += [(distance_program(dtype), 'squared_distance') for dtype in (torch.float32, torch.float64)]
    printed = {
        f'{row.name}_{device}.py': source(row, f'{passes}_{device}')
        for row, passes in programs
        for device in ('cpu', 'gpu')
    }
    # On a GPU the compiler of torch makes one pass of these.
    on_cpu = [(plane_program(), 'hyperplane_cpu'), *((radial_program(name), 'radial_cpu') for name in RADIAL)]
    for dtype in (torch.float32, torch.float64):
        on_cpu += [(p(dtype), 'fully_connected_cpu') for p in (fully_connected_program, steep_distance_program)]
    return printed | {f'{row.name}_cpu.py': source(row, passes) for row, passes in on_cpu}


def stale() -> list[str]:
    """Names of files in `printed/` that are not what would be printed now, missing and superfluous ones among them."""
    there = {path.name: path.read_text(encoding='utf-8') for path in PRINTED.glob('*.py') if path.name != '__init__.py'}
    now = sources()
    return sorted(name for name in there.keys() | now.keys() if there.get(name) != now.get(name))


def renew() -> list[str]:
    """Write `printed/` anew; returns the names of the files that changed."""
    changed, now = stale(), sources()
    for name in changed:
        path = PRINTED / name
        if name in now:
            path.write_text(now[name], encoding='utf-8')
        else:
            path.unlink()
    return changed

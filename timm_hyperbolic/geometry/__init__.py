"""Hyperbolic geometry on tensors; knows torch only.

One convention everywhere, in code, messages and checkpoints: `curvature` (short `c`) is the magnitude `c >= 0` of the
sectional curvature `-c`. The Poincaré ball has radius `1/√c`; `c = 0` is Euclidean space, reached without a branch.

- `analytic`: the hyperbolic functions of a squared argument, by which everything else is written.
- `gyrovector`: `Frame`, `Tangent`, `Gyrovector`, on which the layers read like their formulas.
- `limits`: the clip of a layer.
- `plane`, with `rows`: expressions of two vectors, as gyrovectors or as one fused node.
- `midpoint`, `pairwise`: what attention and head need from matrix products.
- `linear_map`, with `linear_rows`: the linear layer, as gyrovectors or as one fused node.
- `attention`: softmax attention by distance.
- `fused`: the switch between definitions and fused operations.
- `ball`: the same operations on plain tensors.
- `spaces`: conversions and distances in the Lorentz and Klein models.
"""

from .analytic import arsinh2, arsinhc, artanhc, sech2, shrink, tanhc
from .ball import distance, exp0, log0, midpoint, mobius_add, mobius_matvec, mobius_scale, tangent_distance
from .fused import compile_once, is_fused, set_fused
from .gyrovector import Frame, Gyrovector, Tangent, dot, widen
from .limits import Limits
from .linear_map import mobius_linear
from .midpoint import midpoint_log0
from .pairwise import pairwise_squared_distance
from .plane import PlaneExpression, plane_expression
from .rows import CenteredRows, OriginRows, PointRows, SumRows
from .spaces import (
    ball_to_klein,
    ball_to_lorentz,
    klein_distance,
    klein_to_ball,
    klein_to_lorentz,
    lorentz_distance,
    lorentz_time,
    lorentz_to_ball,
    lorentz_to_klein,
)

__all__ = [
    'CenteredRows',
    'Frame',
    'Gyrovector',
    'Limits',
    'OriginRows',
    'PlaneExpression',
    'PointRows',
    'SumRows',
    'Tangent',
    'arsinh2',
    'arsinhc',
    'artanhc',
    'ball_to_klein',
    'ball_to_lorentz',
    'compile_once',
    'distance',
    'dot',
    'exp0',
    'is_fused',
    'klein_distance',
    'klein_to_ball',
    'klein_to_lorentz',
    'log0',
    'lorentz_distance',
    'lorentz_time',
    'lorentz_to_ball',
    'lorentz_to_klein',
    'midpoint',
    'midpoint_log0',
    'mobius_add',
    'mobius_linear',
    'mobius_matvec',
    'mobius_scale',
    'pairwise_squared_distance',
    'plane_expression',
    'sech2',
    'set_fused',
    'shrink',
    'tangent_distance',
    'tanhc',
    'widen',
]

"""Hyperbolic geometry on tensors; knows torch only.

One convention everywhere, in code, messages and checkpoints: `curvature` (short `c`) is the magnitude `c >= 0` of the
sectional curvature `-c`. The Poincaré ball has radius `1/√c`; `c = 0` is Euclidean space, reached without a branch.

- `analytic`: the hyperbolic functions of a squared argument, by which everything else is written.
- `gyrovector`: `Frame`, `Tangent`, `Gyrovector`, on which the layers read like their formulas.
- `limits`: the clip of a layer.
- `midpoint`, `pairwise`: what attention and head need from matrix products.
- `formulas`: the formula of every layer; `ops`: what runs it, a kernel or the definition; `kernels`: how they are made.
- `attention`: softmax attention by distance.
- `ball`: the same operations on plain tensors.
- `models`: Lorentz, Klein, hemisphere and half-space beside the ball: conversions, distances, means.
- `cones`: entailment cones.
- `lorentz`: the Lorentz model for training on many points.
"""

from .analytic import arsinh2, arsinhc, artanhc, sech2, tanhc
from .ball import distance, exp0, log0, midpoint, mobius_add, mobius_matvec, mobius_scale, tangent_distance
from .cones import (
    cone_energy,
    exterior_angle,
    half_aperture,
    lorentz_cone_energy,
    lorentz_cone_energy_of_rows,
    lorentz_exterior_angle,
    lorentz_half_aperture,
)
from .formulas import (
    TwoVectorFormula,
    centered_residual,
    origin_residual,
    point_residual,
    positional_sum,
    residual_gate,
    two_vectors,
)
from .gyrovector import Frame, Gyrovector, Matrix, Tangent, dot, widen
from .hyperplane import hyperplane_distance, point_of_distances
from .limits import Limits
from .lorentz import lorentz_exp0, lorentz_growth, lorentz_log0, lorentz_pairwise_distance
from .midpoint import midpoint_log0
from .models import (
    MODELS,
    SpaceModel,
    ball_to_klein,
    ball_to_lorentz,
    convert,
    einstein_midpoint,
    half_space_distance,
    half_space_midpoint,
    half_space_to_lorentz,
    hemisphere_distance,
    hemisphere_midpoint,
    hemisphere_to_lorentz,
    klein_distance,
    klein_to_ball,
    klein_to_lorentz,
    lorentz_centroid,
    lorentz_distance,
    lorentz_time,
    lorentz_to_ball,
    lorentz_to_half_space,
    lorentz_to_hemisphere,
    lorentz_to_klein,
)
from .ops import explain, kernels
from .pairwise import pairwise_squared_distance

__all__ = [
    'MODELS',
    'Frame',
    'Gyrovector',
    'Limits',
    'Matrix',
    'SpaceModel',
    'Tangent',
    'TwoVectorFormula',
    'arsinh2',
    'arsinhc',
    'artanhc',
    'ball_to_klein',
    'ball_to_lorentz',
    'centered_residual',
    'cone_energy',
    'convert',
    'distance',
    'dot',
    'einstein_midpoint',
    'exp0',
    'explain',
    'exterior_angle',
    'half_aperture',
    'half_space_distance',
    'half_space_midpoint',
    'half_space_to_lorentz',
    'hemisphere_distance',
    'hemisphere_midpoint',
    'hemisphere_to_lorentz',
    'hyperplane_distance',
    'kernels',
    'klein_distance',
    'klein_to_ball',
    'klein_to_lorentz',
    'log0',
    'lorentz_centroid',
    'lorentz_cone_energy',
    'lorentz_cone_energy_of_rows',
    'lorentz_distance',
    'lorentz_exp0',
    'lorentz_exterior_angle',
    'lorentz_growth',
    'lorentz_half_aperture',
    'lorentz_log0',
    'lorentz_pairwise_distance',
    'lorentz_time',
    'lorentz_to_ball',
    'lorentz_to_half_space',
    'lorentz_to_hemisphere',
    'lorentz_to_klein',
    'midpoint',
    'midpoint_log0',
    'mobius_add',
    'mobius_matvec',
    'mobius_scale',
    'origin_residual',
    'pairwise_squared_distance',
    'point_of_distances',
    'point_residual',
    'positional_sum',
    'residual_gate',
    'sech2',
    'tangent_distance',
    'tanhc',
    'two_vectors',
    'widen',
]

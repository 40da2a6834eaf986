"""Measurements on trained models: curvatures, gates, clipped tokens, norms, features, predictions.

`figures`, `page` and `report_sections` need the extra `report` and are not imported here.
"""

from .curvatures import curvature_ratios
from .delta import DeltaDraws, gaussian_like, gromov_delta, relative_delta, relative_deltas, suggested_curvature
from .gates import named_gates
from .margin import clip_ratios, margin_shares, row_lengths
from .norms import OriginDistances, origin_distances
from .space_models import ModelPrecision, largest_safe_radius, measure_models
from .tracking import track

__all__ = [
    'DeltaDraws',
    'ModelPrecision',
    'OriginDistances',
    'clip_ratios',
    'curvature_ratios',
    'gaussian_like',
    'gromov_delta',
    'largest_safe_radius',
    'margin_shares',
    'measure_models',
    'named_gates',
    'origin_distances',
    'relative_delta',
    'relative_deltas',
    'row_lengths',
    'suggested_curvature',
    'track',
]

"""What a model looks like from the outside: its curvatures, gates, how much of it lies at the margin, its features.

`figures`, `page` and `report_sections` need the extra `report` and are imported by whoever draws.
"""

from .delta import DeltaDraws, gaussian_like, gromov_delta, relative_delta, relative_deltas
from .gates import named_gates
from .margin import margin_shares, row_lengths
from .norms import OriginDistances, origin_distances
from .tracking import track

__all__ = [
    'DeltaDraws',
    'OriginDistances',
    'gaussian_like',
    'gromov_delta',
    'margin_shares',
    'named_gates',
    'origin_distances',
    'relative_delta',
    'relative_deltas',
    'row_lengths',
    'track',
]

"""What a model looks like from the outside: its curvatures, gates, and how much of it lies at the margin."""

from .gates import named_gates
from .margin import margin_shares
from .tracking import track

__all__ = ['margin_shares', 'named_gates', 'track']

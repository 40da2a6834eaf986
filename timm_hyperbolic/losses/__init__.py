"""Losses for any timm model: on its features, and on what a basin head computes."""

from .basin import BasinLoss
from .pairwise import PairwiseCrossEntropy
from .tree_correlation import TreeCorrelation

__all__ = ['BasinLoss', 'PairwiseCrossEntropy', 'TreeCorrelation']

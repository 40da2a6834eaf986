"""Losses for any timm model: on its features, on what a basin head computes, and of images with texts."""

from .basin import BasinLoss
from .contrastive import CompositionalEntailmentLoss, HyperbolicContrastiveLoss
from .pairwise import PairwiseCrossEntropy
from .tree_correlation import TreeCorrelation

__all__ = [
    'BasinLoss',
    'CompositionalEntailmentLoss',
    'HyperbolicContrastiveLoss',
    'PairwiseCrossEntropy',
    'TreeCorrelation',
]

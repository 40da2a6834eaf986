"""Optimization of models that are partly on a manifold. Importing it registers `hypadamw` and `hypsgd` with timm."""

from .adamw import HyperbolicAdamW
from .base import CURVATURE_BOUNDS, HyperbolicOptimizer
from .groups import manifold_parameters
from .register import RIEMANNIAN
from .sgd import HyperbolicSGD

__all__ = [
    'CURVATURE_BOUNDS',
    'RIEMANNIAN',
    'HyperbolicAdamW',
    'HyperbolicOptimizer',
    'HyperbolicSGD',
    'manifold_parameters',
]

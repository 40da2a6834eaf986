"""Optimization of models that are partly on a manifold. Importing it registers `hypadamw` and `hypsgd` with timm."""

from .adamw import HyperbolicAdamW
from .base import CURVATURE_BOUNDS, HyperbolicOptimizer
from .clip import CLIP_MODES, MANIFOLD_NORMS, GradientClip, GradientNorms, gradient_norm, riemannian_norm
from .groups import apply_lr_scale, learning_rate, manifold_parameters
from .register import RIEMANNIAN
from .scales import param_groups_lr_scale
from .sgd import HyperbolicSGD

__all__ = [
    'CLIP_MODES',
    'CURVATURE_BOUNDS',
    'MANIFOLD_NORMS',
    'RIEMANNIAN',
    'GradientClip',
    'GradientNorms',
    'HyperbolicAdamW',
    'HyperbolicOptimizer',
    'HyperbolicSGD',
    'apply_lr_scale',
    'gradient_norm',
    'learning_rate',
    'manifold_parameters',
    'param_groups_lr_scale',
    'riemannian_norm',
]

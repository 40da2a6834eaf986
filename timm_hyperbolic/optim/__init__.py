"""Optimization of models that are partly on a manifold. Importing it registers `hypadamw` and `hypsgd` with timm."""

from typing import TYPE_CHECKING

from ..lazy import imported_on_use
from . import register  # noqa: F401  registers the optimizers with timm

if TYPE_CHECKING:
    from .adamw import HyperbolicAdamW
    from .base import HyperbolicOptimizer
    from .clip import GradientClip, GradientNorms, gradient_norm, riemannian_norm
    from .groups import apply_lr_scale, learning_rate, manifold_parameters
    from .scales import param_groups_lr_scale
    from .sgd import HyperbolicSGD

__all__ = [
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

# They need geoopt, whose import takes about half a second.
__getattr__ = imported_on_use(
    __name__,
    {
        'GradientClip': 'clip',
        'GradientNorms': 'clip',
        'HyperbolicAdamW': 'adamw',
        'HyperbolicOptimizer': 'base',
        'HyperbolicSGD': 'sgd',
        'apply_lr_scale': 'groups',
        'gradient_norm': 'clip',
        'learning_rate': 'groups',
        'manifold_parameters': 'groups',
        'param_groups_lr_scale': 'scales',
        'riemannian_norm': 'clip',
    },
)

"""Optimization of models that are partly on a manifold."""

from .factory import JointOptimizer, create_optimizer
from .groups import euclidean_groups, manifold_parameters

__all__ = ['JointOptimizer', 'create_optimizer', 'euclidean_groups', 'manifold_parameters']

"""Conversion of Euclidean timm models to hyperbolic ones, with their weights."""

from .hyperbolize import hyperbolize
from .hyperbolized import hyperbolized
from .plan import Obstacle, Plan, Swap

__all__ = ['Obstacle', 'Plan', 'Swap', 'hyperbolize', 'hyperbolized']

"""Measures of a trained model: calibration, and its mistakes against a tree of the classes."""

from .hierarchy import hierarchy_metrics

__all__ = ['hierarchy_metrics']

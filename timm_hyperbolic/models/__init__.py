"""Models, registered with timm."""

from .checkpoint import checkpoint_filter_fn
from .convert import Plan, hyperbolize
from .options import MODULES
from .vit_hyp import HyperbolicBlock, HyperbolicVisionTransformer

__all__ = [
    'MODULES',
    'HyperbolicBlock',
    'HyperbolicVisionTransformer',
    'Plan',
    'checkpoint_filter_fn',
    'hyperbolize',
]

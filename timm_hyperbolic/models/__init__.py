"""Models, registered with timm."""

from .checkpoint import checkpoint_filter_fn
from .options import MODULES
from .vit_hyp import HyperbolicBlock, HyperbolicVisionTransformer

__all__ = ['MODULES', 'HyperbolicBlock', 'HyperbolicVisionTransformer', 'checkpoint_filter_fn']

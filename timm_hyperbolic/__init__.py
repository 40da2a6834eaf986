"""Hyperbolic Vision Transformers as ordinary timm models.

Importing this package registers its models and optimizers with timm:

    import timm, timm_hyperbolic

    model = timm.create_model('vit_tiny_patch4_hyp_res')
"""

from .layers import named_curvatures
from .models import HyperbolicVisionTransformer, attach_head, checkpoint_filter_fn, hyperbolize
from .optim import HyperbolicAdamW, HyperbolicSGD
from .version import __version__

__all__ = [
    'HyperbolicAdamW',
    'HyperbolicSGD',
    'HyperbolicVisionTransformer',
    '__version__',
    'attach_head',
    'checkpoint_filter_fn',
    'hyperbolize',
    'named_curvatures',
]

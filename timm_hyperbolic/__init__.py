"""Hyperbolic Vision Transformers as ordinary timm models.

Importing this package registers its models and optimizers with timm:

    import timm, timm_hyperbolic

    model = timm.create_model('vit_tiny_patch4_hyp_res')
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .lazy import imported_on_use
from .version import __version__

if TYPE_CHECKING:
    from .layers import named_curvatures
    from .models import HyperbolicVisionTransformer, attach_head, checkpoint_filter_fn, hyperbolize
    from .optim import HyperbolicAdamW, HyperbolicSGD

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

__getattr__ = imported_on_use(
    __name__,
    {
        'HyperbolicAdamW': 'optim',
        'HyperbolicSGD': 'optim',
        'HyperbolicVisionTransformer': 'models',
        'attach_head': 'models',
        'checkpoint_filter_fn': 'models',
        'hyperbolize': 'models',
        'named_curvatures': 'layers',
    },
)

# Our own commands read their options before they import torch and timm, which takes seconds, so that `--help` is fast.
# Each command imports models and optimizers when it needs them. In all other programs the import registers them.
if not sys.argv or Path(sys.argv[0]).stem not in ('timm-hyperbolic', 'train_hyp'):
    from . import layers, models, optim  # noqa: F401

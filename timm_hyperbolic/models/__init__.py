"""Hyperbolic models, registered with timm, and the conversion of timm's own models."""

from .blocks import HyperbolicBlock
from .checkpoint import checkpoint_filter_fn
from .convert import Plan, hyperbolize
from .head_options import HEADS
from .hyp_classifier import attach_head
from .hyp_clip import HypClip
from .hyp_convnet import HyperbolicResNet, LeNet
from .hyp_segmenter import HyperbolicSegmenter
from .options import MODULES
from .vit_hyp import HyperbolicVisionTransformer

__all__ = [
    'HEADS',
    'MODULES',
    'HypClip',
    'HyperbolicBlock',
    'HyperbolicResNet',
    'HyperbolicSegmenter',
    'HyperbolicVisionTransformer',
    'LeNet',
    'Plan',
    'attach_head',
    'checkpoint_filter_fn',
    'hyperbolize',
]

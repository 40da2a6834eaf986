"""Hyperbolic layers that replace timm's.

Layers named `Hyperbolic...` act on tangent vectors at the origin, so that they can be mixed with Euclidean layers
freely. Layers named `Hyp...`, of convolutional networks, take and return points; see `PointModule`.
"""

from typing import TYPE_CHECKING

from ..lazy import imported_on_use
from .attention import Centroids, HyperbolicAttention
from .basin import BasinHead, BasinScores
from .batch_norm import HypBatchNorm2d
from .classifier import ProjectedHead
from .config import HyperbolicConfig
from .curvature import Curvature, inverse_softplus, is_curvature, named_curvatures
from .fully_connected import HypConv2d, HypLinear, HypMLR
from .gated import Gated
from .head import HyperbolicHead
from .hierarchical_softmax import HierarchicalSoftmax
from .image_text import ImageTextSpace
from .linear import HyperbolicLinear
from .maps import HypAvgPool2d, HypExp0, HypFlatten, HypGlobalPool, HypMaxPool2d, HypReLU
from .mlp import HyperbolicMlp
from .mlr import HyperbolicMLR
from .mlr2d import HyperbolicMLR2d
from .module import HyperbolicModule
from .point_module import MODES, PointModule
from .pos_embed import HyperbolicPosEmbed
from .residual import Add, CenteredResidual, OriginResidual, PointResidual
from .softmax2d import HierarchicalSoftmax2d
from .staircase import CantorStaircase
from .tree_head import TreeHead

if TYPE_CHECKING:
    from .manifold import LayerBall, manifold_parameter

__all__ = [
    'MODES',
    'Add',
    'BasinHead',
    'BasinScores',
    'CantorStaircase',
    'CenteredResidual',
    'Centroids',
    'Curvature',
    'Gated',
    'HierarchicalSoftmax',
    'HierarchicalSoftmax2d',
    'HypAvgPool2d',
    'HypBatchNorm2d',
    'HypConv2d',
    'HypExp0',
    'HypFlatten',
    'HypGlobalPool',
    'HypLinear',
    'HypMLR',
    'HypMaxPool2d',
    'HypReLU',
    'HyperbolicAttention',
    'HyperbolicConfig',
    'HyperbolicHead',
    'HyperbolicLinear',
    'HyperbolicMLR',
    'HyperbolicMLR2d',
    'HyperbolicMlp',
    'HyperbolicModule',
    'HyperbolicPosEmbed',
    'ImageTextSpace',
    'LayerBall',
    'OriginResidual',
    'PointModule',
    'PointResidual',
    'ProjectedHead',
    'TreeHead',
    'inverse_softplus',
    'is_curvature',
    'manifold_parameter',
    'named_curvatures',
]

# They need geoopt, whose import takes about half a second.
__getattr__ = imported_on_use(__name__, {'LayerBall': 'manifold', 'manifold_parameter': 'manifold'})

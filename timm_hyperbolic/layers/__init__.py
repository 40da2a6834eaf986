"""Hyperbolic layers that replace timm's. All act on tangent vectors at the origin, so that they can be mixed with
Euclidean layers freely."""

from typing import TYPE_CHECKING

from ..lazy import imported_on_use
from .attention import Centroids, HyperbolicAttention
from .basin import BasinHead, BasinScores
from .classifier import ProjectedHead
from .config import HyperbolicConfig
from .curvature import Curvature, inverse_softplus, is_curvature, named_curvatures
from .gated import Gated
from .head import HyperbolicHead
from .hierarchical_softmax import HierarchicalSoftmax
from .linear import HyperbolicLinear
from .mlp import HyperbolicMlp
from .mlr import HyperbolicMLR
from .module import HyperbolicModule
from .pos_embed import HyperbolicPosEmbed
from .residual import Add, CenteredResidual, OriginResidual, PointResidual
from .staircase import CantorStaircase
from .tree_head import TreeHead

if TYPE_CHECKING:
    from .manifold import LayerBall, manifold_parameter

__all__ = [
    'Add',
    'BasinHead',
    'BasinScores',
    'CantorStaircase',
    'CenteredResidual',
    'Centroids',
    'Curvature',
    'Gated',
    'HierarchicalSoftmax',
    'HyperbolicAttention',
    'HyperbolicConfig',
    'HyperbolicHead',
    'HyperbolicLinear',
    'HyperbolicMLR',
    'HyperbolicMlp',
    'HyperbolicModule',
    'HyperbolicPosEmbed',
    'LayerBall',
    'OriginResidual',
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

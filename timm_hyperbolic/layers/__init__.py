"""Hyperbolic layers that replace timm's. All act on tangent vectors at the origin, so that they can be mixed with
Euclidean layers freely."""

from typing import TYPE_CHECKING

from ..lazy import imported_on_use
from .attention import Centroids, HyperbolicAttention
from .config import HyperbolicConfig
from .curvature import Curvature, inverse_softplus, is_curvature, named_curvatures
from .gated import Gated
from .head import HyperbolicHead
from .linear import HyperbolicLinear
from .mlp import HyperbolicMlp
from .module import HyperbolicModule
from .pos_embed import HyperbolicPosEmbed
from .residual import Add, CenteredResidual, OriginResidual, PointResidual

if TYPE_CHECKING:
    from .manifold import LayerBall, manifold_parameter

__all__ = [
    'Add',
    'CenteredResidual',
    'Centroids',
    'Curvature',
    'Gated',
    'HyperbolicAttention',
    'HyperbolicConfig',
    'HyperbolicHead',
    'HyperbolicLinear',
    'HyperbolicMlp',
    'HyperbolicModule',
    'HyperbolicPosEmbed',
    'LayerBall',
    'OriginResidual',
    'PointResidual',
    'inverse_softplus',
    'is_curvature',
    'manifold_parameter',
    'named_curvatures',
]

# They need geoopt, whose import takes about half a second.
__getattr__ = imported_on_use(__name__, {'LayerBall': 'manifold', 'manifold_parameter': 'manifold'})

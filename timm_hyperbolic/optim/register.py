"""The optimizers in timm's registry: `--opt hypadamw`, `timm.optim.create_optimizer_v2(model, 'hypadamw')`."""

from __future__ import annotations

from timm.optim import OptimInfo

# timm offers no public way to add one.
from timm.optim._optim_factory import default_registry

from .adamw import HyperbolicAdamW
from .sgd import HyperbolicSGD

__all__: list[str] = []

_OPTIMIZERS = (
    OptimInfo(
        name='hypadamw',
        opt_class=HyperbolicAdamW,
        description='AdamW, with Riemannian Adam for parameters on a manifold and bounds for curvatures',
        has_betas=True,
    ),
    OptimInfo(
        name='hypsgd',
        opt_class=HyperbolicSGD,
        description='SGD with momentum, Riemannian for parameters on a manifold, with bounds for curvatures',
        has_eps=False,
        has_momentum=True,
    ),
)

for _info in _OPTIMIZERS:
    default_registry.register(_info)

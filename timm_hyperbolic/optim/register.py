"""The optimizers in timm's registry: `--opt hypadamw`, `timm.optim.create_optimizer_v2(model, 'hypadamw')`."""

from __future__ import annotations

from timm.optim import OptimInfo

# timm offers no public way to add one.
from timm.optim._optim_factory import default_registry

__all__: list[str] = []

# timm imports a class that is given by its name when the optimizer is first made.
_OPTIMIZERS = (
    OptimInfo(
        name='hypadamw',
        opt_class='timm_hyperbolic.optim.adamw.HyperbolicAdamW',
        description='AdamW, with Riemannian Adam for parameters on a manifold and bounds for curvatures',
        has_betas=True,
    ),
    OptimInfo(
        name='hypsgd',
        opt_class='timm_hyperbolic.optim.sgd.HyperbolicSGD',
        description='SGD with momentum, Riemannian for parameters on a manifold, with bounds for curvatures',
        has_eps=False,
        has_momentum=True,
    ),
)

for _info in _OPTIMIZERS:
    default_registry.register(_info)

"""The hyperbolic keywords of a model: which modules are hyperbolic, and the configuration of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..layers import CenteredResidual, HyperbolicConfig, HyperbolicModule, OriginResidual, PointResidual

__all__ = ['MODULES', 'RESIDUALS', 'HyperbolicOptions', 'chosen_modules']

#: Residual connections by their name in `hyperbolic=(...)`.
RESIDUALS: dict[str, type[HyperbolicModule]] = {
    'res': CenteredResidual,
    'res0': OriginResidual,
    'resx': PointResidual,
}

MODULES = ('head', 'pos', *RESIDUALS, 'mlp', 'attn')
"""The names that `hyperbolic=(...)` takes."""


def chosen_modules(modules: str | Sequence[str], argument: str = 'hyperbolic') -> tuple[str, ...]:
    """Return the names in `modules`, each once, in the order of `MODULES`.

    Args:
        modules: Names of `MODULES`, or one string `'head,res'`.
        argument: The name of the argument, for error messages.

    Raises:
        ValueError: a name is unknown, or two are residuals.
    """
    if isinstance(modules, str):
        modules = [name.strip() for name in modules.split(',') if name.strip()]
    modules = tuple(modules)
    unknown = [name for name in modules if name not in MODULES]
    if unknown:
        raise ValueError(f'{argument}={modules!r}: unknown {", ".join(map(repr, unknown))}; choose from {MODULES}')
    residuals = [name for name in RESIDUALS if name in modules]
    if len(residuals) > 1:
        raise ValueError(f'{argument}={modules!r}: {" and ".join(residuals)} are two residuals; choose one of them')
    return tuple(name for name in MODULES if name in modules)


@dataclass(frozen=True)
class HyperbolicOptions:
    """Which modules of a model are hyperbolic, and the configuration of each.

    Args:
        hyperbolic: Names of `MODULES` as a sequence, or one string `'head,res'`.
        num_centroids: Number of centroids of the hyperbolic attention, `>= 0`.
        gate: The gate `γ` of the hyperbolic residuals at the start of training, in `(-1 - ln 2, 1 + ln 2)`.
        config: The hyperbolic keywords. Its margin may be a mapping from names of `MODULES` to margins.

    Raises:
        ValueError: a module is unknown, or a value is outside its range.
    """

    hyperbolic: tuple[str, ...] = ()
    num_centroids: int = 100
    gate: float = 0.0
    config: HyperbolicConfig = field(default_factory=HyperbolicConfig)

    def __post_init__(self) -> None:
        object.__setattr__(self, 'hyperbolic', chosen_modules(self.hyperbolic))
        if not isinstance(self.num_centroids, int) or self.num_centroids < 0:
            raise ValueError(f'num_centroids={self.num_centroids!r} must be a whole number >= 0')
        if not isinstance(self.gate, (int, float)) or isinstance(self.gate, bool):
            raise ValueError(f'gate={self.gate!r} must be a number')
        if self.gate and not self.residual:
            raise ValueError(
                f'gate={self.gate}: hyperbolic={self.hyperbolic} has no residual; add one of {tuple(RESIDUALS)}'
            )
        margin = self.config.margin
        unknown = [name for name in margin if name not in MODULES] if isinstance(margin, Mapping) else []
        if unknown:
            raise ValueError(f'margin={margin!r}: unknown {", ".join(map(repr, unknown))}; the modules are {MODULES}')

    def __contains__(self, module: str) -> bool:
        return module in self.hyperbolic

    @property
    def residual(self) -> str | None:
        """The name of the residual connection, None for timm's."""
        return next((name for name in RESIDUALS if name in self.hyperbolic), None)

    def layer(self, module: str) -> HyperbolicConfig:
        """Return the configuration of the layers of a module.

        Args:
            module: A name of `MODULES`.
        """
        margin = self.config.margin
        if isinstance(margin, Mapping):
            margin = margin.get(module, 'study')
        if margin == 'study' and module == 'head' and 'pos' in self.hyperbolic and 'head' in self.hyperbolic:
            margin = 0.98  # the study's margin of a head together with a hyperbolic positional embedding
        return replace(self.config, margin=margin)

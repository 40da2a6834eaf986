"""The hyperbolic keywords of a model: which modules, and how curved, clipped and computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..layers import CenteredResidual, HyperbolicModule, OriginResidual, PointResidual

__all__ = ['MODULES', 'HyperbolicOptions', 'chosen_modules']

#: Residual connections by their name in `hyperbolic=(...)`.
RESIDUALS = {'res': CenteredResidual, 'res0': OriginResidual, 'resx': PointResidual}

MODULES = ('head', 'pos', *RESIDUALS, 'mlp', 'attn')
"""The names that `hyperbolic=(...)` takes."""


def chosen_modules(modules: str | Sequence[str], argument: str = 'hyperbolic') -> tuple[str, ...]:
    """The names in `modules`, in the order of `MODULES`.

    Args:
        modules: Names, or one string `'head,res'`.
        argument: What the caller calls it.

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


def _study_margins(modules: tuple[str, ...]) -> dict[str, float | None]:
    margins: dict[str, float | None] = dict.fromkeys(MODULES, 0.985)
    margins['pos'] = 0.98
    margins['head'] = 0.98 if {'head', 'pos'} <= set(modules) else 0.96
    return margins


def _margins(margin: float | str | Mapping[str, float | str | None] | None, modules: tuple[str, ...]) -> dict:
    margins = _study_margins(modules)
    if margin == 'study':
        return margins
    if not isinstance(margin, Mapping):
        margin = dict.fromkeys(MODULES, margin)
    unknown = [name for name in margin if name not in MODULES]
    if unknown:
        raise ValueError(f'margin={margin!r}: unknown {", ".join(map(repr, unknown))}; the modules are {MODULES}')
    for name, value in margin.items():
        value = None if value == 'none' else value
        if value is not None and not (isinstance(value, (int, float)) and 0 < value < 1):
            raise ValueError(
                f'margin={value!r} for {name!r} is outside (0, 1): it is the largest norm of a point in the unit ball. '
                "None, or 'none' through timm.create_model (which drops keywords that are None), means no clip; "
                "'study' means the margins of the published study."
            )
        margins[name] = value
    return margins


@dataclass(frozen=True)
class HyperbolicOptions:
    """The hyperbolic keywords, checked.

    Args:
        hyperbolic: Which modules are hyperbolic, a sequence of names of `MODULES` or one string `'head,res'`.
        curvature: `c >= 0` of every module at the start; 0 makes the flat controls.
        learn_curvature: Learn the curvatures; by default where `curvature > 0`.
        margin: The clip: one number in (0, 1), or one per module (`{'head': 0.96, 'res': None}`), None or 'none' for
            no clip, 'study' for the margins of the published study.
        num_centroids: Centroids of the hyperbolic attention, `>= 0`.
        max_norm: For flat controls (curvature 0): the largest norm of the vectors in every module of `hyperbolic`.
        hamp: Mixed precision inside the hyperbolic modules under autocast.

    Raises:
        ValueError: a value is unknown or outside its range.
    """

    hyperbolic: tuple[str, ...] = ()
    curvature: float = 1.0
    learn_curvature: bool | None = None
    margin: float | str | Mapping[str, float | str | None] | None = 'study'
    num_centroids: int = 100
    max_norm: float | None = None
    hamp: bool = False
    margins: dict[str, float | None] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, 'hyperbolic', chosen_modules(self.hyperbolic))
        object.__setattr__(self, 'margins', _margins(self.margin, self.hyperbolic))
        if not isinstance(self.num_centroids, int) or self.num_centroids < 0:
            raise ValueError(f'num_centroids={self.num_centroids!r} must be a whole number >= 0')
        # The remaining ranges are the layers' own, checked here so that a model without a hyperbolic layer says so too.
        HyperbolicModule(**self.layer('res'), device='meta')

    def __contains__(self, module: str) -> bool:
        return module in self.hyperbolic

    @property
    def residual(self) -> str | None:
        """The name of the residual connection, None for timm's."""
        return next((name for name in RESIDUALS if name in self.hyperbolic), None)

    def layer(self, module: str) -> dict:
        """Keywords of `HyperbolicModule` for a module of this name."""
        return {
            'curvature': self.curvature,
            'learn_curvature': self.learn_curvature,
            'margin': self.margins[module],
            'max_norm': self.max_norm,
            'hamp': self.hamp,
        }

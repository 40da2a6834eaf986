"""The keywords that all hyperbolic layers share, declared and checked in one place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ..errors import nearest

__all__ = ['HyperbolicConfig', 'Margin']

Margin = float | str | None
"""The clipping radius of one layer: a number in `(0, 1)`, `None` or `'none'` for no clip, or `'study'`."""


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check_curvature(value: Any) -> None:
    if not (_is_number(value) and 0 <= value < math.inf):
        raise ValueError(
            f'curvature={value!r} must be a number >= 0: it is the magnitude c of the sectional curvature -c, '
            'and 0 is flat space.'
        )


def _check_learn_curvature(value: Any) -> None:
    if value is not None and not isinstance(value, bool):
        raise ValueError(f'learn_curvature={value!r} must be True, False, or None to learn a positive curvature.')


def _check_margin(value: Any) -> None:
    for margin, where in (
        [(each, f' for {name!r}') for name, each in value.items()] if isinstance(value, Mapping) else [(value, '')]
    ):
        is_name = isinstance(margin, str) and margin in ('study', 'none')
        if not (margin is None or is_name or (_is_number(margin) and 0 < margin < 1)):
            raise ValueError(
                f'margin={margin!r}{where} is outside (0, 1): it is the largest norm of a point in the unit ball. '
                "margin=None, or margin='none' through timm.create_model (which drops keywords that are None), means "
                "no clip; margin='study' means the margins of the published study."
            )


def _check_max_norm(value: Any) -> None:
    if value is not None and not (_is_number(value) and 0 < value < math.inf):
        raise ValueError(f'max_norm={value!r} must be a positive number, or None for no clip.')


def _check_hamp(value: Any) -> None:
    if not isinstance(value, bool):
        raise ValueError(f'hamp={value!r} must be True or False.')


@dataclass(frozen=True)
class HyperbolicConfig:
    """How curved, clipped and computed a hyperbolic layer is.

    Every hyperbolic layer takes these fields as keywords, and `config=` for all of them at once. So do the models, the
    function `hyperbolize`, and a saved `config.json`: a field that is added here is a keyword of all of them.

    Args:
        curvature: Magnitude `c >= 0` of the sectional curvature `-c` at the start of training. The ball has the radius
            `1/√c`; 0 makes the layer its Euclidean limit, a flat control.
        learn_curvature: Whether the curvature is learnt; None learns it where it is positive.
        margin: The clipping radius `t` in `(0, 1)`: points are kept within `t` times the radius of the ball, and
            tangent vectors at the origin within the length `artanh(t)/√c`. None or `'none'` clips only what a number
            type cannot hold (`√c‖v‖` at 36); `'study'` is the value of the published study for the kind of layer. For
            models also a mapping from module names to such values, as in `{'head': 0.96, 'res': None}`; modules that
            are not named keep `'study'`.
        max_norm: Largest Euclidean norm of every vector in a flat layer: the clip of a curved layer without its
            curvature. None for no clip.
        hamp: Whether, under autocast, the vectors inside the layer are computed in the autocast type. The scalars of a
            token are float32 or better in any case.

    Raises:
        ValueError: a value is outside its range, a curvature of 0 is to be learnt, or `max_norm` is given to a curved
            layer.
    """

    # `check` raises `ValueError` for a value that the field cannot have.
    curvature: float = field(default=1.0, metadata={'check': _check_curvature})
    learn_curvature: bool | None = field(default=None, metadata={'check': _check_learn_curvature})
    margin: Margin | Mapping[str, Margin] = field(default='study', metadata={'check': _check_margin})
    max_norm: float | None = field(default=None, metadata={'check': _check_max_norm})
    hamp: bool = field(default=False, metadata={'check': _check_hamp})

    def __post_init__(self) -> None:
        for each in fields(self):
            if 'check' in each.metadata:
                each.metadata['check'](getattr(self, each.name))
        if isinstance(self.margin, Mapping):
            object.__setattr__(self, 'margin', dict(self.margin))
        if self.learn_curvature and self.curvature == 0:
            raise ValueError(
                'learn_curvature=True needs curvature > 0: a flat space has nothing to learn. '
                'Start from a small curvature such as 1e-3, or leave learn_curvature out.'
            )
        if self.max_norm is not None and self.curvature > 0:
            raise ValueError(
                f'max_norm={self.max_norm} is for flat controls (curvature=0); a layer of curvature {self.curvature} '
                'is clipped by its margin.'
            )

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of the fields, which are keywords of layers and models."""
        return tuple(each.name for each in fields(cls))

    @classmethod
    def of(cls, config: HyperbolicConfig | None = None, **keywords: Any) -> HyperbolicConfig:
        """Return a configuration with some of its fields replaced.

        Args:
            config: The configuration to begin with; the default one where it is None.
            **keywords: Fields to replace.

        Raises:
            TypeError: a keyword is no field, or `config` is something else.
            ValueError: a value is impossible, see the class.
        """
        if config is None:
            config = cls()
        elif not isinstance(config, HyperbolicConfig):
            raise TypeError(f'config={config!r} must be a HyperbolicConfig; give single values by name: curvature=0.5')
        for name in keywords:
            if name not in cls.names():
                known = f' The hyperbolic keywords are {", ".join(cls.names())}.'
                raise TypeError(f'unknown keyword {name!r}.{nearest(name, cls.names()) or known}')
        return replace(config, **keywords)

    @classmethod
    def pop_from(cls, keywords: dict[str, Any]) -> HyperbolicConfig:
        """Make a configuration from those of a model's keywords that are fields, and remove them from the dictionary.

        Raises:
            ValueError: a value is impossible, see the class.
        """
        return cls(**{name: keywords.pop(name) for name in cls.names() if name in keywords})

    @classmethod
    def accepts(cls, name: str, value: Any) -> bool:
        """Return whether a field can have a value, whatever the other fields are."""
        check = cls.__dataclass_fields__[name].metadata.get('check')
        try:
            if check is not None:
                check(value)
        except ValueError:
            return False
        return True

    def layer_margin(self, study: float) -> float | None:
        """Return the margin of a layer as a number, or None for no clip.

        Args:
            study: The study's margin for the kind of layer.

        Raises:
            ValueError: the margin is a mapping.
        """
        if isinstance(self.margin, Mapping):
            raise ValueError(f'margin={self.margin!r}: a layer takes one margin; a mapping is for models')
        if isinstance(self.margin, str):
            return study if self.margin == 'study' else None
        return self.margin

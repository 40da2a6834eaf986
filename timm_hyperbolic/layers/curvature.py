"""The curvature of a layer: learnt through a softplus, or fixed; zero is Euclidean space."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from .config import HyperbolicConfig
from .image_text import ImageTextSpace

__all__ = [
    'Curvature',
    'computed_from',
    'inverse_softplus',
    'is_curvature',
    'named_curvatures',
    'stored_parameter',
]


def inverse_softplus(value: float) -> float:
    """Return `x` with `softplus(x) = value`, without overflow or cancellation.

    Args:
        value: Number `> 0`.
    """
    return value + math.log(-math.expm1(-value))


class Curvature(nn.Module):
    """The magnitude `c >= 0` of the sectional curvature `-c`.

    Calling the module returns `c`. A learnt curvature is a parameter for which `is_curvature` is true, so that
    optimizers can give it a learning rate and bounds of its own.

    Args:
        value: `c` at the start; `value=1.0` gives exactly the ball of radius 1.
        learn: Whether `c` is learnt, as `softplus(raw)`; None learns it where it is positive.
        copies: Number of independent curvatures (a packed projection has one for each map).
        device: Of the parameter.
        dtype: Of the parameter.

    Raises:
        ValueError: `value` is negative or not finite, or zero is to be learnt.
    """

    raw: nn.Parameter
    value: Tensor

    def __init__(
        self,
        value: float = 1.0,
        learn: bool | None = None,
        copies: int = 1,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        HyperbolicConfig(curvature=value, learn_curvature=learn)  # checks both
        self.initial = float(value)
        self.learnt = self.initial > 0 if learn is None else bool(learn)
        c = torch.empty(copies, device=device, dtype=dtype)
        if self.learnt:
            self.raw = nn.Parameter(c)
        else:
            self.register_buffer('value', c)
        self.restore_parameters()
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the curvature to its starting value."""
        with torch.no_grad():
            if self.learnt:
                self.raw.fill_(inverse_softplus(self.initial))
            else:
                self.value.fill_(self.initial)

    @property
    def is_flat(self) -> bool:
        """Whether the curvature is fixed at zero."""
        return not self.learnt and self.initial == 0

    @property
    def stored(self) -> Tensor:
        """The parameter or buffer that holds the curvature."""
        return self.raw if self.learnt else self.value

    @staticmethod
    def of(stored: Tensor, learnt: bool, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return the curvature `c` for what `stored` holds.

        Args:
            stored: The inverse softplus of learnt curvatures, or fixed curvatures; any shape.
            learnt: Which of the two it is.
            dtype: The lowest precision of the result.
        """
        stored = stored.to(torch.promote_types(stored.dtype, dtype))
        return F.softplus(stored) if learnt else stored

    def forward(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return `c`, shape `[copies]`, in the better of `dtype` (float32 or float64) and the parameter's type."""
        return self.of(self.stored, self.learnt, dtype)

    def restore_parameters(self) -> dict[str, nn.Parameter]:
        """Mark a learnt curvature as one again, and return it by name if it had lost the mark."""
        # The mark is an attribute, not a type, so that the compiler and sharding see a plain parameter. It is lost
        # wherever a new parameter is made: by a copy, by `to_empty`, by `assign=True`.
        for other in computed_from(self, 'raw'):
            other.is_curvature = False  # type: ignore[attr-defined]
        raw = stored_parameter(self, 'raw')
        if raw is None or is_curvature(raw):
            return {}
        raw.is_curvature = True  # type: ignore[attr-defined]
        return {'raw': raw}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        super().__setstate__(state)
        self.restore_parameters()

    def _apply(self, fn: Any, recurse: bool = True) -> Curvature:
        super()._apply(fn, recurse)
        self.restore_parameters()
        return self

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self.restore_parameters()

    def __format__(self, spec: str) -> str:
        """Return the present values in a number format such as `.4g`, joined by slashes."""
        return 'meta' if self.stored.is_meta else '/'.join(format(c, spec) for c in self().tolist())

    def extra_repr(self) -> str:
        """Return the starting value, for `repr`."""
        return f'initial={self.initial:g}, {"learnt" if self.learnt else "fixed"}'


def is_curvature(parameter: Tensor) -> bool:
    """Return whether a parameter is the inverse softplus of a curvature that `Curvature` learns.

    Args:
        parameter: Any parameter.
    """
    return getattr(parameter, 'is_curvature', False)


def stored_parameter(module: nn.Module, name: str) -> nn.Parameter | None:
    """Return the parameter that stores the values of `module.<name>`, or None where no parameter stores them.

    Pruning stores them under another name, and so does a parametrization that stays in the same space. A
    parametrization with a `right_inverse` maps from another space: for it, see `computed_from`.

    Args:
        module: The module.
        name: The name of its parameter, such as `weight`.
    """
    for stored in (name, f'{name}_orig'):
        if isinstance(module._parameters.get(stored), nn.Parameter):
            return module._parameters[stored]
    if parametrize.is_parametrized(module, name) and not _maps_from_another_space(module, name):
        return _parametrization(module, name)._parameters.get('original')
    return None


def computed_from(module: nn.Module, name: str) -> list[nn.Parameter]:
    """Return the parameters from which a parametrization with a `right_inverse` computes `module.<name>`.

    Args:
        module: The module.
        name: The name of its parameter, such as `weight`.
    """
    if parametrize.is_parametrized(module, name) and _maps_from_another_space(module, name):
        return list(_parametrization(module, name).parameters(recurse=False))
    return []


def _parametrization(module: nn.Module, name: str) -> Any:
    parametrizations: Any = module.parametrizations
    return parametrizations[name]


def _maps_from_another_space(module: nn.Module, name: str) -> bool:
    return any(hasattr(step, 'right_inverse') for step in _parametrization(module, name))


def named_curvatures(model: nn.Module) -> dict[str, float]:
    """Return the curvature of every hyperbolic module, and of every curved space of images and texts, of a model.

    Args:
        model: Any model, on any device.

    Returns:
        `c >= 0` by the name of the module. A module that packs several maps has a numbered entry for each map, such as
        `blocks.0.attn.qkv.0`.
    """
    curvatures = {}
    for name, module in model.named_modules():
        if isinstance(module, Curvature):
            owner = name.removesuffix('.curvature')
            values = module().tolist()
            for i, c in enumerate(values):
                curvatures[owner if len(values) == 1 else f'{owner}.{i}'] = c
        elif isinstance(module, ImageTextSpace) and module.is_curved:
            curvatures[name] = module.curvature().item()
    return curvatures

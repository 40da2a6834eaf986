"""The curvature of a layer: learnt through a softplus, or fixed; zero is Euclidean space."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

__all__ = [
    'Curvature',
    'computed_from',
    'inverse_softplus',
    'is_curvature',
    'named_curvatures',
    'stored_parameter',
]


def inverse_softplus(value: float) -> float:
    """`x` with `softplus(x) = value`, for `value > 0`, without overflow or cancellation."""
    return value + math.log(-math.expm1(-value))


class Curvature(nn.Module):
    """The magnitude `c >= 0` of the sectional curvature `-c`.

    Calling it gives `c`, shape `[copies]`, float32 or float64. What is learnt is a parameter for which `is_curvature`
    holds, so that optimizers can give it a learning rate and bounds of its own.

    Args:
        value: `c` at the start; `curvature=1.0` gives exactly the ball of radius one.
        learn: Learn it, as `softplus(raw)`. By default it is learnt where it is positive.
        copies: How many independent curvatures (a packed projection has one for each map).

    Raises:
        ValueError: `value` is negative or not finite, or zero is to be learnt.
    """

    def __init__(self, value: float = 1.0, learn: bool | None = None, copies: int = 1, device=None, dtype=None) -> None:
        super().__init__()
        if not (isinstance(value, (int, float)) and 0 <= value < math.inf):
            raise ValueError(
                f'curvature={value!r} must be a number >= 0: it is the magnitude c of the sectional curvature -c, '
                'and 0 is flat space.'
            )
        if learn and value == 0:
            raise ValueError(
                'learn_curvature=True needs curvature > 0: a flat space has nothing to learn. '
                'Start from a small curvature such as 1e-3, or leave learn_curvature out.'
            )
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
        """Zero, and stays zero."""
        return not self.learnt and self.initial == 0

    @property
    def stored(self) -> Tensor:
        """The parameter or buffer that holds the curvature."""
        return self.raw if self.learnt else self.value

    @staticmethod
    def of(stored: Tensor, learnt: bool, dtype: torch.dtype = torch.float32) -> Tensor:
        """`c` from what is stored of one or of several curvatures, in `dtype` or better."""
        stored = stored.to(torch.promote_types(stored.dtype, dtype))
        return F.softplus(stored) if learnt else stored

    def forward(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """`c`, shape `[copies]`, in `dtype` or better, float32 or float64."""
        return self.of(self.stored, self.learnt, dtype)

    def restore_parameters(self) -> dict[str, nn.Parameter]:
        """Mark what is learnt as a curvature again, and return it by name if it had lost the mark."""
        # An attribute, not a type of its own: the compiler and sharding see a plain parameter. Whatever makes a new
        # parameter (a copy, `to_empty`, `assign=True`) loses it, so each of these marks again.
        for other in computed_from(self, 'raw'):
            other.is_curvature = False
        raw = stored_parameter(self, 'raw')
        if raw is None or is_curvature(raw):
            return {}
        raw.is_curvature = True
        return {'raw': raw}

    def __setstate__(self, state) -> None:
        super().__setstate__(state)
        self.restore_parameters()

    def _apply(self, fn, recurse=True):
        super()._apply(fn, recurse)
        self.restore_parameters()
        return self

    def _load_from_state_dict(self, *args, **kwargs):
        super()._load_from_state_dict(*args, **kwargs)
        self.restore_parameters()

    def __format__(self, spec: str) -> str:
        """The present values, in a number format such as `.4g`."""
        return 'meta' if self.stored.is_meta else '/'.join(format(c, spec) for c in self().tolist())

    def extra_repr(self) -> str:
        return f'initial={self.initial:g}, {"learnt" if self.learnt else "fixed"}'


def is_curvature(parameter: Tensor) -> bool:
    """Whether a parameter is what `Curvature` learns, the inverse softplus of `c`."""
    return getattr(parameter, 'is_curvature', False)


def stored_parameter(module: nn.Module, name: str) -> nn.Parameter | None:
    """Return the parameter that holds the values which a module reads by a name; None where none holds them.

    Pruning keeps them under another name, and so does a parametrization within their space. A parametrization that maps
    from another space (it has a `right_inverse`) holds something else, see `computed_from`.
    """
    for stored in (name, f'{name}_orig'):
        if isinstance(module._parameters.get(stored), nn.Parameter):
            return module._parameters[stored]
    if parametrize.is_parametrized(module, name) and not _maps_from_another_space(module, name):
        return module.parametrizations[name]._parameters.get('original')
    return None


def computed_from(module: nn.Module, name: str) -> list[nn.Parameter]:
    """Return the parameters of another space from which a parametrization computes what a module reads by a name."""
    if parametrize.is_parametrized(module, name) and _maps_from_another_space(module, name):
        return list(module.parametrizations[name].parameters(recurse=False))
    return []


def _maps_from_another_space(module: nn.Module, name: str) -> bool:
    return any(hasattr(step, 'right_inverse') for step in module.parametrizations[name])


def named_curvatures(model: nn.Module) -> dict[str, float]:
    """The curvature of every hyperbolic module of a model, by the module's name.

    A module that packs several maps has one entry for each, numbered: `blocks.0.attn.qkv.0`.
    """
    curvatures = {}
    for name, module in model.named_modules():
        if isinstance(module, Curvature):
            owner = name.removesuffix('.curvature')
            values = module().tolist()
            for i, c in enumerate(values):
                curvatures[owner if len(values) == 1 else f'{owner}.{i}'] = c
    return curvatures

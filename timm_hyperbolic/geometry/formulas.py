"""The formula of every layer, once, on gyrovectors.

A layer is computed from its formula alone: by a kernel that is made from it where the device has kernels, elsewhere by
running it as it stands (see `ops`). Whoever writes a formula, here or in code of their own, gets its kernel and the
kernel of its gradients without writing either.

`x`, `y`, `p`, ... are `Gyrovector`s of one `Frame`. Their `+` is Möbius addition, which is neither commutative nor
associative, and `r * p` is Möbius scaling. The clip of the layer acts inside of these operations: see `Frame`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from .analytic import tanhc
from .gyrovector import Frame, Gyrovector, Matrix, Tangent
from .pairwise import squared_distance_of_pairs

__all__ = [
    'Feature',
    'Prototype',
    'TwoVectorFormula',
    'centered_residual',
    'feature',
    'linear',
    'linear_map',
    'logit',
    'origin_residual',
    'point_residual',
    'positional_sum',
    'prototype',
    'residual_gate',
    'two_vectors',
]


@dataclass(frozen=True)
class TwoVectorFormula:
    """A formula of two points and further numbers; made by `two_vectors`.

    Args:
        name: The name by which kernels know it.
        definition: Takes two gyrovectors `x`, `y` of one frame and then the numbers; returns a gyrovector.
        numbers: The names of the numbers.
        closed: Sums and multiples are clipped too, so that no step of the formula leaves the margin.
    """

    name: str
    definition: Callable[..., Gyrovector]
    numbers: tuple[str, ...] = ()
    closed: bool = True

    def __call__(self, x: Gyrovector, y: Gyrovector, *numbers: Tensor) -> Gyrovector:
        """The formula of two points and its numbers."""
        return self.definition(x, y, *numbers)


_two_vectors: dict[str, TwoVectorFormula] = {}


def two_vectors(*numbers: str, closed: bool = True) -> Callable[[Callable[..., Gyrovector]], TwoVectorFormula]:
    """Decorate a function of two gyrovectors, which makes it a formula that layers compute.

    Args:
        numbers: The names of what the function takes besides the two points.
        closed: Sums and multiples are clipped too, so that no step of the formula leaves the margin.

    Returns:
        A decorator. A later formula of the same name and module takes the place of an earlier one. It raises ValueError
        where another module has a formula of that name, whose kernel would be taken.
    """

    def decorate(definition: Callable[..., Gyrovector]) -> TwoVectorFormula:
        formula = TwoVectorFormula(definition.__name__, definition, numbers, closed)
        known = _two_vectors.get(formula.name)
        if known is not None and known.definition.__module__ != definition.__module__:
            raise ValueError(
                f'{known.definition.__module__} has a formula {formula.name!r} already, and kernels know formulas by '
                f'name: give the one of {definition.__module__} another name.'
            )
        _two_vectors[formula.name] = formula
        return formula

    return decorate


def two_vector_formula(name: str) -> TwoVectorFormula:
    """The formula of that name."""
    return _two_vectors[name]


def residual_gate(raw: Tensor, scale: Tensor) -> Tensor:
    """The gate of a residual, `γ = (1 + softplus(scale))·tanh(raw)`.

    Args:
        raw: Any number, `[1]`; the gate has its sign.
        scale: Any number, of the shape of `raw`.
    """
    return (1 + F.softplus(scale)) * (raw * tanhc(raw * raw))  # In this form kernels know the hyperbolic tangent.


@two_vectors('gamma_raw', 'gamma_scale', 'center_logit')
def centered_residual(
    x: Gyrovector, y: Gyrovector, gamma_raw: Tensor, gamma_scale: Tensor, center_logit: Tensor
) -> Gyrovector:
    """The residual about a centre `p` between the two points; it is `x` where the gate is 0.

    Args:
        x: The stream, a point of each token.
        y: The output of the branch, a point of each token.
        gamma_raw: Of the gate, `[1]`.
        gamma_scale: Of the gate, `[1]`.
        center_logit: The logit of the share `s` of `x` in the centre, `[1]`.
    """
    gamma, s = residual_gate(gamma_raw, gamma_scale), center_logit.sigmoid()
    p = s * x + (1 - s) * y
    return p + ((-p + x) + gamma * (-p + y))


@two_vectors('gamma_raw', 'gamma_scale')
def origin_residual(x: Gyrovector, y: Gyrovector, gamma_raw: Tensor, gamma_scale: Tensor) -> Gyrovector:
    """The residual at the origin.

    Args:
        x: The stream, a point of each token.
        y: The output of the branch, a point of each token.
        gamma_raw: Of the gate, `[1]`.
        gamma_scale: Of the gate, `[1]`.
    """
    return x + residual_gate(gamma_raw, gamma_scale) * y


@two_vectors('gamma_raw', 'gamma_scale', closed=False)
def point_residual(x: Gyrovector, y: Gyrovector, gamma_raw: Tensor, gamma_scale: Tensor) -> Gyrovector:
    """The residual at `x`: the point at the part `γ` of the way from `x` to `y`, `exp_x(γ·log_x(y))`.

    Args:
        x: The stream, a point of each token.
        y: The output of the branch, a point of each token.
        gamma_raw: Of the gate, `[1]`.
        gamma_scale: Of the gate, `[1]`.
    """
    return x + residual_gate(gamma_raw, gamma_scale) * (-x + y)


@two_vectors()
def positional_sum(x: Gyrovector, y: Gyrovector) -> Gyrovector:
    """A token and its positional embedding.

    Args:
        x: A point of each token.
        y: The point of its position.
    """
    return x + y


# A linear map


def linear(
    x: Gyrovector, p_in: Gyrovector, matrix: Matrix, p_out: Gyrovector, bias: Gyrovector | None = None
) -> Gyrovector:
    """The linear layer: a Möbius matrix product between two centres.

    Args:
        x: A point of each token.
        p_in: The centre of the inputs, a point.
        matrix: The weight.
        p_out: The centre of the outputs, a point.
        bias: A point; None for no bias.
    """
    z = matrix @ (-p_in + x)
    if bias is not None:
        z = z + bias
    return (p_out + z).clip()


def linear_map(source: Frame, target: Frame) -> Tangent:
    """`log0(linear(exp0(x), p_in, W, p_out, exp0(b)))` of the vectors that two frames have.

    Args:
        source: Of `x` and `p_in`.
        target: Of `Wx`, `W·p_in`, `p_out` and, with a bias, `b`.

    Returns:
        The result in `target`.
    """
    one = torch.ones_like(target.c)
    x, p_in = source.tangent(one, None).exp0(), source.point(None, one)
    p_out, bias = target.point(None, None, one, *(None,) * (len(target.vectors) - 3)), None
    if len(target.vectors) > 3:
        bias = target.tangent(None, None, None, one).exp0()
    return linear(x, p_in, Matrix(target), p_out, bias).log0()


# A classifier by distances to prototypes


class Feature(NamedTuple):
    """What logits take of the point `h = exp0(v)` of a feature, each `[..., 1]`.

    Args:
        factor: `h/x`, where `x` is the vector of which `v` is a multiple.
        r2: `‖h‖²`.
        inverse: `1/u`, with `u = 1 - c‖h‖²`.
        reach: `d(h, 0)²`.
    """

    factor: Tensor
    r2: Tensor
    inverse: Tensor
    reach: Tensor


class Prototype(NamedTuple):
    """What logits take of a prototype `p` that is stored as `w`, each `[..., 1]`.

    Args:
        factor: `p/w`, less than one only where `w` lies outside the ball.
        r2: `‖p‖²`.
        inverse: `1/u`, with `u = 1 - c‖p‖²`.
    """

    factor: Tensor
    r2: Tensor
    inverse: Tensor


def feature(v: Tangent) -> Feature:
    """The point `exp0(v)` as logits take it; the frame of `v` has this one vector.

    Args:
        v: Tangent vectors at the origin.
    """
    h = v.exp0()
    (factor,) = h.coefficients
    return Feature(cast(Tensor, factor), h.r2, 1 / h.u, 4 * h.log0().r2)  # d(h, 0) is twice the length of log0(h)


def prototype(p: Gyrovector) -> Prototype:
    """The point `p` as logits take it; its frame has this one vector.

    Args:
        p: Points of the ball.
    """
    (factor,) = p.coefficients
    return Prototype(cast(Tensor, factor), p.r2, 1 / p.u)


def logit(
    inner: Tensor,
    h_r2: Tensor,
    h_inverse: Tensor,
    h_reach: Tensor,
    p_r2: Tensor,
    p_inverse: Tensor,
    bias: Tensor,
    c: Tensor,
    slope: Tensor,
) -> Tensor:
    """`slope·(d(h, p)² - reach) + bias`, the logit of a feature for a class.

    Args:
        inner: `⟨h, p⟩`.
        h_r2: From `Feature`.
        h_inverse: From `Feature`.
        h_reach: The squared distance that a prototype is compared with, `d(h, 0)²` or zero.
        p_r2: From `Prototype`.
        p_inverse: From `Prototype`.
        bias: Of the class.
        c: Curvature.
        slope: `-1/(2σ²)` of a temperature `σ`.
    """
    return slope * (squared_distance_of_pairs(inner, h_r2, h_inverse, p_r2, p_inverse, c) - h_reach) + bias

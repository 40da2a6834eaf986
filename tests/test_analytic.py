"""The analytic functions against 60 digits: values, first and second derivatives, from 0 to the clip limit."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath
import pytest
import torch
from torch import Tensor

from timm_hyperbolic.geometry import Limits, arsinh2, arsinhc, artanhc, sech2, tanhc

MP = mpmath.mp.clone()
MP.dps = 60

DTYPES = [torch.float32, torch.float64]
MARGIN_Z2 = math.atanh(0.985) ** 2
THRESHOLD = 1 / 64  # where series and library function meet


def of_root(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`f(√q)` as a function of `q` that can be differentiated numerically at and next to zero."""
    return lambda q: MP.re(f(MP.sqrt(q))) if q else MP.mpf(1)


class Function(NamedTuple):
    """A function, its oracle, and what is claimed of it."""

    ours: Callable[[Tensor], Tensor]
    oracle: Callable[[Any], Any]
    #: Errors in units of eps: of the value, at argument z² (the condition number of sech² is 2z·tanh z), ...
    value: Callable[[float], float]
    #: ... and of the derivatives, relative; a derivative divides a difference by q, worst above the threshold.
    first: float
    second: float


FUNCTIONS = {
    'tanhc': Function(tanhc, of_root(lambda z: MP.tanh(z) / z), lambda z: 2, 500, 2e4),
    'arsinhc': Function(arsinhc, of_root(lambda z: MP.asinh(z) / z), lambda z: 2, 1000, 5e5),
    'arsinh2': Function(arsinh2, lambda q: MP.re(MP.asinh(MP.sqrt(q)) ** 2), lambda z: 4, 8, 5e3),
    'sech2': Function(sech2, of_root(lambda z: MP.sech(z) ** 2), lambda z: 2 + z, 2e2, 5e2),
}


def arguments(dtype: torch.dtype) -> Tensor:
    limit = Limits().bounds(dtype).z2_max
    bound = torch.tensor(THRESHOLD, dtype=dtype)
    around = [torch.nextafter(bound, torch.zeros_like(bound)), bound, torch.nextafter(bound, torch.ones_like(bound))]
    return torch.cat(
        [
            torch.tensor([0, 1e-38, 1e-30, 1e-20, 1e-12, MARGIN_Z2, limit], dtype=dtype),
            torch.stack(around),
            torch.linspace(THRESHOLD / 2, 2 * THRESHOLD, 41, dtype=dtype),
            torch.logspace(-10, math.log10(limit) - 1e-6, 100, dtype=dtype),
        ]
    )


def error_in_eps(value: Tensor, reference: list) -> list[float]:
    eps = torch.finfo(value.dtype).eps
    return [float(abs(v - r) / abs(r)) / eps if r else abs(v) for v, r in zip(value.tolist(), reference, strict=True)]


@pytest.mark.parametrize('dtype', DTYPES)
@pytest.mark.parametrize('name', FUNCTIONS)
def test_value_is_right_to_a_few_ulp(name: str, dtype: torch.dtype) -> None:
    f, q = FUNCTIONS[name], arguments(dtype)
    value = f.ours(q)
    assert value.dtype == dtype
    errors = error_in_eps(value, [f.oracle(MP.mpf(t)) for t in q.tolist()])
    for t, error in zip(q.tolist(), errors, strict=True):
        assert error <= f.value(math.sqrt(t)), f'{name}({t}) is wrong by {error:.1f} eps'


@pytest.mark.parametrize('dtype', DTYPES)
@pytest.mark.parametrize('name', FUNCTIONS)
def test_derivatives_are_finite_and_right(name: str, dtype: torch.dtype) -> None:
    f = FUNCTIONS[name]
    q = arguments(dtype).requires_grad_()
    (first,) = torch.autograd.grad(f.ours(q).sum(), q, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), q)
    assert first.isfinite().all()
    assert second.isfinite().all()
    for order, derivative, allowed in ((1, first, f.first), (2, second, f.second)):
        errors = error_in_eps(derivative.detach(), [MP.diff(f.oracle, MP.mpf(t), order) for t in q.tolist()])
        for t, error in zip(q.tolist(), errors, strict=True):
            assert error <= allowed, f'derivative {order} of {name} at {t} is wrong by {error:.1f} eps'


@pytest.mark.parametrize('dtype', DTYPES)
@pytest.mark.parametrize('name', FUNCTIONS)
def test_everything_is_finite_up_to_the_largest_number(name: str, dtype: torch.dtype) -> None:
    # Where the series is not used its powers overflow, and must not reach the gradient as 0·inf.
    q = torch.tensor([1e3, 1e10, 1e20, 1e35, torch.finfo(dtype).max], dtype=dtype, requires_grad=True)
    value = FUNCTIONS[name].ours(q)
    (first,) = torch.autograd.grad(value.sum(), q, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), q)
    for t in (value, first, second):
        assert t.isfinite().all()


@pytest.mark.parametrize('name', FUNCTIONS)
def test_value_and_slope_at_zero(name: str) -> None:
    # from the Taylor series: tanh z/z = 1 - q/3, arsinh z/z = 1 - q/6, arsinh² z = q - q²/3, sech² z = 1 - q
    value, slope, curve = {
        'tanhc': (1, -1 / 3, 4 / 15),
        'arsinhc': (1, -1 / 6, 3 / 20),
        'arsinh2': (0, 1, -2 / 3),
        'sech2': (1, -1, 4 / 3),
    }[name]
    q = torch.zeros((), dtype=torch.float64, requires_grad=True)
    y = FUNCTIONS[name].ours(q)
    (first,) = torch.autograd.grad(y, q, create_graph=True)
    (second,) = torch.autograd.grad(first, q)
    assert y.item() == value
    assert first.item() == pytest.approx(slope, rel=1e-15)
    assert second.item() == pytest.approx(curve, rel=1e-15)


@pytest.mark.parametrize('name', FUNCTIONS)
def test_gradcheck_on_both_sides_of_the_threshold(name: str) -> None:
    q = torch.tensor([1e-3, 1e-2, 0.02, 0.3, MARGIN_Z2, 40.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(FUNCTIONS[name].ours, q, rtol=1e-6)
    assert torch.autograd.gradgradcheck(FUNCTIONS[name].ours, q, rtol=1e-5)


@pytest.mark.parametrize('dtype', DTYPES)
def test_artanhc_is_right_to_a_few_ulp_up_to_the_last_number_below_one(dtype: torch.dtype) -> None:
    eps = torch.finfo(dtype).eps
    n = torch.cat(
        [
            torch.tensor([0, 1e-30, 1e-20, 1e-10, 0.985**2, 1 - 64 * eps, 1 - eps], dtype=dtype),
            torch.linspace(0.001, 0.999, 200, dtype=dtype),
        ]
    )
    oracle = of_root(lambda z: MP.atanh(z) / z)
    assert max(error_in_eps(artanhc(n), [oracle(MP.mpf(t)) for t in n.tolist()])) <= 4


@pytest.mark.parametrize('dtype', DTYPES)
def test_artanhc_with_a_complement_keeps_its_digits_at_the_boundary(dtype: torch.dtype) -> None:
    z = torch.linspace(0.01, math.sqrt(Limits().bounds(dtype).z2_max), 200, dtype=dtype)
    n, u = z.tanh() ** 2, [MP.sech(MP.mpf(t)) ** 2 for t in z.tolist()]
    complement = torch.tensor([float(t) for t in u], dtype=dtype)
    # √n is 1 - u/2 + ..., known from u better than from n; half an ulp of n is all that the two differ by
    reference = [MP.asinh(MP.sqrt((1 - t) / t)) / MP.sqrt(1 - t) for t in u]
    assert max(error_in_eps(artanhc(n, complement), reference)) <= 4


def test_artanhc_derivatives() -> None:
    oracle = of_root(lambda z: MP.atanh(z) / z)
    n = torch.tensor([0, 1e-20, 1e-6, 0.01, 0.1, 0.5, 0.9, 0.985**2, 0.999], dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(artanhc(n).sum(), n, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), n)
    points = [MP.mpf(t) for t in n.tolist()]
    assert max(error_in_eps(first.detach(), [MP.diff(oracle, t) for t in points])) <= 2e3
    assert max(error_in_eps(second, [MP.diff(oracle, t, 2) for t in points])) <= 1e6
    assert torch.autograd.gradgradcheck(artanhc, n[3:8].detach().requires_grad_(), rtol=1e-5)


@pytest.mark.parametrize('f', [tanhc, sech2, arsinhc, arsinh2, artanhc])
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_squares_are_refused(f: Callable[[Tensor], Tensor], dtype: torch.dtype) -> None:
    # A square in a half type has lost the digits and the range that every later step relies on.
    with pytest.raises(TypeError, match='float32 or float64'):
        f(torch.zeros(3, dtype=dtype))

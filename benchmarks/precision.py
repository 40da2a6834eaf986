"""Relative errors of the geometry and the layers, and of geoopt's computation of the same formulas.

    python benchmarks/precision.py --csv benchmarks/results/precision.csv      # about a minute
    python benchmarks/precision.py --operations distance 'linear layer'        # a part

The reference is arithmetic in 80 digits on whole vectors (`tests/oracle.py`), written from the textbook formulas, clips
included, with the inputs taken as exact in float32. The error is `‖error‖/‖reference‖` of the output and of the
gradient of `⟨output, g⟩` for a random `g`, the worst over draws and, for the residuals, over settings of their gates.
`near-cancelling` is `y = -x` and `near-equal` is `y = x`, up to a thousandth; `condition` is how much a relative change
of `x` or `y` grows in the exact output.

The reference gradient is by central differences in the same arithmetic. For a residual it lies in the span of `x`, `y`
and `g`, because the layer is equivariant under rotations, so that three directions give all of it; what our gradient
has outside that span counts as error. The gradient in a scalar parameter is measured against `‖g‖` times the norm of
`∂output/∂parameter` or of the output, whichever is larger: neither vanishes by chance of the angle to `g`, or because
all points lie on one ray, where curvature has no effect.

The exit status is 1 if an error is larger than the page promises.
"""

from __future__ import annotations

import argparse
import math
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / 'tests'), str(ROOT / 'benchmarks')]

from oracle import MP, Ball, derivative, norm, relative_error, to_mp  # noqa: E402
from report import Report, add_arguments, chosen_device, header  # noqa: E402
from strategies import place, unit  # noqa: E402

from timm_hyperbolic import geometry as G  # noqa: E402
from timm_hyperbolic.layers import (  # noqa: E402
    CenteredResidual,
    HyperbolicLinear,
    OriginResidual,
    PointResidual,
)

with warnings.catch_warnings():
    # geoopt decorates its mathematics with torch.jit.script, which newer versions of torch deprecate.
    warnings.filterwarnings('ignore', message='.*torch.jit.script.*')
    import geoopt

NORMS = (0.01, 0.1, 1.0, 2.44, 5.0, 8.0, 12.0, 16.0)
KINDS = ('random', 'same ray', 'opposite', 'near-cancelling', 'near-equal', 'y = 0')
PLACES = {'near-equal': 'near', 'y = 0': 'zero'}  # the names of `strategies.place`, where they differ
DTYPES = (torch.float32, torch.float64)
MARGIN = 0.985
C = 1.0
#: center_logit, gamma_raw, gamma_scale of the residuals: γ is 0.41, 0.68 and -1.06, s is 0.5, 0.38 and 0.69.
GATES = ((0.0, 0.25, 0.0), (-0.5, 0.6, -1.2), (0.8, -0.6, 0.5))
#: γ is 0.78 and 0.96. Where y is nearly -x, the sum then nearly cancels, and no arithmetic gives all digits of it.
OPEN_GATES = ((0.0, 0.5, 0.0), (-0.5, 1.0, -1.2))

Function = Callable[..., Tensor]
Columns = dict[str, float]


@dataclass
class Row:
    """Worst errors of one operation at one kind of pair and one norm, by implementation."""

    operation: str
    margin: float | None
    kind: str
    norm: float
    value: Columns = field(default_factory=dict)
    gradient: Columns = field(default_factory=dict)
    #: Largest relative change of the exact output by a relative change of x or y.
    condition: float | None = None

    def worst(self, which: str, column: str, error: float) -> None:
        """Take in one more error."""
        errors = getattr(self, which)
        errors[column] = max(error, errors.get(column, 0.0))

    def targets(self) -> Iterator[tuple[str, str, float]]:
        """`('value' or 'gradient', column, allowed error)` for what is promised of this row."""
        column = 'float32'
        if self.operation == 'distance':
            allowed = 1e-6
        elif self.operation == 'centred residual' and self.norm <= 2.44:
            allowed = 5e-6
        elif self.operation == 'centred residual' and self.kind == 'random' and self.norm <= 12 and self.margin is None:
            allowed = 1e-6
        else:
            return
        yield 'value', column, allowed
        yield 'gradient', column, 10 * allowed  # of the same order

    def missed(self) -> list[str]:
        """What is promised of this row and not kept, in words."""
        return [
            f'{self.operation}, margin={self.margin}, {self.kind}, norm {self.norm:g}: {which} {column} '
            f'{getattr(self, which)[column]:.1e} > {allowed:.0e}'
            for which, column, allowed in self.targets()
            if column in getattr(self, which) and not getattr(self, which)[column] <= allowed
        ]


def column(ours: bool, dtype: torch.dtype) -> str:
    """The name of a column."""
    name = str(dtype).removeprefix('torch.')
    return name if ours else f'geoopt {name}'


# --- geoopt's computation of the formulas -----------------------------------------------------------------------------


class Dense:
    """The formulas of the layers on geoopt's manifold, as one would write them with it."""

    def __init__(self, c: Tensor, margin: float | None) -> None:
        self.c, self.t = c, margin
        self.ball = _CurvedBall(c)
        for name in ('expmap0', 'logmap0', 'mobius_add', 'mobius_matvec', 'dist'):
            setattr(self, name, getattr(self.ball, name))

    def _to(self, v: Tensor, length: float) -> Tensor:
        return v if self.t is None else v * (length / (self.c.sqrt() * v.norm(dim=-1, keepdim=True)).clamp_min(length))

    def pre(self, v: Tensor) -> Tensor:
        """A tangent vector within the margin."""
        return self._to(v, math.inf if self.t is None else math.atanh(self.t))

    def clip(self, p: Tensor) -> Tensor:
        """A point within the margin."""
        return self._to(p, self.t)

    def enter(self, v: Tensor) -> Tensor:
        """`E(v) = clip(exp0(pre(v)))`."""
        return self.clip(self.expmap0(self.pre(v)))

    def scale(self, r: Tensor, p: Tensor) -> Tensor:
        """Möbius scaling."""
        return self.ball.mobius_scalar_mul(r, p)


class _CurvedBall(geoopt.PoincareBall):
    """geoopt's ball with a curvature that gradients flow to."""

    def __init__(self, c: Tensor) -> None:
        super().__init__()
        self._c = c

    @property
    def c(self) -> Tensor:
        return self._c


def dense_centred(m: Dense, x: Tensor, y: Tensor, s: Tensor, gamma: Tensor) -> Tensor:
    """`res` by geoopt."""
    hx, hy = m.enter(x), m.enter(y)
    p = m.clip(m.mobius_add(m.clip(m.scale(s, hx)), m.clip(m.scale(1 - s, hy))))
    to_x = m.clip(m.mobius_add(-p, hx))
    to_y = m.clip(m.scale(gamma, m.clip(m.mobius_add(-p, hy))))
    return m.logmap0(m.clip(m.mobius_add(p, m.clip(m.mobius_add(to_x, to_y)))))


def dense_origin(m: Dense, x: Tensor, y: Tensor, s: Tensor, gamma: Tensor) -> Tensor:
    """`res0` by geoopt."""
    hx, hy = m.expmap0(m.pre(x)), m.expmap0(m.pre(y))
    return m.logmap0(m.clip(m.mobius_add(hx, m.clip(m.scale(gamma, hy)))))


def dense_point(m: Dense, x: Tensor, y: Tensor, s: Tensor, gamma: Tensor) -> Tensor:
    """`resx` by geoopt."""
    hx, hy = m.expmap0(m.pre(x)), m.expmap0(m.pre(y))
    return m.logmap0(m.ball.expmap(hx, gamma * m.ball.logmap(hx, hy)))


def dense_linear(m: Dense, x: Tensor, weight: Tensor, bias: Tensor, p_in: Tensor, p_out: Tensor) -> Tensor:
    """The linear layer by geoopt."""
    z = m.clip(m.mobius_matvec(weight, m.mobius_add(-p_in, m.expmap0(m.pre(x)))))
    return m.logmap0(m.clip(m.mobius_add(p_out, m.mobius_add(z, m.expmap0(m.pre(bias))))))


# --- residuals --------------------------------------------------------------------------------------------------------

RESIDUALS: dict[str, tuple[type[nn.Module], Function, Callable]] = {
    'centred residual': (CenteredResidual, dense_centred, lambda b, x, y, s, gamma: b.centred_residual(x, y, s, gamma)),
    'residual at the origin': (OriginResidual, dense_origin, lambda b, x, y, s, gamma: b.origin_residual(x, y, gamma)),
    'residual at x': (PointResidual, dense_point, lambda b, x, y, s, gamma: b.point_residual(x, y, gamma)),
}
OPEN = 'centred residual, open gate'
RESIDUALS[OPEN] = RESIDUALS['centred residual']
SCALARS = ('center_logit', 'gamma_raw', 'gamma_scale', 'curvature')


def exact_residual(formula: Callable, margin: float | None) -> Callable:
    """The oracle of a residual as a function of the vectors and its four scalar parameters."""

    def f(x: list, y: list, center_logit: Any, gamma_raw: Any, gamma_scale: Any, c: Any) -> list:
        s = 1 / (1 + MP.exp(-center_logit))
        gamma = (1 + MP.log(1 + MP.exp(gamma_scale))) * MP.tanh(gamma_raw)
        return formula(Ball(c, margin), x, y, s, gamma)

    return f


def run_residual(layer_type: type[nn.Module], margin, gates, x: Tensor, y: Tensor, g: Tensor) -> tuple[Tensor, ...]:
    """Output and gradients, in x, y and the scalars that the layer has, of our layer."""
    layer = layer_type(curvature=C, learn_curvature=False, margin=margin, dtype=x.dtype)
    c = layer.curvature.value.requires_grad_()
    scalars = {'curvature': c}
    for name, value in zip(SCALARS, gates, strict=False):
        if hasattr(layer, name):
            scalars[name] = getattr(layer, name)
            nn.init.constant_(scalars[name], value)
    x, y = x.requires_grad_(), y.requires_grad_()
    out = layer(x, y)
    gradients = torch.autograd.grad((out * g).sum(), (x, y, *scalars.values()))
    return out.detach(), *gradients[:2], dict(zip(scalars, gradients[2:], strict=True))


def run_dense_residual(formula: Function, margin, gates, x: Tensor, y: Tensor, g: Tensor) -> tuple[Tensor, ...]:
    """The same by geoopt."""
    center_logit, gamma_raw, gamma_scale, c = (torch.tensor(t, dtype=x.dtype, requires_grad=True) for t in (*gates, C))
    gamma = (1 + F.softplus(gamma_scale)) * gamma_raw.tanh()
    x, y = x.requires_grad_(), y.requires_grad_()
    out = formula(Dense(c, margin), x, y, center_logit.sigmoid(), gamma)
    scalars = {'center_logit': center_logit, 'gamma_raw': gamma_raw, 'gamma_scale': gamma_scale, 'curvature': c}
    gradients = torch.autograd.grad((out * g).sum(), (x, y, *scalars.values()), allow_unused=True)
    return out.detach(), *gradients[:2], dict(zip(scalars, gradients[2:], strict=True))


def orthonormal(vectors: Iterable[list]) -> list[list]:
    """A basis of the span of a few vectors, in the arithmetic of the oracle."""
    basis: list[list] = []
    for v in vectors:
        w, size = v, norm(v)
        for e in basis:
            k = MP.fdot(w, e)
            w = [a - k * b for a, b in zip(w, e, strict=True)]
        rest = norm(w)
        if size and rest > MP.mpf('1e-30') * size:
            basis.append([a / rest for a in w])
    return basis


def shifted(v: list, h: Any, e: list) -> list:
    """`v + h·e`."""
    return [a + h * b for a, b in zip(v, e, strict=True)]


def exact_gradients(f: Callable, x: list, y: list, scalars: list, g: list) -> tuple[list, list, dict, dict, float]:
    """Gradients of `⟨f, g⟩` in x, y and the scalars; what to measure those in scalars against; the condition."""
    basis = orthonormal((x, y, g))
    size = norm(f(x, y, *scalars))
    in_vectors, condition = [], 0.0
    for which in range(2):
        total = [MP.zero] * len(x)
        for e in basis:
            args = (lambda h, e=e: (shifted(x, h, e), y)) if which == 0 else (lambda h, e=e: (x, shifted(y, h, e)))
            slope = derivative(lambda h, args=args: f(*args(h), *scalars))
            total = shifted(total, MP.fdot(slope, g), e)
            condition = max(condition, float(norm(slope) * norm((x, y)[which]) / size))
        in_vectors.append(total)
    in_scalars, sizes = {}, {}
    for i, name in enumerate(SCALARS):
        slope = derivative(lambda h, i=i: f(x, y, *(t + h if i == j else t for j, t in enumerate(scalars))))
        in_scalars[name], sizes[name] = MP.fdot(slope, g), max(norm(slope), size) * norm(g)
    return *in_vectors, in_scalars, sizes, condition


def measure_residual(row: Row, draws: int, dim: int, gradients: bool, generator: torch.Generator) -> None:
    """Fill a row of a residual."""
    layer_type, dense, formula = RESIDUALS[row.operation]
    f = exact_residual(formula, row.margin)
    for gates in OPEN_GATES if row.operation == OPEN else GATES:
        gates = torch.tensor(gates).tolist()  # as float32 holds them
        for draw in range(draws):
            x, y = pair(row.kind, row.norm, dim, generator)
            g = unit(generator, dim, dtype=torch.float32)
            mx, my, mg, scalars = to_mp(x), to_mp(y), to_mp(g), [MP.mpf(t) for t in (*gates, C)]
            reference = f(mx, my, *scalars)
            exact = exact_gradients(f, mx, my, scalars, mg) if gradients and draw == 0 else None
            if exact:
                row.condition = max(exact[-1], row.condition or 0.0)
            for dtype in DTYPES:
                for ours in (True, False):
                    name, args = column(ours, dtype), (row.margin, gates, x.to(dtype), y.to(dtype), g.to(dtype))
                    run = run_residual(layer_type, *args) if ours else run_dense_residual(dense, *args)
                    row.worst('value', name, relative_error(run[0], reference))
                    if exact:
                        row.worst('gradient', name, max(gradient_errors(run[1:], exact)))


def gradient_errors(got: tuple, exact: tuple) -> Iterator[float]:
    """Relative errors of the gradients in x, in y and in each scalar."""
    for value, reference in zip(got[:2], exact[:2], strict=True):
        yield relative_error(value, reference)
    for name, value in got[2].items():
        if value is not None:
            yield scalar_error(value, exact[2][name], exact[3][name])


def scalar_error(value: Tensor, exact: Any, size: Any) -> float:
    """Error of a scalar gradient in units of what it could be."""
    got = value.item()
    if not math.isfinite(got):
        return math.inf
    error = abs(MP.mpf(got) - exact)
    return float(error / size if size > MP.mpf('1e-30') else error)


def pair(kind: str, length: float, dim: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Two tangent vectors in float32; those of a free length are 0.9 as long as the first."""
    x = length * unit(generator, dim, dtype=torch.float32)
    return x, place(generator, PLACES.get(kind, kind), x, 0.9 * length)


# --- distance, sums, round trips --------------------------------------------------------------------------------------


def measure_distance(row: Row, draws: int, dim: int, gradients: bool, generator: torch.Generator) -> None:
    """`d(exp0(x), exp0(y))` of tangent vectors."""

    ball = Ball(C)

    def exact(x: list, y: list) -> Any:
        return ball.distance(ball.exp0(x), ball.exp0(y))

    for _ in range(3 * draws):
        x, y = pair(row.kind, row.norm, dim, generator)
        mx, my = to_mp(x), to_mp(y)
        reference = exact(mx, my)
        basis = orthonormal((mx, my)) if gradients else []
        in_x = in_y = [MP.zero] * dim
        for e in basis:
            in_x = shifted(in_x, derivative(lambda h, x=mx, y=my, e=e: exact(shifted(x, h, e), y)), e)
            in_y = shifted(in_y, derivative(lambda h, x=mx, y=my, e=e: exact(x, shifted(y, h, e))), e)
        for dtype in DTYPES:
            for ours in (True, False):
                a, b = x.to(dtype).requires_grad_(), y.to(dtype).requires_grad_()
                manifold = geoopt.PoincareBall(c=torch.tensor(C, dtype=dtype))
                d = G.tangent_distance(a, b, C) if ours else manifold.dist(manifold.expmap0(a), manifold.expmap0(b))
                row.worst('value', column(ours, dtype), relative_error(d, reference))
                if gradients:
                    got = torch.autograd.grad(d, (a, b))
                    # At y = 0 the exact derivative in y lies along x, which is in the basis.
                    errors = [relative_error(t, r) for t, r in zip(got, (in_x, in_y), strict=True)]
                    row.worst('gradient', column(ours, dtype), max(errors))


def measure_sum(row: Row, draws: int, dim: int, gradients: bool, generator: torch.Generator) -> None:
    """`log0(exp0(x) ⊕ exp0(y))` of tangent vectors, in a frame with the scalars of a layer without margin."""
    exact = Ball(C)
    for _ in range(3 * draws):
        x, y = pair(row.kind, row.norm, dim, generator)
        reference = exact.log0(exact.add(exact.exp0(to_mp(x)), exact.exp0(to_mp(y))))
        for dtype in DTYPES:
            a, b, c = x.to(dtype), y.to(dtype), torch.tensor(C, dtype=dtype)
            _, p, q = G.Frame.plane(a, b, c)
            row.worst('value', column(True, dtype), relative_error((p.exp0() + q.exp0()).log0().to_tensor(), reference))
            m = geoopt.PoincareBall(c=c)
            theirs = m.logmap0(m.mobius_add(m.expmap0(a), m.expmap0(b)))
            row.worst('value', column(False, dtype), relative_error(theirs, reference))


def measure_stored_sum(row: Row, draws: int, dim: int, gradients: bool, generator: torch.Generator) -> None:
    """`p ⊕ q` of points given in float32, taken as exact."""
    exact = Ball(C)
    for _ in range(3 * draws):
        p, q = (G.exp0(t, C) for t in pair(row.kind, row.norm, dim, generator))
        reference = exact.add(to_mp(p), to_mp(q))
        for dtype in DTYPES:
            a, b, m = p.to(dtype), q.to(dtype), geoopt.PoincareBall(c=torch.tensor(C, dtype=dtype))
            row.worst('value', column(True, dtype), relative_error(G.mobius_add(a, b, C), reference))
            row.worst('value', column(False, dtype), relative_error(m.mobius_add(a, b), reference))


def measure_round_trip(row: Row, draws: int, dim: int, gradients: bool, generator: torch.Generator) -> None:
    """`log0(exp0(x))`: of a gyrovector, and with the point stored in between."""
    for _ in range(3 * draws):
        x, _ = pair('random', row.norm, dim, generator)
        for dtype in DTYPES:
            v, m = x.to(dtype), geoopt.PoincareBall(c=torch.tensor(C, dtype=dtype))
            if row.operation == 'log0(exp0), stored point':
                ours = G.log0(G.exp0(v, C), C)
            else:
                frame = G.Frame.of((v,), torch.tensor(C, dtype=dtype), dtype)
                p = frame.tangent(torch.ones(1, dtype=dtype)).exp0()
                # a gyrovector remembers the tangent vector that it came from; not this one
                ours = G.Gyrovector(frame, p.coefficients, p.r2, p.u).log0().to_tensor()
            row.worst('value', column(True, dtype), relative_error(ours, to_mp(x)))
            row.worst('value', column(False, dtype), relative_error(m.logmap0(m.expmap0(v)), to_mp(x)))


# --- the linear layer -------------------------------------------------------------------------------------------------

LINEAR = ('weight', 'bias', 'p_in', 'p_out')


def measure_linear(row: Row, draws: int, dim: int, gradients: bool, generator: torch.Generator) -> None:
    """The linear layer, with centres and bias that matter."""
    out_dim = dim // 2
    for draw in range(draws):
        x, _ = pair('random', row.norm, dim, generator)
        g = unit(generator, out_dim, dtype=torch.float32)
        start = {
            'weight': torch.randn(out_dim, dim, generator=generator) / math.sqrt(out_dim),
            'bias': 0.5 * unit(generator, out_dim, dtype=torch.float32),
            'p_in': 0.3 * unit(generator, 1, dim, dtype=torch.float32),
            'p_out': 0.4 * unit(generator, 1, out_dim, dtype=torch.float32),
        }
        exact = {'x': to_mp(x), **{name: to_mp(t.squeeze(0)) for name, t in start.items()}}

        def f(c: Any, x: list, weight: list, bias: list, p_in: list, p_out: list) -> list:
            return Ball(c, row.margin).linear(x, weight, bias, p_in, p_out)

        reference = f(MP.mpf(C), **exact)
        along = {}
        if gradients and draw == 0:
            mg = to_mp(g)
            for name in ('x', *LINEAR, 'curvature'):
                if name == 'curvature':
                    directions = [torch.ones(1)]
                else:
                    shape = x.shape if name == 'x' else start[name].shape
                    directions = [torch.randn(shape, generator=generator) for _ in range(3)]
                along[name] = [(d, *slope_along(f, exact, name, d, mg)) for d in directions]
        for dtype in DTYPES:
            for ours in (True, False):
                out, got = (run_linear if ours else run_dense_linear)(row.margin, start, x.to(dtype), g.to(dtype))
                row.worst('value', column(ours, dtype), relative_error(out, reference))
                for name, slopes in along.items():
                    for d, slope, size in slopes:
                        value = (got[name].double() * d.view_as(got[name])).sum()
                        row.worst('gradient', column(ours, dtype), scalar_error(value, slope, size))


def slope_along(f: Callable, exact: dict, name: str, direction: Tensor, g: list) -> tuple[Any, Any]:
    """Derivative of `⟨f, g⟩` along a direction of one argument, and what to measure its error against."""
    d = to_mp(direction.squeeze(0) if direction.dim() > 1 else direction)

    def moved(h: Any) -> list:
        if name == 'curvature':
            return f(MP.mpf(C) + h, **exact)
        old = exact[name]
        new = [shifted(r, h, e) for r, e in zip(old, d, strict=True)] if name == 'weight' else shifted(old, h, d)
        return f(MP.mpf(C), **{**exact, name: new})

    slope = derivative(moved)
    return MP.fdot(slope, g), max(norm(slope), norm(f(MP.mpf(C), **exact))) * norm(g)


def run_linear(margin: float | None, start: dict[str, Tensor], x: Tensor, g: Tensor) -> tuple[Tensor, dict]:
    """Output and gradients of our layer."""
    out_dim, dim = start['weight'].shape
    layer = HyperbolicLinear(dim, out_dim, curvature=C, learn_curvature=False, margin=margin, dtype=x.dtype)
    with torch.no_grad():
        for name, t in start.items():
            getattr(layer, name).copy_(t)
    inputs = {'x': x.requires_grad_(), 'curvature': layer.curvature.value.requires_grad_()}
    inputs |= {name: getattr(layer, name) for name in LINEAR}
    out = layer(x)
    gradients = torch.autograd.grad((out * g).sum(), tuple(inputs.values()))
    return out.detach(), dict(zip(inputs, gradients, strict=True))


def run_dense_linear(margin: float | None, start: dict[str, Tensor], x: Tensor, g: Tensor) -> tuple[Tensor, dict]:
    """The same by geoopt."""
    inputs = {name: t.squeeze(0).to(x.dtype, copy=True).requires_grad_() for name, t in start.items()}
    inputs |= {'x': x.requires_grad_(), 'curvature': torch.tensor(C, dtype=x.dtype, requires_grad=True)}
    out = dense_linear(Dense(inputs['curvature'], margin), x, *(inputs[name] for name in LINEAR))
    gradients = torch.autograd.grad((out * g).sum(), tuple(inputs.values()))
    return out.detach(), dict(zip(inputs, gradients, strict=True))


# --- the table --------------------------------------------------------------------------------------------------------


def plan(norms: Iterable[float], kinds: Iterable[str]) -> Iterator[tuple[Row, Callable]]:
    """All rows, with what measures them."""
    norms, kinds = tuple(norms), tuple(kinds)
    pairs = [(kind, length) for kind in kinds for length in norms]
    yield from ((Row('distance', None, *pair), measure_distance) for pair in pairs)
    yield from ((Row('Möbius addition', None, *pair), measure_sum) for pair in pairs)
    # beyond, a point is the boundary to float32
    near = [(kind, length) for kind, length in pairs if length <= 5]
    yield from ((Row('Möbius addition, stored points', None, *pair), measure_stored_sum) for pair in near)
    for operation in ('log0(exp0)', 'log0(exp0), stored point'):
        yield from ((Row(operation, None, 'any', length), measure_round_trip) for length in norms)
    for name in RESIDUALS:
        for margin in (MARGIN, None):
            yield from ((Row(name, margin, *pair), measure_residual) for pair in pairs)
    for margin in (MARGIN, None):
        yield from ((Row('linear layer', margin, 'any', length), measure_linear) for length in norms)


def measure(
    draws: int = 1,
    dim: int = 16,
    seed: int = 0,
    norms: Iterable[float] = NORMS,
    kinds: Iterable[str] = KINDS,
    operations: Iterable[str] | None = None,
    gradients: bool = True,
) -> list[Row]:
    """Measure every row.

    Args:
        draws: Pairs for each row; the distances, sums and round trips take three times as many.
        dim: Dimension of the vectors, even.
        seed: Seed of the random numbers.
        norms: Lengths of the tangent vectors.
        kinds: Kinds of pairs, from `KINDS`.
        operations: Which to measure; all if None.
        gradients: Measure gradients too, which is most of the work.

    Returns:
        The rows, in the order of the table.
    """
    rows = []
    for row, fill in plan(norms, kinds):
        if operations is None or row.operation in operations:
            # each row has its own numbers, so that a part of the table repeats the whole
            key = f'{row.operation}{row.margin}{row.kind}{row.norm}'
            generator = torch.Generator().manual_seed(seed + sum(ord(a) * 31**i for i, a in enumerate(key)) % 2**31)
            fill(row, draws, dim, gradients, generator)
            rows.append(row)
    return rows


def table(rows: list[Row]) -> Iterator[dict[str, Any]]:
    """The rows of the CSV file: one for the values and one for the gradients of each row."""
    columns = [column(ours, dtype) for dtype in DTYPES for ours in (True, False)]
    for row in rows:
        place_of = {'operation': row.operation, 'margin': row.margin, 'pair': row.kind, 'norm': row.norm}
        for quantity in ('value', 'gradient'):
            errors = getattr(row, quantity)
            if errors:
                condition = row.condition if quantity == 'value' else None
                yield {**place_of, 'quantity': quantity, **{c: errors[c] for c in columns}, 'condition': condition}


def main(argv: list[str] | None = None) -> int:
    """Measure and print; 1 if a promise is not kept."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_arguments(parser)
    parser.add_argument('--draws', type=int, default=1, help='pairs for each row and setting of the gates (default 1)')
    parser.add_argument('--dim', type=int, default=16, help='dimension, even (default 16)')
    parser.add_argument('--seed', type=int, default=0, help='seed of the random numbers (default 0)')
    operations = list(dict.fromkeys(row.operation for row, _ in plan((1.0,), ('random',))))
    parser.add_argument('--operations', nargs='+', default=operations, choices=operations, metavar='NAME')
    args = parser.parse_args(argv)
    args.threads = args.threads or 1
    head = header(args, chosen_device(args), ('operations',))
    report = Report(head, args.csv, key=('operation', 'margin', 'pair', 'norm', 'quantity'))
    missed = []
    for operation in args.operations:
        rows = measure(args.draws, args.dim, args.seed, operations=(operation,))
        report.add(table(rows))
        missed += [line for row in rows for line in row.missed()]
    for line in missed:
        print(f'missed: {line}', file=sys.stderr)
    return 1 if missed else 0


if __name__ == '__main__':
    sys.exit(main())

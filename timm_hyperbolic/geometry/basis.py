"""How a plane of two vectors acts on the vectors themselves: inner products with its basis, and combinations of it.

The basis of a row begins with the longer of `x` and `y`, `e`; then comes what is left of the other, `w = other - k·e`.
Both classes here do the same with it. `Implicit` makes neither, and takes the fewest passes over memory. `Explicit`
makes both, and so keeps the digits of nearly parallel `x` and `y`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .rows import square

__all__ = ['Explicit', 'Implicit', 'are_apart', 'inner', 'scratch_like', 'swapped']

# The least squared sine of an angle at which inner products in float32 still tell all: errors are 1e-6 there, of
# gradients 1e-5, for points on the default margin, and grow as its inverse square.
APART = 0.1


def scratch_like(x: Tensor) -> Tensor | None:
    """Memory for products of vectors like `x`, where their type is good enough for inner products."""
    return torch.empty_like(x) if x.dtype.itemsize >= 4 else None


def inner(x: Tensor, y: Tensor, scratch: Tensor | None) -> Tensor:
    """`⟨x, y⟩` in float64, `[..., D]` to `[R]`, summed in float32 or better; the products are left in `scratch`."""
    if scratch is None:
        x, y = x.to(torch.float32), y.to(torch.float32)
    return torch.mul(x, y, out=scratch).sum(-1).to(torch.float64).flatten()


def swapped(a: Tensor, b: Tensor, swap: Tensor) -> tuple[Tensor, Tensor]:
    """`a` and `b`, changed over where `swap` is one: from longer and other to `x` and `y`, and back."""
    return torch.lerp(a, b, swap), torch.lerp(b, a, swap)


def _factors(rows: Tensor, x: Tensor) -> Tensor:
    """Numbers of the rows, `[n, R]`, as factors of vectors like `x`: `[n, ..., 1]`."""
    return rows.to(x.dtype).view(len(rows), *x.shape[:-1], 1)


def _combine(g, first, second, of_g, of_first, of_second, scratch, out=None) -> tuple[Tensor, Tensor]:
    """Two linear combinations of three vectors, by `[2, R]` coefficients of each; the results may take their places."""
    by = _factors(torch.cat([of_g, of_first, of_second]), g).view(3, 2, *g.shape[:-1], 1)
    (x_of_g, y_of_g), (x_of_first, y_of_first), (x_of_second, y_of_second) = by
    dx = torch.mul(g, x_of_g, out=scratch).addcmul_(first, x_of_first).addcmul_(second, x_of_second)
    dy = torch.mul(second, y_of_second, out=out).addcmul_(first, y_of_first).addcmul_(g, y_of_g)
    return dx, dy


class Implicit:
    """The basis in terms of `x` and `y`: the fewest passes, for vectors that are not nearly parallel.

    Args:
        x: The first vectors.
        y: The second ones, of the same shape.
        k: `⟨e, other⟩/⟨e, e⟩`, `[R]`, float64.
        swap: One where `e` is `y`, else zero, `[R]`, float64.
        scratch: Memory for one tensor of such vectors, None for types too short for it.
    """

    def __init__(self, x: Tensor, y: Tensor, k: Tensor, swap: Tensor, scratch: Tensor | None) -> None:
        self.x, self.y, self.k, self.swap, self.scratch = x, y, k, swap, scratch

    def along(self, g: Tensor) -> Tensor:
        """Inner products of `g` with `e` and `w`, `[2, R]`."""
        along = inner(g, self.x, self.scratch), inner(g, self.y, self.scratch)
        longer, other = swapped(*along, self.swap)
        return torch.stack([longer, torch.addcmul(other, self.k, longer, value=-1)])

    def on_vectors(self, of_e: Tensor, of_w: Tensor) -> tuple[Tensor, Tensor]:
        """Coefficients of `e` and `w` as those of `x` and `y`."""
        of_e = torch.addcmul(of_e, self.k, of_w, value=-1)
        return swapped(of_e, of_w, self.swap)

    def combine(self, of_e: Tensor, of_w: Tensor) -> Tensor:
        """`of_e·e + of_w·w`, by `[R]` coefficients."""
        of_x, of_y = _factors(torch.stack(self.on_vectors(of_e, of_w)), self.x)
        return torch.mul(self.x, of_x, out=self.scratch).addcmul_(self.y, of_y)

    def derivatives(self, g: Tensor, of_g: Tensor, of_e: Tensor, of_w: Tensor) -> tuple[Tensor, Tensor]:
        """Those by `x` and by `y`, from `[2, R]` coefficients in both of `g`, `e` and `w`."""
        return _combine(g, self.x, self.y, of_g, *self.on_vectors(of_e, of_w), self.scratch)


class Explicit:
    """The basis as vectors, which keep the digits of nearly parallel `x` and `y` too.

    Rounded as it is, `w` is orthogonal to `e` only up to an ulp of both, which is much where `x` and `y` nearly cancel.
    What the rows compute with is `w - δ·e`, orthogonal in float64.

    Args: as `Implicit`.
    """

    def __init__(self, x: Tensor, y: Tensor, k: Tensor, swap: Tensor, scratch: Tensor | None) -> None:
        self.x, self.y, self.swap, self.scratch = x, y, swap, scratch
        self.rounded = k.to(x.dtype).to(k.dtype)
        self.delta = k - self.rounded
        one = torch.ones_like(k)
        # A stack of row numbers is what the compiler puts into memory: else each element of a vector makes them anew.
        of_x, of_y, is_y = _factors(torch.stack([*swapped(-self.rounded, one, swap), swap]), x)
        self.e, self.w = torch.lerp(x, y, is_y), (x * of_x).addcmul_(y, of_y)

    def measure(self, ee: Tensor) -> tuple[Tensor, Tensor]:
        """`‖w‖²` and `k`, with the digits that the inner products of `x` and `y` lack."""
        self.delta = inner(self.w, self.e, self.scratch) / ee
        return square(self.w).flatten(), self.rounded + self.delta

    def along(self, g: Tensor) -> Tensor:
        """As of `Implicit`."""
        along_e, along_w = inner(g, self.e, self.scratch), inner(g, self.w, self.scratch)
        return torch.stack([along_e, torch.addcmul(along_w, self.delta, along_e, value=-1)])

    def combine(self, of_e: Tensor, of_w: Tensor) -> Tensor:
        """As of `Implicit`; `w` is gone."""
        of_e = torch.addcmul(of_e, of_w, self.delta, value=-1)
        of_y = of_e * self.swap
        of_w, of_x, of_y = _factors(torch.stack([of_w, of_e - of_y, of_y]), self.x)
        return self.w.mul_(of_w).addcmul_(self.x, of_x).addcmul_(self.y, of_y)

    def derivatives(self, g: Tensor, of_g: Tensor, of_e: Tensor, of_w: Tensor) -> tuple[Tensor, Tensor]:
        """As of `Implicit`; `w` is gone."""
        of_e = torch.addcmul(of_e, self.delta, of_w, value=-1)
        return _combine(g, self.e, self.w, of_g, of_e, of_w, self.scratch, out=self.w)


def are_apart(x: Tensor, ww: Tensor, other: Tensor) -> bool:
    """Whether no row has nearly parallel vectors.

    It is asked only where the answer costs nothing: not of a device that would have to be waited for, nor of a tracer.

    Args:
        x: The first vectors.
        ww: `‖w‖²`, `[R]`.
        other: The smaller of `‖x‖²` and `‖y‖²`, `[R]`.
    """
    traced = torch.compiler.is_compiling() or torch.jit.is_tracing() or type(x) not in (Tensor, torch.nn.Parameter)
    if traced or x.device.type != 'cpu':
        return False
    return bool((ww >= APART * other).all())

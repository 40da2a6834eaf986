"""What each layer costs on paper, beside its Euclidean twin: products, numbers moved, functions evaluated.

Letters: B batch, N tokens, R = B·N rows, D features, E features out, H heads, d = D/H, C classes, M centroids,
P = B·H·N·(N + M) pairs. A forward pass is counted, and the backward pass to the input and to every parameter.

Counted are:

- `products`: FLOPs of matrix products, `2·m·k·n` for `[m, k] @ [k, n]`, as torch's `FlopCounterMode` counts them;
- `elements`: numbers that must be read or written if a row-wise computation is one pass over its operands, and a matrix
  product reads its operands and writes its result once: what a fused kernel for each pass needs, not what eager mode
  does;
- `exponentials` and `arsinh`: values of exp, log and erf, and of arsinh, on tensors of the size of activations or
  scores.

Numbers per row (coefficients, curvatures) are counted where they enter or leave a pass, not within.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import NamedTuple

from timm_hyperbolic.models.vit_hyp import PRESETS

__all__ = ['VIT_BASE', 'VIT_TINY', 'Cost', 'Machine', 'Passes', 'Size', 'layer_costs', 'training_step']


@dataclass(frozen=True)
class Cost:
    """Products in FLOPs, numbers moved, functions evaluated."""

    products: float = 0
    elements: float = 0
    exponentials: float = 0
    arsinh: float = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __mul__(self, times: float) -> Cost:
        return Cost(*(times * a for a in astuple(self)))

    __rmul__ = __mul__


class Passes(NamedTuple):
    """Forward and backward."""

    forward: Cost
    backward: Cost

    @property
    def total(self) -> Cost:
        """Both."""
        return self.forward + self.backward


def joined(*parts: Passes) -> Passes:
    """One after the other."""
    return Passes(sum((p.forward for p in parts), Cost()), sum((p.backward for p in parts), Cost()))


def repeated(times: int, layer: Passes) -> Passes:
    """The same layer several times."""
    return Passes(times * layer.forward, times * layer.backward)


@dataclass(frozen=True)
class Machine:
    """What a device does in a second.

    Args:
        products: FLOPs of a matrix product.
        bytes: Moved by a copy, read and written.
        exponentials: Values of exp.
        arsinh: Values of arsinh.
        dispatch: Seconds that the smallest operation takes, with its share of autograd.
    """

    products: float
    bytes: float
    exponentials: float
    arsinh: float
    dispatch: float

    def seconds(self, cost: Cost, itemsize: int = 4) -> float:
        """Time of one after the other, the sum of all: eager mode does not overlap them."""
        moved = itemsize * cost.elements / self.bytes
        evaluated = cost.exponentials / self.exponentials + cost.arsinh / self.arsinh
        return cost.products / self.products + moved + evaluated


@dataclass(frozen=True)
class Size:
    """A ViT and its batch."""

    batch: int = 64
    tokens: int = 65
    dim: int = 192
    heads: int = 3
    classes: int = 100
    centroids: int = 100
    depth: int = 12
    patch: int = 4

    @property
    def rows(self) -> int:
        """R = B·N."""
        return self.batch * self.tokens


VIT_TINY = Size()
VIT_BASE = Size(tokens=197, dim=768, heads=12, classes=1000, patch=16)


def product(m: float, k: float, n: float) -> Cost:
    """`[m, k] @ [k, n]`: `2mkn` FLOPs; both operands are read, the result is written."""
    return Cost(2 * m * k * n, m * k + k * n + m * n)


# --- linear ----------------------------------------------------------------------------------------------------------


def linear(rows: int, dim: int, out: int) -> Passes:
    """`Wx + b`. Forward one product; backward two, `gW` and `gᵀx`, and a sum over `g` for the bias."""
    return Passes(
        product(rows, dim, out) + Cost(elements=out),
        product(rows, out, dim) + product(out, rows, dim) + Cost(elements=rows * out + out),
    )


def hyperbolic_linear(rows: int, dim: int, out: int, parts: int = 1) -> Passes:
    """`log0(p_out ⊕ (W ⊗ (-p_in ⊕ exp0(x)) ⊕ exp0(b)))`, as its kernel computes it.

    Products, forward: `2RDE` for `y = Wx` and `2DE` for `W·p_in`. Backward: `4RDE` for the gradients of `x` and `W`,
    `8RD·parts` for four sums over `x`, and `10DE` for `W·p_in` again and the gradients of the fixed vectors. Inner
    products and combinations are additions within the passes.

    Elements, forward: the product; one pass over `x` for its inner products; one over `y` that writes the output in its
    place; one over `W`. Six numbers for each row and part are kept. Backward: one pass over `x`, `g` and the output,
    which writes the gradient of `y` and a part of that of `x`; the two products, of which one adds to that part, and
    the sums; five passes over `W` and two over its gradient.
    """
    weight, numbers = dim * out, rows * parts
    return Passes(
        Cost(2 * weight * (rows + 1), 2 * rows * dim + 3 * rows * out + 2 * weight + 6 * numbers),
        Cost(
            4 * rows * weight + 8 * dim * numbers + 10 * weight,
            6 * rows * dim + 5 * rows * out + 9 * weight + 14 * numbers,
        ),
    )


def mlp(rows: int, dim: int, layer: Callable[..., Passes] = linear) -> Passes:
    """`D → 4D`, GELU, `4D → D`: `16RD²` FLOPs forward in the two large products, one erf a hidden feature."""
    hidden = 4 * dim * rows
    gelu = Passes(Cost(elements=2 * hidden, exponentials=hidden), Cost(elements=3 * hidden, exponentials=hidden))
    return joined(layer(rows, dim, 4 * dim), gelu, layer(rows, 4 * dim, dim))


# --- residual, position ----------------------------------------------------------------------------------------------


def addition(rows: int, dim: int) -> Passes:
    """`x + y`: reads two, writes one; its gradient is handed on as it is."""
    return Passes(Cost(elements=3 * rows * dim), Cost())


def hyperbolic_residual(rows: int, dim: int) -> Passes:
    """A residual: three inner products and one combination forward, two of each backward.

    One pass forward, which reads `x, y` and writes the result, `3RD`; one backward, which reads `x, y, g` and writes
    `dx, dy`, `5RD`. The inner products are `O(RD)` additions in those passes and no matrix product. About ten numbers a
    row are kept.
    """
    return Passes(Cost(elements=3 * rows * dim + 10 * rows), Cost(elements=5 * rows * dim + 10 * rows))


def position(batch: int, tokens: int, dim: int) -> Passes:
    """`x + pos`; backward a sum of `g` over the batch."""
    one = tokens * dim
    return Passes(Cost(elements=2 * batch * one + one), Cost(elements=batch * one + one))


def hyperbolic_position(batch: int, tokens: int, dim: int) -> Passes:
    """`x ⊕ pos`, as a residual whose second vector is one for all the batch."""
    one, numbers = tokens * dim, 10 * batch * tokens
    return Passes(Cost(elements=2 * batch * one + one + numbers), Cost(elements=3 * batch * one + 2 * one + numbers))


# --- attention -------------------------------------------------------------------------------------------------------


def attention(batch: int, tokens: int, dim: int, heads: int) -> Passes:
    """timm's attention, its scores fused (`scaled_dot_product_attention`): no score is stored.

    `2·BHN²·2d` FLOPs forward for the two products, five such products backward, as one is made again.
    """
    rows, pairs = batch * tokens, batch * heads * tokens**2
    inner = 2 * pairs * (dim // heads)
    fused = Passes(
        Cost(2 * inner, 4 * rows * dim, pairs),
        Cost(5 * inner, 8 * rows * dim, pairs),
    )
    return joined(linear(rows, dim, 3 * dim), fused, linear(rows, dim, dim))


def hyperbolic_attention(batch: int, tokens: int, dim: int, heads: int, centroids: int) -> Passes:
    """Scores from distances to tokens and centroids, values joined by their gyro-midpoint.

    A distance is a function of one inner product and a few numbers of each point, and a sum of values is one product.
    Products besides the linear maps: `2·2Pd` FLOPs forward for P pairs, five such products backward, as the scores are
    made again: timm's, times `(N + M)/N`.

    Elements: q, k, v to numbers of their points; q, k, v to sums, whose scores are taken for a part of the batch at a
    time and stay in the cache; the midpoint. Functions: a logarithm and an exponential a pair, forward and again
    backward.
    """
    rows = batch * tokens
    pairs = batch * heads * tokens * (tokens + centroids)
    inner = 2 * pairs * (dim // heads)
    vectors = rows * dim
    forward = 3 * vectors + 4 * vectors + 2 * vectors
    backward = 3 * vectors + 7 * vectors + 9 * vectors
    scores = Passes(Cost(2 * inner, forward, 2 * pairs), Cost(5 * inner, backward, 2 * pairs))
    return joined(hyperbolic_linear(rows, dim, 3 * dim, parts=3), scores, hyperbolic_linear(rows, dim, dim))


# --- head ------------------------------------------------------------------------------------------------------------


def hyperbolic_head(batch: int, dim: int, classes: int) -> Passes:
    """Distances to prototypes: one product `2BDC` forward, two backward, and passes over the `B·C` pairs.

    No tensor of `B·C·D` is needed: the distance is a function of the inner product and of two norms.
    """
    pairs, points = batch * classes, (batch + classes) * dim
    forward = product(batch, dim, classes) + Cost(elements=2 * points + 2 * pairs, arsinh=pairs)
    backward = product(batch, classes, dim) + product(classes, batch, dim)
    return Passes(forward, backward + Cost(elements=3 * points + 3 * pairs, arsinh=pairs))


# --- all of it -------------------------------------------------------------------------------------------------------


def layer_costs(s: Size) -> dict[str, tuple[Passes, Passes]]:
    """Of every layer, its Euclidean twin's cost and its own."""
    residual = addition(s.rows, s.dim), hyperbolic_residual(s.rows, s.dim)
    return {
        'linear': (linear(s.rows, s.dim, 4 * s.dim), hyperbolic_linear(s.rows, s.dim, 4 * s.dim)),
        'res': residual,
        'res0': residual,
        'resx': residual,
        'pos': (position(s.batch, s.tokens, s.dim), hyperbolic_position(s.batch, s.tokens, s.dim)),
        'mlp': (mlp(s.rows, s.dim), mlp(s.rows, s.dim, hyperbolic_linear)),
        'attn': (
            attention(s.batch, s.tokens, s.dim, s.heads),
            hyperbolic_attention(s.batch, s.tokens, s.dim, s.heads, s.centroids),
        ),
        'head': (linear(s.batch, s.dim, s.classes), hyperbolic_head(s.batch, s.dim, s.classes)),
    }


#: Which layers a variant swaps.
VARIANTS = {'euclid': (), **{name: m for name, m in PRESETS.items() if len(m) == 1 or name == 'all'}}


def training_step(s: Size, modules: tuple[str, ...] = ()) -> Cost:
    """A training step of a ViT: forward, backward, clip and AdamW.

    Besides the layers: LayerNorms (`2RD` forward, `3RD` backward), the patch embedding (one product each way, as no
    gradient goes to the image), and `10` passes over the parameters for clip and optimizer.
    """
    layers = {name: costs[name in modules] for name, costs in layer_costs(s).items()}
    residual = next((layers[name] for name in ('res', 'res0', 'resx') if name in modules), layers['res'])
    norm = Passes(Cost(elements=2 * s.rows * s.dim), Cost(elements=3 * s.rows * s.dim))
    block = joined(norm, layers['attn'], residual, norm, layers['mlp'], residual)
    patches, pixels = s.batch * (s.tokens - 1), 3 * s.patch**2
    stem = Passes(product(patches, pixels, s.dim), product(pixels, patches, s.dim))
    parameters = 12 * s.dim**2 * s.depth + s.dim * (pixels + s.tokens + s.classes)
    model = joined(stem, layers['pos'], repeated(s.depth, block), norm, layers['head'])
    return model.total + Cost(elements=10 * parameters)

"""Each layer's contenders: the Euclidean twin, ours, ours by its definition, and what others offer for the same task.

`reference` is the formula on whole tensors, clips included (`tests/dense_oracle.py`), and stands for the published
code; `geoopt` is the same without the clips, which is geoopt's functions one after the other, as its users would write
the layer. HypLL has a linear layer of another formula (HNN++); it maps points to points, so it is measured as it is and
between the maps that our layers contain.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import timm.layers
import torch
from cost_model import Size
from torch import Tensor, nn

sys.path.append(str(Path(__file__).resolve().parent.parent / 'tests'))

from dense_oracle import DENSE

from timm_hyperbolic.geometry import kernels
from timm_hyperbolic.layers import (
    CenteredResidual,
    HyperbolicAttention,
    HyperbolicHead,
    HyperbolicLinear,
    HyperbolicMlp,
    HyperbolicPosEmbed,
    OriginResidual,
    PointResidual,
)

__all__ = ['EUCLID', 'GROUPS', 'OURS', 'Contender', 'contenders', 'has_hypll']

EUCLID, OURS = 'Euclidean', 'ours'


@dataclass
class Contender:
    """One way to compute a layer.

    Args:
        name: Of the way.
        function: From the inputs to the output.
        inputs: What the layer takes, all to be differentiated.
        parameters: What else gradients are taken in.
    """

    name: str
    function: Callable[..., Tensor]
    inputs: tuple[Tensor, ...]
    parameters: tuple[Tensor, ...] = ()

    def forward(self) -> Tensor:
        """The output, with its graph. The inputs are no leaves, as within a model."""
        return self.function(*(x.view_as(x) for x in self.inputs))

    def forward_backward(self) -> tuple[Tensor, ...]:
        """Gradients in the inputs and the parameters."""
        out = self.forward()
        return torch.autograd.grad(out, (*self.inputs, *self.parameters), self.upstream(out))

    def accumulate(self) -> None:
        """Forward and backward into `.grad`, for what does not work with `torch.autograd.grad`."""
        out = self.forward()
        out.backward(self.upstream(out))
        for t in (*self.inputs, *self.parameters):
            t.grad = None

    def backward(self) -> Callable[[], tuple[Tensor, ...]]:
        """The backward pass alone, of a graph that is kept."""
        out = self.forward()
        g = self.upstream(out)
        return lambda: torch.autograd.grad(out, (*self.inputs, *self.parameters), g, retain_graph=True)

    def upstream(self, out: Tensor) -> Tensor:
        """The derivative by the output that is taken back: one tensor for all calls."""
        if not hasattr(self, '_upstream'):
            self._upstream = torch.randn_like(out)
        return self._upstream


def by_definition(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The same layer computed by the gyrovectors that define it, without kernels."""

    def run(*inputs: Tensor) -> Tensor:
        with kernels(False):
            return function(*inputs)

    return run


def autocast(function: Callable[..., Tensor], device: torch.device, dtype: torch.dtype | None) -> Callable[..., Tensor]:
    """The same under autocast to a type, None for none."""

    def run(*inputs: Tensor) -> Tensor:
        with torch.autocast(device.type, dtype=dtype) if dtype else nullcontext():
            return function(*inputs)

    return run


# --- the layers ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Group:
    """A layer and its twin.

    Args:
        twin: Builds the Euclidean one.
        layer: Builds ours from hyperbolic keywords.
        shapes: Of the inputs.
    """

    twin: Callable[[Size], nn.Module]
    layer: Callable[..., nn.Module]
    shapes: Callable[[Size], tuple[tuple[int, ...], ...]]


class Add(nn.Module):
    """The Euclidean residual and positional embedding."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """`x + y`."""
        return x + y


def _tokens(s: Size) -> tuple[tuple[int, ...], ...]:
    return ((s.batch, s.tokens, s.dim),)


def _residual(layer: type[nn.Module]) -> Group:
    return Group(lambda s: Add(), lambda s, **kw: layer(**kw), lambda s: 2 * _tokens(s))


GROUPS = {
    'linear': Group(
        lambda s: nn.Linear(s.dim, 4 * s.dim), lambda s, **kw: HyperbolicLinear(s.dim, 4 * s.dim, **kw), _tokens
    ),
    'res': _residual(CenteredResidual),
    'res0': _residual(OriginResidual),
    'resx': _residual(PointResidual),
    'pos': Group(
        lambda s: Add(), lambda s, **kw: HyperbolicPosEmbed(**kw), lambda s: (*_tokens(s), (1, s.tokens, s.dim))
    ),
    'mlp': Group(
        lambda s: timm.layers.Mlp(s.dim, 4 * s.dim), lambda s, **kw: HyperbolicMlp(s.dim, 4 * s.dim, **kw), _tokens
    ),
    'attn': Group(
        lambda s: timm.layers.Attention(s.dim, s.heads, qkv_bias=True),
        lambda s, **kw: HyperbolicAttention(s.dim, s.heads, qkv_bias=True, num_centroids=s.centroids, **kw),
        _tokens,
    ),
    'head': Group(
        lambda s: nn.Linear(s.dim, s.classes),
        lambda s, **kw: HyperbolicHead(s.dim, s.classes, **kw),
        lambda s: ((s.batch, s.dim),),
    ),
}


def open_gates(layer: nn.Module) -> nn.Module:
    """Move gates, biases and centres off their neutral start, where a point of the ball or a gate would be zero."""
    with torch.no_grad():
        for name, p in layer.named_parameters():
            if name.rpartition('.')[2] in ('gamma_raw', 'bias', 'p_in', 'p_out'):
                p.fill_(0.01 if p.numel() > 1 else 0.5)
    return layer


def contenders(
    group: str,
    size: Size,
    device: torch.device,
    amp: torch.dtype | None = None,
    definition: bool = False,
    peers: bool = False,
    compiled: bool = False,
) -> Iterator[Contender]:
    """The ways to compute a layer, the Euclidean twin first, then ours.

    Args:
        group: A name of `GROUPS`.
        size: The dimensions.
        device: Where.
        amp: Autocast type; the peers, which are not made for it, are left out then.
        definition: With ours by its definition.
        peers: With the dense formulas and HypLL.
        compiled: With the compiled forms of the twin and ours, and of the definition where that is wanted.
    """
    torch.manual_seed(0)
    g = GROUPS[group]
    # Tangent vectors of length about 1.5: inside the margins, and long enough for the curvature to matter
    inputs = tuple(
        (1.5 * size.dim**-0.5 * torch.randn(shape, device=device)).requires_grad_() for shape in g.shapes(size)
    )

    def module(name: str, built: nn.Module, wrap: Callable = lambda f: f, compile: bool = False) -> Contender:
        run = torch.compile(built, fullgraph=True) if compile else built
        return Contender(name, autocast(wrap(run), device, amp), inputs, tuple(built.parameters()))

    def ours(**kw) -> nn.Module:
        return open_gates(g.layer(size, **kw)).to(device)

    twin, own = g.twin(size).to(device), ours(hamp=amp is not None)
    yield module(EUCLID, twin)
    yield module(OURS, own)
    if definition:
        yield module(f'{OURS}, by definition', own, by_definition)
    if compiled:
        yield module(f'{EUCLID}, compiled', twin, compile=True)
        yield module(f'{OURS}, compiled', own, compile=True)
        if definition:
            yield module(f'{OURS}, by definition, compiled', own, by_definition, compile=True)
    if peers and amp is None:
        for name, keywords in (('reference', {}), ('geoopt', {'margin': None})):
            layer = ours(**keywords)
            dense = partial(DENSE[type(layer).__name__], layer)
            yield Contender(name, dense, inputs, tuple(layer.parameters()))
        if group == 'linear' and has_hypll():
            yield from _hypll_linear(size, device, *inputs)


# --- HypLL -----------------------------------------------------------------------------------------------------------


def has_hypll() -> bool:
    """Whether the package `hypll` is installed; the extra `bench` has it."""
    try:
        import hypll  # noqa: F401
    except ImportError:
        return False
    return True


def _hypll_linear(size: Size, device: torch.device, x: Tensor) -> Iterator[Contender]:
    """HypLL's linear layer, on points and between `exp0` and `log0`; its curvature is fixed, which is its default."""
    from hypll.manifolds.poincare_ball import Curvature, PoincareBall
    from hypll.nn import HLinear
    from hypll.tensors import ManifoldTensor, TangentTensor

    with torch.device(device):  # its parameters do not follow `Module.to`
        ball = PoincareBall(Curvature(1.0))
        layer = HLinear(size.dim, 4 * size.dim, ball)
    parameters = tuple(p for p in (layer.z.tensor, layer.bias) if p is not None)

    def on_points(p: Tensor) -> Tensor:
        return layer(ManifoldTensor(p, ball)).tensor

    def on_tangents(v: Tensor) -> Tensor:
        return ball.logmap(None, layer(ball.expmap(TangentTensor(v, manifold=ball)))).tensor

    points = ball.expmap(TangentTensor(x, manifold=ball)).tensor.detach().requires_grad_()
    yield Contender('HypLL, points', on_points, (points,), parameters)
    yield Contender('HypLL, tangents', on_tangents, (x,), parameters)

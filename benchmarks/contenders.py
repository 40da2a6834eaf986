"""Each layer's contenders: the Euclidean twin, ours, and what others offer for the same task.

`reference` is the formula on whole tensors, clips included (`tests/dense_oracle.py`), and stands for the published
code. `geoopt` is the same without the clips: geoopt's functions one after the other, as its users would write the
layer. `HypLL` is its linear layer, which has another formula (HNN++) and maps points to points, between the maps `exp0`
and `log0` that our layer contains.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import timm.layers
import torch
from torch import Tensor, nn

sys.path.append(str(Path(__file__).resolve().parent.parent / 'tests'))

from dense_oracle import DENSE

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

__all__ = ['EUCLID', 'GROUPS', 'OURS', 'Contender', 'Size', 'contenders', 'has_hypll']

EUCLID, OURS = 'Euclidean', 'ours'


@dataclass(frozen=True)
class Size:
    """Dimensions of the inputs and the layers: those of ViT-Tiny with patches of 4 on images of 32 pixels."""

    batch: int = 64
    tokens: int = 65
    dim: int = 192
    heads: int = 3
    classes: int = 100
    centroids: int = 100


@dataclass
class Contender:
    """One way to compute a layer.

    Args:
        name: Name of the way.
        function: Function from the inputs to the output.
        inputs: Inputs, all of which require gradients.
        parameters: Parameters, which require gradients too.
    """

    name: str
    function: Callable[..., Tensor]
    inputs: tuple[Tensor, ...]
    parameters: tuple[Tensor, ...] = ()

    def forward(self) -> Tensor:
        """The output, with its graph. The inputs are no leaves, as within a model."""
        return self.function(*(x.view_as(x) for x in self.inputs))

    def forward_backward(self) -> tuple[Tensor, ...]:
        """Gradients with respect to the inputs and the parameters."""
        out = self.forward()
        return torch.autograd.grad(out, (*self.inputs, *self.parameters), self.upstream(out))

    def upstream(self, out: Tensor) -> Tensor:
        """The gradient with respect to the output that the backward pass starts from: one tensor for all calls."""
        if not hasattr(self, '_upstream'):
            self._upstream = torch.randn_like(out)
        return self._upstream


# --- the layers ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Group:
    """A layer and its twin.

    Args:
        twin: Builds the Euclidean layer.
        layer: Builds ours from hyperbolic keywords.
        shapes: Shapes of the inputs.
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
    group: str, size: Size, device: torch.device, peers: bool = False, compiled: bool = False
) -> Iterator[Contender]:
    """The ways to compute a layer, the Euclidean twin first, then ours.

    Args:
        group: A name of `GROUPS`.
        size: Dimensions of the layer and its inputs.
        device: Device of the layer and its inputs.
        peers: Add the dense formulas and HypLL.
        compiled: Add the compiled form of ours.
    """
    torch.manual_seed(0)
    g = GROUPS[group]
    # Tangent vectors of length about 1.5: inside the margins, and long enough for the curvature to matter
    inputs = tuple(
        (1.5 * size.dim**-0.5 * torch.randn(shape, device=device)).requires_grad_() for shape in g.shapes(size)
    )

    def ours(**kw) -> nn.Module:
        return open_gates(g.layer(size, **kw)).to(device)

    twin, own = g.twin(size).to(device), ours()
    yield Contender(EUCLID, twin, inputs, tuple(twin.parameters()))
    yield Contender(OURS, own, inputs, tuple(own.parameters()))
    if compiled:
        run = torch.compile(own, fullgraph=True)
        yield Contender(f'{OURS}, compiled', run, inputs, tuple(own.parameters()))
    if peers:
        for name, keywords in (('reference', {}), ('geoopt', {'margin': None})):
            layer = ours(**keywords)
            dense = partial(DENSE[type(layer).__name__], layer)
            yield Contender(name, dense, inputs, tuple(layer.parameters()))
        if group == 'linear' and has_hypll():
            yield _hypll_linear(size, device, *inputs)


# --- HypLL -----------------------------------------------------------------------------------------------------------


def has_hypll() -> bool:
    """Whether the package `hypll` is installed; the extra `bench` has it."""
    try:
        import hypll  # noqa: F401
    except ImportError:
        return False
    return True


def _hypll_linear(size: Size, device: torch.device, x: Tensor) -> Contender:
    """HypLL's linear layer between `exp0` and `log0`; its curvature is fixed, which is its default."""
    from hypll.manifolds.poincare_ball import Curvature, PoincareBall
    from hypll.nn import HLinear
    from hypll.tensors import TangentTensor

    with torch.device(device):  # its parameters do not follow `Module.to`
        ball = PoincareBall(Curvature(1.0))
        layer = HLinear(size.dim, 4 * size.dim, ball)
    parameters = tuple(p for p in (layer.z.tensor, layer.bias) if p is not None)

    def on_tangents(v: Tensor) -> Tensor:
        return ball.logmap(None, layer(ball.expmap(TangentTensor(v, manifold=ball)))).tensor

    return Contender('HypLL', on_tangents, (x,), parameters)

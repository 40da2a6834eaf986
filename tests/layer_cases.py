"""The layers as the tests see them: one table of cases, and what is done to all of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from dense_oracle import DENSE, FLAT_LIMIT
from torch import Tensor, nn

from timm_hyperbolic.layers import (
    CenteredResidual,
    HypAvgPool2d,
    HypBatchNorm2d,
    HypConv2d,
    HyperbolicAttention,
    HyperbolicHead,
    HyperbolicLinear,
    HyperbolicMlp,
    HyperbolicMLR,
    HyperbolicPosEmbed,
    HypExp0,
    HypFlatten,
    HypGlobalPool,
    HypLinear,
    HypMaxPool2d,
    HypMLR,
    HypReLU,
    OriginResidual,
    PointResidual,
    TreeHead,
)

__all__ = [
    'BATCH',
    'CASES',
    'DIM',
    'POINT_CASES',
    'TOKENS',
    'Both',
    'Case',
    'gradients',
    'hyperbolic_modules',
    'relative',
    'rows',
    'scramble',
]

BATCH, TOKENS, DIM = 2, 4, 6


@dataclass(frozen=True)
class Case:
    """A layer with its arguments.

    Args:
        name: For the test's name.
        layer: The class.
        args: Its positional arguments.
        kwargs: Its keywords, besides those that every layer has.
        shapes: Shapes of the inputs.
    """

    name: str
    layer: type[nn.Module]
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    shapes: tuple[tuple[int, ...], ...] = ((BATCH, TOKENS, DIM),)

    def build(self, dtype: torch.dtype = torch.float64, **hyperbolic: Any) -> Any:
        """The layer with its starting values, on the given space."""
        if 'dtype' in inspect.signature(self.layer.__init__).parameters:
            hyperbolic['dtype'] = dtype
        return self.layer(*self.args, **self.kwargs, **hyperbolic)

    def inputs(
        self, generator: torch.Generator, length: float = 1.0, dtype: torch.dtype = torch.float64
    ) -> tuple[Tensor, ...]:
        """Rows of random direction and of norms spread over `(0.1, 1.9)·length`: some inside a margin, some beyond."""
        inputs = []
        for shape in self.shapes:
            v = torch.randn(shape, generator=generator, dtype=torch.float64)
            spread = 0.1 + 1.8 * torch.rand(*shape[:-1], 1, generator=generator, dtype=torch.float64)
            inputs.append((length * spread * v / v.norm(dim=-1, keepdim=True)).to(dtype).requires_grad_())
        return tuple(inputs)

    @property
    def dense(self) -> Callable[..., Tensor]:
        """The layer's formula on whole tensors."""
        return DENSE[self.layer.__name__]

    @property
    def flat_limit(self) -> Callable[..., Tensor]:
        """The Euclidean formula of the layer's docstring."""
        return FLAT_LIMIT[self.layer.__name__]


_PAIR = ((BATCH, TOKENS, DIM), (BATCH, TOKENS, DIM))

CASES = [
    Case('res', CenteredResidual, shapes=_PAIR),
    Case('res0', OriginResidual, shapes=_PAIR),
    Case('resx', PointResidual, shapes=_PAIR),
    Case('pos', HyperbolicPosEmbed, shapes=((BATCH, TOKENS, DIM), (1, TOKENS, DIM))),
    Case('head', HyperbolicHead, (DIM, 5), shapes=((BATCH, DIM),)),
    Case('head-relative', HyperbolicHead, (DIM, 5), {'relative': True}, shapes=((BATCH, DIM),)),
    Case('mlr', HyperbolicMLR, (DIM, 5), shapes=((BATCH, DIM),)),
    Case('tree', TreeHead, (torch.randn(5, DIM, generator=torch.Generator().manual_seed(7)),), shapes=((BATCH, DIM),)),
    Case('linear', HyperbolicLinear, (DIM, 9)),
    Case('linear-nobias', HyperbolicLinear, (DIM, 9, False)),
    Case('linear-parts', HyperbolicLinear, (DIM, 9), {'parts': 3}),
    Case('mlp', HyperbolicMlp, (DIM, 8)),
    Case('attn', HyperbolicAttention, (DIM, 2), {'qkv_bias': True, 'num_centroids': 3}),
    Case('attn-nocentroids', HyperbolicAttention, (DIM, 2), {'num_centroids': 0}),
    Case(
        'attn-norms',
        HyperbolicAttention,
        (DIM, 2),
        {'num_centroids': 3, 'qk_norm': True, 'scale_norm': True, 'norm_layer': nn.LayerNorm},
    ),
]

_MAP = ((BATCH, 4, 6, 5),)

#: Layers on points, which take one of two modes; coordinates are in dimension 1.
POINT_CASES = [
    Case('exp0', HypExp0, shapes=_MAP),
    Case('conv', HypConv2d, (4, 5, 3), {'padding': 1}, _MAP),
    Case('conv-strided', HypConv2d, (4, 5, (3, 2)), {'stride': 2, 'padding': (2, 1), 'dilation': (1, 2)}, _MAP),
    Case('linear', HypLinear, (4, 5), shapes=((6, 4),)),
    Case('mlr', HypMLR, (4, 5), shapes=((6, 4),)),
    Case('norm', HypBatchNorm2d, (4,), shapes=_MAP),
    Case('relu', HypReLU, shapes=_MAP),
    Case('maxpool', HypMaxPool2d, (3, 2, 1), shapes=_MAP),
    Case('avgpool', HypAvgPool2d, (3, 2, 1), shapes=_MAP),
    Case('globalpool', HypGlobalPool, shapes=_MAP),
    Case('flatten', HypFlatten, shapes=_MAP),
]


def hyperbolic_modules(layer: nn.Module) -> list[nn.Module]:
    """The modules within a layer, itself too, that have a curvature."""
    return [module for module in layer.modules() if hasattr(module, 'curvature')]


@torch.no_grad()
def scramble(layer: nn.Module, generator: torch.Generator, curved: bool = True) -> nn.Module:
    """Give every parameter a value of its own, so that nothing stands at its neutral start.

    Curvatures move by a factor of up to 1.5, points on the ball to up to half its radius, all else to about ±0.5.
    """
    for name, p in layer.named_parameters():
        noise = torch.rand(p.shape, generator=generator, dtype=torch.float64) - 0.5
        if name.endswith('curvature.raw'):
            c = torch.nn.functional.softplus(p.double()) * torch.exp(0.8 * noise)
            p.copy_(c + torch.log(-torch.expm1(-c)))
        else:
            p.copy_(noise)
    for module in hyperbolic_modules(layer):
        for name in getattr(module, 'manifold_names', ()):
            points = getattr(module, name)
            c = module.curvature().double().reshape(-1, 1) if curved else torch.ones(1, 1, dtype=torch.float64)
            points.mul_((0.5 / (c.clamp_min(0.04).sqrt() * points.double().norm(dim=-1, keepdim=True))).clamp_max(1))
    return layer


def gradients(layer: nn.Module, inputs: tuple[Tensor, ...], out: Tensor) -> dict[str, Tensor]:
    """Gradients of a fixed generic functional of the output in every input and parameter, by name."""
    leaves = {f'input {i}': x for i, x in enumerate(inputs)} | dict(layer.named_parameters())
    weight = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).cos().reshape(out.shape)
    grads = torch.autograd.grad((weight * out).sum(), list(leaves.values()), allow_unused=True)
    missing = [name for name, g in zip(leaves, grads, strict=True) if g is None]
    assert not missing, f'no gradient reaches {missing}'
    return dict(zip(leaves, grads, strict=True))


def relative(value: Tensor, reference: Tensor, floor: float = 0.0) -> float:
    """`‖value - reference‖/‖reference‖`, where a reference below the floor counts as the floor."""
    error, size = (value - reference).norm().item(), max(reference.norm().item(), floor)
    return error / size if size else error


class Both(nn.Module):
    """A layer of two inputs behind one."""

    def __init__(self, layer: nn.Module, y: torch.Tensor) -> None:
        super().__init__()
        self.layer, self.y = layer, y

    def forward(self, x):
        return self.layer(x, self.y)


def rows(*lengths: float, dim: int = 4) -> Tensor:
    """One image of tokens of these lengths, `[1, N, dim]`."""
    directions = nn.functional.normalize(torch.randn(len(lengths), dim, generator=torch.Generator().manual_seed(0)))
    return (directions * torch.tensor(lengths).unsqueeze(-1)).unsqueeze(0)

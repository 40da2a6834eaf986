"""Parameters of every kind, and gradients for them, for the tests of optimizers."""

from __future__ import annotations

import geoopt
import torch
from strategies import unit
from torch import Tensor, nn

from timm_hyperbolic.layers import Curvature, HyperbolicHead, HyperbolicLinear, LayerBall


def many_points(generator: torch.Generator) -> list[geoopt.ManifoldParameter]:
    """Float64 points of many shapes, curvatures and manifolds, some at the boundary, some at the origin."""

    def ball(manifold: geoopt.PoincareBall, *shape: int, radius: float = 0.5) -> geoopt.ManifoldParameter:
        data = radius * unit(generator, *shape) / manifold.c.detach().double().sqrt()
        return geoopt.ManifoldParameter(data, manifold=manifold)

    def c(value) -> Tensor:
        # In float32 the last bit of the curvature is a per mille of the complement at the boundary.
        return torch.tensor(value, dtype=torch.float64)

    learnt = Curvature(0.7, copies=3, dtype=torch.float64)
    sphere = geoopt.Sphere()
    hyperboloid = geoopt.Lorentz()
    return [
        ball(geoopt.PoincareBall(c(1.0)), 5, 3),
        ball(geoopt.PoincareBall(c(0.1)), 1, 3, radius=1 - 1e-5),
        ball(geoopt.PoincareBall(c(4.0)), 3, radius=0.99),
        ball(geoopt.PoincareBall(c([[0.5], [2.0]])), 2, 3),
        ball(geoopt.PoincareBallExact(c(0.3)), 2, 3, radius=0.9),
        ball(LayerBall(Curvature(2.0, dtype=torch.float64)), 2, 2, 3, radius=1 - 1e-5),
        ball(LayerBall(learnt), 3, 3),
        ball(LayerBall(Curvature(0.5, learn=False, dtype=torch.float64)), 4, 3),
        ball(LayerBall(Curvature(1.0, dtype=torch.float64)), 7, 1),
        geoopt.ManifoldParameter(torch.zeros(2, 3, dtype=torch.float64), manifold=geoopt.PoincareBall()),
        geoopt.ManifoldParameter(torch.empty(0, 3, dtype=torch.float64), manifold=geoopt.PoincareBall()),
        geoopt.ManifoldParameter(unit(generator, 4, 3), manifold=geoopt.Euclidean(ndim=1)),
        geoopt.ManifoldParameter(unit(generator, 4, 3), manifold=geoopt.Euclidean(ndim=1)),
        geoopt.ManifoldParameter(unit(generator, 2, 3), manifold=sphere),
        geoopt.ManifoldParameter(unit(generator, 2, 3), manifold=sphere),
        geoopt.ManifoldParameter(hyperboloid.projx(unit(generator, 2, 3)), manifold=hyperboloid),
    ]


def set_gradients(parameters, seed: int, scale: float = 1.0) -> None:
    """Fill gradients with numbers that depend on `seed`, of sizes over four decades."""
    generator = torch.Generator().manual_seed(seed)
    for p in parameters:
        size = scale * 10 ** (4 * torch.rand((), generator=generator, dtype=torch.float64) - 3)
        p.grad = (size * torch.randn(p.shape, generator=generator, dtype=torch.float64)).to(p.dtype)


class Net(nn.Module):
    """Flat parameters, learnt curvatures and points on balls: two hyperbolic layers behind a normalisation."""

    def __init__(self, dim: int = 4, dtype: torch.dtype = torch.float64, **kwargs) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim, dtype=dtype)
        self.fc = HyperbolicLinear(dim, dim, parts=2, dtype=dtype, **kwargs)
        self.head = HyperbolicHead(dim, 3, dtype=dtype, **kwargs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.fc(self.norm(x)))

    def no_weight_decay(self) -> set[str]:
        return {f'fc.{n}' for n in self.fc.no_weight_decay()} | {f'head.{n}' for n in self.head.no_weight_decay()}

    def get_classifier(self) -> nn.Module:
        return self.head

    def group_matcher(self, coarse: bool = False) -> dict:
        return {'stem': r'^norm', 'blocks': [(r'^fc', (0,)), (r'^head', (1,))]}


def backward(model: Net, seed: int) -> Tensor:
    """Fill the gradients of a `Net` with those of a cross-entropy on data that depend on `seed`."""
    dtype = model.norm.weight.dtype
    x = torch.randn(6, model.norm.weight.numel(), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    model.zero_grad()
    loss = nn.functional.cross_entropy(model(x.to(dtype)), torch.arange(6) % 3)
    loss.backward()
    return loss

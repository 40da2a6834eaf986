"""The layers as the paper writes them: Möbius formulas on whole `[..., D]` tensors, with every clip spelled out.

What the tests of `layers/` measure against, in values and gradients. The formulas are those of the reference study, the
operations geoopt's, and nothing of the package's geometry is used: no Gram matrix, no squared arguments, no
complements. That is right in float64 away from the boundary (√c‖v‖ up to about 4), which is where it is used;
`oracle.py` has the digits for the rest.

A formula is written once, over a *space*: `Ball`, or `Flat`, which is what it must become at curvature zero. Beside
them stand the layers' Euclidean limits in closed form (`FLAT_LIMIT`), as their docstrings promise them.

Each oracle takes the layer, for its parameters, then what the layer takes. Curvatures are read off its `Curvature`.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

with warnings.catch_warnings():
    warnings.simplefilter('ignore')  # geoopt decorates its mathematics with torch.jit.script, which is deprecated
    import geoopt

__all__ = ['DENSE', 'FLAT_LIMIT', 'Ball', 'Flat', 'limit_clip']


def limit_clip(v: Tensor, length: Tensor | float) -> Tensor:
    """`v·min(1, length/‖v‖)`, where a vector of exactly that length, up to rounding, counts as longer."""
    norm = v.norm(dim=-1, keepdim=True)
    outside = norm > length * (1 - 1e-12)
    return torch.where(outside, length / torch.where(outside, norm, 1) * v, v)


class Ball:
    """The Poincaré ball with the clips of a margin `t`; None for none."""

    def __init__(self, c: Tensor, margin: float | None) -> None:
        self.c, self.t = c, margin
        self.k = c.sqrt()

    def add(self, p: Tensor, q: Tensor) -> Tensor:
        return geoopt.manifolds.stereographic.math.mobius_add(p, q, k=-self.c)

    def scale(self, r: Tensor | float, p: Tensor) -> Tensor:
        return geoopt.manifolds.stereographic.math.mobius_scalar_mul(torch.as_tensor(r), p, k=-self.c)

    def matvec(self, weight: Tensor, p: Tensor) -> Tensor:
        return geoopt.manifolds.stereographic.math.mobius_matvec(weight, p, k=-self.c)

    def exp0(self, v: Tensor) -> Tensor:
        return geoopt.manifolds.stereographic.math.expmap0(v, k=-self.c)

    def log0(self, p: Tensor) -> Tensor:
        return geoopt.manifolds.stereographic.math.logmap0(p, k=-self.c)

    def step(self, p: Tensor, q: Tensor, r: Tensor) -> Tensor:
        """`exp_p(r·log_p(q))`, the point at `r` on the geodesic from `p` to `q`."""
        v = geoopt.manifolds.stereographic.math.logmap(p, q, k=-self.c)
        return geoopt.manifolds.stereographic.math.expmap(p, r * v, k=-self.c)

    def distance2(self, p: Tensor, q: Tensor) -> Tensor:
        return geoopt.manifolds.stereographic.math.dist(p, q, k=-self.c) ** 2

    def midpoint_log0(self, points: Tensor, weights: Tensor) -> Tensor:
        """`log0(½ ⊗ (Σ wλv / Σ w(λ - 1)))` over the second last axis of `[..., K, D]`, weights `[..., K]`."""
        factor = 2 / (1 - self.c * points.square().sum(-1))
        total = ((weights * factor).unsqueeze(-1) * points).sum(-2)
        mass = (weights * (factor - 1)).sum(-1, keepdim=True)
        return self.log0(self.scale(0.5, total / mass))

    def pre(self, v: Tensor) -> Tensor:
        return v if self.t is None else limit_clip(v, math.atanh(self.t) / self.k)

    def clip(self, p: Tensor) -> Tensor:
        return p if self.t is None else limit_clip(p, self.t / self.k)

    def enter(self, v: Tensor) -> Tensor:
        return self.clip(self.exp0(self.pre(v)))


class Flat(Ball):
    """Euclidean space with the clip of the flat controls: every vector within `max_norm`; None for none."""

    def __init__(self, max_norm: float | None = None) -> None:
        self.max_norm = max_norm

    def add(self, p, q):
        return p + q

    def scale(self, r, p):
        return r * p

    def matvec(self, weight, p):
        return p @ weight.mT

    def exp0(self, v):
        return v

    def log0(self, p):
        return p

    def step(self, p, q, r):
        return p + r * (q - p)

    def distance2(self, p, q):
        return 4 * (p - q).square().sum(-1)

    def midpoint_log0(self, points, weights):
        return (weights.unsqueeze(-1) * points).sum(-2) / weights.sum(-1, keepdim=True)

    def pre(self, v):
        return v if self.max_norm is None else limit_clip(v, self.max_norm)

    clip = pre


def _space(layer: Any, part: int = 0) -> Ball:
    """The space of a layer, from its curvature's stored numbers and the clip that it was built with."""
    stored = dict(layer.curvature.named_parameters()) | dict(layer.curvature.named_buffers())
    if 'raw' in stored:
        return Ball(torch.log1p(stored['raw'][part].exp()), layer.limits.margin)
    c = stored['value'][part]
    return Ball(c, layer.limits.margin) if c > 0 else Flat(layer.limits.max_norm)


# --- the layers ------------------------------------------------------------------------------------------------------


def _gate(layer: Any) -> Tensor:
    return (1 + torch.log1p(layer.gamma_scale.exp())) * torch.tanh(layer.gamma_raw)


def centered_residual(layer: Any, x: Tensor, y: Tensor) -> Tensor:
    m = _space(layer)
    hx, hy = m.enter(x), m.enter(y)
    s, gamma = 1 / (1 + torch.exp(-layer.center_logit)), _gate(layer)
    p = m.clip(m.add(m.clip(m.scale(s, hx)), m.clip(m.scale(1 - s, hy))))
    towards_x = m.clip(m.add(-p, hx))
    towards_y = m.clip(m.scale(gamma, m.clip(m.add(-p, hy))))
    return m.log0(m.clip(m.add(p, m.clip(m.add(towards_x, towards_y)))))


def origin_residual(layer: Any, x: Tensor, y: Tensor) -> Tensor:
    m = _space(layer)
    hx, hy = m.exp0(m.pre(x)), m.exp0(m.pre(y))
    return m.log0(m.clip(m.add(hx, m.clip(m.scale(_gate(layer), hy)))))


def point_residual(layer: Any, x: Tensor, y: Tensor) -> Tensor:
    m = _space(layer)
    return m.log0(m.step(m.exp0(m.pre(x)), m.exp0(m.pre(y)), _gate(layer)))


def head(layer: Any, x: Tensor) -> Tensor:
    m = _space(layer)
    h = m.enter((torch.log1p(layer.scale_raw.exp()) + 1e-6) * x)
    sigma = (torch.log1p(layer.sigma_raw.exp()) + 1e-6).clamp(1e-2, 10)
    d2 = m.distance2(h.unsqueeze(-2), layer.weight)
    if layer.relative:
        d2 = d2 - m.distance2(h, torch.zeros_like(h)).unsqueeze(-1)
    return -d2 / (2 * sigma**2) + layer.bias


def pos_embed(layer: Any, x: Tensor, pos: Tensor) -> Tensor:
    m = _space(layer)
    return m.log0(m.clip(m.add(m.enter(x), m.enter(pos))))


def linear(layer: Any, x: Tensor) -> Tensor:
    outs = []
    for part in range(layer.parts):
        m = _space(layer, part)
        weight = layer.weight.chunk(layer.parts)[part]
        z = m.clip(m.matvec(weight, m.add(-layer.p_in[part], m.exp0(m.pre(x)))))
        if layer.bias is not None:
            z = m.add(z, m.exp0(m.pre(layer.bias.chunk(layer.parts)[part])))
        outs.append(m.log0(m.clip(m.add(layer.p_out[part].expand_as(z), z))))
    return torch.cat(outs, dim=-1)


def mlp(layer: Any, x: Tensor) -> Tensor:
    return linear(layer.fc2, F.gelu(linear(layer.fc1, x)))


def _norm(module: nn.Module, x: Tensor) -> Tensor:
    """LayerNorm, or nothing."""
    if isinstance(module, nn.Identity):
        return x
    x = (x - x.mean(-1, keepdim=True)) / (x.var(-1, correction=0, keepdim=True) + module.eps).sqrt()
    return x * module.weight + module.bias


def _heads(layer: Any, t: Tensor) -> Tensor:
    """`[B, N, H·D]` to `[B, H, N, D]`."""
    B, N, _ = t.shape
    return t.reshape(B, N, layer.num_heads, -1).transpose(1, 2)


def _masked(scores: Tensor, num_centroids: int, attn_mask: Tensor | None, is_causal: bool) -> Tensor:
    """Scores `[B, H, N, M + N]` with the masks of the tokens; centroids are always attended."""
    B, H, N, _ = scores.shape
    allowed = torch.ones(B, H, N, N, dtype=torch.bool)
    if is_causal:
        allowed = allowed.tril()
    bias = torch.zeros(B, H, N, N, dtype=scores.dtype)
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        allowed = allowed & attn_mask
    elif attn_mask is not None:
        bias = bias + attn_mask
    bias = bias.masked_fill(~allowed, -math.inf)
    return scores + F.pad(bias, (num_centroids, 0))


def attention(
    layer: Any, x: Tensor, attn_mask: Tensor | None = None, is_causal: bool = False, centroids: Tensor | None = None
) -> Tensor:
    m = _space(layer)
    shared = layer.centroids.weight if centroids is None else centroids
    q, k, v = (_heads(layer, t) for t in linear(layer.qkv, x).chunk(3, dim=-1))
    q, k = _norm(layer.q_norm, q), _norm(layer.k_norm, k)
    joined = shared.expand(len(x), -1, -1, -1)
    q, k, v = m.enter(q), m.enter(torch.cat([joined, k], dim=2)), m.enter(torch.cat([joined, v], dim=2))
    sigma = torch.log1p(layer.sigma_raw.exp()).view(-1, 1, 1)
    scores = -m.distance2(q.unsqueeze(3), k.unsqueeze(2)) / (2 * sigma**2)
    weights = _masked(scores, shared.shape[1], attn_mask, is_causal).softmax(-1)
    out = m.midpoint_log0(v.unsqueeze(2), weights)
    return linear(layer.proj, _norm(layer.norm, out.transpose(1, 2).flatten(2)))


# --- the Euclidean limits, as the docstrings of the layers write them -------------------------------------------------


def flat_centered(layer: Any, x: Tensor, y: Tensor) -> Tensor:
    return x + _gate(layer) * torch.sigmoid(layer.center_logit) * (y - x)


def flat_origin(layer: Any, x: Tensor, y: Tensor) -> Tensor:
    return x + _gate(layer) * y


def flat_point(layer: Any, x: Tensor, y: Tensor) -> Tensor:
    return x + _gate(layer) * (y - x)


def flat_head(layer: Any, x: Tensor) -> Tensor:
    a = torch.log1p(layer.scale_raw.exp()) + 1e-6
    sigma = (torch.log1p(layer.sigma_raw.exp()) + 1e-6).clamp(1e-2, 10)
    if layer.relative:
        return (4 * a * x @ layer.weight.mT - 2 * layer.weight.square().sum(-1)) / sigma**2 + layer.bias
    return -2 * (a * x.unsqueeze(-2) - layer.weight).square().sum(-1) / sigma**2 + layer.bias


def flat_pos_embed(layer: Any, x: Tensor, pos: Tensor) -> Tensor:
    return x + pos


def flat_linear(layer: Any, x: Tensor) -> Tensor:
    weights = layer.weight.chunk(layer.parts)
    out = torch.cat([(x - p) @ w.mT + q for w, p, q in zip(weights, layer.p_in, layer.p_out, strict=True)], dim=-1)
    return out if layer.bias is None else out + layer.bias


def flat_mlp(layer: Any, x: Tensor) -> Tensor:
    return flat_linear(layer.fc2, F.gelu(flat_linear(layer.fc1, x)))


def flat_attention(layer: Any, x: Tensor) -> Tensor:
    shared = layer.centroids.weight.expand(len(x), -1, -1, -1)
    q, k, v = (_heads(layer, t) for t in flat_linear(layer.qkv, x).chunk(3, dim=-1))
    q, k = _norm(layer.q_norm, q), _norm(layer.k_norm, k)
    k, v = torch.cat([shared, k], dim=2), torch.cat([shared, v], dim=2)
    sigma = torch.log1p(layer.sigma_raw.exp()).view(-1, 1, 1)
    gap2 = (q.unsqueeze(3) - k.unsqueeze(2)).square().sum(-1)
    out = (-2 * gap2 / sigma**2).softmax(-1) @ v
    return flat_linear(layer.proj, _norm(layer.norm, out.transpose(1, 2).flatten(2)))


#: A layer's oracle and its limit, by the name of its class.
def _signed_distance(m: Ball, h: Tensor, normal: Tensor, offset: Tensor) -> Tensor:
    """From the hyperplane through `exp0(r·a)` across `a`: by moving that point to the origin, where it is a plane."""
    moved = m.add(-m.exp0(offset.unsqueeze(-1) * normal), h.unsqueeze(-2))
    along = (moved * normal).sum(-1)
    if isinstance(m, Flat):
        return 2 * along
    return torch.asinh(2 * m.k * along / (1 - m.c * moved.square().sum(-1))) / m.k


def mlr(layer: Any, x: Tensor) -> Tensor:
    m = _space(layer)
    length = layer.weight.norm(dim=-1)
    return 2 * length * _signed_distance(m, m.enter(x), layer.weight / length.unsqueeze(-1), layer.bias)


def flat_mlr(layer: Any, x: Tensor) -> Tensor:
    return 4 * F.linear(x, layer.weight, -layer.bias * layer.weight.norm(dim=-1))


def tree(layer: Any, x: Tensor) -> Tensor:
    m = _space(layer)
    d2 = m.distance2(m.enter(x).unsqueeze(-2), m.exp0(layer.prototypes))
    return -torch.log1p(layer.scale_raw.exp()) * d2.sqrt()


def flat_tree(layer: Any, x: Tensor) -> Tensor:
    return -2 * torch.log1p(layer.scale_raw.exp()) * torch.cdist(x, layer.prototypes)


def _basin(layer: Any, x: Tensor, fit: Any) -> Tensor:
    x = F.normalize(x, dim=-1)
    total = 0.0
    for s in range(len(layer.scales)):
        q = F.normalize(layer.maps[s](x), dim=-1)
        t = torch.sigmoid(x @ layer.staircase.weight[s])
        position = torch.zeros_like(t)
        for level in range(1, 13):
            left, middle, right = (torch.exp(-((3 * t - center) ** 2) / 0.25) for center in (0.5, 1.5, 2.5))
            position = position + (right + layer.staircase.alpha * middle) / (left + middle + right) / 2**level
            t = 3 * t - torch.floor(3 * t)
        mean, crystal = fit(q.unsqueeze(-2), layer.vertices[s])
        feature = (q.unsqueeze(-2) * F.normalize(mean, dim=-1)).sum(-1)
        cantor = -((position.unsqueeze(-1) - layer.positions[s]) ** 2)
        g = torch.softmax(layer.gates[s], 0)
        total = total + torch.softmax(layer.fusion, 0)[s] * (g[0] * feature + g[1] * cantor + g[2] * crystal)
    return total / torch.exp(layer.log_temperature)


def basin(layer: Any, x: Tensor) -> Tensor:
    m = _space(layer)

    def fit(q: Tensor, vertices: Tensor) -> tuple[Tensor, Tensor]:
        points = m.enter(vertices)
        d = m.distance2(m.enter(q).unsqueeze(-2), points).sqrt()
        return m.midpoint_log0(points, torch.ones_like(points[..., 0])), -d.amin(-1) / 2

    return _basin(layer, x, fit)


def flat_basin(layer: Any, x: Tensor) -> Tensor:
    return _basin(layer, x, lambda q, v: (v.mean(-2), -(q.unsqueeze(-2) - v).norm(dim=-1).amin(-1)))


DENSE = {
    'HyperbolicMLR': mlr,
    'TreeHead': tree,
    'BasinHead': basin,
    'CenteredResidual': centered_residual,
    'OriginResidual': origin_residual,
    'PointResidual': point_residual,
    'HyperbolicHead': head,
    'HyperbolicPosEmbed': pos_embed,
    'HyperbolicLinear': linear,
    'HyperbolicMlp': mlp,
    'HyperbolicAttention': attention,
}
FLAT_LIMIT = {
    'HyperbolicMLR': flat_mlr,
    'TreeHead': flat_tree,
    'BasinHead': flat_basin,
    'CenteredResidual': flat_centered,
    'OriginResidual': flat_origin,
    'PointResidual': flat_point,
    'HyperbolicHead': flat_head,
    'HyperbolicPosEmbed': flat_pos_embed,
    'HyperbolicLinear': flat_linear,
    'HyperbolicMlp': flat_mlp,
    'HyperbolicAttention': flat_attention,
}

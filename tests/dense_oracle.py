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


# --- layers on points, in the terms of their sources: hyperboloid and ball, one point at a time in memory -------------


def _root_of(layer: Any) -> Tensor:
    return _space(layer).c.sqrt()


def _rows(x: Tensor) -> tuple[Tensor, Any]:
    """Maps `[B, C, H, W]` or vectors as rows of points, and the way back."""
    if x.dim() == 2:
        return x, lambda y: y
    return x.movedim(1, -1).flatten(0, -2), lambda y: y.unflatten(0, (len(x), *x.shape[2:])).movedim(-1, 1)


def _in_ball(layer: Any, h: Tensor) -> Tensor:
    """Space parts as the layer writes points."""
    if layer.mode == 'lorentz':
        return h
    return h / (1 + (1 + _space(layer).c * h.square().sum(-1, keepdim=True)).sqrt())


def _space_part(layer: Any, p: Tensor) -> Tensor:
    return p if layer.mode == 'lorentz' else 2 * p / (1 - _space(layer).c * p.square().sum(-1, keepdim=True))


def _through_tangents(layer: Any, x: Tensor, function: Any) -> Tensor:
    """A function of space parts, or in the ball of `log0`."""
    rows, back = _rows(x)
    if layer.mode == 'lorentz':
        return function(x)
    m = _space(layer)
    rows, back = _rows(function(back(m.log0(rows))))
    return back(m.exp0(rows))


def _distances(layer: Any, h: Tensor) -> Tensor:
    """`2‖z‖·D` of space parts, by the formula with hyperbolic functions of lengths."""
    root, z = _root_of(layer), layer.weight.flatten(1)
    length, r = z.norm(dim=1), 2 * _root_of(layer) * layer.bias
    time = (1 + root**2 * h.square().sum(1, keepdim=True)).sqrt()
    return 2 * length / root * (root * (h @ (z / length[:, None]).T) * r.cosh() - time * r.sinh()).asinh()


def _unfolded(layer: Any, x: Tensor) -> Tensor:
    """The concatenation of points under windows, as space parts `[B, L, K·C]`, channels first."""
    m, window = _space(layer), (layer.kernel_size, layer.dilation, layer.padding, layer.stride)
    if layer.mode == 'lorentz':
        return F.unfold(x, *window).mT
    rows, back = _rows(x)
    count, dim = math.prod(layer.kernel_size), x.shape[1]
    tangents = F.unfold(_beta(count * dim) / _beta(dim) * back(m.log0(rows)), *window).mT
    return _space_part(layer, m.exp0(tangents))


def _beta(dim: int) -> float:
    return math.exp(math.lgamma(dim / 2) + math.lgamma(0.5) - math.lgamma((dim + 1) / 2))


def point_linear(layer: Any, x: Tensor) -> Tensor:
    root = _root_of(layer)
    return _in_ball(layer, (root * _distances(layer, _space_part(layer, x))).sinh() / root)


def point_mlr(layer: Any, x: Tensor) -> Tensor:
    return _distances(layer, _space_part(layer, x))


def point_conv(layer: Any, x: Tensor) -> Tensor:
    root, patches = _root_of(layer), _unfolded(layer, x)
    v = _distances(layer, patches.flatten(0, 1)).unflatten(0, patches.shape[:2])
    h = _in_ball(layer, (root * v).sinh() / root).mT
    height = (x.shape[2] + 2 * layer.padding[0] - layer.dilation[0] * (layer.kernel_size[0] - 1) - 1) // layer.stride[0]
    return h.unflatten(-1, (height + 1, -1))


def point_exp0(layer: Any, x: Tensor) -> Tensor:
    rows, back = _rows(x)
    root, length = _root_of(layer), rows.norm(dim=1, keepdim=True)
    return back(
        ((root * length).sinh() if layer.mode == 'lorentz' else (root * length).tanh()) * rows / (root * length)
    )


def point_relu(layer: Any, x: Tensor) -> Tensor:
    return _through_tangents(layer, x, lambda v: v * (v > 0))


def point_max_pool(layer: Any, x: Tensor) -> Tensor:
    return _through_tangents(layer, x, lambda v: F.max_pool2d(v, layer.kernel_size, layer.stride, layer.padding))


def point_flatten(layer: Any, x: Tensor) -> Tensor:
    count, dim = x[0, 0].numel(), x.shape[1]
    beta = 1.0 if layer.mode == 'lorentz' else _beta(count * dim) / _beta(dim)
    return _through_tangents(layer, x, lambda v: beta * v.flatten(1))


def _centroid(layer: Any, p: Tensor) -> Tensor:
    """The centroid of points `[..., K, D]` on the hyperboloid."""
    c, h = _space(layer).c, _space_part(layer, p)
    space, time = h.mean(-2), (1 / c + h.square().sum(-1)).sqrt().mean(-1)
    return _in_ball(layer, space / (c * (time**2 - space.square().sum(-1))).sqrt().unsqueeze(-1))


def point_avg_pool(layer: Any, x: Tensor) -> Tensor:
    padded = F.pad(x, [p for p in reversed(layer.padding) for _ in (0, 1)])
    blocks = padded.unfold(2, layer.kernel_size[0], layer.stride[0]).unfold(3, layer.kernel_size[1], layer.stride[1])
    return _centroid(layer, blocks.flatten(4).permute(0, 2, 3, 4, 1)).movedim(-1, 1)


def point_global_pool(layer: Any, x: Tensor) -> Tensor:
    return _centroid(layer, x.flatten(2).mT)


def point_batch_norm(layer: Any, x: Tensor) -> Tensor:
    """By logarithm, transport and exponential at the mean: geoopt's in the ball, on the hyperboloid else."""
    rows, back = _rows(x)
    c, mean = _space(layer).c, _centroid(layer, rows)
    if layer.mode == 'poincare':
        ball = geoopt.manifolds.stereographic.math
        bias = ball.expmap0(layer.bias, k=-c)
        v = ball.logmap(mean, rows, k=-c)
        length = 2 / (1 - c * mean.square().sum()) * v.norm(dim=-1)
        scale = layer.weight / (length.square().mean() + layer.eps).sqrt()
        return back(ball.expmap(bias, ball.parallel_transport(mean, bias, scale * v, k=-c), k=-c))

    def whole(h: Tensor) -> Tensor:
        return torch.cat([(1 / c + h.square().sum(-1, keepdim=True)).sqrt(), h], -1)

    def inner(a: Tensor, b: Tensor) -> Tensor:
        return (a[..., 1:] * b[..., 1:]).sum(-1, keepdim=True) - a[..., :1] * b[..., :1]

    def transported(v: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return v + inner(b, v) / (1 / c - inner(a, b)) * (a + b)

    length = layer.bias.norm()
    bias = whole((c.sqrt() * 2 * length).sinh() / (c.sqrt() * length) * layer.bias)
    origin, mean, points = whole(torch.zeros_like(mean)), whole(mean), whole(rows)
    along = -c * inner(mean, points)
    v = along.acosh() / (along.square() - 1).sqrt() * (points - along * mean)
    scale = layer.weight / (inner(v, v).mean() + layer.eps).sqrt()
    v = transported(transported(scale * v, mean, origin), origin, bias)
    size = (c * inner(v, v)).sqrt()
    return back((size.cosh() * bias + size.sinh() / size * v)[..., 1:])


DENSE |= {
    'HypLinear': point_linear,
    'HypMLR': point_mlr,
    'HypConv2d': point_conv,
    'HypExp0': point_exp0,
    'HypReLU': point_relu,
    'HypMaxPool2d': point_max_pool,
    'HypFlatten': point_flatten,
    'HypAvgPool2d': point_avg_pool,
    'HypGlobalPool': point_global_pool,
    'HypBatchNorm2d': point_batch_norm,
}


def _steep(layer: Any) -> tuple[Tensor, Tensor]:
    """Weight and bias of the linear map in the flat limit, for points as the layer writes them."""
    ball = 1 if layer.mode == 'lorentz' else 2
    length = layer.weight.flatten(1).norm(dim=1)
    return 2 * ball * layer.weight, -4 * layer.bias * length


def flat_point_linear(layer: Any, x: Tensor) -> Tensor:
    return F.linear(x, *_steep(layer)) / (1 if layer.mode == 'lorentz' else 2)


def flat_point_mlr(layer: Any, x: Tensor) -> Tensor:
    return F.linear(x, *_steep(layer))


def flat_point_conv(layer: Any, x: Tensor) -> Tensor:
    weight, bias = _steep(layer)
    if layer.mode == 'poincare':
        count, dim = math.prod(layer.kernel_size), x.shape[1]
        weight, bias = _beta(count * dim) / _beta(dim) * weight / 2, bias / 2
    return F.conv2d(x, weight, bias, layer.stride, layer.padding, layer.dilation)


def flat_point_batch_norm(layer: Any, x: Tensor) -> Tensor:
    rows, back = _rows(x)
    ball = 1 if layer.mode == 'lorentz' else 2
    centred = rows - rows.mean(0)
    scale = layer.weight / ((ball * centred).square().sum(-1).mean() + layer.eps).sqrt()
    return back(scale * centred + layer.bias * 2 / ball)


def flat_point_flatten(layer: Any, x: Tensor) -> Tensor:
    count, dim = x[0, 0].numel(), x.shape[1]
    return (1 if layer.mode == 'lorentz' else _beta(count * dim) / _beta(dim)) * x.flatten(1)


FLAT_LIMIT |= {
    'HypLinear': flat_point_linear,
    'HypMLR': flat_point_mlr,
    'HypConv2d': flat_point_conv,
    'HypBatchNorm2d': flat_point_batch_norm,
    'HypFlatten': flat_point_flatten,
    'HypExp0': lambda layer, x: x,
    'HypReLU': lambda layer, x: x.clamp_min(0),
    'HypMaxPool2d': lambda layer, x: F.max_pool2d(x, layer.kernel_size, layer.stride, layer.padding),
    'HypAvgPool2d': lambda layer, x: F.avg_pool2d(x, layer.kernel_size, layer.stride, layer.padding),
    'HypGlobalPool': lambda layer, x: x.mean((2, 3)),
}

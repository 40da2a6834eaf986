"""The hyperbolic linear layer: a Möbius matrix-vector product between learnt centres."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..geometry import FixedVectors, Frame, compile_once, computes_rows, dot, fused_linear_map, shrink, widen
from .manifold import manifold_parameter
from .module import HyperbolicModule

__all__ = ['HyperbolicLinear']


class HyperbolicLinear(HyperbolicModule):
    """`nn.Linear` in the ball, on tangent vectors at the origin.

    `h = exp0(x)`, `z = clip(W ⊗ (-p_in ⊕ h))`, `out = log0(clip(p_out ⊕ (z ⊕ exp0(b))))`.

    Flat limit: `W(x - p_in) + b + p_out`.

    The Euclidean product `Wx` is made once; what the formula needs besides are inner products of `x` with a few fixed
    vectors (one skinny product) and the squared norms of `x` and `Wx`.

    Args:
        in_features: D.
        out_features: E, over all parts.
        bias: With a bias `b`, a tangent vector at the origin.
        parts: The layer is this many independent layers on one input, their outputs joined: `E/parts` features each,
            with centres and curvature of their own. Attention's packed q, k, v are three.
        curvature: As for `HyperbolicModule`, as are the others.

    Raises:
        ValueError: `parts` does not divide `out_features`; a value is outside its range.

    Source: Ganea, Bécigneul, Hofmann, "Hyperbolic Neural Networks" (2018), section 3.2, with the study's centres.
    """

    manifold_names = ('p_in', 'p_out')

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        parts: int = 1,
        curvature: float = 1.0,
        learn_curvature: bool | None = None,
        margin: float | None = 0.985,
        max_norm: float | None = None,
        hamp: bool = False,
        device=None,
        dtype=None,
    ) -> None:
        dd = {'device': device, 'dtype': dtype}
        super().__init__(curvature, learn_curvature, margin, max_norm, hamp, copies=parts, **dd)
        if out_features % parts:
            raise ValueError(f'out_features={out_features} is not divisible by parts={parts}')
        self.in_features, self.out_features, self.parts = in_features, out_features, parts
        self.weight = nn.Parameter(torch.empty(out_features, in_features, **dd))
        self.bias = nn.Parameter(torch.empty(out_features, **dd)) if bias else None
        self.p_in = manifold_parameter(torch.zeros(parts, in_features, **dd), self.curvature)
        self.p_out = manifold_parameter(torch.zeros(parts, out_features // parts, **dd), self.curvature)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weights as timm's ViT starts its linear layers, everything else zero."""
        super().reset_parameters()
        nn.init.trunc_normal_(self.weight, std=0.02)
        for parameter in (self.bias, self.p_in, self.p_out):
            if parameter is not None:
                nn.init.zeros_(parameter)

    def no_weight_decay(self) -> set[str]:
        return super().no_weight_decay() - {'weight'}

    def forward(self, x: Tensor) -> Tensor:
        """`[..., D]` to `[..., E]`, in the type of `x` (with `hamp` under autocast, in the autocast type)."""
        vectors, scalars = self.vector_dtype(x), self.scalar_dtype(x)
        with self.without_autocast(x):
            # The node is for float32 or better, and computes on a hyperboloid, which flat space has not.
            # The compiler cannot trace the node: its backward pass takes derivatives by autograd.
            traced = torch.compiler.is_compiling()
            if vectors.itemsize >= 4 and not self.curvature.is_flat and not traced and computes_rows(x, self.limits):
                return self._fused(x, vectors)
            c = self.curvature().to(scalars)
            out = _definition(x, self.weight, self.bias, self.p_in, self.p_out, c, self.limits, vectors)
            return out.to(vectors if self.hamp else x.dtype)

    def _fused(self, x: Tensor, vectors: torch.dtype) -> Tensor:
        c = self.curvature().double()
        weight = self.weight.to(vectors)
        p_in, p_out = (self._inside(p, c) for p in (self.p_in, self.p_out))
        fixed, columns = _fixed(weight, self.bias, p_in, p_out)
        fixed = torch.stack(fixed)  # [F, parts, E]
        exact = fixed.double()
        gram = c * (exact.unsqueeze(0) * exact.unsqueeze(1)).sum(-1)
        pp = c * p_in.square().sum(-1)
        rows = x.to(vectors).reshape(-1, self.in_features)
        out = fused_linear_map(rows, weight, FixedVectors(columns, fixed, gram, pp, c), self.limits.max_rapidity)
        return out.view(*x.shape[:-1], self.out_features).to(vectors if self.hamp else x.dtype)

    @staticmethod
    def _inside(p: Tensor, c: Tensor) -> Tensor:
        """Centres kept inside the ball, whatever the curvature has become: where float32 would keep them."""
        p = p.double()
        n = c * p.square().sum(-1)
        return p * shrink(n, 1 - 8 * torch.finfo(torch.float32).eps).unsqueeze(-1)

    def extra_repr(self) -> str:
        parts = f', parts={self.parts}' if self.parts > 1 else ''
        shape = f'in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}{parts}'
        return f'{shape}, {super().extra_repr()}'


def _fixed(weight: Tensor, bias: Tensor | None, p_in: Tensor, p_out: Tensor) -> tuple[list[Tensor], Tensor]:
    """`Wp_in`, `p_out` and the bias, each `[parts, E]`; `p_in` and `Wᵀv` for these, `[1 + F, parts, D]`.

    The columns are those of one skinny product: `⟨x, p_in⟩`, and `⟨Wx, v⟩ = ⟨x, Wᵀv⟩`.
    """
    w = weight.unflatten(0, (len(p_in), -1))  # [parts, E, D]
    p_in, p_out = p_in.to(w.dtype), p_out.to(w.dtype)
    fixed = [(w @ p_in.unsqueeze(-1)).squeeze(-1), p_out]
    if bias is not None:
        fixed.append(bias.to(w.dtype).view_as(p_out))
    return fixed, torch.stack([p_in, *((v.unsqueeze(-2) @ w).squeeze(-2) for v in fixed)])


@compile_once
def _definition(x, weight, bias, p_in, p_out, c, limits, vectors) -> Tensor:
    """The layer by gyrovectors: `[..., D]` to `[..., parts·E]` in the type `vectors`; `c` is `[parts]`, of the type of
    the scalars."""
    scalars, parts = c.dtype, len(p_in)
    c = c.unsqueeze(-1)
    one = torch.ones((), dtype=scalars, device=x.device)
    x = x.to(torch.promote_types(x.dtype, vectors))
    xx = dot(x, x, scalars).unsqueeze(-2)  # [..., 1, 1]
    if vectors.itemsize < 4:
        # A half type cannot hold a long vector's products, and `exp0` would shorten it anyway: to the longest that
        # any part allows it is shortened here, before the cast.
        shorten = limits.tangent(xx, c.amin())
        x = x * shorten.squeeze(-2).to(x.dtype)
        xx = xx * shorten**2
    x = x.to(vectors)
    weight = weight.to(vectors)
    fixed, columns = _fixed(weight, bias, p_in, p_out)
    inner = widen(F.linear(x, columns.flatten(0, 1)), scalars).unflatten(-1, (len(fixed) + 1, parts))
    xp, *wx_fixed = inner.unsqueeze(-1).unbind(-3)  # each [..., parts, 1]

    source = Frame((x.unsqueeze(-2), p_in), ((xx, xp), (dot(p_in, p_in, scalars),)), c, limits)
    h = source.tangent(one, None).exp0()
    a, b = (-source.point(None, one) + h).log0().coefficients

    wx = F.linear(x, weight).unflatten(-1, (parts, -1))  # [..., parts, E]
    gram = [[dot(u, v, scalars) for v in fixed[i:]] for i, u in enumerate(fixed)]
    target = Frame((wx, *fixed), ((dot(wx, wx, scalars), *wx_fixed), *gram), c, limits)
    rest = (None,) * (len(fixed) - 2)
    z = target.tangent(a, b, None, *rest).exp0()
    if bias is not None:
        z = z + target.tangent(None, None, None, one).exp0()
    out = (target.point(None, None, one, *rest) + z).clip().log0()

    # The combination, as one product with the fixed vectors of all parts
    of_wx, *of_fixed = (t.to(vectors) for t in out.coefficients)
    of_fixed = torch.cat(of_fixed, dim=-1).reshape(-1, parts * len(fixed))
    rows = (of_wx * wx).reshape(-1, len(weight))
    rows = torch.addmm(rows, of_fixed, torch.block_diag(*torch.stack(fixed, dim=1)))
    return rows.view(*x.shape[:-1], len(weight))

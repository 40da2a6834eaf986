"""Hyperbolic attention: scores from distances, values joined by their gyro-midpoint, centroids shared by all blocks.

Axes: B batch, N tokens, H heads, D features of a head, M centroids.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from timm.layers import resolve_self_attn_mask, use_fused_attn
from torch import Tensor, nn

from ..geometry import ops
from .curvature import inverse_softplus
from .linear import HyperbolicLinear
from .module import HyperbolicModule

__all__ = ['Centroids', 'HyperbolicAttention']


class Centroids(nn.Module):
    """Learnt tangent vectors that join the keys and values of every block; one tensor, owned by the model.

    Args:
        num_heads: H.
        num_centroids: M, 0 for none.
        head_dim: D.

    Raises:
        ValueError: `num_centroids` is negative.
    """

    def __init__(self, num_heads: int, num_centroids: int, head_dim: int, device=None, dtype=None) -> None:
        super().__init__()
        if num_centroids < 0:
            raise ValueError(f'num_centroids={num_centroids} must be >= 0')
        self.weight = nn.Parameter(torch.empty(num_heads, num_centroids, head_dim, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, std=0.02)

    def no_weight_decay(self) -> set[str]:
        """Names of parameters that take no weight decay."""
        return {'weight'}

    def forward(self) -> Tensor:
        return self.weight

    def extra_repr(self) -> str:
        return 'num_heads={}, num_centroids={}, head_dim={}'.format(*self.weight.shape)


class HyperbolicAttention(HyperbolicModule):
    """Multi-head attention in the ball, with timm's `Attention` interface.

    `q, k, v` come from hyperbolic linear layers as tangent vectors; the centroids join keys and values.
    `S_ij = -d(exp0(q_i), exp0(k_j))²/(2σ²)`, `w = softmax(S)`, and the output is `log0` of the gyro-midpoint
    `½ ⊗ (Σ wλv / Σ w(λ - 1))` through a hyperbolic linear layer.

    Flat limit: `S_ij = -2‖q_i - k_j‖²/σ²` and the mean `Σ wv / Σ w` (dropout leaves it a mean), between linear layers
    `W(x - p_in) + b + p_out`.

    Args:
        dim: Features in and out.
        num_heads: H, divides `dim`.
        qkv_bias: Bias of the q, k, v maps.
        qk_norm: Normalise q and k, as tangent vectors.
        scale_norm: Normalise the joined heads before the projection.
        proj_bias: Bias of the projection.
        attn_drop: Dropout rate of the weights.
        proj_drop: Dropout rate of the output.
        norm_layer: Normalisation for `qk_norm` and `scale_norm`.
        num_centroids: M of centroids of its own, where none are shared.
        centroids: The model's shared centroids. They stay the model's: the attention only refers to them.
        curvature: As for `HyperbolicModule`, as are the others.

    Raises:
        ValueError: `num_heads` does not divide `dim`, `norm_layer` is missing, a value is outside its range.

    Source: the reference study's attention (DESIGN, section 3); midpoint: Shimizu, Mukuta, Harada, "Hyperbolic Neural
    Networks++" (2021), (13).
    """

    kernel_names = ('attention',)

    def __init__(
        self,
        dim: int,
        num_heads: int = 8,
        qkv_bias: bool = False,
        qk_norm: bool = False,
        scale_norm: bool = False,
        proj_bias: bool = True,
        attn_drop: float = 0.0,
        proj_drop: float = 0.0,
        norm_layer: type[nn.Module] | None = None,
        num_centroids: int = 100,
        centroids: Centroids | None = None,
        curvature: float = 1.0,
        learn_curvature: bool | None = None,
        margin: float | None = 0.985,
        max_norm: float | None = None,
        hamp: bool = False,
        device=None,
        dtype=None,
    ) -> None:
        dd = {'device': device, 'dtype': dtype}
        hyperbolic = {
            'curvature': curvature,
            'learn_curvature': learn_curvature,
            'margin': margin,
            'max_norm': max_norm,
            'hamp': hamp,
            **dd,
        }
        super().__init__(**hyperbolic)
        if dim % num_heads:
            raise ValueError(f'dim={dim} is not divisible by num_heads={num_heads}')
        if (qk_norm or scale_norm) and norm_layer is None:
            raise ValueError('qk_norm and scale_norm need a norm_layer')
        self.num_heads, self.head_dim = num_heads, dim // num_heads
        self.fused_attn = use_fused_attn()

        self.qkv = HyperbolicLinear(dim, 3 * dim, qkv_bias, parts=3, **hyperbolic)
        self.q_norm = norm_layer(self.head_dim, **dd) if qk_norm else nn.Identity()
        self.k_norm = norm_layer(self.head_dim, **dd) if qk_norm else nn.Identity()
        self.sigma_raw = nn.Parameter(torch.empty(num_heads, **dd))
        self.attn_drop = nn.Dropout(attn_drop)
        self.norm = norm_layer(dim, **dd) if scale_norm else nn.Identity()
        self.proj = HyperbolicLinear(dim, dim, proj_bias, **hyperbolic)
        self.proj_drop = nn.Dropout(proj_drop)
        if centroids is None:
            self.centroids = centroids = Centroids(num_heads, num_centroids, self.head_dim, **dd)
        # In a tuple, so that it is no submodule: an aliased parameter would be saved once a block.
        self._shared = (centroids,)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        super().reset_parameters()
        nn.init.constant_(self.sigma_raw, inverse_softplus(1.0))

    def sigma(self) -> Tensor:
        """The temperature `σ > 0` of each head, shape `[H]`."""
        return F.softplus(self.sigma_raw)

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        # Asked for here and not in `forward`: torch.fx, which sees no further than the call of a layer, then finds them
        # among its arguments, and what is extracted from a model has its centroids.
        if 'centroids' not in kwargs:
            # Not called as a module: torchinfo would count its parameters once for each block.
            kwargs['centroids'] = self._shared[0].forward()
        return super().__call__(*args, **kwargs)

    def forward(
        self, x: Tensor, attn_mask: Tensor | None = None, is_causal: bool = False, *, centroids: Tensor
    ) -> Tensor:
        """Attend.

        Args:
            x: `[B, N, dim]`.
            attn_mask: As in timm: boolean (True is attended) or additive, broadcastable to `[B, H, N, N]`. It holds
                between tokens; centroids are always attended.
            is_causal: Tokens attend to tokens before them only.
            centroids: `[H, M, D]`; the call of the layer gives its own.

        Returns:
            `[B, N, dim]`, in the type of `x` (with `hamp` under autocast, in the autocast type).
        """
        N = x.shape[1]
        qkv = self.qkv(x).unflatten(-1, (3, self.num_heads, self.head_dim))
        out_dtype = qkv.dtype
        if not isinstance(self.q_norm, nn.Identity):
            q, k, v = qkv.unbind(2)
            qkv = torch.stack([self.q_norm(q), self.k_norm(k), v], 2)
        vectors, scalars = self.vector_dtype(x), self.scalar_dtype(x)
        with self.without_autocast(x):
            mask = resolve_self_attn_mask(N, qkv, attn_mask, is_causal)
            numbers = self.sigma(), self.curvature(scalars).to(scalars), self.limits_for(x)
            out = ops.attention(qkv, centroids, *numbers, vectors, mask, self.attn_drop, self.shows_weights())
        out = self.norm(out.to(out_dtype))
        return self.proj_drop(self.proj(out))

    def shows_weights(self) -> bool:
        """Whether the weights are a tensor that goes through `attn_drop`, `[B, H, N, M + N]`, centroids first.

        They are where `fused_attn` is false, as with timm's attention, and also where `attn_drop` has hooks or has been
        replaced by another module than `nn.Dropout`.
        """
        drop = self.attn_drop
        hooks = drop._forward_pre_hooks or drop._forward_hooks
        return not self.fused_attn or bool(hooks) or type(drop) is not nn.Dropout

    def extra_repr(self) -> str:
        return f'num_heads={self.num_heads}, {super().extra_repr()}'

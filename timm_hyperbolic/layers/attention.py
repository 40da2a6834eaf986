"""Hyperbolic attention: scores are distances, values are averaged by their gyro-midpoint, centroids join the keys.

Axes: B batch, N tokens, H heads, D features of a head, M centroids.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from timm.layers import resolve_self_attn_mask, use_fused_attn
from torch import Tensor, nn

from ..geometry import ops
from .config import HyperbolicConfig
from .curvature import inverse_softplus
from .linear import HyperbolicLinear
from .module import HyperbolicModule

__all__ = ['Centroids', 'HyperbolicAttention']


class Centroids(nn.Module):
    """Learnt tangent vectors that every block adds to its keys and values: one tensor, which belongs to the model.

    Args:
        num_heads: Number of heads H.
        num_centroids: Number of centroids M of each head, 0 for none.
        head_dim: Number of features D of a head.
        device: Of the parameter.
        dtype: Of the parameter.

    Raises:
        ValueError: `num_centroids` is negative.
    """

    def __init__(
        self,
        num_heads: int,
        num_centroids: int,
        head_dim: int,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if num_centroids < 0:
            raise ValueError(f'num_centroids={num_centroids} must be >= 0')
        self.weight = nn.Parameter(torch.empty(num_heads, num_centroids, head_dim, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the centroids near the origin."""
        nn.init.normal_(self.weight, std=0.02)

    def no_weight_decay(self) -> set[str]:
        """Return the names of parameters without weight decay."""
        return {'weight'}

    def forward(self) -> Tensor:
        """Return the centroids, `[H, M, D]`."""
        return self.weight

    def extra_repr(self) -> str:
        """Return the sizes, for `repr`."""
        return 'num_heads={}, num_centroids={}, head_dim={}'.format(*self.weight.shape)


class HyperbolicAttention(HyperbolicModule):
    """Multi-head attention in the ball, with timm's `Attention` interface.

    `q, k, v` are the outputs of hyperbolic linear layers, as tangent vectors. The centroids are additional keys and
    values. `S_ij = -d(exp0(q_i), exp0(k_j))²/(2σ²)`, `w = softmax(S)`, and the output is `log0` of the gyro-midpoint
    `½ ⊗ (Σ wλv / Σ w(λ - 1))` through a hyperbolic linear layer.

    Flat limit: `S_ij = -2‖q_i - k_j‖²/σ²` and the mean `Σ wv / Σ w`, also under dropout of the weights `w`, between
    linear layers `W(x - p_in) + b + p_out`.

    Args:
        dim: Number of features of the input and the output.
        num_heads: Number of heads H, which divides `dim`.
        qkv_bias: Whether the q, k, v maps have a bias.
        qk_norm: Whether q and k are normalised, as tangent vectors.
        scale_norm: Whether the concatenated heads are normalised before the projection.
        proj_bias: Whether the projection has a bias.
        attn_drop: Dropout rate of the weights.
        proj_drop: Dropout rate of the output.
        norm_layer: Normalisation for `qk_norm` and `scale_norm`.
        num_centroids: Number of own centroids M, where `centroids` is None.
        centroids: The centroids that the blocks of a model share. They are a module of the model, not of the attention.
        config: Hyperbolic keywords, as for `HyperbolicModule`.
        device: Of the parameters.
        dtype: Of the parameters.
        **keywords: Fields of `HyperbolicConfig`.

    Raises:
        ValueError: `num_heads` does not divide `dim`, `norm_layer` is missing, or a value is outside its range.
        TypeError: a keyword is unknown.

    Source: the attention of the reference study (Fede2717, "hyperbolic-vit-cifar100", GitHub, 2025); the midpoint is
    equation (13) of Shimizu, Mukuta, Harada, "Hyperbolic Neural Networks++" (2021).
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
        config: HyperbolicConfig | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **keywords: Any,
    ) -> None:
        dd: dict[str, Any] = {'device': device, 'dtype': dtype}
        super().__init__(config, **keywords, **dd)
        if dim % num_heads:
            raise ValueError(f'dim={dim} is not divisible by num_heads={num_heads}')
        self.num_heads, self.head_dim = num_heads, dim // num_heads
        self.fused_attn = use_fused_attn()

        def norm(features: int, wanted: bool) -> nn.Module:
            if not wanted:
                return nn.Identity()
            if norm_layer is None:
                raise ValueError('qk_norm and scale_norm need a norm_layer')
            return norm_layer(features, **dd)

        self.qkv = HyperbolicLinear(dim, 3 * dim, qkv_bias, parts=3, config=self.config, **dd)
        self.q_norm = norm(self.head_dim, qk_norm)
        self.k_norm = norm(self.head_dim, qk_norm)
        self.sigma_raw = nn.Parameter(torch.empty(num_heads, **dd))
        self.attn_drop = nn.Dropout(attn_drop)
        self.norm = norm(dim, scale_norm)
        self.proj = HyperbolicLinear(dim, dim, proj_bias, config=self.config, **dd)
        self.proj_drop = nn.Dropout(proj_drop)
        if centroids is None:
            self.centroids = centroids = Centroids(num_heads, num_centroids, self.head_dim, **dd)
        # In a tuple, so that it is no submodule: the state would have the shared parameter once for each block.
        self._shared = (centroids,)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set temperatures and curvature to their starting values."""
        super().reset_parameters()
        nn.init.constant_(self.sigma_raw, inverse_softplus(1.0))

    def sigma(self) -> Tensor:
        """Return the temperature `σ > 0` of each head, shape `[H]`."""
        return F.softplus(self.sigma_raw)

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        """Call the layer as a module, with its centroids."""
        # The centroids are an argument of `forward`, and not read there: torch.fx, which records the call of a layer
        # with its arguments, then keeps them in a graph that is extracted from a model.
        if 'centroids' not in kwargs:
            # `.forward()`, since torchinfo would count the parameters of a called module once for each block.
            kwargs['centroids'] = self._shared[0].forward()
        return super().__call__(*args, **kwargs)

    def forward(
        self, x: Tensor, attn_mask: Tensor | None = None, is_causal: bool = False, *, centroids: Tensor
    ) -> Tensor:
        """Let tokens attend to each other and to the centroids.

        Args:
            x: Tokens as tangent vectors at the origin, `[B, N, dim]`.
            attn_mask: As in timm: boolean (True is attended) or additive, broadcastable to `[B, H, N, N]`. It is for
                tokens; centroids are always attended.
            is_causal: Whether tokens attend only to themselves and the tokens before them.
            centroids: `[H, M, D]`; where the layer is called without them, it passes its own.

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
        """Return whether `attn_drop` is called with the weights as a tensor `[B, H, N, M + N]`, centroids first.

        It is where `fused_attn` is false, as in timm's attention, and where `attn_drop` has hooks or is another module
        than `nn.Dropout`.
        """
        drop = self.attn_drop
        hooks = drop._forward_pre_hooks or drop._forward_hooks
        return not self.fused_attn or bool(hooks) or type(drop) is not nn.Dropout

    def extra_repr(self) -> str:
        """Return the sizes and the configuration, for `repr`."""
        return f'num_heads={self.num_heads}, {super().extra_repr()}'

"""Multinomial logistic regression in hyperbolic space for every pixel of a map."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..geometry import Limits
from ..geometry.analytic import safe_sqrt, sinhc, tanhc
from ..geometry.hyperplane import distance_of_product, hyperplane_through, unit_normals
from .config import HyperbolicConfig
from .module import HyperbolicModule

__all__ = ['HyperbolicMLR2d']


class HyperbolicMLR2d(HyperbolicModule):
    """`logit_k = 2‖a_k‖·D_k(exp0(x))` for every pixel: the signed distance from a hyperplane, times its slope.

    The hyperplane of class k passes through the point `p_k` of the ball at a right angle to `a_k`:

        logit_k(h) = (2/√c)·‖a_k‖·arsinh(2√c·⟨-p_k ⊕ h, â_k⟩ / (1 - c‖-p_k ⊕ h‖²)),   â_k = a_k/‖a_k‖

    In Lorentz coordinates the argument of `arsinh` is linear in the point, see `geometry.hyperplane_through`. So the
    logits of all classes are one 1×1 convolution (as a matrix product) of the d space coordinates and of the time
    coordinate, and a function of each number: no tensor `[B, K, d, H, W]` is made.

    The parameter `weight` has the normals `a_k`. The parameter `offset` has tangent vectors at the origin, `p_k =
    exp0(offset_k)`: it is Euclidean, so that every optimizer keeps `p_k` in the ball.

    Flat limit: `4⟨x - p_k, a_k⟩`.

    Args:
        in_features: Number of channels d.
        num_classes: Number of classes K.
        config: Hyperbolic keywords, as for `HyperbolicModule`.
        device: Of the parameters.
        dtype: Of the parameters.
        **keywords: Fields of `HyperbolicConfig`.

    Raises:
        ValueError: a value is outside its range.
        TypeError: a keyword is unknown.

    Source: Ghadimi Atigh, Schoep, Acar, van Noord, Mettes, "Hyperbolic Image Segmentation" (2022), (4) to (10): the
    same logits without the factor `λ` of `p_k`, from two convolutions by the ball's coordinates.
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        config: HyperbolicConfig | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **keywords: Any,
    ) -> None:
        super().__init__(config, device=device, dtype=dtype, **keywords)
        self.in_features, self.num_classes = in_features, num_classes
        self.weight = nn.Parameter(torch.empty(num_classes, in_features, device=device, dtype=dtype))
        self.offset = nn.Parameter(torch.empty(num_classes, in_features, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the normals from N(0, 0.05²), and put the hyperplanes through the origin."""
        super().reset_parameters()
        nn.init.normal_(self.weight, std=0.05)
        nn.init.zeros_(self.offset)

    def no_weight_decay(self) -> set[str]:
        """Return the names of parameters without weight decay: all but `weight`."""
        return super().no_weight_decay() - {'weight'}

    def points(self, x: Tensor) -> Tensor:
        """Return the points `exp0(x)` of pixels, inside the margin, in the Lorentz model.

        Args:
            x: Tangent vectors at the origin, `[B, d, H, W]`.

        Returns:
            `[B, d + 1, H, W]`, float32 or float64: the space part `h`, then `τ = √(1 + c‖h‖²)`.
        """
        wide = self.scalar_dtype(x)
        c = self.curvature(wide).to(wide)
        v, r2 = _clipped(x.to(wide), c, self.limits_for(x), 1)
        h = 2 * sinhc(4 * c * r2) * v
        return torch.cat([h, (1 + c * h.square().sum(1, keepdim=True)).sqrt()], 1)

    def ball_points(self, x: Tensor) -> Tensor:
        """Return the points `exp0(x)` of pixels in the ball, inside the margin; `x` itself at curvature 0.

        Args:
            x: Tangent vectors at the origin, `[B, d, H, W]`.

        Returns:
            Shape and type of `x`.
        """
        wide = self.scalar_dtype(x)
        with self.without_autocast(x):
            c = self.curvature(wide).to(wide)
            v, r2 = _clipped(x.to(wide), c, self.limits_for(x), 1)
            return (tanhc(c * r2) * v).to(x.dtype)

    def norm(self, x: Tensor) -> Tensor:
        """Return the hyperbolic norm of pixels, the distance of `exp0(x)` from the origin.

        Args:
            x: Tangent vectors at the origin, `[B, d, H, W]`.

        Returns:
            `2‖x‖` after the clip, `[B, H, W]`, in the type of `x`.
        """
        wide = self.scalar_dtype(x)
        with self.without_autocast(x):
            _, r2 = _clipped(x.to(wide), self.curvature(wide).to(wide), self.limits_for(x), 1)
            return (2 * safe_sqrt(r2)).squeeze(1).to(x.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Classify pixels.

        Args:
            x: Tangent vectors at the origin, `[B, d, H, W]`.

        Returns:
            Logits `[B, K, H, W]`, in the type of `x`.
        """
        with self.without_autocast(x):
            points = self.points(x)
            wide = points.dtype
            c = self.curvature(wide).to(wide)
            normals, length = unit_normals(self.weight.to(wide))
            offset, _ = _clipped(self.offset.to(wide), c, self.limits, -1)
            space, time = hyperplane_through(offset, normals, c)
            # A matrix product and no convolution, which a GPU computes with fewer digits by default.
            product = torch.cat([space, -time], 1) @ points.flatten(2)
            logits = 2 * length[:, None] * distance_of_product(product, c)
            return logits.unflatten(2, x.shape[2:]).to(x.dtype)

    def extra_repr(self) -> str:
        """Return the sizes and the configuration, for `repr`."""
        return f'in_features={self.in_features}, num_classes={self.num_classes}, {super().extra_repr()}'


def _clipped(v: Tensor, c: Tensor, limits: Limits, dim: int) -> tuple[Tensor, Tensor]:
    """Bring tangent vectors inside the margin, and return them and their squared lengths."""
    r2 = v.square().sum(dim, keepdim=True)
    factor = limits.tangent(r2, c)
    return factor * v, factor.square() * r2

"""Batch normalisation of points: they are centred at their mean, and their distances from it are rescaled."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..geometry.analytic import arsinhc, sinhc, tanhc
from ..geometry.transport import gyration, translate
from .config import HyperbolicConfig
from .point_module import PointModule, centroid, channel_dim

__all__ = ['HypBatchNorm2d']


class HypBatchNorm2d(PointModule):
    """Batch normalisation of points `x`: `exp_b(s·P(log_m(x)))` with `s = weight/√(σ² + eps)`.

    `m` is the mean of the points (Lorentz centroid, which is the gyro-midpoint), `σ²` the mean of the squared distances
    `d(x, m)²`, and `b = exp0(bias)`. `P` transports tangent vectors from `m` to `b`: in the ball along their geodesic,
    as HypLL does; in Lorentz mode by way of the origin, as the source of that mode does. The two are equal as long as
    `bias` is zero or parallel to `m`. As in `nn.BatchNorm2d`, batches give the mean and variance in training, and their
    running values in evaluation.

    Flat limit: `weight·(h - m)/√(σ² + eps) + b` with the mean squared length `σ²` of all coordinates together.

    Args:
        num_features: Number of coordinates C of a point.
        eps: Added to the variance, `> 0`.
        momentum: Weight of a batch in the running values, in `(0, 1]`.
        mode: A name of `MODES`.
        config: Hyperbolic keywords, as for `PointModule`.
        device: Of the parameters.
        dtype: Of the parameters.
        **keywords: Fields of `HyperbolicConfig`.

    Raises:
        ValueError: a value is outside its range.
        TypeError: a keyword is unknown.

    Source: Lou et al., "Differentiating through the Fréchet Mean" (2020), algorithm 2, with the centroid for the
    Fréchet mean, for the ball. Bdeir, Schwethelm, Landwehr, "Fully Hyperbolic Convolutional Neural Networks for
    Computer Vision" (2024), section 4.2, for the Lorentz model.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        mode: str = 'lorentz',
        config: HyperbolicConfig | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **keywords: Any,
    ) -> None:
        dd: dict[str, Any] = {'device': device, 'dtype': dtype}
        super().__init__(mode, config, **dd, **keywords)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.weight = nn.Parameter(torch.ones(1, **dd))
        self.bias = nn.Parameter(torch.zeros(num_features, **dd))
        self.register_buffer('running_mean', torch.zeros(num_features, **dd))
        self.register_buffer('running_var', torch.ones(1, **dd))
        self.register_buffer('num_batches_tracked', torch.tensor(0, device=device))

    def reset_parameters(self) -> None:
        """Set scale and bias to one and zero, and forget the running values."""
        super().reset_parameters()
        nn.init.ones_(self.weight)
        nn.init.zeros_(self.bias)
        self.running_mean.zero_()
        self.running_var.fill_(1)
        self.num_batches_tracked.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Normalise points.

        Args:
            x: Points, `[B, C, H, W]` or `[B, C]`.

        Returns:
            Points, shape of `x`.

        Raises:
            ValueError: the batch has one point and the layer trains.
        """
        vectors = self.vector_dtype(x)
        with self.without_autocast(x):
            wide, c = self.scalars(x)
            h, time = self.to_space(wide, c)
            dim = channel_dim(x)
            over = [d for d in range(x.dim()) if d != dim % x.dim()]
            shape = (1, -1, 1, 1) if x.dim() == 4 else (1, -1)
            if self.training:
                if x.numel() == self.num_features:
                    raise ValueError(f'a batch of one point has no variance: input of shape {tuple(x.shape)}')
                mean = centroid(h.mean(over), time.mean(over), c, -1)
            else:
                mean = self.running_mean.to(c.dtype)
            centred = translate(h, -mean.view(shape), c, dim)
            zz = centred.square().sum(dim, keepdim=True)
            a2 = zz * arsinhc(c * zz).square()  # d(x, m)²
            if self.training:
                variance = a2.mean()
                self._track(mean.detach(), variance.detach(), c.detach())
            else:
                variance = self.running_var.to(c.dtype)
            scale = self.weight.to(c.dtype) * (variance + self.eps).rsqrt()
            far = c * a2 * scale.square()
            limit = self.max_rapidity**2
            far = torch.where(far > limit, limit, far)
            scaled = scale * sinhc(far) * arsinhc(c * zz) * centred
            v = self.bias.to(c.dtype)
            q = c * v.square().sum()
            if self.mode == 'poincare':
                ball = mean / (1 + (1 + c * mean.square().sum()).sqrt())
                scaled = gyration((tanhc(q) * v).view(shape), -ball.view(shape), scaled, c, dim)
            h = translate(scaled, (2 * sinhc(4 * q) * v).view(shape), c, dim)
            return self.result(self.from_space(h, c), x, vectors)

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, c: Tensor) -> None:
        """Move the running values towards those of a batch: the mean along the geodesic, by a weighted centroid."""
        both = torch.stack([self.running_mean.to(mean.dtype), mean])
        times = (1 + c * both.square().sum(-1, keepdim=True)).sqrt()
        (old, new), (old_time, new_time) = both, times
        space, time = old.lerp(new, self.momentum), old_time.lerp(new_time, self.momentum)
        self.running_mean.copy_(centroid(space, time, c, -1))
        self.running_var.lerp_(variance.to(self.running_var.dtype), self.momentum)
        self.num_batches_tracked += 1

    def extra_repr(self) -> str:
        """Return the sizes and the configuration, for `repr`."""
        return f'{self.num_features}, eps={self.eps}, momentum={self.momentum}, {super().extra_repr()}'

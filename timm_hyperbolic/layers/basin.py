"""The geometric basin classifier: how features fit the simplex and the Cantor position of each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..geometry import Frame, midpoint_log0
from ..geometry.analytic import safe_sqrt
from ..geometry.pairwise import nearest_squared_distance
from .config import HyperbolicConfig
from .module import HyperbolicModule
from .point_head import unit
from .staircase import CantorStaircase

__all__ = ['COMPATIBILITIES', 'BasinHead', 'BasinScores']

#: The three ways in which features fit a class, in the order of the last axis of `BasinScores.compatibility`.
COMPATIBILITIES = ('feature', 'cantor', 'crystal')


class BasinScores(NamedTuple):
    """Everything that a `BasinHead` computes on the way to its logits, as its loss needs it.

    Attributes:
        compatibility: `[S, ..., K, 3]`, the three compatibilities at each scale; see `COMPATIBILITIES`.
        scale_logits: `[S, ..., K]`, their weighted sums.
        position: `[..., S]`, the staircase `C_s(x)`.
        logits: `[..., K]`, the fused sums divided by the temperature.
        temperature: `[1]`.
    """

    compatibility: Tensor
    scale_logits: Tensor
    position: Tensor
    logits: Tensor
    temperature: Tensor


class _Readout(nn.Module):
    """Takes the logits out of the scores. Its hooks see the scores of a forward pass, as a loss needs them."""

    def forward(self, scores: BasinScores) -> Tensor:
        return scores.logits


class BasinHead(HyperbolicModule):
    """Scores of classes by three compatibilities at several scales, fused by two softmaxes.

    With unit features `x̂ = x/‖x‖`, and at each scale a query `q = unit(Linear(LayerNorm(GELU(Linear x̂))))` of `m`
    dimensions and a simplex of `k + 1` vertices `V_j` for each class:

    - `feature = ⟨q, unit(mean_j V_j)⟩`;
    - `cantor = -(C(x̂) - π)²`, with the soft staircase `C` of `CantorStaircase` and a position `π` of the class;
    - `crystal = -min_j ‖q - V_j‖`.

    `logit = (1/T)·Σ_s softmax(f)_s·⟨softmax(g_s), (feature, cantor, crystal)⟩`. All of these are learnt: the maps, the
    vertices, the positions, the direction of the staircase and the height `α` of its middle, the weights `g` and `f`,
    and the temperature `T`. A score depends on the features of its own sample alone.

    With `vertices='ball'` vertices and queries are points `exp0` of these vectors, the mean is the logarithm of their
    gyro-midpoint, and `crystal = -½·min_j d(q, V_j)`. Its flat limit is the layer with `vertices='euclid'`.

    Args:
        in_features: Number of features D.
        num_classes: Number of classes K.
        scales: The numbers of dimensions `m`, one for each scale.
        k: The dimension of the simplices, at most the smallest scale.
        vertices: `'euclid'`, or `'ball'` for vertices on the Poincaré ball.
        tau: The temperature of the staircase, `> 0`.
        config: Hyperbolic keywords, as for `HyperbolicModule`; they matter for `vertices='ball'`.
        device: Of the parameters.
        dtype: Of the parameters.
        **keywords: Fields of `HyperbolicConfig`.

    Raises:
        ValueError: a value is unknown or outside its range.
        TypeError: a keyword is unknown.

    Source: the classifier published as "GeoFractalDavid" (AbstractPhil, Hugging Face, 2025). There vertices are
    centred, so that their mean has no direction, and the staircase uses the position of a sample in its batch; here
    neither is so.
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        scales: Sequence[int] = (32, 64, 128),
        k: int = 12,
        vertices: str = 'euclid',
        tau: float = 0.25,
        config: HyperbolicConfig | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **keywords: Any,
    ) -> None:
        if vertices not in ('euclid', 'ball'):
            raise ValueError(f"vertices={vertices!r} must be 'euclid' or 'ball'")
        scales = tuple(scales)
        if not scales or not 1 <= k <= min(scales):
            raise ValueError(
                f'k={k} and scales={scales}: a simplex of dimension k >= 1 needs scales of at least k dimensions; '
                'take a smaller k or larger scales'
            )
        config = HyperbolicConfig.of(config, **keywords)
        if vertices == 'euclid' and config.curvature > 0:
            config = HyperbolicConfig(curvature=0.0, hamp=config.hamp)
        dd: dict[str, Any] = {'device': device, 'dtype': dtype}
        super().__init__(config, **dd)
        self.in_features, self.num_classes, self.scales, self.k = in_features, num_classes, scales, k
        self.maps = nn.ModuleList(
            nn.Sequential(
                nn.Linear(in_features, 2 * m, **dd), nn.GELU(), nn.LayerNorm(2 * m, **dd), nn.Linear(2 * m, m, **dd)
            )
            for m in scales
        )
        self.vertices = nn.ParameterList(nn.Parameter(torch.empty(num_classes, k + 1, m, **dd)) for m in scales)
        self.staircase = CantorStaircase(in_features, len(scales), tau, **dd)
        self.positions = nn.Parameter(torch.empty(len(scales), num_classes, **dd))
        self.gates = nn.Parameter(torch.empty(len(scales), len(COMPATIBILITIES), **dd))
        self.fusion = nn.Parameter(torch.empty(len(scales), **dd))
        self.log_temperature = nn.Parameter(torch.empty(1, **dd))
        self.readout = _Readout()
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw a regular simplex around a random unit vector for each class, and set the weights to equal ones."""
        super().reset_parameters()
        for layer in self.modules():
            if isinstance(layer, (nn.Linear, nn.LayerNorm, CantorStaircase)):
                layer.reset_parameters()
        for vertices in self.vertices:
            shape, like = vertices.shape, {'device': vertices.device, 'dtype': torch.float32}
            center = unit(torch.randn(shape[0], 1, shape[2], **like))
            frame = torch.linalg.qr(torch.randn(shape[0], shape[2], self.k, **like)).Q
            vertices.copy_(center + 0.5 * _simplex(self.k).to(**like) @ frame.mT)
        spread = (torch.arange(self.num_classes) + 0.5) / max(self.num_classes, 1)
        self.positions.copy_(spread.expand_as(self.positions))
        nn.init.zeros_(self.gates)
        nn.init.zeros_(self.fusion)
        nn.init.constant_(self.log_temperature, -2.66)  # T = 0.07

    def no_weight_decay(self) -> set[str]:
        """Return the names of parameters without weight decay: all but the linear maps."""
        return {name for name, _ in self.named_parameters() if not name.startswith('maps.')}

    def lr_scales(self) -> dict[str, float]:
        """Return the factors of the learning rate by the beginning of a parameter's name; 1 for all others."""
        return {'gates': 0.5, 'fusion': 0.5, 'log_temperature': 0.5, 'staircase': 0.1}

    def forward(self, x: Tensor) -> Tensor:
        """Classify features.

        Args:
            x: `[..., D]`.

        Returns:
            Logits `[..., K]`, in the type of `x`.
        """
        return self.readout(self.scores(x)).to(x.dtype)

    def scores(self, x: Tensor) -> BasinScores:
        """Return everything that is computed on the way to the logits, float32 or float64.

        Args:
            x: Features `[..., D]`.
        """
        dtype = torch.promote_types(x.dtype, torch.float32)
        x = unit(x.to(dtype), x.dtype)
        queries = [unit(layer(x.to(next(layer.parameters()).dtype)).to(dtype)) for layer in self.maps]
        with self.without_autocast(x):
            position = self.staircase(x)
            pairs = [self._fit(q, v.to(dtype)) for q, v in zip(queries, self.vertices, strict=True)]
            compatibility = torch.stack(
                [
                    torch.stack([feature, self._cantor(position, s).to(dtype), crystal], -1)
                    for s, (feature, crystal) in enumerate(pairs)
                ]
            )
            gates = self.gates.to(dtype).softmax(-1).view(len(self.scales), *(1,) * (compatibility.dim() - 2), -1)
            scale_logits = (compatibility * gates).sum(-1)
            temperature = self.log_temperature.to(dtype).exp()
            logits = torch.einsum('s,s...->...', self.fusion.to(dtype).softmax(0), scale_logits) / temperature
            return BasinScores(compatibility, scale_logits, position, logits, temperature)

    def _cantor(self, position: Tensor, scale: int) -> Tensor:
        return -(position[..., scale, None] - self.positions[scale].to(position.dtype)).square()

    def _fit(self, q: Tensor, vertices: Tensor) -> tuple[Tensor, Tensor]:
        """The compatibilities `feature` and `crystal` of queries `[..., m]` with vertices `[K, k + 1, m]`."""
        c = self.curvature(q.dtype).to(q.dtype)
        features, simplex = (Frame.of((t,), c, q.dtype, self.limits_for(q)) for t in (q, vertices))
        p, v = (frame.tangent(torch.ones_like(frame.gram[0][0])).exp0() for frame in (features, simplex))
        factor = v.conformal_factor()
        mean = midpoint_log0((factor * v.to_tensor()).sum(-2), (factor - 1).sum(-2), c)
        flat = v.to_tensor().flatten(0, 1)
        inner = F.linear(p.to_tensor(), flat)
        d2 = nearest_squared_distance(inner, p.r2, p.u, v.r2.flatten(), v.u.flatten(), c, self.k + 1)
        return F.linear(q, unit(mean)), -0.5 * safe_sqrt(d2)

    def get_geometric_weights(self) -> dict[str, Tensor]:
        """Return the fusion weights: `compatibility` `[S, 3]` and `scale` `[S]`, each row with the sum 1."""
        with torch.no_grad():
            return {'compatibility': self.gates.softmax(-1), 'scale': self.fusion.softmax(0)}

    def get_cantor_interval_distribution(self, x: Tensor) -> Tensor:
        """Return the shares of the left, middle and right third at each level of the staircase.

        Args:
            x: Features `[..., D]`.

        Returns:
            `[S, levels, 3]`, averaged over all rows of `x`, each row with the sum 1.
        """
        with torch.no_grad():
            x = unit(x.to(torch.promote_types(x.dtype, torch.float32)))
            return self.staircase.digits(x.flatten(0, -2)).mean(0)

    def get_scale_logits(self, x: Tensor) -> Tensor:
        """Return the weighted compatibilities at each scale, before fusion and temperature.

        Args:
            x: Features `[..., D]`.

        Returns:
            `[S, ..., K]`.
        """
        return self.scores(x).scale_logits

    def extra_repr(self) -> str:
        """Return the sizes and the configuration, for `repr`."""
        sizes = f'in_features={self.in_features}, num_classes={self.num_classes}, scales={self.scales}, k={self.k}'
        return f'{sizes}, {super().extra_repr()}'


def _simplex(k: int) -> Tensor:
    """The vertices of a regular simplex of dimension `k` on the unit sphere, `[k + 1, k]`."""
    size = torch.arange(1, k + 1, dtype=torch.float32)
    rows = torch.ones(k + 1, k).triu() - torch.diag(size, -1)[:, :k]
    return rows * (size * (size + 1)).rsqrt() * ((k + 1) / k) ** 0.5

"""How far from the origin the vectors lie that enter a hyperbolic module."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..layers import HyperbolicModule
from .input_hooks import visit_inputs

__all__ = ['QUANTILES', 'OriginDistances', 'clip_distance', 'origin_distances']

#: Of the distances of all rows.
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class OriginDistances:
    """Distances to the origin of what enters one module.

    Attributes:
        quantiles: the `QUANTILES` of the distances, by what enters, named as `visit_inputs` names it.
        clip: the distance at which the module clips, of several curvatures the least; None where it does not.
    """

    quantiles: dict[str, list[float]]
    clip: float | None


def clip_distance(module: HyperbolicModule) -> float | None:
    """Return the distance from the origin at which a module clips, of several curvatures the least; None if never."""
    if not module.is_clipped:
        return None
    if module.curvature.is_flat:
        return 2 * module.limits.max_norm
    return module.limits.max_rapidity / module.curvature().max().sqrt().item()


def origin_distances(model: nn.Module, images: Tensor) -> dict[str, OriginDistances]:
    """Return the distances to the origin in every hyperbolic module of `model`, by its name.

    The geodesic distance of `exp0(v)` from the origin is `2‖v‖`, whatever the curvature; at `c = 0` too, as everywhere
    in this package. It is taken before the first clip, so that it shows by how much a clip shortens.

    Args:
        model: in the mode in which it is looked at, evaluation as a rule. It is run once, in eager mode.
        images: one batch, `[B, C, H, W]`.
    """
    found: dict[str, OriginDistances] = {}
    levels = torch.tensor(QUANTILES, dtype=torch.float64)

    def look(name: str, module: HyperbolicModule, vectors: dict[str, Tensor]) -> None:
        quantiles = {}
        for label, v in vectors.items():
            distances = 2 * v.float().square().sum(-1).sqrt().flatten().cpu().double()
            # torch's quantile takes at most 2**24 numbers
            quantiles[label] = distances[:: len(distances) // (1 << 24) + 1].quantile(levels).tolist()
        found[name] = OriginDistances(quantiles, clip_distance(module))

    visit_inputs(model, images, look)
    return found

"""How far from the origin the inputs of hyperbolic modules lie."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..layers import HyperbolicModule
from .input_hooks import visit_inputs

__all__ = ['QUANTILES', 'OriginDistances', 'clip_distance', 'origin_distances']

#: The quantiles that `OriginDistances` holds.
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class OriginDistances:
    """Distances to the origin of the inputs of one module.

    Attributes:
        quantiles: the `QUANTILES` of the distances by the name of the input, as `visit_inputs` names it.
        clip: the distance at which the module clips, the least one of a module with several curvatures; None for a
            module without a clip.
    """

    quantiles: dict[str, list[float]]
    clip: float | None


def clip_distance(module: HyperbolicModule) -> float | None:
    """Return the distance from the origin at which a module clips its inputs.

    Args:
        module: a hyperbolic layer.

    Returns:
        A geodesic distance, the least one of a module with several curvatures; None for a module without a clip.
    """
    if not module.is_clipped:
        return None
    if module.curvature.is_flat:
        return 2 * module.limits.max_norm
    return module.limits.max_rapidity / module.curvature().max().sqrt().item()


def origin_distances(model: nn.Module, images: Tensor) -> dict[str, OriginDistances]:
    """Return how far from the origin the inputs of each hyperbolic module of `model` lie.

    The geodesic distance of `exp0(v)` from the origin is `2‖v‖` at every curvature, also at `c = 0`. It is measured
    before the first clip.

    Args:
        model: in evaluation mode as a rule. It is run once, in eager mode, and not changed.
        images: one batch, `[B, C, H, W]`.

    Returns:
        Quantiles of the distances by the name of the module.
    """
    found: dict[str, OriginDistances] = {}
    levels = torch.tensor(QUANTILES, dtype=torch.float64)

    def visit(name: str, module: HyperbolicModule, vectors: dict[str, Tensor]) -> None:
        quantiles = {}
        for label, v in vectors.items():
            distances = 2 * v.float().square().sum(-1).sqrt().flatten().cpu().double()
            # torch.quantile takes at most 2**24 numbers.
            quantiles[label] = distances[:: len(distances) // (1 << 24) + 1].quantile(levels).tolist()
        found[name] = OriginDistances(quantiles, clip_distance(module))

    visit_inputs(model, images, visit)
    return found

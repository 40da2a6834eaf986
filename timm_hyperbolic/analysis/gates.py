"""The learned gates and centres of hyperbolic residuals."""

from torch import nn

from ..layers import CenteredResidual, OriginResidual, PointResidual

__all__ = ['named_gates']


def named_gates(model: nn.Module) -> dict[str, dict[str, float]]:
    """Return the gate and the centre of every hyperbolic residual of a model, by the name of the module.

    Args:
        model: any module.

    Returns:
        `gamma`, the gate `γ`, for every residual: it starts at 0, where the branch has no effect. Also `s` in (0, 1),
        the centre, for centred residuals: it starts at 0.5, half way between stream (1) and branch (0).
    """
    gates: dict[str, dict[str, float]] = {}
    for name, module in model.named_modules():
        if isinstance(module, (CenteredResidual, OriginResidual, PointResidual)):
            gates[name] = {'gamma': module.gate().item()}
            if isinstance(module, CenteredResidual):
                gates[name]['s'] = module.center().item()
    return gates

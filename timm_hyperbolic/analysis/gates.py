"""The learnt numbers of the residuals."""

from torch import nn

from ..layers import CenteredResidual, OriginResidual, PointResidual

__all__ = ['named_gates']


def named_gates(model: nn.Module) -> dict[str, dict[str, float]]:
    """Return the gate `γ` (`gamma`) of every residual of `model`, and the share `s` of centred ones, by module name.

    `γ` starts at 0, where the branch is not heard; `s`, in (0, 1), at 0.5, half way between stream and branch.
    """
    gates: dict[str, dict[str, float]] = {}
    for name, module in model.named_modules():
        if isinstance(module, (CenteredResidual, OriginResidual, PointResidual)):
            gates[name] = {key: number.item() for key, number in zip(('gamma', 's'), module.numbers(), strict=False)}
    return gates

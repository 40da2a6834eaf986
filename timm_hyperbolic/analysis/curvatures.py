"""How far the curvatures of a model have moved from their starts."""

from torch import nn

from ..layers import named_curvatures
from ..layers.curvature import Curvature

__all__ = ['curvature_ratios']


def curvature_ratios(model: nn.Module) -> dict[str, float]:
    """Return `c / c_start` of every learned curvature of a model, by the names of `named_curvatures`.

    The start is the value that the model was made with, by its keyword `curvature`. Fixed curvatures are left out.

    Args:
        model: any module.
    """
    ratios = {}
    for name, module in model.named_modules():
        if isinstance(module, Curvature) and module.learnt:
            for number, c in named_curvatures(module).items():
                ratios[name.removesuffix('.curvature') + number] = c / module.initial
    return ratios

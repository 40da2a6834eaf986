"""The command that lists the models of this package."""

import timm
import torch
from timm.models import get_pretrained_cfg, model_entrypoint
from torch import nn

from ..errors import UserError, nearest
from ..layers import PointModule
from ..models.options import chosen_modules
from ..models.vit_hyp import VARIANTS

__all__ = ['list_models']


def list_models(pattern: str | None = None) -> None:
    """Print the names of models, their number of parameters and which of their modules are hyperbolic.

    Args:
        pattern: Shell pattern of the names; None for those of the models for images of 32 pixels.

    Raises:
        UserError: No model of this package has such a name.
    """
    # Without a configuration are the models that need another one as a keyword: `hyp_classifier`, `hyperbolized`
    ours = [name for name in timm.list_models() if _is_ours(name) and get_pretrained_cfg(name) is not None]
    if pattern is None:
        names = [name for name in ours if get_pretrained_cfg(name).input_size[-1] == 32]
    else:
        names = [name for name in timm.list_models(pattern) if name in set(ours)]
    if not names:
        raise UserError(f'{pattern}: no model of timm_hyperbolic has such a name.{nearest(pattern or "", ours)}')
    width = max(map(len, names))
    for name in names:
        with torch.device('meta'):
            model = timm.create_model(name)
        parameters = sum(p.numel() for p in model.parameters())
        print(f'{name:<{width}}  {parameters / 1e6:6.2f} M  {_hyperbolic(name, model)}')


def _is_ours(name: str) -> bool:
    return model_entrypoint(name).__module__.startswith('timm_hyperbolic.')


def _hyperbolic(name: str, model: nn.Module) -> str:
    """What is hyperbolic in a model, in words."""
    if name in VARIANTS:
        modules = ', '.join(chosen_modules(VARIANTS[name].get('hyperbolic', ()))) or 'none'
        flat = VARIANTS[name].get('curvature', 1.0) == 0
        return f'{modules} at curvature 0' if flat else modules
    return 'every layer' if any(isinstance(module, PointModule) for module in model.modules()) else 'none'

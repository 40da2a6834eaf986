"""The command that lists the models of this package."""

import timm
import torch

from ..errors import UserError, nearest
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
    names = [name for name in timm.list_models(pattern or 'vit_*_patch4_*') if name in VARIANTS]
    if not names:
        raise UserError(f'{pattern}: no model of timm_hyperbolic has such a name.{nearest(pattern or "", VARIANTS)}')
    width = max(map(len, names))
    for name in names:
        keywords = VARIANTS[name]
        with torch.device('meta'):
            parameters = sum(p.numel() for p in timm.create_model(name).parameters())
        modules = ', '.join(chosen_modules(keywords.get('hyperbolic', ()))) or 'none'
        flat = keywords.get('curvature', 1.0) == 0
        print(f'{name:<{width}}  {parameters / 1e6:6.2f} M  {f"{modules} at curvature 0" if flat else modules}')

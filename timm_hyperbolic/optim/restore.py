"""Points and curvatures that tools have rebuilt: an optimizer, which is given parameters only, knows them again."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

from torch import Tensor, nn

from ..layers.curvature import Curvature, stored_parameter
from ..layers.manifold import geoopt
from ..layers.module import layers_with

__all__ = ['Restorer']

_RESTORED = 'these parameters were rebuilt without the ball or the curvature bounds of their layer, and have them back'
_COMPUTED = (
    'these points or curvatures are computed from other parameters (by a parametrization or a weight norm), which are '
    'stepped as Euclidean ones; the optimizer keeps neither points on their ball nor curvatures within curv_bounds'
)


class Restorer:
    """Restores what the layers of some parameters have lost, and warns of each of them once."""

    def __init__(self) -> None:
        self._names: dict[str, dict[str, bool]] = {_RESTORED: {}, _COMPUTED: {}}  # and whether the user was told

    def restore(self, parameters: Iterable[Tensor]) -> None:
        """Give parameters back what they are known by.

        Args:
            parameters: Of an optimizer.

        Raises:
            RuntimeError: a layer's points are parameters of a class that cannot be on a ball.
        """
        parameters = list(parameters)
        for p in parameters:
            for info in getattr(p, '_param_infos', ()):  # of torch's older FSDP, which joins parameters to one
                if isinstance(info.module, Curvature) or info.param_name in getattr(info.module, 'manifold_names', ()):
                    raise RuntimeError(_refused(info.module, info.param_name, 'a part of a flat parameter of FSDP'))
        for layer in layers_with(parameters):
            curvature, of = layer.curvature, type(layer).__name__
            for name, p in layer.restore_parameters().items():
                self._names[_RESTORED].setdefault(f'{of}.{name} {list(p.shape)}', False)
            if curvature.is_flat:
                continue
            held = {name: stored_parameter(layer, name) for name in layer.manifold_names}
            if curvature.learnt:
                held['curvature.raw'] = stored_parameter(curvature, 'raw')
            for name, p in held.items():
                if p is None:
                    self._names[_COMPUTED].setdefault(f'{of}.{name}', False)
                elif p.requires_grad and getattr(p, '_fsdp_flattened', False):
                    raise RuntimeError(_refused(layer, name, 'a part of a flat parameter of FSDP'))
                elif p.requires_grad and type(p) not in (nn.Parameter, geoopt.ManifoldParameter):
                    raise RuntimeError(_refused(layer, name, f'a {type(p).__name__}'))

    def warn(self) -> None:
        """Warn of what was restored since, in one line of each kind."""
        for text, names in self._names.items():
            new = [name for name, is_told in names.items() if not is_told]
            if new:
                warnings.warn(f'{text}: {_listed(new)}', stacklevel=4)
                names.update(dict.fromkeys(new, True))


def _refused(module: nn.Module, name: str, what: str) -> str:
    return (
        f'{type(module).__name__}.{name} is {what}, and no optimizer can keep it on its ball or within its bounds: '
        'leave points and curvatures whole and in their own number type (see ignored_params of fully_shard)'
    )


def _listed(names: list[str], limit: int = 4) -> str:
    return ', '.join(names[:limit]) + (f' and {len(names) - limit} more' if len(names) > limit else '')

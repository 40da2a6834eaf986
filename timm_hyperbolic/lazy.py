"""Public names that are imported when they are first used, so that `import timm_hyperbolic` stays fast."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ['imported_on_use']


def imported_on_use(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package that imports some of its names when they are first used.

    Args:
        package: The package's `__name__`.
        modules: The module in the package that holds each name.

    Returns:
        A function from a name to what it stands for. It raises an AttributeError for a name that is not in `modules`.
    """

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f'module {package!r} has no attribute {name!r}')
        return getattr(importlib.import_module(f'.{modules[name]}', package), name)

    return get

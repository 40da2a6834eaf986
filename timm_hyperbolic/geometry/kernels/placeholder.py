"""Stands for what a printed kernel defines before its passes over memory, so that `passes/` can be read and checked.

`printing` replaces the import of this module by the real definitions: the constants of the scratch and the two
functions that compute the scalars of the rows of a block.
"""

from __future__ import annotations


def __getattr__(name: str) -> int:
    if name.startswith('_'):
        raise AttributeError(name)
    return 0

"""What a conversion will do, before anything is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

__all__ = ['Obstacle', 'Plan', 'Swap']

#: What the model computes right after a swap, at curvature 0.
EQUAL, GATED, CHANGED = 'equal at curvature 0', 'equal behind a closed gate', 'changed'


@dataclass(frozen=True)
class Swap:
    """One module that gives way to a hyperbolic one.

    Attributes:
        path: Its name in the model.
        module: The name that asked for it, such as `'mlp'`.
        before: What stands there.
        after: What will stand there.
        start: What the model computes right after.
        apply: Does it.
    """

    path: str
    module: str
    before: str
    after: str
    start: str
    apply: Callable[[], None] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Obstacle:
    """One module that was asked for and cannot be swapped.

    Attributes:
        path: Its name in the model.
        module: The name that asked for it.
        reason: Why not.
    """

    path: str
    module: str
    reason: str

    def __str__(self) -> str:
        return f'{self.module!r} at {self.path}: {self.reason}'


class Plan(tuple[Swap, ...]):
    """The swaps of a conversion; printed, a table.

    Raises:
        ValueError: there is an obstacle. All are named.
    """

    def __new__(cls, findings: Iterable[Swap | Obstacle], model: str) -> Plan:
        findings = list(findings)
        obstacles = [str(found) for found in findings if isinstance(found, Obstacle)]
        if obstacles:
            raise ValueError(f'{model} was left as it is; it cannot take\n  ' + '\n  '.join(obstacles))
        return super().__new__(cls, findings)

    def apply(self) -> None:
        """Do all of it."""
        for swap in self:
            swap.apply()

    def __str__(self) -> str:
        rows = [('where', 'module', 'was', 'becomes', 'at the start')]
        rows += [(swap.path, swap.module, swap.before, swap.after, swap.start) for swap in self]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return '\n'.join('  '.join(map(str.ljust, row, widths)).rstrip() for row in rows)

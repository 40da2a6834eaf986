"""The plan of a conversion, made before the model is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

__all__ = ['Obstacle', 'Plan', 'Swap']

#: The function of the model right after a swap, compared with the function before, at curvature 0.
EQUAL, GATED, CHANGED = 'equal at curvature 0', 'equal behind a closed gate', 'changed'


@dataclass(frozen=True)
class Swap:
    """One module that will be replaced by a hyperbolic one.

    Attributes:
        path: The name of the module in the model.
        module: The name in `hyperbolize(modules=...)` for which it is replaced, such as `'mlp'`.
        before: The kind of the module now.
        after: The kind of the module after the swap.
        start: What the swap does to the function of the model.
        apply: Replaces the module.
    """

    path: str
    module: str
    before: str
    after: str
    start: str
    apply: Callable[[], None] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Obstacle:
    """One module that was to be replaced and cannot be.

    Attributes:
        path: The name of the module in the model.
        module: The name in `hyperbolize(modules=...)` for which it was to be replaced.
        reason: Why it cannot be replaced.
    """

    path: str
    module: str
    reason: str

    def __str__(self) -> str:
        return f'{self.module!r} at {self.path}: {self.reason}'


class Plan(tuple[Swap, ...]):
    """The swaps of a conversion; as text it is a table."""

    def __new__(cls, findings: Iterable[Swap | Obstacle], model: str) -> Plan:
        """Make a plan, if there is no obstacle.

        Args:
            findings: The swaps and the obstacles.
            model: The name of the model's class, for the error message.

        Raises:
            ValueError: there are obstacles; the message lists all.
        """
        findings = list(findings)
        obstacles = [str(found) for found in findings if isinstance(found, Obstacle)]
        if obstacles:
            raise ValueError(f'{model} was left as it is; it cannot take\n  ' + '\n  '.join(obstacles))
        return super().__new__(cls, findings)

    def apply(self) -> None:
        """Replace the modules, in order."""
        for swap in self:
            swap.apply()

    def __str__(self) -> str:
        rows = [('where', 'module', 'was', 'becomes', 'at the start')]
        rows += [(swap.path, swap.module, swap.before, swap.after, swap.start) for swap in self]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return '\n'.join('  '.join(map(str.ljust, row, widths)).rstrip() for row in rows)

"""The depth of a module in its model, derived from its name."""

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ['Place', 'places']


@dataclass(frozen=True)
class Place:
    """The depth of a module.

    Attributes:
        kind: its name within the block, the same in every block: `residual1`; outside of blocks, its whole name.
        block: number of the block, counted from 0 through all stages; None outside of blocks.
    """

    kind: str
    block: int | None


def places(names: Iterable[str]) -> dict[str, Place]:
    """Return the depth of every module by its name.

    The name of a block ends with its number: the last number of the name that another word follows. In
    `layers.1.blocks.0.attn.qkv.2` the block is `layers.1.blocks.0`, and the kind is `attn.qkv.2`.

    Args:
        names: of modules, as `named_modules` gives them. Blocks are numbered in this order.
    """
    blocks: dict[tuple[str, ...], int] = {}
    found = {}
    for name in names:
        parts = tuple(name.split('.'))
        ends = [i for i in range(1, len(parts)) if parts[i - 1].isdecimal() and not parts[i].isdecimal()]
        if ends:
            block = blocks.setdefault(parts[: ends[-1]], len(blocks))
            found[name] = Place('.'.join(parts[ends[-1] :]), block)
        else:
            found[name] = Place(name, None)
    return found

"""Where in the depth of a model a module stands, read off its name."""

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ['Place', 'places']


@dataclass(frozen=True)
class Place:
    """Where a module stands.

    Attributes:
        kind: its name within the block, the same in every block: `residual1`; outside of blocks, its whole name.
        block: number of the block, from 0; None outside of blocks.
    """

    kind: str
    block: int | None


def places(names: Iterable[str]) -> dict[str, Place]:
    """Return the place of every module, by its name.

    A block is what is numbered: in `layers.1.blocks.0.attn.qkv.2` that is `layers.1.blocks.0`, by the last number that
    a name follows (the 2 is one of the curvatures of `qkv`). Blocks are counted in the order of `names`.
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

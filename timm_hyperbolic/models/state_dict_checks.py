"""Whether the tensors of a checkpoint are those of a model, and the names of tied tensors."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from torch import Tensor, nn

from ..errors import listed

__all__ = ['mismatches', 'with_tied_names']

T = TypeVar('T')


def mismatches(
    theirs: Mapping[str, Sequence[int]],
    own: Mapping[str, Sequence[int]],
    may_miss: Collection[str] = (),
    limit: int = 4,
) -> str:
    """Return the differences between a checkpoint and a model in words; an empty string where there is none.

    Args:
        theirs: Shapes of the checkpoint's tensors by name.
        own: Shapes of the model's tensors by name.
        may_miss: Names that the checkpoint need not have.
        limit: Number of names to list for each kind of difference.
    """
    other = [
        f'{name} {list(theirs[name])} for {list(shape)}'
        for name, shape in own.items()
        if name in theirs and tuple(theirs[name]) != tuple(shape)
    ]
    differences = {
        'missing': [name for name in own if name not in theirs and name not in may_miss],
        'unknown': [name for name in theirs if name not in own],
        'of another shape': other,
    }
    return '; '.join(f'{what}: {listed(names, limit)}' for what, names in differences.items() if names)


def with_tied_names(state_dict: Mapping[str, T], model: nn.Module) -> dict[str, T]:
    """Return a checkpoint in which a tensor that has several names in the model has all of them.

    safetensors saves a tied tensor under one of its names only.

    Args:
        state_dict: Tensors, or their shapes, by name.
        model: The model that is to load them.
    """
    state_dict = dict(state_dict)
    tensors: dict[int, list[str]] = {}
    for name, tensor in _named_tensors(model):
        tensors.setdefault(id(tensor), []).append(name)
    for names in tensors.values():
        kept = next((name for name in names if name in state_dict), None)
        if kept is not None:
            state_dict.update({name: state_dict[kept] for name in names if name not in state_dict})
    return state_dict


def _named_tensors(model: nn.Module) -> Iterable[tuple[str, Tensor]]:
    yield from model.named_parameters(remove_duplicate=False)
    yield from model.named_buffers(remove_duplicate=False)

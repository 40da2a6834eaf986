"""Whether the tensors of a checkpoint are those of a model, and the names of tied tensors."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from torch import Tensor, nn

from ..errors import listed

__all__ = ['in_order', 'mismatches', 'with_tied_names']

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


#: The last parts of names that mean the same in every naming, so that a `bias` is never taken for a `weight`.
_LEAVES = {'weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked'}


def in_order(
    theirs: Mapping[str, Tensor], own: Mapping[str, Tensor], resizable: Collection[str] = ()
) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint under the names of a model, assigned by their order and checked by shape.

    The n-th tensor of the checkpoint becomes the n-th of the model. Both must have equally many, of equal shapes; and
    no name may contradict the order: one that both have, or a last part such as `weight` or `running_mean`.

    Args:
        theirs: The checkpoint's tensors by name.
        own: The model's tensors by name.
        resizable: Names of classifiers of the model, of which the checkpoint's may have another number of classes.

    Raises:
        ValueError: The first tensor that does not fit, by both names and shapes; or there are more on one side.
    """
    classifier = {f'{name}.{leaf}' for name in resizable for leaf in ('weight', 'bias')}
    for number, (a, b) in enumerate(zip(theirs, own, strict=False), start=1):
        shapes = [list(theirs[a].shape), list(own[b].shape)]
        leaves = [a.rpartition('.')[2], b.rpartition('.')[2]]
        unequal = shapes[0][1:] != shapes[1][1:] if b in classifier and all(shapes) else shapes[0] != shapes[1]
        if unequal or (a != b and (a in own or b in theirs or (leaves[0] != leaves[1] and {*leaves} <= _LEAVES))):
            raise ValueError(
                f'by name and by order, the first tensor that differs is number {number}: {a} {shapes[0]} in the '
                f'file, {b} {shapes[1]} in the model'
            )
    if len(theirs) != len(own):
        longer, where = (theirs, 'file') if len(theirs) > len(own) else (own, 'model')
        name = list(longer)[min(len(theirs), len(own))]
        raise ValueError(
            f'{len(theirs)} tensors in the file, {len(own)} in the model; the first that has no partner is {name} '
            f'{list(longer[name].shape)} of the {where}'
        )
    return dict(zip(own, theirs.values(), strict=True))


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

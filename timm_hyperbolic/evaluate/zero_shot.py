"""Zero-shot classification: images of classes of which the model has seen no image in training."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..taxonomy import Taxonomy

__all__ = ['scores_by_tree', 'zero_shot_metrics']


def scores_by_tree(logits: Tensor, seen: Tensor, classes: Tensor, taxonomy: Taxonomy) -> Tensor:
    """Return scores of classes that a model may not know, by their distance in the tree from the classes it predicts.

    With the softmax probabilities `p_k` of the classes that the model knows and the number of edges `d_T` between
    nodes, the score of a class `u` is minus the expected distance, `-Σ_k p_k·d_T(k, u)`. It needs no prototype, so that
    it exists for any classifier.

    Args:
        logits: Logits of the classes that the model knows, `[N, S]`.
        seen: These classes, `[S]`.
        classes: The classes to score, `[U]`.
        taxonomy: The tree of all classes.

    Returns:
        `[N, U]`, float64.
    """
    nodes = torch.from_numpy(taxonomy.classes.copy())
    pairs = taxonomy.distance(nodes[seen.cpu(), None].numpy(), nodes[None, classes.cpu()].numpy())
    return -logits.double().softmax(-1) @ torch.from_numpy(pairs).to(logits.device, torch.float64)


@torch.no_grad()
def zero_shot_metrics(
    logits: Tensor,
    labels: Tensor,
    taxonomy: Taxonomy,
    unseen: Sequence[int] | Tensor,
    outputs: Sequence[int] | Tensor | None = None,
) -> dict[str, float]:
    """Return the accuracy on classes that the model has not been trained on.

    A class without training images has a score where its prototype follows from the tree: a `tree` head has an output
    for each class of its tree. Such outputs are measured in the two usual ways. In zero-shot classification the
    candidates are the unseen classes alone. In generalized zero-shot classification the candidates are all classes,
    for images of seen and of unseen classes, and the harmonic mean of the two accuracies is high only where both are.

    The accuracy that needs no prototype stands beside them: the candidates are the unseen classes, and their scores
    are those of `scores_by_tree` from the softmax over the seen classes. It exists for every classifier, also one with
    outputs for the seen classes alone.

    The measures, in percent but for the first two:

    - `unseen_classes`, `unseen_images`: the numbers of unseen classes and of their images;
    - `unseen_chance`: the accuracy of a guess among the unseen classes;
    - `unseen_top1_by_tree`: zero-shot accuracy by the distances in the tree;
    - `unseen_top1`: zero-shot accuracy by the model's own scores;
    - `unseen_top1_among_all`, `seen_top1_among_all`, `zero_shot_harmonic_mean`: generalized zero-shot accuracy of
      the images of unseen and of seen classes, and their harmonic mean.

    The last four are there only where the model has outputs for the unseen classes.

    Args:
        logits: `[N, K]`.
        labels: Classes of the images, `[N]`, seen and unseen ones, in the order of the tree's `classes`.
        taxonomy: The tree of all classes.
        unseen: The classes of which the model has seen no image.
        outputs: The class of each of the K outputs; None where they are the classes of the tree.

    Returns:
        The measures by name.

    Raises:
        ValueError: the shapes do not fit, a class is none of the tree's, there is no unseen or no seen class, or the
            outputs hold some of the unseen classes but not all.

    Source: Norouzi et al., "Zero-Shot Learning by Convex Combination of Semantic Embeddings" (ICLR 2014), for scores
    from the probabilities of seen classes, here with distances in the tree; Xian, Schiele, Akata, "Zero-Shot Learning -
    The Good, the Bad and the Ugly" (CVPR 2017), for the two protocols and the harmonic mean.
    """
    if taxonomy.classes is None:
        raise ValueError(f'{taxonomy!r} does not say which nodes are the classes: use its with_classes(names)')
    count = len(taxonomy.classes)
    every = torch.arange(count)
    columns = every if outputs is None else torch.as_tensor(outputs)
    if logits.dim() != 2 or logits.shape != (len(labels), len(columns)):
        raise ValueError(
            f'logits of shape {list(logits.shape)} must be [{len(labels)}, {len(columns)}], images and outputs'
        )
    new = torch.as_tensor(unseen).unique()
    for name, classes in (('unseen', new), ('labels', labels), ('outputs', columns)):
        if len(classes) and not 0 <= classes.min() <= classes.max() < count:
            raise ValueError(f'{name} must be classes of {taxonomy!r}, from 0 to {count - 1}')
    is_new = torch.isin(every, new)
    known = torch.isin(columns, new)
    if not len(new) or known.all():
        raise ValueError(f'{len(new)} unseen classes and {int((~known).sum())} outputs of seen ones: both are needed')
    if known.any() and known.sum() < len(new):
        raise ValueError(f'{int(known.sum())} of the {len(new)} unseen classes have an output; all or none must have')
    labels, logits = labels.cpu(), logits.cpu()
    of_new = is_new[labels]
    by_tree = scores_by_tree(logits[of_new][:, ~known], columns[~known], new, taxonomy)
    measures = {
        'unseen_classes': len(new),
        'unseen_images': int(of_new.sum()),
        'unseen_chance': 100 / len(new),
        'unseen_top1_by_tree': _accuracy(new[by_tree.argmax(1)], labels[of_new]),
    }
    if not known.any():
        return measures
    restricted = columns[known][logits[of_new][:, known].argmax(1)]
    right = columns[logits.argmax(1)]
    among = [_accuracy(right[rows], labels[rows]) for rows in (of_new, ~of_new)]
    total = sum(among)
    return {
        **measures,
        'unseen_top1': _accuracy(restricted, labels[of_new]),
        'unseen_top1_among_all': among[0],
        'seen_top1_among_all': among[1],
        'zero_shot_harmonic_mean': 2 * among[0] * among[1] / total if total else total,
    }


def _accuracy(predicted: Tensor, labels: Tensor) -> float:
    return 100 * (predicted == labels).double().mean().item() if len(labels) else math.nan

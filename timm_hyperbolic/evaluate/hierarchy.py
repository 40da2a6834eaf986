"""Measures of a classifier's predictions against a tree of its classes."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from ..taxonomy import Taxonomy

__all__ = ['hierarchy_metrics']


def hierarchy_metrics(predictions: Tensor, labels: Tensor, taxonomy: Taxonomy) -> dict[str, float]:
    """Return how far a classifier's mistakes lie from the true classes in a tree of the classes.

    A mistake is an image whose predicted class `ŷ` is not its class `y`. With the lowest common ancestor `a` of the two
    in the spanning tree, the number of edges `depth(v)` from the root to a node, and the largest number of edges
    `height(v)` from a node down to a class below it:

        mistake_height = mean of height(a) over the mistakes
        hierarchical_precision = mean of |A(ŷ) ∩ A(y)| / |A(ŷ)| = mean of depth(a) / depth(ŷ) over all images
        hierarchical_recall    = mean of |A(ŷ) ∩ A(y)| / |A(y)|  = mean of depth(a) / depth(y) over all images

    where `A(v)` are the node `v` and its ancestors without the root, which all classes share. In a tree whose classes
    are all at one depth, precision and recall are equal.

    All numbers but the first and the last two of this list are in percent:

    - `images`: the number of images;
    - `top1`: the accuracy;
    - `level1_top1`, `level2_top1`, ... down to the level above the deepest classes: the share of images for which
      the ancestors of `ŷ` and `y` at this depth are the same node. A class nearer to the root than that stands for
      itself. In a tree of superclasses and classes, `level1_top1` is the accuracy of the superclass;
    - `mistakes_inside_superclass`: the share of mistakes for which `ŷ` has the same parent as `y`;
    - `hierarchical_precision`, `hierarchical_recall`;
    - `mistakes`: the number of mistakes;
    - `mistake_height`.

    What is a mean over no image is NaN.

    Args:
        predictions: Predicted classes, `[N]`, or logits, `[N, K]`, of which the largest counts.
        labels: Classes, `[N]`, in the order of the tree's `classes`.
        taxonomy: A tree with K classes.

    Returns:
        The numbers by name.

    Raises:
        ValueError: the tree has no classes, the shapes do not fit, or a class is none of the tree's.

    Source: Bertinetto, Mueller, Tertikas, Samangooei, Lord, "Making Better Mistakes" (CVPR 2020), for the height;
    Kosmopoulos, Partalas, Gaussier, Paliouras, Androutsopoulos, "Evaluation measures for hierarchical classification: a
    unified view and novel approaches" (Data Mining and Knowledge Discovery, 2015), measures based on sets, for
    precision and recall.
    """
    if taxonomy.classes is None:
        raise ValueError(f'{taxonomy!r} does not say which nodes are the classes: use its with_classes(names)')
    count = len(taxonomy.classes)
    if predictions.dim() == 2:
        if predictions.shape[1] != count:
            raise ValueError(f'logits of {predictions.shape[1]} classes do not fit {taxonomy!r}')
        predictions = predictions.argmax(1)
    if predictions.dim() != 1 or predictions.shape != labels.shape:
        raise ValueError(
            f'predictions of shape {list(predictions.shape)} and labels of shape {list(labels.shape)} must be [N]'
        )
    for name, classes in (('predictions', predictions), ('labels', labels)):
        if len(classes) and not 0 <= classes.min() <= classes.max() < count:
            raise ValueError(
                f'{name} from {int(classes.min())} to {int(classes.max())} are no classes: {taxonomy!r} has classes '
                f'from 0 to {count - 1}'
            )
    predicted, true = (taxonomy.classes[classes.cpu().numpy()] for classes in (predictions, labels))
    wrong = predicted != true
    ancestor = taxonomy.lca(predicted, true)
    common = taxonomy.depth[ancestor]
    # A tree of one class has no edge; its class is always right.
    deep = np.maximum(taxonomy.depth, 1)
    shares = {
        'top1': ~wrong,
        **{f'level{d}_top1': ~wrong | (common >= d) for d in range(1, taxonomy.depth[taxonomy.classes].max())},
        'mistakes_inside_superclass': (taxonomy.parent[predicted] == taxonomy.parent[true])[wrong],
        'hierarchical_precision': np.where(wrong, common / deep[predicted], 1),
        'hierarchical_recall': np.where(wrong, common / deep[true], 1),
    }
    return {
        'images': len(true),
        **{name: 100 * _mean(values) for name, values in shares.items()},
        'mistakes': int(wrong.sum()),
        'mistake_height': _mean(_heights(taxonomy)[ancestor[wrong]]),
    }


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else math.nan


def _heights(taxonomy: Taxonomy) -> np.ndarray:
    """Return the largest number of edges from each node down to a class in the spanning tree, `[N]`."""
    heights = np.zeros(len(taxonomy), np.int64)
    nodes, height = taxonomy.parent[taxonomy.classes], 1
    while len(nodes := nodes[nodes >= 0]):
        heights[nodes] = height  # the last one to write is the largest
        nodes, height = taxonomy.parent[np.unique(nodes)], height + 1
    return heights

"""Measures of a trained model: calibration, and how its mistakes and features fit a tree of its classes.

- `metrics`: calibration, and accuracy of superclasses.
- `hierarchy`: mistakes against a tree; `retrieval`: nearest images; `zero_shot`: classes without training images;
  `ood`: images of none of the classes.
- `trained`, `tree`, `others`: the model, the tree and the images that a command line names; `outputs`: one pass of the
  model over the images; `results`: the file of the results.
"""

from .hierarchy import hierarchy_metrics
from .ood import auroc, max_softmax
from .retrieval import retrieval_metrics
from .zero_shot import scores_by_tree, zero_shot_metrics

__all__ = [
    'auroc',
    'hierarchy_metrics',
    'max_softmax',
    'retrieval_metrics',
    'scores_by_tree',
    'zero_shot_metrics',
]

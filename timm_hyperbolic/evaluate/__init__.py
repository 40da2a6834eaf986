"""Measures of a trained model: calibration, and how its mistakes and features fit a tree of its classes.

- `metrics`: calibration, and accuracy of superclasses.
- `hierarchy`: mistakes against a tree; `retrieval`: nearest images; `zero_shot`: classes without training images;
  `ood`: images of none of the classes.
- `features`: features of a split and the files that keep them; `episodes`, `projection`: few-shot episodes on them.
- `measures`, `corruptions`, `comparison`, `speed`: what a study measures of its runs, and how it compares its arms;
  `study_records`, `study_tables`: from the folders of runs to tables.
- `segmentation`: measures of pixels, boundaries and their uncertainty; `pixels`: one pass of a segmenter over images.
- `trained`, `tree`, `others`: the model, the tree and the images that a command line names; `outputs`: one pass of the
  model over the images, or of its classifier over features; `results`: the file of the results.
"""

from .comparison import Difference, Mean, holm, mean_of, paired_differences
from .corruptions import CORRUPTIONS, corrupt
from .episodes import Accuracy, Episodes, Geometry, episode_accuracies, prototype_logits, sample_episodes
from .features import Features, read_features, write_features
from .hierarchy import hierarchy_metrics
from .measures import measure_model
from .ood import auroc, max_softmax
from .projection import learn_projection, split_classes
from .retrieval import retrieval_metrics
from .zero_shot import scores_by_tree, zero_shot_metrics

__all__ = [
    'CORRUPTIONS',
    'Accuracy',
    'Difference',
    'Episodes',
    'Features',
    'Geometry',
    'Mean',
    'auroc',
    'corrupt',
    'episode_accuracies',
    'hierarchy_metrics',
    'holm',
    'learn_projection',
    'max_softmax',
    'mean_of',
    'measure_model',
    'paired_differences',
    'prototype_logits',
    'read_features',
    'retrieval_metrics',
    'sample_episodes',
    'scores_by_tree',
    'split_classes',
    'write_features',
    'zero_shot_metrics',
]

"""Defaults that belong to a data set or to a task. (The recipes of whole runs are YAML files, in `recipes/`.)

An entry replaces the parser's defaults when its data set is trained on, or when `--task` names its task; a `--config`
file and explicit flags win over it. Write only what differs from the parser's default.
"""

from typing import Any

__all__ = ['DATASET_DEFAULTS', 'TASK_DEFAULTS']

DATASET_DEFAULTS = {
    # 1,437 training images at their own size: four patches. Small crops stand in for the strokes of other
    # hands; a mirrored digit is none.
    'digits': {
        'img_size': 8,
        'mean': [0.305],
        'std': [0.376],
        'epochs': 30,
        'batch_size': 64,
        'validation_batch_size': 360,
        'lr': 1e-3,
        'workers': 0,
        'hflip': 0.0,
        'color_jitter': 0.0,
        'scale': [0.6, 1.0],
        'ratio': [0.8, 1.25],
    },
}

#: Options whose default is another one in a task than in classification.
TASK_DEFAULTS: dict[str, dict[str, Any]] = {
    'segmentation': {
        'model': 'hyp_segmenter',
        'eval_metric': 'miou',
        'batch_size': 16,
        'lr': 1e-3,
        'sched': 'poly',
        'decay_rate': 0.9,
        'smoothing': 0.0,
        'scale': [0.25, 1.0],
    },
    'contrastive': {
        'model': 'hyp_clip',
        'smoothing': 0.0,
        'scale': [0.5, 1.0],
        'color_jitter': 0.0,
        'weight_decay': 0.2,
    },
}

"""The command that reads a trained model against a tree of its classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from ..config.evaluate import EvaluateConfig
from ..data.class_tree import read_tree, read_unseen, tree_of_classes
from ..errors import UserError, listed
from ..evaluate.features import open_features, read_features
from ..evaluate.hierarchy import hierarchy_metrics
from ..evaluate.ood import auroc, max_softmax
from ..evaluate.others import open_others
from ..evaluate.outputs import Outputs, classify, collect, point_head
from ..evaluate.results import check_results_file, write_results
from ..evaluate.retrieval import retrieval_metrics
from ..evaluate.trained import Trained, open_trained
from ..evaluate.zero_shot import zero_shot_metrics
from ..taxonomy import Taxonomy
from ..train.device import create_autocast, resolve_device
from ..train.progress import format_table

__all__ = ['evaluate']


def evaluate(config: EvaluateConfig) -> dict[str, Any]:
    """Read a trained model against a tree of its classes; print the results and return them.

    Args:
        config: The model, the data, the tree, and what is measured.

    Returns:
        What was measured, and the numbers of `hierarchy_metrics`, of `retrieval_metrics`, with `points_` before its
        names also for the points of a hyperbolic head, with `--unseen` of `zero_shot_metrics`, and with `--ood` the
        AUROC of the images of the split against the others by the largest softmax probability, by the length of the
        features, and by the distance of the head's points from the origin. Of a file of features without a model, only
        the retrieval. With `--task segmentation` the numbers of `evaluate.pixels.measures`.

    Raises:
        UserError: The tree, the model or the data does not exist or does not fit; nothing was measured.
        TrainingError: The results could not be written.
    """
    if config.pixels.task == 'segmentation':
        from .evaluate_pixels import evaluate_pixels

        return evaluate_pixels(config)
    options = config.tree
    results_file = check_results_file(config.results.results_file)
    tree, unseen = read_tree(options.hierarchy), read_unseen(options.unseen)
    if config.model.model is None:
        results = _of_features(config, tree)
    else:
        results = _of_model(config, tree, unseen)
    print(
        f'{results["model"]} on {results["dataset"]}, split {results["split"]}, {results["images"]:,} images, '
        f'{results["classes"]} classes in a tree of {results["nodes"]:,} nodes'
    )
    print(_table(results))
    write_results(results_file, results)
    return results


def _of_features(config: EvaluateConfig, tree: Taxonomy | None) -> dict[str, Any]:
    """Return the measures of retrieval of a file of features."""
    options, path = config.tree, config.source.features
    for name in ('unseen', 'ood'):
        value = getattr(options if name == 'unseen' else config.ood, name)
        if value is not None:
            raise UserError(f'--{name} {value}: needs a model beside --features {path}; give --model')
    features = read_features(path)
    tree = tree_of_classes(tree, features.class_names, features.num_classes, None, None, options.hierarchy)
    outputs = Outputs(features.features, features.features, features.labels)
    return {
        'model': features.about.get('model', path),
        'checkpoint': features.about.get('weights'),
        'dataset': features.about.get('dataset', path),
        'split': features.about.get('split'),
        'hierarchy': options.hierarchy,
        'nodes': len(tree),
        'classes': features.num_classes,
        'images': len(features.labels),
        **_retrieval(outputs, features.labels, tree, None, options.retrieval),
    }


def _of_model(config: EvaluateConfig, tree: Taxonomy | None, unseen: Sequence[str]) -> dict[str, Any]:
    """Return all measures of a model."""
    options = config.tree
    device = resolve_device(config.device.device)
    autocast = create_autocast(config.device, device)
    trained = open_trained(config, device, same_classes=not unseen, more_classes=bool(unseen))
    classes, places = _classes(trained, config.model.model)
    known = trained.model.num_classes
    count = known if classes is None else len(classes)
    tree = tree_of_classes(tree, classes, count, trained.model, trained.superclasses, options.hierarchy)
    new = _labels(unseen, classes, count, known, options.unseen)
    others = open_others(config, trained, device)

    if config.source.features is None:
        outputs = collect(trained.model, tqdm(trained.loader, desc='evaluation', leave=False, disable=None), autocast)
        labels = outputs.labels if places is None else places[outputs.labels]
    else:
        features = open_features(config, config.source.features)
        images, _ = next(iter(trained.loader))
        outputs = classify(trained.model, features.features, features.labels, images)
        labels = features.labels
        if classes is not None and features.class_names is not None:  # the file has the labels of the data set
            place = {name: label for label, name in enumerate(classes)}
            labels = torch.tensor([place.get(name, -1) for name in features.class_names])[labels]
    results = {
        'model': config.model.model,
        'checkpoint': config.weights.checkpoint,
        'dataset': config.data.name,
        'split': trained.split,
        'hierarchy': options.hierarchy or 'its own',
        'nodes': len(tree),
        'classes': count,
        **hierarchy_metrics(outputs.logits.argmax(1), labels, tree),
        **_retrieval(outputs, labels, tree, trained.model, options.retrieval),
    }
    if unseen:
        results |= zero_shot_metrics(outputs.logits, labels, tree, new, range(known))
    if others is not None:
        other = collect(trained.model, tqdm(others.loader, desc='--ood', leave=False, disable=None), autocast)
        results |= {'ood': others.name, 'ood_split': others.split, 'ood_images': len(other.labels)}
        results |= _ood(outputs, other)
    return results


def _classes(trained: Trained, model: str) -> tuple[list[str] | None, Tensor | None]:
    """Return the names of all classes, those of the model first, and the place there of each label of the split.

    The second one is None where the labels of the split are the places.
    """
    known = trained.model.num_classes
    if trained.is_matched:
        if trained.classes is not None and len(trained.classes) < known:
            raise UserError(f'--model {model}: of its {known} classes only {len(trained.classes)} have names')
        return trained.classes, None
    if trained.model_classes is None or trained.classes is None:
        raise UserError(
            f'--unseen: the {known} classes of --model {model} have no names, and the data set has '
            f'{len(trained.classes or ()) or "no names either"}: which of them the model knows cannot be said'
        )
    names = [*trained.model_classes, *(n for n in trained.classes if n not in set(trained.model_classes))]
    return names, torch.tensor([names.index(name) for name in trained.classes])


def _labels(
    unseen: Sequence[str], classes: Sequence[str] | None, count: int, known: int, value: str | None
) -> list[int]:
    """Return the labels of the classes of `--unseen`, whose names are known."""
    names = [str(label) for label in range(count)] if classes is None else list(classes)
    missing = [name for name in unseen if name not in names]
    if missing:
        raise UserError(f'--unseen {value}: no such class: {listed(missing, 5)}; the classes are {listed(names, 8)}')
    new = [names.index(name) for name in unseen]
    if not unseen:
        return new
    beyond = [names[label] for label in range(known, count) if label not in new]
    if beyond:
        raise UserError(f'--unseen {value}: the model has no output for {listed(beyond, 5)} either; name all of them')
    among = [label for label in new if label < known]
    if 0 < len(among) < len(new):
        raise UserError(
            f'--unseen {value}: the model has outputs for {listed((names[i] for i in among), 5)}, and none for '
            f'{listed((names[i] for i in new if i >= known), 5)}; measure the two kinds one after the other'
        )
    if len(among) == known:
        raise UserError(f'--unseen {value}: these are all classes of the model; it has seen none')
    return new


def _retrieval(
    outputs: Outputs, labels: Tensor, tree: Taxonomy, model: nn.Module | None, limit: int
) -> dict[str, float]:
    """Return the measures of retrieval of the features, and of the points of a hyperbolic head."""
    if limit == 0:
        return {}
    chosen = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))[:limit].sort().values
    found = retrieval_metrics(outputs.features[chosen], labels[chosen], tree)
    if outputs.vectors is not None:
        head = point_head(model)
        points = retrieval_metrics(
            outputs.vectors[chosen],
            labels[chosen],
            tree,
            curvature=head.curvature().double().mean().item(),
            limits=head.limits,
        )
        found |= {f'points_{name}': value for name, value in points.items()}
    return {'retrieval_images': len(chosen), **found}


def _ood(inside: Outputs, outside: Outputs) -> dict[str, float]:
    """Return the AUROC of each score; the distance of `exp0(v)` from the origin is `2‖v‖` at every curvature."""
    pairs = {
        'softmax': (max_softmax(inside.logits), max_softmax(outside.logits)),
        'feature_norm': (inside.features.norm(dim=1), outside.features.norm(dim=1)),
    }
    if inside.vectors is not None:
        pairs['distance'] = (2 * inside.vectors.norm(dim=1), 2 * outside.vectors.norm(dim=1))
    return {f'ood_auroc_{name}': auroc(*scores) for name, scores in pairs.items()}


_ROWS = {
    'top1': 'Top-1',
    'mistakes_inside_superclass': 'mistakes inside the superclass',
    'mistake_height': 'height of the common ancestor of mistakes',
    'hierarchical_precision': 'hierarchical precision',
    'hierarchical_recall': 'hierarchical recall',
    **{
        f'{prefix}{name}': f'{title} of {what}'
        for prefix, what in (('', 'features'), ('points_', 'points'))
        for name, title in (
            *((f'{level}_map', f'mAP, {level} level,') for level in ('class', 'sibling', 'cousin')),
            *((f'recall_at_{k}', f'Recall@{k}') for k in (1, 2, 4, 8)),
        )
    },
    'unseen_chance': 'unseen classes: chance',
    'unseen_top1_by_tree': 'unseen classes: Top-1 by the tree from seen classes',
    'unseen_top1': 'unseen classes: Top-1',
    'unseen_top1_among_all': 'unseen classes: Top-1 among all classes',
    'seen_top1_among_all': 'seen classes: Top-1 among all classes',
    'zero_shot_harmonic_mean': 'harmonic mean of the last two',
    'ood_auroc_softmax': 'OOD AUROC, softmax',
    'ood_auroc_feature_norm': 'OOD AUROC, length of features',
    'ood_auroc_distance': 'OOD AUROC, distance of points from the origin',
}


def _table(results: dict[str, Any]) -> str:
    levels = [name for name in results if name.startswith('level')]
    titles = {'top1': _ROWS['top1']} | {name: f'Top-1 at level {name[5:-5]}' for name in levels} | _ROWS
    rows = []
    for name, title in titles.items():
        if name in results:
            unit = '' if name == 'mistake_height' else ' %'
            rows.append((title, f'{results[name]:.2f}{unit}'))
    return format_table(rows)

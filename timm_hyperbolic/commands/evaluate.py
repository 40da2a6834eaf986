"""The command that reads a trained model against a tree of its classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from ..config.evaluate import EvaluateConfig
from ..data.class_tree import read_tree, read_unseen, tree_of_classes
from ..errors import UserError, listed
from ..evaluate.hierarchy import hierarchy_metrics
from ..evaluate.ood import auroc, max_softmax
from ..evaluate.others import open_others
from ..evaluate.outputs import Outputs, collect, point_head
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

    Returns:
        What was measured, and the numbers of `hierarchy_metrics`, of `retrieval_metrics`, with `points_` before its
        names also for the points of a hyperbolic head, with `--unseen` of `zero_shot_metrics`, and with `--ood` the
        AUROC of the images of the split against the others by the largest softmax probability, by the length of the
        features, and by the distance of the head's points from the origin.

    Raises:
        UserError: The tree, the model or the data does not exist or does not fit; nothing was measured.
        TrainingError: The results could not be written.
    """
    options = config.tree
    results_file = check_results_file(config.results.results_file)
    tree, unseen = read_tree(options.hierarchy), read_unseen(options.unseen)
    device = resolve_device(config.device.device)
    autocast = create_autocast(config.device, device)
    trained = open_trained(config, device, same_classes=not unseen, more_classes=bool(unseen))
    classes, places = _classes(trained, config.model.model)
    count = trained.model.num_classes if classes is None else len(classes)
    tree = tree_of_classes(tree, classes, count, trained.model, trained.superclasses, options.hierarchy)
    new = _labels(unseen, classes, count, trained.model.num_classes, options.unseen)
    others = open_others(config, trained, device)

    outputs = collect(trained.model, tqdm(trained.loader, desc='evaluation', leave=False, disable=None), autocast)
    labels = outputs.labels if places is None else places[outputs.labels]
    results = {
        'model': config.model.model,
        'checkpoint': config.weights.checkpoint,
        'dataset': config.data.name,
        'split': trained.split,
        'hierarchy': options.hierarchy or 'its own',
        'nodes': len(tree),
        'classes': count,
        **hierarchy_metrics(outputs.logits.argmax(1), labels, tree),
        **_retrieval(outputs, labels, tree, trained, options.retrieval),
    }
    if unseen:
        known = torch.arange(trained.model.num_classes)
        results |= zero_shot_metrics(outputs.logits, labels, tree, new, known)
    if others is not None:
        other = collect(trained.model, tqdm(others.loader, desc='--ood', leave=False, disable=None), autocast)
        results |= {'ood': others.name, 'ood_split': others.split, 'ood_images': len(other.labels)}
        results |= _ood(outputs, other)
    print(
        f'{config.model.model} on {results["dataset"]}, split {trained.split}, {len(labels):,} images, '
        f'{count} classes in a tree of {len(tree):,} nodes'
    )
    print(_table(results))
    write_results(results_file, results)
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


def _retrieval(outputs: Outputs, labels: Tensor, tree: Taxonomy, trained: Trained, limit: int) -> dict[str, float]:
    """Return the measures of retrieval of the features, and of the points of a hyperbolic head."""
    if limit == 0:
        return {}
    chosen = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))[:limit].sort().values
    found = retrieval_metrics(outputs.features[chosen], labels[chosen], tree)
    if outputs.vectors is not None:
        head = point_head(trained.model)
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

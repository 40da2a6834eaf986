"""The command that embeds a tree of names in hyperbolic space."""

import importlib.util
import logging
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ..config.embed import EmbedConfig
from ..errors import UserError
from ..evaluate.results import write_results
from ..files import scratch_folder
from ..geometry import cone_energy
from ..taxonomy import (
    ConeSettings,
    ConeTraining,
    DistanceTraining,
    NodePoints,
    Split,
    Taxonomy,
    TrainingSettings,
    classify_relations,
    embed_tree,
    report,
    split_relations,
)
from ..taxonomy.graphs import Indices
from ..taxonomy.memory import check_memory
from ..train.progress import format_table
from ..train.run_folder import check_output

__all__ = ['BEFORE_CONES', 'DISTANCES', 'EMBEDDING', 'RESULTS', 'embed']

EMBEDDING, DISTANCES, RESULTS = 'embedding.safetensors', 'distances.safetensors', 'results.json'
# Training of the distance embedding that cones start from: fewer and smaller steps leave it room near the origin.
BEFORE_CONES = {'epochs': 100, 'lr': 0.03, 'negatives': 50}
_FRAMES = 60
Training = DistanceTraining | ConeTraining


def embed(config: EmbedConfig) -> dict[str, float]:
    """Embed a tree, write its points and their measures, and return the measures.

    Args:
        config: The options of the command.

    Raises:
        UserError: the tree or an option cannot be used, or there are files of another embedding in the folder.
    """
    _check_packages(config)
    tree = Taxonomy.from_name(config.tree.taxonomy, config.tree.wordnet_dir)
    if config.tree.subtree is not None:
        tree = tree.subtree(config.tree.subtree)
    method = config.embedding.method
    folder = config.output.output or Path('output') / 'embed' / f'{tree.names[tree.root].replace("/", "-")}-{method}'
    check_output(folder)
    file = folder / EMBEDDING
    if file.exists() and not config.output.resume:
        raise UserError(f'--output {folder}: {EMBEDDING} is there; give another folder, or go on with --resume')
    print(f'{tree!r}')
    _show_memory()
    started = time.perf_counter()
    frames: list[tuple[str, Tensor]] = []
    if method == 'closed':
        points, measures = _closed(config, tree)
        points.save(file)
    else:
        points, measures = _trained(config, tree, folder, frames)
    measures['seconds'] = time.perf_counter() - started
    write_results(folder / RESULTS, measures)
    _draw(config, tree, points, folder, frames)
    print(format_table((name, _shown(value)) for name, value in measures.items()))
    print(f'written: {file}')
    return measures


class _Printing(logging.Handler):
    """Prints what is logged, to what is the standard output at that time."""

    def emit(self, record: logging.LogRecord) -> None:
        print(record.getMessage(), flush=True)


def _show_memory() -> None:
    """Print how much memory a large computation may take before it begins."""
    logger = logging.getLogger(check_memory.__module__)
    logger.setLevel(logging.INFO)
    if not logger.handlers:
        logger.addHandler(_Printing())


def _shown(value: float) -> str:
    return f'{value:,}' if isinstance(value, int) else f'{value:.4g}'


def _check_packages(config: EmbedConfig) -> None:
    output = config.output
    if (output.draw or output.animate) and importlib.util.find_spec('matplotlib') is None:
        raise UserError('pictures need matplotlib: pip install timm_hyperbolic[report]')
    if config.embedding.method == 'distances' and importlib.util.find_spec('numba') is None:
        raise UserError('--method distances needs Numba: pip install numba; --method closed does not')


# --- without training -------------------------------------------------------------------------------------------------


def _closed(config: EmbedConfig, tree: Taxonomy) -> tuple[NodePoints, dict[str, float]]:
    """Points by closed form, and how well they give back the relations of a node and its parent."""
    model = {'poincare': 'ball', 'lorentz': 'lorentz'}[config.embedding.model]
    embedding = embed_tree(tree, config.embedding.dim, config.embedding.tau)
    found = report(embedding, 'tree')
    about = {'method': 'closed', 'tau': embedding.tau}
    points = NodePoints(tree.names, embedding.points(model, 1.0, torch.float64), config.embedding.model, about)
    return points, {
        'length of an edge': embedding.tau,
        'MAP of nodes and their parents in the tree': found.mean_average_precision,
        'mean distortion': found.mean_distortion,
        'worst distortion': found.worst_distortion,
        'NaN': found.nan + int(points.points.isnan().sum()),
    }


# --- training ---------------------------------------------------------------------------------------------------------


def _trained(
    config: EmbedConfig, tree: Taxonomy, folder: Path, frames: list[tuple[str, Tensor]]
) -> tuple[NodePoints, dict[str, float]]:
    """Points by training, and the measures of the task."""
    task, options, seed = config.chosen_task, config.training, config.training.seed
    split = None
    if task != 'reconstruction':
        default = 50.0 if task == 'entailment' else 90.0
        split = split_relations(tree, default if config.task.percent is None else config.task.percent, seed)
    relations = tree.closure() if split is None else split.train
    method, space = config.embedding.method, config.embedding.model
    cones = method == 'cones'
    # As many visits as the relations of WordNet's mammals get in 300 epochs.
    epochs = options.epochs or (300 if cones else min(3000, max(300, 2_000_000 // max(1, len(relations)) // 100 * 100)))
    chosen = dict(BEFORE_CONES) if cones else {'epochs': epochs, 'lr': 0.1, 'negatives': 50}
    if not cones:
        chosen |= {name: getattr(options, name) for name in ('lr', 'negatives') if getattr(options, name) is not None}
    settings = TrainingSettings(dim=config.embedding.dim, space=space, burn_in=options.burn_in, seed=seed, **chosen)
    file = folder / (DISTANCES if cones else EMBEDDING)
    training: Training = DistanceTraining(tree.names, relations, settings, _saved(file, config.output.resume))
    sample = _sample(relations, config.task.rows, len(tree), seed)

    def ranks() -> str:
        found = training.points.rank(relations, nodes=sample)
        return f'rank {found.mean_rank:.2f}, MAP {found.mean_average_precision:.3f}'

    _run(training, file, settings.epochs, 'distances', ranks, frames if config.output.animate else None)
    points = training.points
    if not cones:
        return points, _measure_distances(points, tree, split, task)
    names = ('lr', 'negatives')
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    cone_settings = ConeSettings(epochs=epochs, seed=seed, **given)
    file = folder / EMBEDDING
    start = _saved(file, config.output.resume) or points
    training = ConeTraining(tree.names, relations, start, cone_settings)

    def f1() -> str:
        if split is None:
            return f'{_within(training.points, relations, cone_settings.aperture):.1%} in their cones'
        return f'F1 {classify_relations(training.points, split, cone_settings.aperture, seed).f1:.1f}'

    _run(training, file, cone_settings.epochs, 'cones', f1, frames if config.output.animate else None)
    found = training.points
    if split is None:
        return found, {'relations in their cones': _within(found, relations, cone_settings.aperture)}
    measures = {'F1 of cones, %': classify_relations(found, split, cone_settings.aperture, seed).f1}
    return found, measures | {'F1 of the distance embedding, %': classify_relations(points, split, None, seed).f1}


def _saved(file: Path, resume: bool) -> NodePoints | None:
    """The points to go on from."""
    if not resume or not file.exists():
        return None
    print(f'going on from {file}')
    return NodePoints.load(file)


def _sample(relations: Indices, rows: int, count: int, seed: int) -> Tensor:
    """Nodes with related nodes, for the progress."""
    nodes = np.unique(relations[:, 0])
    chosen = np.random.default_rng([seed, count]).permutation(nodes)[:rows]
    return torch.from_numpy(np.sort(chosen))


def _run(
    training: Training,
    file: Path,
    epochs: int,
    title: str,
    measured: Callable[[], str],
    frames: list[tuple[str, Tensor]] | None,
) -> None:
    """Train with a progress bar; each epoch is saved before the next one starts."""
    every, shown = max(1, epochs // 30), ''
    with tqdm(total=epochs, initial=training.epoch, desc=title, unit='epoch', leave=False, disable=None) as bar:
        if frames is not None:
            frames.append((title, training.points.ball))
        for loss in training.run():
            training.points.save(file)
            if training.epoch % every == 0 or training.epoch == epochs:
                shown = measured()
                if bar.disable:
                    print(f'{title}: epoch {training.epoch}/{epochs}, loss {loss:.4f}, {shown}', flush=True)
            if frames is not None and (training.epoch % max(1, epochs // _FRAMES) == 0 or training.epoch == epochs):
                frames.append((f'{title}, epoch {training.epoch}', training.points.ball))
            bar.set_postfix_str(f'loss {loss:.4f}, {shown}', refresh=False)
            bar.update()


def _within(points: NodePoints, relations: Indices, aperture: float) -> float:
    """The share of relations whose lower node lies in the cone of the upper one."""
    lower, upper = torch.from_numpy(relations.T.copy())
    return float((cone_energy(points.ball[upper], points.ball[lower], 1.0, aperture) <= 0).double().mean())


def _measure_distances(points: NodePoints, tree: Taxonomy, split: Split | None, task: str) -> dict[str, float]:
    """The measures of a distance embedding."""
    if task == 'entailment':
        found = classify_relations(points, split)
        return {'F1 of distances, %': found.f1, 'weight of the norms': found.weight or 0.0}
    if split is None:
        ranking = points.rank(tree.closure())
    else:
        codes = [part @ np.array([len(tree), 1]) for part in (split.closure, split.test)]
        ranking = points.rank(split.test, split.closure[~np.isin(*codes)])
    which = 'all relations' if split is None else 'held-out relations'
    return {
        f'mean rank of {which}': ranking.mean_rank,
        f'MAP of {which}': ranking.mean_average_precision,
        'NaN': ranking.nan,
    }


# --- pictures ---------------------------------------------------------------------------------------------------------


def _draw(
    config: EmbedConfig, tree: Taxonomy, points: NodePoints, folder: Path, frames: list[tuple[str, Tensor]]
) -> None:
    """Draw the tree, of cones beside the distance embedding, and the training."""
    if not (config.output.draw or config.output.animate):
        return
    from ..analysis.figures import animate_tree, to_png, to_svg, tree_figure  # needs matplotlib

    if config.output.draw:
        panels = {'': (points.ball, None)}
        if config.embedding.method == 'cones':
            start = NodePoints.load(folder / DISTANCES)
            panels = {'distances': (start.ball, None), 'cones': (points.ball, points.about['settings']['aperture'])}
        figure = tree_figure(tree, panels)
        with scratch_folder(folder) as scratch:
            (scratch / 'tree.svg').write_bytes(to_svg(figure))
            (scratch / 'tree.png').write_bytes(to_png(figure))
        print(f'written: {folder / "tree.svg"}, {folder / "tree.png"}')
    if config.output.animate and frames:
        with scratch_folder(folder) as scratch:
            (scratch / 'training.gif').write_bytes(animate_tree(tree, frames))
        print(f'written: {folder / "training.gif"}')

"""The command that evaluates features on few-shot episodes."""

from typing import Any

import torch

from ..config.features import GEOMETRIES, FewshotConfig
from ..errors import UserError
from ..evaluate.episodes import Accuracy, Geometry, episode_accuracies, sample_episodes
from ..evaluate.features import open_features
from ..evaluate.projection import learn_projection, split_classes
from ..evaluate.results import check_results_file, write_results
from ..train.progress import format_table

__all__ = ['fewshot']


def fewshot(config: FewshotConfig) -> dict[str, Accuracy]:
    """Classify images of novel classes by the nearest prototype of a few labelled ones; print and return accuracies.

    Args:
        config: The features, or the model and the images that give them, the episodes and the projection.

    Returns:
        The accuracy of each geometry by its name.

    Raises:
        UserError: The model, the data or the file of features does not exist or does not fit, or there are too few
            classes or images for an episode; nothing was measured.
        TrainingError: The results could not be written.
    """
    results_file = check_results_file(config.results.results_file)
    own, projection = config.episodes, config.projection
    spaces = [Geometry(name, own.curvature, own.max_norm) for name in GEOMETRIES if own.geometry in (None, name)]
    found = open_features(config, config.source.features)
    features, labels = found.features, found.labels
    try:
        base, novel = split_classes(labels, own.novel, own.seed)
        generator = torch.Generator().manual_seed(own.seed)
        episodes = sample_episodes(labels, own.way, own.shot, own.query, own.episodes, novel, generator)
        results = {}
        for space in spaces:
            if projection.dim is None:
                x = features / features.norm(dim=1).mean()
            else:
                x = learn_projection(features, labels, base, space, projection, own.way, own.shot, own.query, own.seed)(
                    features
                )
            results[space.name] = Accuracy.of(episode_accuracies(x, episodes, space))
    except ValueError as error:
        raise UserError(f'{found}: {error}') from error

    dim = projection.dim or features.shape[1]
    print(found)
    print(
        f'{own.way}-way {own.shot}-shot on {len(novel)} classes'
        + (f', projected to {dim} dimensions learnt on the other {len(base)}' if projection.dim else '')
        + f': accuracy of {own.episodes:,} episodes with its 95 % interval'
    )
    print(format_table([(name, str(accuracy)) for name, accuracy in results.items()]))
    write_results(results_file, [_row(config, found.about, dim, *each) for each in results.items()])
    return results


def _row(config: FewshotConfig, about: dict[str, Any], dim: int, name: str, accuracy: Accuracy) -> dict[str, Any]:
    own = config.episodes
    return {
        **{key: about.get(key) for key in ('model', 'weights', 'dataset', 'split')},
        'way': own.way,
        'shot': own.shot,
        'dim': dim,
        'projected': config.projection.dim is not None,
        'geometry': name,
        'curvature': own.curvature if name == 'hyperbolic' else 0.0,
        'accuracy': accuracy.mean,
        'interval': accuracy.interval,
        'episodes': accuracy.episodes,
        'seed': own.seed,
    }

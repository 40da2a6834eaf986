"""The command that measures the δ-hyperbolicity of features, beside Gaussians."""

from dataclasses import asdict
from typing import Any

from ..analysis.delta import relative_deltas, suggested_curvature
from ..config.features import DeltaConfig
from ..errors import UserError
from ..evaluate.features import open_features
from ..evaluate.results import check_results_file, write_results
from ..train.progress import format_table

__all__ = ['delta']

_NAMES = {
    'points': 'the features',
    'gaussian': 'a Gaussian with their mean and covariance',
    'isotropic': 'an isotropic Gaussian of their dimension',
}


def delta(config: DeltaConfig) -> dict[str, Any]:
    """Measure δ_rel of features and of two Gaussians; print and return the results.

    Args:
        config: The features, or the model and the images that give them, and the draws.

    Returns:
        `points`, `gaussian` and `isotropic`, the mean δ_rel of each over the draws, with `_low` and `_high`, the least
        and the greatest; `curvature`, the one that δ_rel of the features suggests; and what was measured.

    Raises:
        UserError: The model, the data or the file of features does not exist or does not fit, or there are fewer images
            than `--samples`.
        TrainingError: The results could not be written.
    """
    results_file = check_results_file(config.results.results_file)
    draw = config.draw
    found = open_features(config, config.source.features)
    if draw.samples > len(found.labels):
        raise UserError(f'--samples {draw.samples}: there are {len(found.labels)} images; give at most that')
    try:
        draws = relative_deltas(found.features, draw.samples, draw.draws, draw.seed)
    except ValueError as error:
        raise UserError(f'{found}: {error}') from error
    results: dict[str, Any] = {key: found.about.get(key) for key in ('model', 'weights', 'dataset', 'split')}
    results |= {'dim': found.features.shape[1], 'samples': draw.samples, 'draws': draw.draws, 'seed': draw.seed}
    for kind, values in asdict(draws).items():
        results |= {kind: sum(values) / len(values), f'{kind}_low': min(values), f'{kind}_high': max(values)}
    results['curvature'] = suggested_curvature(results['points']) if results['points'] else None

    print(found)
    print(f'δ_rel of {draw.samples:,} of them, mean of {draw.draws} draws, least and greatest:')
    rows = [
        (name, f'{results[kind]:.3f}  ({results[f"{kind}_low"]:.3f} to {results[f"{kind}_high"]:.3f})')
        for kind, name in _NAMES.items()
    ]
    print(format_table(rows))
    print(_verdict(results))
    write_results(results_file, results)
    return results


def _verdict(results: dict[str, Any]) -> str:
    """Say what the numbers show, and which curvature they suggest."""
    below = [kind for kind in ('gaussian', 'isotropic') if results['points_high'] < results[f'{kind}_low']]
    if len(below) == 2:
        shown = 'The features are nearer to a tree than both Gaussians.'
    elif below:
        shown = f'The features are nearer to a tree than {_NAMES[below[0]]}, and not nearer than the other one.'
    else:
        shown = 'The features are not nearer to a tree than Gaussians: their δ_rel is no evidence of a hierarchy.'
    if results['curvature'] is None:
        return f'{shown} At δ_rel = 0 every curvature fits.'
    return f'{shown}\nsuggested curvature c = (0.144/δ_rel)² = {results["curvature"]:.3g}'

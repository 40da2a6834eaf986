"""The command that measures precision and speed of the models of hyperbolic space."""

import torch

from ..analysis import largest_safe_radius, measure_models
from ..config.embed import GeometryConfig
from ..evaluate.results import check_results_file, write_results

__all__ = ['geometry']


def geometry(config: GeometryConfig) -> list[dict[str, object]]:
    """Measure, print a table for each number type, and return its rows.

    Args:
        config: The options of the command.

    Raises:
        UserError: `--results-file` cannot be written there.
        TrainingError: the file could not be written.
    """
    chosen = config.measurement
    results_file = check_results_file(config.results.results_file)
    rows: list[dict[str, object]] = []
    for name in chosen.types:
        dtype = getattr(torch, name)
        found = measure_models(chosen.radius, [dtype], chosen.dim, chosen.pairs, chosen.seed)
        print(f'\n{name}: median relative error of distances at a distance from the origin')
        print(f'{"":12}' + ''.join(f'{radius:>9g}' for radius in chosen.radius) + f'{"safe to":>10}{"time":>10}')
        for model in dict.fromkeys(row.model for row in found):
            of = [row for row in found if row.model == model]
            safe = largest_safe_radius(model, dtype, chosen.dim, seed=chosen.seed)
            speed = min(row.nanoseconds for row in of)
            errors = ''.join(f'{row.error:>9.0e}' for row in of)
            print(f'{model:12}{errors}{safe:>10g}{speed:>7.0f} ns')
            rows += [
                {'model': model, 'type': name, 'radius': row.radius, 'error': row.error, 'worst': row.worst}
                | {'safe_radius': safe, 'ns': row.nanoseconds}
                for row in of
            ]
    write_results(results_file, rows)
    return rows

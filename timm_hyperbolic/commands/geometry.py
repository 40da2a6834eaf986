"""The command that measures precision and speed of the models of hyperbolic space."""

import csv
import io

import torch

from ..analysis import largest_safe_radius, measure_models
from ..config.embed import GeometryConfig
from ..errors import UserError

__all__ = ['geometry']


def geometry(config: GeometryConfig) -> list[dict[str, object]]:
    """Measure, print a table for each number type, and return its rows.

    Args:
        config: The options of the command.

    Raises:
        UserError: the table cannot be written.
    """
    chosen = config.measurement
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
    if chosen.results_file is not None:
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator='\n')
        writer.writeheader()
        writer.writerows(rows)
        try:
            chosen.results_file.write_text(text.getvalue(), encoding='utf-8')
        except OSError as error:
            raise UserError(f'--results-file {chosen.results_file}: {error.strerror}') from error
    return rows

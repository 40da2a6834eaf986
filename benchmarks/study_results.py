"""Brings what the runs of a study say into the documentation: records, figures, and the tables of `docs/results.md`.

    python benchmarks/study_results.py recipes/studies/residual.yaml
    python benchmarks/study_results.py recipes/studies/residual.yaml --output path/to/the/runs

The records of the runs go to `results/study-NAME.json`, without the weights and without any path of the machine, the
figures to `docs/results-NAME-*.svg` and `.png`, and the tables are made from the records (`page.py`).
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import page
from report import RESULTS, ROOT

from timm_hyperbolic.cli import run
from timm_hyperbolic.config.study import StudyFileConfig, read_study


def main(argv: list[str] | None = None) -> int:
    """Make the tables and copy them."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('study', type=Path, help='the file of the study')
    parser.add_argument('--output', default=None, help='folder of the runs (default: as the study says)')
    args = parser.parse_args(argv)
    words = [str(args.study), '--table', *(['--output', args.output] if args.output else [])]
    status = run('study', words, 'timm-hyperbolic study')
    if status:
        return status
    found = read_study(StudyFileConfig(study=args.study, output=args.output))
    name = found.file.stem
    tables = found.output / 'tables' / name
    shutil.copyfile(tables / 'runs.json', RESULTS / f'study-{name}.json')
    for figure in (*tables.glob('*.svg'), *tables.glob('*.png')):
        shutil.copyfile(figure, ROOT / 'docs' / f'results-{name}-{figure.name}')
    return page.main([])


if __name__ == '__main__':
    sys.exit(main())

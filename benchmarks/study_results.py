"""Brings what the runs of a study say into the documentation: records, figures, and the tables of `docs/results.md`.

    python benchmarks/study_results.py recipes/studies/residual.yaml
    python benchmarks/study_results.py recipes/studies/residual.yaml --output path/to/the/runs --weights euclid hyp_res

With `--weights` the models of these arms with the first seed go to `docs/weights/ARM/`, from which
`timm.create_model('local-dir:docs/weights/ARM', pretrained=True)` loads them.

The records of the runs go to `results/study-NAME.json`, without the weights and without any path of the machine, the
figures to `docs/results-NAME-*.svg` and `.png`, and the tables are made from the records (`page.py`). Runs that are
recorded there already, of any study, need no folder: with `timm-hyperbolic study ... --records` another machine trains
what is left.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import page
from report import RESULTS, ROOT

from timm_hyperbolic.cli import run
from timm_hyperbolic.config.run_files import CONFIG, MODEL
from timm_hyperbolic.config.study import StudyFileConfig, read_study


def main(argv: list[str] | None = None) -> int:
    """Make the tables and copy them."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('study', type=Path, help='the file of the study')
    parser.add_argument('--output', default=None, help='folder of the runs (default: as the study says)')
    parser.add_argument('--weights', nargs='+', default=[], metavar='ARM', help='arms whose first model is kept')
    args = parser.parse_args(argv)
    words = [str(args.study), '--table', *(['--output', args.output] if args.output else [])]
    records = sorted(map(str, RESULTS.glob('study-*.json')))
    words += ['--records', *records] if records else []
    status = run('study', words, 'timm-hyperbolic study')
    if status:
        return status
    found = read_study(StudyFileConfig(study=args.study, output=args.output))
    name = found.file.stem
    tables = found.output / 'tables' / name
    shutil.copyfile(tables / 'runs.json', RESULTS / f'study-{name}.json')
    for figure in (*tables.glob('*.svg'), *tables.glob('*.png')):
        shutil.copyfile(figure, ROOT / 'docs' / f'results-{name}-{figure.name}')
    for arm in args.weights:
        run_folder, into = found.run(f'{arm}-seed{found.seeds[0]}').folder, ROOT / 'docs' / 'weights' / arm
        into.mkdir(parents=True, exist_ok=True)
        for file in (MODEL, CONFIG):
            shutil.copyfile(run_folder / file, into / file)
    return page.main([])


if __name__ == '__main__':
    sys.exit(main())

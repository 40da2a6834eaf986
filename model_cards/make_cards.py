#!/usr/bin/env python3
"""Write the card of every variant: `python model_cards/make_cards.py [FOLDER]`.

The numbers are those of a full run, where `runs/` beside this file has its folder under the variant's name (all but the
weights and checkpoints); it is set against its Euclidean and flat controls, where they are there too.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import timm

from timm_hyperbolic.hub import model_card
from timm_hyperbolic.hub.run import Run

RUNS = Path(__file__).parent / 'runs'


def controls(name: str) -> list[str]:
    """Return what a hyperbolic variant is compared with."""
    size, hyperbolic, modules = name.rpartition('_hyp_')
    return [f'{size}_euclid', f'{size}_flat_{modules}'] if hyperbolic else []


def cards(runs: Path = RUNS) -> Iterator[tuple[str, str]]:
    """Give the name and the card of every variant."""
    for name in timm.list_models('vit_tiny_patch4_*'):  # the study's size
        if (runs / name).is_dir():
            others = [runs / other for other in controls(name) if (runs / other).is_dir()]
            card = model_card(Run.read(runs / name), against=[Run.read(other) for other in others])
        else:
            card = model_card(name)
        yield name, f'{str(card).rstrip()}\n'


if __name__ == '__main__':
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for name, text in cards():
        (folder / f'{name}.md').write_text(text, encoding='utf-8')

#!/usr/bin/env python3
"""Train a hyperbolic Vision Transformer, by default on handwritten digits: `python train_hyp.py --help`."""

import os
import sys

if __name__ == '__main__':
    # torch's threads wait for each other by spinning. Where another program shares the cores, two threads then lose
    # whole time slices, and a step takes twenty times as long; with a short spin, it takes its share. GNU OpenMP
    # reads this when torch is imported.
    os.environ.setdefault('GOMP_SPINCOUNT', '30000')
    from timm_hyperbolic.cli import run

    sys.exit(run('train'))

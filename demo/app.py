#!/usr/bin/env python3
"""Show in a browser what a trained model says of an image: `python demo/app.py output/train/digits`."""

import os
import sys

if __name__ == '__main__':
    # As in train_hyp.py: where another program shares the cores, torch's threads must not spin while they wait. GNU
    # OpenMP reads this when torch is imported.
    os.environ.setdefault('GOMP_SPINCOUNT', '30000')
    from serving import main

    sys.exit(main())

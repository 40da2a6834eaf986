"""The commands of `timm-hyperbolic` and `train_hyp.py`, one file each, with the options that they share."""

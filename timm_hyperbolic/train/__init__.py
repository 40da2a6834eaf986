"""Training: the model, task and optimizer of a run, its loop, checkpoints, processes, run folder and trackers."""

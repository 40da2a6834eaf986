"""Images and labels: data sets, splits, label names, batches and augmentation."""

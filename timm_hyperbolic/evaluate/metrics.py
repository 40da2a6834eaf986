"""Metrics of a classifier besides loss and accuracy: calibration error, and accuracy of superclasses."""

import torch

__all__ = ['CalibrationError', 'SuperclassAccuracy']


class CalibrationError:
    """The expected calibration error, the mean difference between confidence and accuracy.

    The confidence of a prediction is its softmax probability. The images are sorted by confidence into the intervals
    `(0, 1/bins], ..., (1 - 1/bins, 1]`, and

        ECE = Σ_b  n_b/n · |accuracy of b - mean confidence of b|

    Args:
        bins: number of intervals, all of the same width.
        device: device of the logits.

    Source: Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, equation 3, with
    their 15 bins; the estimator is that of Naeini, Cooper and Hauskrecht, AAAI 2015.
    """

    def __init__(self, bins: int = 15, device: torch.device | str = 'cpu') -> None:
        self.edges = torch.linspace(0, 1, bins + 1, device=device)[1:-1]
        # Apple's GPUs have no float64.
        dtype = torch.float32 if torch.device(device).type == 'mps' else torch.float64
        self.images = 0
        self.gaps = torch.zeros(bins, dtype=dtype, device=device)  # right answers minus confidences

    @torch.no_grad()
    def update(self, logits: torch.Tensor, target: torch.Tensor) -> None:
        """Add a batch.

        Args:
            logits: `[B, K]`.
            target: Class indices, `[B]`.
        """
        confidence, predicted = logits.float().softmax(1).max(1)
        gap = (predicted == target).to(self.gaps.dtype) - confidence.to(self.gaps.dtype)
        self.gaps.index_add_(0, torch.bucketize(confidence, self.edges), gap)
        self.images += len(target)

    def compute(self) -> float:
        """Return the error in percent, from 0 to 100."""
        return 100 * self.gaps.abs().sum().item() / max(self.images, 1)


class SuperclassAccuracy:
    """The share of images whose predicted class belongs to the superclass of the true class.

    Args:
        superclass: `[K]`, the superclass of each class; -1 for a class without one, whose images count as wrong.
    """

    def __init__(self, superclass: torch.Tensor) -> None:
        self.superclass = superclass
        self.images = 0
        self.right = torch.zeros((), dtype=torch.int64, device=superclass.device)

    @torch.no_grad()
    def update(self, logits: torch.Tensor, target: torch.Tensor) -> None:
        """Add a batch.

        Args:
            logits: `[B, K]`.
            target: Class indices, `[B]`.
        """
        wanted = self.superclass[target]
        self.right += ((self.superclass[logits.argmax(1)] == wanted) & (wanted >= 0)).sum()
        self.images += len(target)

    def compute(self) -> float:
        """Return the accuracy in percent, from 0 to 100."""
        return 100 * self.right.item() / max(self.images, 1)

import math

import pytest
import torch

from timm_hyperbolic.evaluate.metrics import CalibrationError, SuperclassAccuracy


def logits_of(*confidences: float) -> torch.Tensor:
    """Logits over two classes whose first one has these probabilities."""
    return torch.tensor([[math.log(p), math.log(1 - p)] for p in confidences])


def test_calibration_error_of_a_hand_computation():
    # Five bins. In (0.4, 0.6]: 0.55 right. In (0.6, 0.8]: 0.7 right and 0.75 wrong. In (0.8, 1]: 0.9, 0.95 right.
    error = CalibrationError(bins=5)
    error.update(logits_of(0.55, 0.7, 0.75, 0.9, 0.95), torch.tensor([0, 0, 1, 0, 0]))
    expected = 1 / 5 * abs(1 - 0.55) + 2 / 5 * abs(0.5 - 0.725) + 2 / 5 * abs(1 - 0.925)
    assert error.compute() == pytest.approx(100 * expected)


def test_lowest_bins_are_bins_of_their_own():
    # Ten classes. In (0, 0.2]: 0.15 right. In (0.2, 0.4]: 0.3 wrong.
    probabilities = torch.tensor([[p, *[(1 - p) / 9] * 9] for p in (0.15, 0.3)])
    error = CalibrationError(bins=5)
    error.update(probabilities.log(), torch.tensor([0, 1]))
    assert error.compute() == pytest.approx(100 * (1 / 2 * 0.85 + 1 / 2 * 0.3))


def test_batches_add_up_and_bins_are_not_averaged_over_batches():
    logits, target = torch.randn(64, 7, generator=torch.Generator().manual_seed(0)), torch.arange(64) % 7
    whole, parts = CalibrationError(), CalibrationError()
    whole.update(logits, target)
    for part in torch.arange(64).split(10):
        parts.update(logits[part], target[part])
    assert parts.compute() == pytest.approx(whole.compute())


def test_calibration_error_against_its_definition():
    generator = torch.Generator().manual_seed(1)
    logits, target = 3 * torch.randn(500, 10, generator=generator), torch.randint(10, (500,), generator=generator)
    error = CalibrationError()
    error.update(logits, target)
    confidence, predicted = logits.double().softmax(1).max(1)
    total = 0.0
    for b in range(15):
        inside = (confidence > b / 15) & (confidence <= (b + 1) / 15)
        if inside.any():
            gap = (predicted == target)[inside].double().mean() - confidence[inside].mean()
            total += inside.double().mean().item() * abs(gap.item())
    assert error.compute() == pytest.approx(100 * total)


def test_calibration_error_at_its_ends():
    certain = torch.tensor([[100.0, 0.0]] * 4)
    for target, expected in (([0, 0, 0, 0], 0), ([1, 1, 1, 1], 100), ([0, 0, 0, 1], 25)):
        error = CalibrationError()
        error.update(certain, torch.tensor(target))
        assert error.compute() == pytest.approx(expected)


def test_half_precision_logits_are_measured_in_float32():
    logits, target = torch.randn(100, 5, generator=torch.Generator().manual_seed(0)).bfloat16(), torch.zeros(100).long()
    half, single = CalibrationError(), CalibrationError()
    half.update(logits, target)
    single.update(logits.float(), target)
    assert half.compute() == single.compute()


def test_superclass_accuracy_counts_a_sibling_as_right():
    measure = SuperclassAccuracy(torch.tensor([0, 0, 1, -1]))
    # right, sibling, another superclass; and a class without one, even where it is the right class
    measure.update(torch.eye(4)[[0, 1, 2]], torch.tensor([0, 0, 0]))
    measure.update(torch.eye(4)[[3]], torch.tensor([3]))
    assert measure.compute() == pytest.approx(50)

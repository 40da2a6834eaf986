"""Corrupted images and what a study measures on them, against direct computations."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import nn

from timm_hyperbolic.evaluate import CORRUPTIONS, corrupt, measure_model
from timm_hyperbolic.evaluate.corruptions import STRENGTHS

PIXELS = torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize('kind', CORRUPTIONS)
def test_a_corruption_keeps_the_range_and_grows_with_its_strength(kind):
    assert len(STRENGTHS[kind]) == 5
    errors = []
    for strength in range(1, 6):
        found = corrupt(PIXELS, kind, strength)
        assert found.shape == PIXELS.shape
        assert 0 <= found.min() <= found.max() <= 1
        errors.append((found - PIXELS).square().mean().item())
    assert errors == sorted(errors)
    assert errors[0] > 0


def test_the_noise_has_its_deviation_and_is_the_same_for_a_seed_without_touching_other_random_numbers():
    grey = torch.full((4, 3, 64, 64), 0.5)
    torch.manual_seed(3)
    after = torch.rand(2)
    torch.manual_seed(3)
    first = corrupt(grey, 'noise', 5, seed=1)
    assert torch.equal(torch.rand(2), after)
    assert (first - grey).std().item() == pytest.approx(0.10, rel=0.02)
    assert torch.equal(first, corrupt(grey, 'noise', 5, seed=1))
    assert not torch.equal(first, corrupt(grey, 'noise', 5, seed=2))


def test_the_blur_is_a_gaussian():
    point = torch.zeros(1, 1, 33, 33)
    point[..., 16, 16] = 1
    wanted = gaussian_filter(point[0, 0].double().numpy(), 1.0, truncate=4)
    assert np.abs(corrupt(point, 'blur', 5)[0, 0].numpy() - wanted).max() < 1e-6


def test_less_contrast_is_nearer_to_the_mean_grey_value():
    weights = torch.tensor([0.2989, 0.587, 0.114]).view(3, 1, 1)
    mean = (PIXELS * weights).sum(1, keepdim=True).mean((2, 3), keepdim=True)
    assert torch.allclose(corrupt(PIXELS, 'contrast', 5), mean + 0.15 * (PIXELS - mean), atol=1e-3)


def test_what_does_not_exist_is_an_error():
    with pytest.raises(ValueError, match='fog'):
        corrupt(PIXELS, 'fog', 1)
    with pytest.raises(ValueError, match='strength 6'):
        corrupt(PIXELS, 'blur', 6)


class Brightness(nn.Module):
    """Says class `k` of four by the brightness of the upper left pixel."""

    mean, std = (0.4, 0.5, 0.6), (0.2, 0.3, 0.4)

    def forward(self, images):
        shift, scale = (torch.tensor(v).view(3, 1, 1) for v in (self.mean, self.std))
        brightness = (images * scale + shift)[:, :, 0, 0].mean(1)
        centres = torch.tensor([0.125, 0.375, 0.625, 0.875])
        return -200 * (brightness[:, None] - centres).square()


def test_measures_are_those_of_the_definition():
    model = Brightness()
    levels = torch.tensor([0.24, 0.2, 0.45, 0.49, 0.51, 0.76])  # near the limits of the classes: noise decides
    pixels = levels.view(6, 1, 1, 1).expand(6, 3, 32, 32)
    target = torch.tensor([0, 1, 1, 3, 3, 3])  # right, wrong inside, right, wrong, wrong inside, right
    normal = (pixels - torch.tensor(model.mean).view(3, 1, 1)) / torch.tensor(model.std).view(3, 1, 1)
    loader = [(normal[:4], target[:4]), (normal[4:], target[4:])]
    found = measure_model(model, loader, model.mean, model.std, torch.tensor([0, 0, 1, 1]))
    assert found['images'] == 6
    assert found['top1'] == pytest.approx(50)
    assert found['superclass_top1'] == pytest.approx(100 * 5 / 6, abs=1e-4)
    assert found['mistakes_inside_superclass'] == pytest.approx(100 * 2 / 3, abs=1e-3)
    logits = model(normal).double()
    assert found['loss'] == pytest.approx(nn.functional.cross_entropy(logits, target).item(), rel=1e-4)
    for kind in CORRUPTIONS:
        wanted = []
        for strength in range(1, 6):
            parts = [corrupt(part, kind, strength, seed=n) for n, part in enumerate((pixels[:4], pixels[4:]))]
            worse = (torch.cat(parts) - torch.tensor(model.mean).view(3, 1, 1)) / torch.tensor(model.std).view(3, 1, 1)
            wanted.append(100 * (model(worse).argmax(1) == target).double().mean().item())
        assert found[kind] == pytest.approx(wanted, abs=1e-4)
    assert found['margin'] == {}
    plain = measure_model(model, loader, model.mean, model.std)
    assert 'superclass_top1' not in plain
    assert not math.isnan(plain['ece'])

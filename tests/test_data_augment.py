"""The batched augmentation against timm's and torchvision's own, image by image.

Two samples are compared by their distribution; the seeds are fixed, so that a test is red only where the code is wrong.
"""

import random

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import chi2_contingency, ks_2samp
from timm.data.transforms import RandomResizedCropAndInterpolation
from torchvision.transforms import ColorJitter, RandomCrop
from torchvision.transforms import functional as F

from timm_hyperbolic.data.augment import BatchAugment, jitter_colors, padded_crops, resized_crops

COUNT = 4000


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def assert_same_counts(a, b) -> None:
    """Whole numbers of two samples: a chi-squared test on the table of their counts, rare values together."""
    values, inverse = np.unique([*a, *b], return_inverse=True)
    table = np.stack([np.bincount(part, minlength=len(values)) for part in np.split(inverse, [len(a)])])
    rare = table.sum(0) < 20
    table = np.concatenate([table[:, ~rare], table[:, rare].sum(1, keepdims=True)], 1)
    table = table[:, table.sum(0) > 0]
    if table.shape[1] > 1:
        assert chi2_contingency(table).pvalue > 1e-3


@pytest.mark.parametrize(
    ('image', 'scale', 'ratio'),
    [
        ((32, 32), (0.08, 1.0), (3 / 4, 4 / 3)),
        ((20, 31), (0.6, 1.0), (0.8, 1.25)),
        ((10, 60), (0.9, 1.0), (3 / 4, 4 / 3)),  # never fits: the centre, always
        ((16, 28), (0.7, 1.0), (3 / 4, 4 / 3)),  # fits at times
    ],
)
def test_resized_crops_are_distributed_as_timms(rng, image, scale, ratio):
    random.seed(1)
    pillow = Image.new('L', image[::-1])
    theirs = np.array([RandomResizedCropAndInterpolation.get_params(pillow, scale, ratio) for _ in range(COUNT)])
    ours = resized_crops(rng, COUNT, image, scale, ratio)
    for column in range(4):
        assert_same_counts(ours[:, column], theirs[:, column])
    for f in (lambda b: b[:, 2] * b[:, 3], lambda b: b[:, 2] / b[:, 3], lambda b: b[:, 0] * 100 + b[:, 2]):
        assert ks_2samp(f(ours), f(theirs), method='asymp').pvalue > 1e-3
    assert (ours[:, :2] >= 0).all()
    assert (ours[:, :2] + ours[:, 2:] <= image).all()


@pytest.mark.parametrize('image', [(32, 32), (40, 34)])
def test_padded_crops_are_distributed_as_torchvisions(rng, image):
    torch.manual_seed(1)
    padded = torch.empty(1, image[0] + 8, image[1] + 8)
    theirs = np.array([RandomCrop.get_params(padded, (32, 32)) for _ in range(COUNT)]) - [4, 4, 0, 0]
    ours = padded_crops(rng, COUNT, image, (32, 32), 4)
    for column in range(4):
        assert_same_counts(ours[:, column], theirs[:, column])
    assert_same_counts(ours[:, 0] * 100 + ours[:, 1], theirs[:, 0] * 100 + theirs[:, 1])


def test_a_padded_crop_is_torchvisions_at_the_same_place(rng):
    images = torch.from_numpy(rng.integers(0, 256, (50, 3, 8, 8), dtype=np.uint8))
    augment = BatchAugment((8, 8), padding=2, hflip=0.5)
    drawn = augment.draw(rng, 50, (8, 8))
    for image, box, flip, result in zip(
        images, drawn['boxes'], drawn['flips'], augment.apply(images, drawn), strict=True
    ):
        expected = F.crop(F.pad(image, [2]), *(box + [2, 2, 0, 0]).tolist())
        assert torch.equal(result, (F.hflip(expected) if flip[1] else expected).float())


def test_flips_and_filters_come_as_often_as_they_should(rng):
    drawn = BatchAugment((8, 8), hflip=0.5, vflip=0.2, interpolation='random').draw(rng, COUNT, (8, 8))
    np.testing.assert_allclose(drawn['flips'].mean(0), [0.2, 0.5], atol=0.025)
    np.testing.assert_allclose(drawn['which'].mean(), 0.5, atol=0.025)
    drawn = BatchAugment((8, 8), hflip=1.0, vflip=0.0, interpolation='bicubic').draw(rng, COUNT, (8, 8))
    assert (drawn['flips'].mean(0).tolist(), drawn['which'].max()) == ([0, 1], 0)


@pytest.mark.parametrize('strength', [0.4, 1.5])
def test_colour_factors_and_their_order_are_distributed_as_torchvisions(rng, strength):
    torch.manual_seed(1)
    jitter = ColorJitter(strength, strength, strength)
    theirs = [ColorJitter.get_params(jitter.brightness, jitter.contrast, jitter.saturation, None) for _ in range(COUNT)]
    ours = BatchAugment((8, 8), color_jitter=strength).draw(rng, COUNT, (8, 8))
    for i in range(3):
        assert ks_2samp(ours['factors'][:, i], [params[i + 1] for params in theirs]).pvalue > 1e-3
    orders = [[i for i in params[0].tolist() if i < 3] for params in theirs]  # 3 is the hue, which is off
    code = np.array([100, 10, 1])
    assert_same_counts(ours['order'] @ code, np.array(orders) @ code)


@pytest.mark.parametrize('mode', ['RGB', 'L'])
def test_colours_are_those_of_torchvision_at_the_same_factors(rng, mode):
    channels = len(mode)  # RGB has three, L one
    images = rng.integers(0, 256, (200, 9, 7, channels), dtype=np.uint8)
    images[:80] //= 5  # dark ones, whose contrast is about another mean
    factors = rng.uniform(0.2, 2, (200, 3)).astype(np.float32)
    order = rng.permuted(np.tile(np.arange(3), (200, 1)), axis=1)
    tensors = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    results = jitter_colors(tensors, torch.from_numpy(factors), torch.from_numpy(order))
    operations = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation)
    for image, factor, places, result in zip(images, factors, order, results, strict=True):
        expected = Image.fromarray(image.squeeze())
        for operation in places:
            expected = operations[operation](expected, float(factor[operation]))
        assert (F.pil_to_tensor(expected).float() - result).abs().max() <= 1

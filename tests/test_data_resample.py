import numpy as np
import pytest
import torch
from timm.data.transforms import str_to_interp_mode
from torchvision.transforms import functional as F

from timm_hyperbolic.data.resample import resample

FILTERS = ('bilinear', 'bicubic', 'hamming', 'lanczos')


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def noise(rng: np.random.Generator, count: int, height: int, width: int, channels: int = 3) -> torch.Tensor:
    """Images whose neighbours differ by all of the range: the worst case for a filter."""
    return torch.from_numpy(rng.integers(0, 256, (count, channels, height, width), dtype=np.uint8))


def random_boxes(rng: np.random.Generator, count: int, height: int, width: int, least: int = 1) -> torch.Tensor:
    heights, widths = rng.integers(least, height + 1, count), rng.integers(least, width + 1, count)
    tops, lefts = rng.integers(0, height - heights + 1), rng.integers(0, width - widths + 1)
    return torch.from_numpy(np.stack([tops, lefts, heights, widths], 1))


def by_pillow(images, boxes, flips, size, name) -> torch.Tensor:
    """The same, image by image."""
    results = []
    for image, box, (down, across) in zip(images, boxes.tolist(), flips.tolist(), strict=True):
        result = F.resized_crop(F.to_pil_image(image), *box, size, str_to_interp_mode(name))
        result = F.hflip(result) if across else result
        results.append(F.pil_to_tensor(F.vflip(result) if down else result))
    return torch.stack(results).float()


def no_flips(count: int) -> torch.Tensor:
    return torch.zeros(count, 2, dtype=torch.bool)


@pytest.mark.parametrize('name', FILTERS)
def test_enlarged_boxes_are_those_of_pillow(rng, name):
    images, boxes = noise(rng, 100, 12, 16), random_boxes(rng, 100, 12, 16)
    flips = torch.from_numpy(rng.random((100, 2)) < 0.5)
    result = resample(images, boxes, flips, (16, 18), (name,), torch.zeros(100))
    difference = (result - by_pillow(images, boxes, flips, (16, 18), name)).abs()
    assert difference.max() <= 1  # a value half way between two grey levels
    assert (difference > 0).float().mean() < 2e-2


@pytest.mark.parametrize('name', ['box', 'nearest'])
def test_filters_with_edges_are_those_of_pillow(rng, name):
    # At sizes where no centre falls on the edge of a pixel, which rounding inside Pillow would decide.
    images, boxes = noise(rng, 50, 12, 16), random_boxes(rng, 50, 12, 16)
    boxes[:, 2:] = torch.tensor([5, 6])
    boxes[:, :2].clamp_(max=7)
    result = resample(images, boxes, no_flips(50), (10, 12), (name,), torch.zeros(50))
    assert torch.equal(result, by_pillow(images, boxes, no_flips(50), (10, 12), name))


@pytest.mark.parametrize('name', FILTERS)
def test_shrunk_boxes_are_those_of_pillow(rng, name):
    # Shrunk in one direction alone: in both, Pillow's order of the two depends on its version.
    for size in ((30, 9), (7, 26)):
        images = noise(rng, 50, 30, 26)
        boxes = torch.tensor([0, 0, 30, 26]).expand(50, 4)
        result = resample(images, boxes, no_flips(50), size, (name,), torch.zeros(50))
        difference = (result - by_pillow(images, boxes, no_flips(50), size, name)).abs()
        assert difference.max() <= 1
        assert (difference > 0).float().mean() < 2e-2


def test_grey_images_have_one_channel(rng):
    images, boxes = noise(rng, 20, 8, 8, channels=1), random_boxes(rng, 20, 8, 8)
    result = resample(images, boxes, no_flips(20), (8, 8), ('bilinear',), torch.zeros(20))
    torch.testing.assert_close(result, by_pillow(images, boxes, no_flips(20), (8, 8), 'bilinear'))


def test_each_image_has_its_own_filter(rng):
    images, boxes, which = noise(rng, 40, 8, 8), random_boxes(rng, 40, 8, 8), torch.arange(40) % 2
    both = resample(images, boxes, no_flips(40), (8, 8), ('bilinear', 'bicubic'), which)
    single = [resample(images, boxes, no_flips(40), (8, 8), (name,), which) for name in ('bilinear', 'bicubic')]
    assert torch.equal(both, torch.where((which == 0)[:, None, None, None], *single))
    assert not torch.equal(*single)


def test_beyond_the_edge_is_black(rng):
    """The whole of a padded crop."""
    images = noise(rng, 1, 6, 6)
    result = resample(images, torch.tensor([[-2, 3, 6, 6]]), no_flips(1), (6, 6), ('nearest',), torch.zeros(1))
    expected = torch.zeros(1, 3, 6, 6)
    expected[:, :, 2:, :3] = images[:, :, :4, 3:]
    assert torch.equal(result, expected)


def test_size_of_its_own_is_left_as_it_is(rng):
    images = noise(rng, 4, 9, 7)
    for name in (*FILTERS, 'box', 'nearest'):
        result = resample(images, torch.tensor([[0, 0, 9, 7]] * 4), no_flips(4), (9, 7), (name,), torch.zeros(4))
        assert torch.equal(result, images.float()), name

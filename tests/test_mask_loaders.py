"""Loaders of images with masks: both get the same crop and flips."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from config_helpers import options
from mask_helpers import COLORS, mask, write_folder
from PIL import Image

from timm_hyperbolic.config.data import AugmentConfig, DataConfig, SplitConfig
from timm_hyperbolic.data.mask_loaders import create_mask_loaders, padded_to, training_transform
from timm_hyperbolic.data.mask_sources import create_mask_splits
from timm_hyperbolic.data.masks import IGNORED
from timm_hyperbolic.data.sampling import seed_generators

COLOR_OF = torch.from_numpy(COLORS).int()


@pytest.mark.parametrize(
    'augment',
    [
        AugmentConfig(train_interpolation='nearest', color_jitter=0.0, vflip=0.5),
        AugmentConfig(crop_padding=4, color_jitter=0.0),
        AugmentConfig(no_aug=True),
    ],
)
def test_image_and_mask_get_the_same_crop_and_flips(augment) -> None:
    transform, results = training_transform(augment, (16, 24), 'bilinear'), set()
    pixels = mask(5)
    for seed in range(12):
        seed_generators(seed)
        image, labels = transform(Image.fromarray(COLORS[pixels]), pixels)
        assert (image.shape, labels.shape, labels.dtype) == ((3, 16, 24), (16, 24), torch.int64)
        counted = labels != IGNORED
        assert torch.equal(image.int().movedim(0, -1)[counted], COLOR_OF[labels[counted]])
        assert not image.movedim(0, -1)[~counted].any()  # the padding
        results.add(labels.numpy().tobytes())
    assert len(results) == (1 if augment.no_aug else 12)


def test_colour_jitter_changes_the_image_alone() -> None:
    pixels = mask(5)
    image, labels = training_transform(
        AugmentConfig(no_aug=False, scale=(1, 1), ratio=(1, 1), hflip=0.0), (20, 28), 'x'
    )(Image.fromarray(COLORS[pixels]), pixels)
    assert np.array_equal(labels.numpy(), pixels)
    assert not torch.equal(image.int().movedim(0, -1), COLOR_OF[labels])


def test_evaluation_pads_whole_images_with_pixels_that_do_not_count() -> None:
    pixels = mask(1)
    image, labels = padded_to((24, 32), (0.5, 0.2, 0.0))(Image.fromarray(COLORS[pixels]), pixels)
    assert np.array_equal(labels[:20, :28].numpy(), pixels)
    assert (labels[20:] == IGNORED).all()
    assert (labels[:, 28:] == IGNORED).all()
    assert image[:, -1, -1].tolist() == [128, 51, 0]


def test_epoch_is_the_same_from_any_batch_on(tmp_path) -> None:
    data = DataConfig(dataset='', data_dir=str(write_folder(tmp_path)))
    config = options('--workers', '0', '-b', '2')
    input_ = {'input_size': (3, 12, 16), 'mean': (0.5,) * 3, 'std': (0.25,) * 3, 'interpolation': 'bilinear'}

    def batches(start: int) -> list[torch.Tensor]:
        splits = create_mask_splits(data, SplitConfig(), (3,))
        train, val = create_mask_loaders(splits, input_, (20, 28), config.loader, config.augment, torch.device('cpu'))
        assert next(iter(val))[0].shape[1:] == (3, 20, 28)
        train.set_epoch(1, start)
        return [part for batch in train for part in batch]

    whole, rest = batches(0), batches(2)
    assert len(whole) == 8
    assert all(torch.equal(a, b) for a, b in zip(whole[4:], rest, strict=True))
    assert not torch.equal(whole[0], whole[2])

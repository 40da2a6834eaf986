"""Opening, reading and checking images with masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mask_helpers import CLASSES, COLORS, VOID, mask, write, write_folder, write_voc
from PIL import Image

from timm_hyperbolic.config.data import DataConfig, SplitConfig
from timm_hyperbolic.data.images import ImageError
from timm_hyperbolic.data.mask_sources import VOC_CLASSES, create_mask_splits, open_mask_split
from timm_hyperbolic.data.masks import IGNORED, check_masks
from timm_hyperbolic.errors import UserError


def opened(root: Path, split: str = 'train', ignored=(VOID,), **data):
    return open_mask_split(DataConfig(**{'dataset': '', 'data_dir': str(root), **data}), split, ignored)


def test_folder_gives_images_with_the_classes_of_their_pixels(tmp_path) -> None:
    dataset = opened(write_folder(tmp_path))
    assert len(dataset) == 8
    assert dataset.classes == list(CLASSES)
    for row in range(8):
        image, pixels = dataset[row]
        expected = mask(row)
        assert np.array_equal(np.asarray(image), COLORS[expected])
        assert np.array_equal(pixels, np.where(expected == VOID, IGNORED, expected))
    dataset.left_out = frozenset([1])
    assert np.array_equal(dataset[0][1] == IGNORED, (mask(0) == VOID) | (mask(0) == 1))


def test_splits_are_found_and_parts_are_held_out(tmp_path) -> None:
    data = DataConfig(dataset='', data_dir=str(write_folder(tmp_path)))
    splits = create_mask_splits(data, SplitConfig(), (VOID,))
    assert (splits.val_name, len(splits.val), splits.num_classes, splits.keeps_best) == ('val', 4, 3, False)
    splits = create_mask_splits(data, SplitConfig(val_split='3'), (VOID,))
    assert (len(splits.train), len(splits.val), splits.held_out) == (5, 3, True)
    assert splits.val[0][1].shape == (20, 28)
    assert splits.test_name == 'val'  # there is no other split to test on


@pytest.mark.parametrize('dataset', ['', 'torch/VOCSegmentation'])
def test_pascal_voc_is_read_by_its_lists_and_its_palette_numbers(dataset, tmp_path) -> None:
    write_voc(tmp_path)
    found = opened(tmp_path, 'train', (255,), dataset=dataset)
    assert len(found) == 2
    assert tuple(found.classes) == VOC_CLASSES
    assert Image.open(tmp_path / 'VOCdevkit/VOC2012/SegmentationClass/b.png').mode == 'P'
    expected = mask(ord('b'))
    assert np.array_equal(found[1][1], np.where(expected == VOID, IGNORED, expected))
    assert len(opened(tmp_path, 'val', (255,), dataset=dataset)) == 1
    assert found.sizes() == [(20, 28)] * 2


def test_cityscapes_has_its_nineteen_classes(tmp_path) -> None:
    for part, name in (('leftImg8bit', 'leftImg8bit'), ('gtFine', 'gtFine_labelIds')):
        folder = tmp_path / part / 'train' / 'ulm'
        folder.mkdir(parents=True)
        pixels = np.array([[7, 8, 0], [26, 33, 34]], np.uint8)  # road, pavement, void; car, bicycle, void
        Image.fromarray(pixels if part == 'gtFine' else COLORS[pixels % 3]).save(folder / f'ulm_0_{name}.png')
    for name in ('instanceIds', 'color'):
        Image.fromarray(pixels).save(folder / f'ulm_0_gtFine_{name}.png')
    (folder / 'ulm_0_gtFine_polygons.json').write_text('{}')
    found = opened(tmp_path, 'train', (255,), dataset='torch/Cityscapes')
    assert found.classes[:2] + found.classes[-1:] == ['road', 'sidewalk', 'bicycle']
    assert found[0][1].tolist() == [[0, 1, IGNORED], [13, 18, IGNORED]]


def _other_size(root: Path) -> None:
    Image.fromarray(mask(0)[:10]).save(root / 'train/masks/train00.png')


def _beyond(root: Path) -> None:
    pixels = mask(0)
    pixels[0, 0] = 7
    write(root / 'train', 'train00', pixels % 4)
    Image.fromarray(pixels).save(root / 'train/masks/train00.png')


def _without_mask(root: Path) -> None:
    (root / 'train/masks/train03.png').unlink()


def _colours(root: Path) -> None:
    image = Image.fromarray(mask(0), 'P')
    image.putpalette(COLORS.tobytes())
    image.convert('RGB').save(root / 'train/masks/train00.png')


def _broken(root: Path) -> None:
    (root / 'train/masks/train00.png').write_bytes(b'none')


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (_other_size, r'train00\.png has 28 x 20 pixels, and its mask .*train00\.png 28 x 10; make them of one size'),
        (_beyond, r'mask .*train00\.png: class 7 is beyond the 3 classes.*add it to --ignore-index 3'),
        (_without_mask, r'1 of 8 images have no mask of the same name: .*train03\.png; add the masks'),
        (_colours, r'mask .*train00\.png: an image of colours .*mode RGB.*PNG with a palette'),
        (_broken, r'train00\.png.* cannot be read'),
    ],
)
def test_bad_masks_are_refused_before_training(spoil, message, tmp_path) -> None:
    spoil(write_folder(tmp_path))

    def check() -> None:
        dataset = opened(tmp_path)
        dataset.num_classes = 3
        dataset.sizes()
        check_masks(dataset)

    with pytest.raises(UserError, match=message) as caught:
        check()
    assert '\n' not in str(caught.value)
    if isinstance(caught.value, ImageError):  # as when it comes from a loader process
        dataset = opened(tmp_path)
        dataset.num_classes = 3
        with pytest.raises(ImageError, match=message):
            dataset[0]


@pytest.mark.parametrize(
    ('data', 'split', 'message'),
    [
        ({}, 'test', 'no folder .*test/images'),
        ({'data_dir': '/nowhere'}, 'train', 'no such folder'),
        ({'target_key': 'labels'}, 'train', 'no folder .*labels with the masks'),
        ({'dataset': 'digits', 'data_dir': None}, 'train', 'has no masks'),
        ({'dataset': 'torch/VOCDetection'}, 'train', 'no such data set with masks.*torch/VOCSegmentation'),
    ],
)
def test_missing_data_is_named(data, split, message, tmp_path) -> None:
    write_folder(tmp_path)
    with pytest.raises(UserError, match=message):
        opened(tmp_path, split, **data)

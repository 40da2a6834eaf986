"""Small images with masks, in folders as the data sets have them."""

from pathlib import Path

import numpy as np
from PIL import Image

#: Red, green and blue of the pixels of each class, so that an image says what its mask must be.
COLORS = np.array([[250, 20, 20], [20, 250, 20], [20, 20, 250], [240, 240, 240]], np.uint8)
CLASSES = ('sky', 'road', 'car')
#: The number in a mask of pixels without a class.
VOID = 3
TREE = 'scene\n  still\n    road\n    sky\n  moving\n    car\n'


def mask(seed: int, height: int = 20, width: int = 28) -> np.ndarray:
    """Rectangles of the classes 0, 1 and 2, and some pixels of `VOID`."""
    rng = np.random.default_rng(seed)
    pixels = np.full((height, width), rng.integers(3), np.uint8)
    for label in (0, 1, 2, VOID, 1):
        top, left = rng.integers(height - 6), rng.integers(width - 8)
        pixels[top : top + 6, left : left + 8] = label
    return pixels


def write(folder: Path, name: str, pixels: np.ndarray, masks: str = 'masks') -> None:
    """Write an image and its mask into a folder of `images` and one of masks."""
    for part in ('images', masks):
        (folder / part).mkdir(parents=True, exist_ok=True)
    Image.fromarray(COLORS[pixels]).save(folder / 'images' / f'{name}.png')
    Image.fromarray(pixels).save(folder / masks / f'{name}.png')


def write_folder(root: Path, train: int = 8, val: int = 4) -> Path:
    """Write a training and a validation split, and the names of the classes."""
    for split, count, start in (('train', train, 0), ('val', val, 100)):
        for row in range(count):
            write(root / split, f'{split}{row:02}', mask(start + row))
    (root / 'classes.txt').write_text('\n'.join(CLASSES) + '\n')
    return root


def write_voc(root: Path, palette: bool = True) -> Path:
    """Write the layout of Pascal VOC with two training images and one to evaluate on."""
    folder = root / 'VOCdevkit' / 'VOC2012'
    for part in ('JPEGImages', 'SegmentationClass', 'ImageSets/Segmentation'):
        (folder / part).mkdir(parents=True)
    for name in ('a', 'b', 'c'):
        pixels = mask(ord(name))
        pixels[pixels == VOID] = 255
        image = Image.fromarray(pixels, 'P') if palette else Image.fromarray(pixels)
        image.putpalette(np.random.default_rng(0).integers(256, size=768).astype(np.uint8).tobytes())
        image.save(folder / 'SegmentationClass' / f'{name}.png')
        Image.fromarray(COLORS[np.minimum(pixels, 3)]).save(folder / 'JPEGImages' / f'{name}.jpg')
    (folder / 'ImageSets' / 'Segmentation' / 'train.txt').write_text('a\nb\n')
    (folder / 'ImageSets' / 'Segmentation' / 'val.txt').write_text('c\n')
    return root

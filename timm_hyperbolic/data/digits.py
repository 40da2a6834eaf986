"""scikit-learn's bundled handwritten digits: 1,797 real images of 8x8 pixels, nothing to download."""

from collections.abc import Callable

import torch
from PIL import Image
from torch.utils.data import Dataset

from ..errors import UserError

__all__ = ['Digits']

TRAIN_SPLITS = ('train', 'training')
HELD_OUT_SPLITS = ('validation', 'val', 'valid', 'test')


class Digits(Dataset):
    """The digits as PIL images, split 80 to 20 with the same share of every class in both.

    The split is fixed: it does not depend on any seed of the run, so that results compare.

    Args:
        split: `train`, or `validation` (also called `test`) for the images held out.
        input_img_mode: PIL mode of the images, `RGB` or `L`.
        transform: applied to each image.

    Raises:
        UserError: another name of a split, or scikit-learn is not installed.
    """

    def __init__(
        self,
        split: str = 'train',
        input_img_mode: str = 'RGB',
        transform: Callable[[Image.Image], torch.Tensor] | None = None,
    ) -> None:
        if split not in TRAIN_SPLITS + HELD_OUT_SPLITS:
            raise UserError(f'the digits have no split {split!r}; they have train and validation')
        try:
            from sklearn.datasets import load_digits
            from sklearn.model_selection import train_test_split
        except ImportError as error:
            raise UserError(
                '--dataset digits needs scikit-learn: pip install timm_hyperbolic[demo], or name another --dataset'
            ) from error
        digits = load_digits()
        rows = train_test_split(range(len(digits.target)), test_size=0.2, stratify=digits.target, random_state=0)
        rows = rows[0] if split in TRAIN_SPLITS else rows[1]
        # Ink is counted in sixteenths; a byte keeps all of them apart.
        self.images = (digits.images[rows] * (255 / 16)).round().astype('uint8')
        self.targets = digits.target[rows].tolist()
        self.classes = [str(name) for name in digits.target_names]
        self.input_img_mode = input_img_mode
        self.transform = transform

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int):
        image = Image.fromarray(self.images[index]).convert(self.input_img_mode)
        return image if self.transform is None else self.transform(image), self.targets[index]

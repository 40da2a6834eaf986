"""The handwritten digits that come with scikit-learn: 1,797 images of 8x8 pixels, without a download."""

from collections.abc import Callable
from typing import Any

import torch
from PIL import Image
from torch.utils.data import Dataset

from ..errors import UserError

__all__ = ['Digits']

TRAIN_SPLITS = ('train', 'training')
HELD_OUT_SPLITS = ('validation', 'val', 'valid', 'test')


class Digits(Dataset):
    """The digits as PIL images, with a stratified split into 80% for training and 20% for validation.

    The split does not depend on the seed of the run, so that the results of runs can be compared.

    Args:
        split: `train`, or `validation` (also called `test`) for the held-out images.
        input_img_mode: PIL mode of the images, `RGB` or `L`.
        transform: applied to each image.

    Raises:
        UserError: there is no split of that name, or scikit-learn is not installed.
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
        # Pixels have the values 0 to 16; scaled to 0 to 255, all of them stay different.
        self.images = (digits.images[rows] * (255 / 16)).round().astype('uint8')
        self.targets = digits.target[rows].tolist()
        self.classes = [str(name) for name in digits.target_names]
        self.input_img_mode = input_img_mode
        self.transform = transform

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        image = Image.fromarray(self.images[index]).convert(self.input_img_mode)
        return image if self.transform is None else self.transform(image), self.targets[index]

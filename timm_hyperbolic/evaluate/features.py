"""Features of the images of a split, and the files that keep them.

The features are the pooled outputs of the backbone that enter the last layer of the classifier, as timm's
`forward_head(pre_logits=True)` returns them. A file of features is in the safetensors format. It also says exactly of
which weights, which preparation of the images and which images the features are, so that a file of others is refused.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.utils.data import Dataset, IterableDataset
from tqdm import tqdm

from ..config.trained import TrainedConfig
from ..data.loaders import create_eval_loader
from ..data.sources import default_split, open_split
from ..data.splits import check_split, class_count
from ..errors import UserError
from ..files import whole_file
from ..train.device import create_autocast, resolve_device
from ..train.model import resolve_data_config
from ..version import __version__
from .trained import load_trained

__all__ = ['FeatureSource', 'Features', 'open_features', 'read_features', 'write_features']

_KEY = 'timm_hyperbolic'
_FORMAT = 1
_SAMPLE = 64  # images whose pixels identify a split


@dataclass(frozen=True)
class Features:
    """The features of the images of a split, on the CPU.

    Attributes:
        features: One row for each image, `[N, D]`, float32.
        labels: The class of each image, `[N]`, int64.
        class_names: The names of the classes by label; None for classes without names.
        identity: What the features depend on: `model`, with the SHA-256 of its weights without the classifier and the
            preparation of the images; `data`, with the SHA-256 of the labels and of the pixels of 64 images. Two files
            with equal identities hold the same features, up to rounding.
        about: Where the features come from, for readers: names of the model, its weights, the data set and its split,
            and versions of packages.
    """

    features: Tensor
    labels: Tensor
    class_names: list[str] | None = None
    identity: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def num_classes(self) -> int:
        """The number of class names or, without names, the highest label plus one."""
        return len(self.class_names) if self.class_names else int(self.labels.max()) + 1

    def __str__(self) -> str:
        count, dim = self.features.shape
        name = self.about.get('model', 'features')
        data = f' of {self.about["dataset"]}, split {self.about["split"]}' if 'dataset' in self.about else ''
        return f'{name}{data}: {count:,} images, {dim:,} numbers each'


class FeatureSource:
    """A trained model and a split, whose features can be computed.

    Args:
        config: The model, the data set and the split.
        device: The device of the model.

    Attributes:
        identity: What the features depend on, as in `Features`.

    Raises:
        UserError: The model, its weights, the data set or the split does not exist or does not fit.
    """

    def __init__(self, config: TrainedConfig, device: torch.device) -> None:
        data = config.data
        split = config.look.split or default_split(data, 'validation', 'test') or 'validation'
        dataset = open_split(data, split)
        model = load_trained(config, class_count([dataset]))
        data_config = resolve_data_config(model, config.model)
        classes = class_count([dataset]) or 1  # the classifier is not used, so the model may have other classes
        check_split(dataset, split, classes, data_config['input_size'][0], data, config.model, is_trained=True)
        precision = config.device.dtype_on(device.type) if config.device.amp else 'float32'
        self.identity = {
            'model': {'weights': _hash_of_weights(model), 'precision': precision, **_plain(data_config)},
            'data': _identity_of_data(dataset),
        }
        weights = config.model.pretrained_file or config.weights.checkpoint
        self.about = {
            'model': model.pretrained_cfg.get('architecture') or config.model.model,
            'weights': weights or ('timm' if config.model.pretrained else config.model.model),
            'dataset': data.name,
            'split': split,
            'versions': {'timm_hyperbolic': __version__, 'timm': timm.__version__, 'torch': torch.__version__},
        }
        self._autocast = create_autocast(config.device, device)
        self._loader = create_eval_loader(dataset, data_config, config.loader.batch_size, config.loader.workers, device)
        self._model, self._classes = model.to(device).eval(), dataset.classes

    @torch.inference_mode()
    def compute(self) -> Features:
        """Run the backbone on all images, once.

        Raises:
            UserError: A feature is not finite, or the split has no images.
        """
        rows, labels = [], []
        for images, target in tqdm(self._loader, desc='features', unit='batch', leave=False, disable=None):
            with self._autocast():
                pooled = self._model.forward_head(self._model.forward_features(images), pre_logits=True)
            rows.append(pooled.flatten(1).float().cpu())
            labels.append(target.cpu().long())
        if not rows:
            raise UserError(f'{self.about["dataset"]}, split {self.about["split"]}: no images')
        found = torch.cat(rows).clone(), torch.cat(labels).clone()
        if not found[0].isfinite().all():
            raise UserError(f'--model {self.about["model"]}: some features are not finite; try without --amp')
        return Features(*found, self._classes, self.identity, self.about)


def open_features(config: TrainedConfig, path: str | None) -> Features:
    """Return features of a file, of a model, or of a model by way of a file.

    Args:
        config: The model, the data set and the split; without a model, the features are those of the file.
        path: The file. With a model, it must hold the features of that model, and is written where there is none. None
            for features of the model that are not kept.

    Raises:
        UserError: The model, the data or the file does not exist, is damaged or does not fit.
        TrainingError: The file cannot be written.
    """
    if config.model.model is None and path is not None:
        return read_features(path)
    source = FeatureSource(config, resolve_device(config.device.device))
    if path is not None and Path(path).exists():
        return read_features(path, source.identity)
    features = source.compute()
    if path is not None:
        write_features(path, features)
    return features


def _plain(data_config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the preparation of the images as JSON has it."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in sorted(data_config.items())}


def _hash_of_weights(model: nn.Module) -> str:
    """Return the SHA-256 of the names and values of all tensors but the classifier's, which no feature depends on."""
    names = model.pretrained_cfg.get('classifier') or ()
    classifier = tuple(f'{name}.' for name in ((names,) if isinstance(names, str) else names))
    found = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        if not name.startswith(classifier):
            tensor = tensor.detach().cpu().contiguous()
            found.update(f'{name} {tensor.dtype} {list(tensor.shape)}'.encode())
            found.update(tensor.flatten().view(torch.uint8).numpy().tobytes() if tensor.numel() else b'')
    return found.hexdigest()


def _identity_of_data(dataset: Dataset) -> dict[str, Any]:
    """Return what tells the images of a split from those of another one, wherever its files are."""
    names = json.dumps(dataset.classes)
    if isinstance(dataset, IterableDataset) or dataset.targets is None:
        return {'classes': hashlib.sha256(names.encode()).hexdigest()}
    pixels = hashlib.sha256()
    for row in range(0, len(dataset), max(1, len(dataset) // _SAMPLE)):
        image, _ = dataset[row]
        pixels.update(f'{image.mode} {image.size}'.encode() + image.tobytes())
    labels = hashlib.sha256((names + json.dumps([int(label) for label in dataset.targets])).encode())
    return {'images': len(dataset), 'labels': labels.hexdigest(), 'pixels': pixels.hexdigest()}


def write_features(path: str | Path, features: Features) -> None:
    """Write features into a file, whole or not at all.

    Args:
        path: The file; one that exists is replaced.
        features: The features.

    Raises:
        TrainingError: The file cannot be written.
    """
    path = Path(path)
    about = {
        'format': _FORMAT,
        'class_names': features.class_names,
        'identity': features.identity,
        'about': features.about,
    }
    tensors = {'features': features.features.contiguous(), 'labels': features.labels.contiguous()}
    with whole_file(path) as scratch:
        scratch.write_bytes(save(tensors, {_KEY: json.dumps(about)}))


def read_features(path: str | Path, identity: Mapping[str, Any] | None = None) -> Features:
    """Read a file of features.

    Args:
        path: The file.
        identity: What the features must depend on, of `FeatureSource.identity`; None for any.

    Raises:
        UserError: There is no such file, it is damaged, it is no file of features, or it holds the features of another
            model or of other images than `identity` says.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f'{path}: no such file of features; timm-hyperbolic extract writes one')
    try:
        with safe_open(path, 'pt') as file:
            about = json.loads((file.metadata() or {}).get(_KEY, '{}'))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f'{path}: damaged, or no file of features: {" ".join(str(error).split())}') from error
    if about.get('format', _FORMAT) > _FORMAT:
        raise UserError(f'{path}: a newer timm_hyperbolic has written it: update timm_hyperbolic')
    if {'format', 'class_names', 'identity', 'about'} - about.keys() or tensors.keys() != {'features', 'labels'}:
        raise UserError(f'{path}: no file of features; timm-hyperbolic extract writes one')
    found = Features(**tensors, class_names=about['class_names'], identity=about['identity'], about=about['about'])
    if found.features.dim() != 2 or found.labels.shape != found.features.shape[:1] or not len(found.labels):
        shapes = f'{list(found.features.shape)} and labels of shape {list(found.labels.shape)}'
        raise UserError(f'{path}: features of shape {shapes}; extract them again')
    if found.class_names is not None and int(found.labels.max()) >= len(found.class_names):
        names = f'label {int(found.labels.max())} of {len(found.class_names)} class names'
        raise UserError(f'{path}: {names}; extract the features again')
    if identity is not None and identity != found.identity:
        raise UserError(f'{path}: stale: {_difference(found, identity)}')
    return found


def _difference(found: Features, identity: Mapping[str, Any]) -> str:
    """Say what a file of features does not share with what is asked for."""
    wrong = [
        f'{key} {_short(found.identity.get(part, {}).get(key))} for {_short(value)}'
        for part, own in identity.items()
        for key, value in own.items()
        if found.identity.get(part, {}).get(key) != value
    ]
    return f'it holds features of {found}, with {", ".join(wrong) or "other images"}'


def _short(value: Any) -> str:
    return f'{value[:8]}...' if isinstance(value, str) and len(value) == 64 else str(value)

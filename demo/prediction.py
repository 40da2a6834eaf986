"""The prediction of a trained classifier for one image, and its place among the prototypes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import timm
import torch
from PIL import Image, ImageOps
from timm.data import create_transform, resolve_model_data_config
from torch import Tensor, nn

import timm_hyperbolic  # noqa: F401  (registers the models)
from timm_hyperbolic.analysis.disk import head_vectors, turn_about, unit_disk
from timm_hyperbolic.analysis.norms import clip_distance
from timm_hyperbolic.analysis.predictions import Labels
from timm_hyperbolic.config.run_files import CONFIG, MODEL
from timm_hyperbolic.data.images import MODES, to_eight_bits, to_mode
from timm_hyperbolic.data.labels import label_names
from timm_hyperbolic.errors import UserError
from timm_hyperbolic.geometry import tangent_distance
from timm_hyperbolic.hub.push import check_repo_id
from timm_hyperbolic.layers import HyperbolicHead

__all__ = ['Classifier', 'Disk', 'Guess', 'Prediction', 'open_image']


@dataclass(frozen=True)
class Guess:
    """One of the likeliest classes.

    Attributes:
        label: its number.
        name: its name, else its number.
        probability: softmax probability, in [0, 1].
        distance: from the image to the prototype of the class, `>= 0`; None without prototypes.
    """

    label: int
    name: str
    probability: float
    distance: float | None


@dataclass(frozen=True)
class Disk:
    """The image among the prototypes, on the unit disk.

    The line through the origin and the image is horizontal. Every prototype is turned about this line into the plane of
    the picture, so its distances from the origin and from the image are exact: the nearest prototype on the picture is
    the nearest one in space.

    Attributes:
        point: the image, `[2]`.
        prototypes: the prototypes of all classes, `[C, 2]`.
        margin: radius at which the head clips, in (0, 1]; 1 without a clip.
        nearest: distance on the disk, of curvature -1, from the image to the nearest prototype.
    """

    point: Tensor
    prototypes: Tensor
    margin: float
    nearest: float


@dataclass(frozen=True)
class Prediction:
    """The prediction of a classifier for one image.

    Attributes:
        guesses: the classes of highest probability, the highest first.
        norm: distance of the image from the origin before the head's clip; None without a hyperbolic head.
        clip: the distance at which the head clips; None without a clip.
        disk: None where the head is not hyperbolic, or flat.
        seconds: time of the prediction.
    """

    guesses: list[Guess]
    norm: float | None
    clip: float | None
    disk: Disk | None
    seconds: float


def open_image(path: str | Path) -> Image.Image:
    """Read an image, turned upright.

    Raises:
        UserError: the file is not an image, it is damaged, or its pixels have no known range.
    """
    try:
        with Image.open(path) as image:
            return ImageOps.exif_transpose(to_eight_bits(image))
    except UserError as error:
        raise UserError(f'{Path(path).name}: {error}') from error
    # Each format of PIL has errors of its own, and a damaged file can cause any of them.
    except Exception as error:
        raise UserError(
            f'{Path(path).name} cannot be read as an image: {type(error).__name__}; try PNG or JPEG'
        ) from error


class Classifier:
    """A trained timm model with its image transform and the names of its classes.

    Args:
        model: made by timm.

    Raises:
        UserError: the model takes neither grey (1 channel) nor coloured (3 channels) images.
    """

    def __init__(self, model: nn.Module) -> None:
        config = resolve_model_data_config(model)
        channels = config['input_size'][0]
        if channels not in MODES:
            raise UserError(
                f'the model takes images of {channels} channels; the demo has grey (1) and coloured (3) ones'
            )
        self.mode = MODES[channels]
        self.size = tuple(config['input_size'][1:])
        self.transform = create_transform(**config, is_training=False)
        self.model = model.eval()
        self.name = model.pretrained_cfg.get('architecture') or type(model).__name__
        self.labels = Labels(label_names(model.pretrained_cfg, model.num_classes))
        self.head = next((module for module in model.modules() if isinstance(module, HyperbolicHead)), None)

    @classmethod
    def load(cls, source: str, argument: str) -> Classifier:
        """Open a trained model.

        Args:
            source: the folder of a run, or `hf_hub:OWNER/NAME`.
            argument: the command-line argument that names it, for error messages.

        Raises:
            UserError: there is no such model, or it cannot be loaded.
        """
        name = _model_name(source, argument)
        try:
            return cls(timm.create_model(name, pretrained=True))
        # timm raises these for configurations or weights that do not fit, huggingface_hub for addresses and networks.
        except (AssertionError, AttributeError, KeyError, TypeError, ValueError, RuntimeError, OSError) as error:
            said = ' '.join(
                (str(error) if isinstance(error, (ValueError, RuntimeError, OSError)) else repr(error)).split()
            )
            raise UserError(f'{argument} {source}: {said}') from error
        except UserError as error:
            raise UserError(f'{argument} {source}: {error}') from error

    @property
    def has_disk(self) -> bool:
        """Whether its predictions come with a disk: a hyperbolic head, not flat, of at least two dimensions."""
        return self.head is not None and not self.head.curvature.is_flat and self.head.in_features > 1

    @torch.inference_mode()
    def predict(self, image: Image.Image, most: int = 5) -> Prediction:
        """Predict the class of an image.

        Args:
            image: of any size and mode.
            most: number of classes to return, at most.

        Raises:
            UserError: the prediction is not finite, or the pixels of the image have no known range.
        """
        start = time.perf_counter()
        tokens = self.model.forward_features(self.transform(to_mode(image, self.mode)).unsqueeze(0))
        features = self.model.forward_head(tokens, pre_logits=True).flatten(1)
        probabilities = self.model.forward_head(tokens)[0].float().softmax(0)
        if not probabilities.isfinite().all():
            raise UserError(f'{self.name} gives no finite answer: its weights, or this image, are beyond its range')
        best = probabilities.topk(min(most, len(probabilities)))
        norm, distances, disk = self._place(features, best.indices[:2])
        guesses = [
            Guess(label, self.labels.name(label), probability, None if distances is None else distances[label].item())
            for probability, label in zip(best.values.tolist(), best.indices.tolist(), strict=True)
        ]
        clip = None if self.head is None else clip_distance(self.head)
        return Prediction(guesses, norm, clip, disk, time.perf_counter() - start)

    def _place(self, features: Tensor, likeliest: Tensor) -> tuple[float | None, Tensor | None, Disk | None]:
        """Return the distance of an image from the origin, its distances to the prototypes, and the disk.

        Args:
            features: the inputs of the head, `[1, D]`.
            likeliest: the two likeliest classes; one where there is only one.
        """
        head = self.head
        if head is None:
            return None, None, None
        # The distance of exp0(v) from the origin is 2‖v‖ at every curvature, see `origin_distances`.
        norm = 2 * (features.double() * head.feature_scale().double()).square().sum().sqrt().item()
        v, prototypes = head_vectors(head, features)
        c = head.curvature().double()
        distances = tangent_distance(v, prototypes, c)
        if not self.has_disk:
            return norm, distances, None
        # The likeliest class is above, and the next one below where possible: where they differ more than they agree.
        up = prototypes[likeliest[0]] - prototypes[likeliest[-1]]
        flat = turn_about(v[0], torch.cat([v, prototypes]), up)
        flat[:, 1] *= torch.where(flat[1 + likeliest[0], 1] < 0, -1, 1)
        points = unit_disk(flat, c)
        margin = 1.0 if head.limits.margin is None else head.limits.margin
        return norm, distances, Disk(points[0], points[1:], margin, (c.sqrt() * distances.min()).item())


def _model_name(source: str, argument: str) -> str:
    """Return the name by which timm finds a model."""
    kind, _, repo_id = source.partition(':')
    if kind.replace('-', '_') == 'hf_hub':
        try:
            check_repo_id(repo_id.partition('@')[0])
        except ValueError as error:
            raise UserError(f'{argument} {source}: {error}') from error
        return source
    folder = Path(source.removeprefix('local-dir:'))
    missing = [name for name in (CONFIG, MODEL) if not (folder / name).is_file()]
    if missing:
        found = f'the folder has no {" and no ".join(missing)}' if folder.is_dir() else 'there is no such folder'
        raise UserError(f'{argument} {source}: {found}; give the folder that a run leaves, or hf_hub:OWNER/NAME')
    return f'local-dir:{folder}'

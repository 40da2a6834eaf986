"""Options of the model: what it is, which weights it starts from, how it is regularized."""

from dataclasses import dataclass
from typing import Any, ClassVar

from .argtypes import one_of, real, whole
from .data import INTERPOLATIONS
from .options import option

__all__ = ['EmaConfig', 'ModelConfig', 'ModelTrainingConfig', 'StartConfig', 'TrainedModelConfig']


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Which model, and how its input is prepared."""

    title: ClassVar[str] = 'model'

    model: str = option('vit_tiny_patch4_hyp_res', metavar='NAME', help='any timm model')
    model_kwargs: dict[str, Any] = option(
        {},
        nargs='*',
        metavar='KEY=VALUE',
        help='keywords for the model, for example depth=6 curvature=0.5 margin=None',
    )
    pretrained: bool = option(False, help="start from timm's weights")
    pretrained_file: str | None = option(
        None,
        metavar='PATH',
        help='take these weights as if they were the pretrained ones of --model: a file, or the name of an installed '
        'package that holds one; tensors of other names are assigned by order and shape, and a classifier of other '
        'classes is left out',
    )
    num_classes: int | None = option(None, type=whole(1), metavar='N', help='classes (default: those of the data set)')
    img_size: int | None = option(
        None, type=whole(1), metavar='N', help="side of the image in pixels (default: the model's)"
    )
    in_chans: int | None = option(None, type=whole(1), metavar='N', help="image channels (default: the model's)")
    mean: tuple[float, ...] | None = option(
        None, type=real(), nargs='+', metavar='X', help="mean of the pixels (default: the model's)"
    )
    std: tuple[float, ...] | None = option(
        None,
        type=real(positive=True),
        nargs='+',
        metavar='X',
        help="standard deviation of the pixels (default: the model's)",
    )
    interpolation: str | None = option(
        None, type=one_of(INTERPOLATIONS), metavar='NAME', help="interpolation of the resize (default: the model's)"
    )
    crop_pct: float | None = option(
        None, type=real(positive=True), metavar='X', help='share of the image that the centre crop at evaluation keeps'
    )

    @property
    def has_pretrained(self) -> bool:
        """Whether the model starts from pretrained weights."""
        return self.pretrained or self.pretrained_file is not None


@dataclass(frozen=True, kw_only=True)
class TrainedModelConfig(ModelConfig):
    """Which model with which trained weights."""

    model: str | None = option(
        None, metavar='NAME', help='any timm model, or local-dir:FOLDER with the folder of a run'
    )
    pretrained: bool = option(False, help="take timm's weights")
    num_classes: int | None = option(
        None, type=whole(1), metavar='N', help='classes of the weights (default: those of the data set)'
    )
    use_ema: bool = option(True, help='take the moving average of the weights from a checkpoint that holds both')


@dataclass(frozen=True, kw_only=True)
class StartConfig:
    """Which weights training starts from."""

    title: ClassVar[str] = 'model'

    initial_checkpoint: str | None = option(
        None, metavar='PATH', help='start from these weights: a file, or a folder made by a run'
    )
    allow_missing: tuple[str, ...] | None = option(
        None,
        nargs='+',
        metavar='PATTERN',
        help='shell patterns of the tensors that --initial-checkpoint may lack; they keep their initial values',
    )


@dataclass(frozen=True, kw_only=True)
class ModelTrainingConfig:
    """How the model computes in training."""

    title: ClassVar[str] = 'model'

    drop: float = option(0.0, type=real(0, 1), metavar='P', help='dropout rate')
    drop_path: float | None = option(None, type=real(0, 1), metavar='P', help='stochastic depth rate')
    grad_checkpointing: bool = option(False, help='trade computation for memory in the backward pass')
    fused_attn: bool = option(
        True,
        help="use torch's fused attention where timm does; with --amp on a CPU a step is faster without it",
    )


@dataclass(frozen=True, kw_only=True)
class EmaConfig:
    """The moving average of the weights."""

    title: ClassVar[str] = 'moving average of the weights'

    model_ema: bool = option(False, help='keep a moving average of the weights, which is evaluated and saved')
    model_ema_decay: float = option(0.9998, type=real(0, 1), metavar='X', help='decay of the moving average')
    model_ema_warmup: bool = option(False, help='a faster decay in the first steps')

"""Options of a run: its loss, its phases, its device, its folder, and where its numbers and weights go."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from ..constants import TASK_MEASURES
from .argtypes import one_of, real, whole
from .options import option

__all__ = ['CompileConfig', 'DeviceConfig', 'HubConfig', 'LoopConfig', 'PhaseConfig', 'PublishConfig', 'RunConfig']
__all__ += ['TaskConfig', 'TrackerConfig', 'TrainDeviceConfig']


@dataclass(frozen=True, kw_only=True)
class TaskConfig:
    """The task, its loss, and the teacher of a distillation."""

    title: ClassVar[str] = 'loss and distillation'

    task: str = option(
        'classification',
        type=one_of(TASK_MEASURES),
        metavar='NAME',
        help=f'what the model is trained for: {", ".join(TASK_MEASURES)}',
    )
    smoothing: float = option(0.1, type=real(0, 1), metavar='X', help='label smoothing')
    bce_loss: bool = option(False, help='binary cross-entropy for each class instead of the softmax')
    bce_sum: bool = option(False, help='with --bce-loss: sum over the classes, not the mean')
    bce_target_thresh: float | None = option(
        None, type=real(0, 1), metavar='X', help='with --bce-loss: targets over X count as 1'
    )
    bce_pos_weight: float | None = option(
        None, type=real(positive=True), metavar='X', help="with --bce-loss: weight of an image's own class"
    )
    jsd_loss: bool = option(
        False, help='cross-entropy on the first of --aug-splits, and the Jensen-Shannon divergence between all of them'
    )
    kd_model_name: str | None = option(
        None,
        metavar='NAME',
        help='distil from this model: any of timm with pretrained weights, or local-dir:FOLDER of a run',
    )
    kd_distill_type: str = option(
        'logit',
        type=one_of(('logit', 'token')),
        metavar='NAME',
        help='match the logits, or the distillation token of a DeiT: logit, token',
    )
    kd_temperature: float = option(
        1.0, type=real(positive=True), metavar='X', help='temperature of both models in the distillation'
    )
    distill_loss_weight: float | None = option(
        None, type=real(0), metavar='X', help='weight of the distillation loss (default: 1)'
    )
    task_loss_weight: float | None = option(
        None,
        type=real(0),
        metavar='X',
        help='weight of the loss on the labels beside --kd-model-name or --pairwise (default: 1); given alone, '
        'a distillation has the rest to 1',
    )


@dataclass(frozen=True, kw_only=True)
class PhaseConfig:
    """What is trained in which epochs, and in which precision."""

    title: ClassVar[str] = 'phases'

    train_only: tuple[str, ...] | None = option(
        None,
        nargs='+',
        metavar='PATTERN',
        help='train only parameters whose name matches one of these shell patterns, for example "blocks.*.attn.*"',
    )
    train_only_epochs: int | None = option(
        None,
        type=whole(1),
        metavar='N',
        help='apply --train-only in the first N epochs, then train everything (default: in all epochs)',
    )
    hamp: bool = option(
        False,
        help='mixed precision inside hyperbolic layers too: with --amp, their vectors in the type of --amp-dtype; '
        'the scalars of a vector stay in float32 or better',
    )
    hamp_start_epoch: int = option(0, type=whole(0), metavar='N', help='apply --hamp from epoch N on, counted from 0')


@dataclass(frozen=True, kw_only=True)
class DeviceConfig:
    """Where to compute, and in which precision."""

    title: ClassVar[str] = 'device'

    device: str | None = option(
        None, metavar='NAME', help='cpu, cuda, cuda:1, mps, ... (default: cuda if there is one)'
    )
    amp: bool = option(False, help='mixed precision')
    amp_dtype: str | None = option(
        None,
        type=one_of(('float16', 'bfloat16')),
        metavar='NAME',
        help='type of --amp: float16 or bfloat16 (default: bfloat16 on a CPU, else float16)',
    )

    def dtype_on(self, device_type: str) -> str:
        """Return the type of mixed precision on a kind of device; without `--amp` it has no effect."""
        return self.amp_dtype or ('bfloat16' if self.amp and device_type == 'cpu' else 'float16')


@dataclass(frozen=True, kw_only=True)
class TrainDeviceConfig(DeviceConfig):
    """Where to compute in training, and how the model lies in memory."""

    channels_last: bool = option(False, help='memory layout for convolutional models on a GPU')
    fsdp: bool = option(
        False, help="under torchrun, shard the model by torch's fully_shard; small and manifold parameters stay whole"
    )


def _backends() -> Iterable[str]:
    import torch

    return torch.compiler.list_backends(exclude_tags=())


@dataclass(frozen=True, kw_only=True)
class CompileConfig:
    """Whether the model is compiled."""

    title: ClassVar[str] = 'device'

    torchcompile: str | None = option(
        None,
        type=one_of(_backends),
        nargs='?',
        const='inductor',
        metavar='BACKEND',
        help='compile the model with torch.compile',
    )


@dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """The loop over the steps."""

    title: ClassVar[str] = 'run'

    grad_accum_steps: int = option(1, type=whole(1), metavar='N', help='batches whose gradients make one step')
    max_steps: int | None = option(
        None,
        type=whole(1),
        metavar='N',
        help='stop after N steps of the optimizer, then evaluate and save; the whole schedule of --epochs, warm-up '
        'included, is compressed to N steps',
    )
    limit_eval_batches: int | None = option(
        None, type=whole(1), metavar='N', help='evaluate on the first N batches only, for a quick try'
    )
    max_bad_steps: int = option(
        10,
        type=whole(1),
        metavar='N',
        help='steps whose loss or gradient is not finite are skipped; stop after N of them in a row',
    )
    log_interval: int = option(50, type=whole(1), metavar='N', help='batches between two log lines')


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """The folder of the run and its checkpoints."""

    title: ClassVar[str] = 'run'

    seed: int = option(42, type=whole(0), metavar='N', help='seed of weights, order and augmentation')
    eval_metric: str = option(
        'top1',
        type=one_of(dict.fromkeys(name for names in TASK_MEASURES.values() for name in names)),
        metavar='NAME',
        help='which epoch is the best: by '
        + '; '.join(f'{", ".join(names)} ({task})' for task, names in TASK_MEASURES.items()),
    )
    output: str = option('output/train', metavar='DIR', help='folder of all runs')
    experiment: str | None = option(
        None, metavar='NAME', help='folder of this run, in --output (default: time, model and image size)'
    )
    resume: str | None = option(
        None,
        metavar='PATH',
        help='go on from a checkpoint, or from the newest one in the folder of a run, whose options then are the '
        'defaults; a larger --epochs or --max-steps extends a finished run; "auto": from the newest in the folder of '
        '--experiment, or anew if there is none',
    )
    dry_run: bool = option(
        False,
        help='print options, model, shapes of the first batch and an estimate of the memory, and stop',
    )
    checkpoint_every: int | None = option(
        None, type=whole(1), metavar='N', help='write a checkpoint every N steps, besides the one after each epoch'
    )
    keep: int = option(2, type=whole(1), metavar='K', help='number of checkpoints to keep, the newest')


@dataclass(frozen=True, kw_only=True)
class TrackerConfig:
    """Where the numbers of a run go besides its folder."""

    title: ClassVar[str] = 'trackers'

    log_tensorboard: bool = option(
        False,
        help='write losses and learning rates of steps, numbers of epochs, the test result and the first images for '
        'TensorBoard, into tensorboard/ in the output folder',
    )
    log_wandb: bool = option(
        False, help='send the same to Weights & Biases; WANDB_MODE=offline keeps it in the output folder'
    )
    wandb_project: str | None = option(
        None, metavar='NAME', help='with --log-wandb: project (default: timm_hyperbolic)'
    )
    wandb_tags: tuple[str, ...] | None = option(
        None, nargs='+', metavar='TAG', help='with --log-wandb: tags of the run'
    )


@dataclass(frozen=True, kw_only=True)
class HubConfig:
    """How a repository on the Hugging Face Hub is made."""

    title: ClassVar[str] = 'Hugging Face Hub'

    private: bool = option(False, help='make the repository private; one that is public already is not pushed to')
    hub_revision: str | None = option(
        None, metavar='NAME', help='branch to push to, made where there is none (default: main)'
    )


@dataclass(frozen=True, kw_only=True)
class PublishConfig(HubConfig):
    """Whether and when a run is pushed to the Hugging Face Hub."""

    push_to_hub: str | None = option(
        None,
        metavar='OWNER/NAME',
        help='push the result there after training: weights, configuration, model card and table, in one commit; the '
        'token is that of `hf auth login` or of HF_TOKEN',
    )
    push_every: int | None = option(
        None, type=whole(1), metavar='N', help='with --push-to-hub: also push the result so far every N epochs'
    )

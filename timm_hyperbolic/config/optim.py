"""Options of the optimizer and of the learning-rate schedule."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from ..constants import CLIP_MODES, CURVATURE_BOUNDS, MANIFOLD_NORMS, RIEMANNIAN
from .argtypes import one_of, real, whole
from .options import option

__all__ = ['OptimizerConfig', 'ScheduleConfig']

_SCHEDULERS = ('cosine', 'tanh', 'step', 'multistep', 'poly', 'wsd', 'rsqrt', 'constant', 'none')


def _optimizers() -> Iterable[str]:
    from timm.optim import list_optimizers

    from .. import optim  # noqa: F401  registers ours with timm

    return list_optimizers()


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """The optimizer and the clipping of gradients."""

    title: ClassVar[str] = 'optimizer'

    opt: str = option(
        'hypadamw',
        type=one_of(_optimizers, strip='lookahead_'),
        metavar='NAME',
        help='hypadamw: AdamW, Riemannian for parameters on a manifold; hypsgd: SGD, likewise; or any optimizer of '
        'timm, for models without such parameters',
    )
    lr: float = option(5e-4, type=real(positive=True), metavar='X', help='learning rate')
    opt_eps: float | None = option(
        None, type=real(positive=True), metavar='X', help="epsilon (default: the optimizer's)"
    )
    opt_betas: tuple[float, ...] | None = option(
        None, type=real(0, 1), nargs='+', metavar='X', help="betas (default: the optimizer's)"
    )
    momentum: float = option(0.9, type=real(0), metavar='X', help='momentum, where the optimizer has one')
    weight_decay: float = option(0.05, type=real(0), metavar='X', help='weight decay')
    layer_decay: float | None = option(
        None, type=real(0, 1), metavar='X', help='factor on the learning rate from layer to layer'
    )
    clip_grad: float | None = option(
        None, type=real(0), metavar='X', help='clip the gradients of Euclidean parameters to X; 0: do not'
    )
    man_clip_grad: float | None = option(
        None, type=real(0), metavar='X', help='clip the gradients of parameters on a manifold to X; 0: do not'
    )
    man_clip_norm: str = option(
        'riemannian',
        type=one_of(MANIFOLD_NORMS),
        metavar='NAME',
        help='norm of --man-clip-grad: riemannian, by the metric at the point; or euclidean',
    )
    clip_mode: str = option(
        'norm',
        type=one_of(CLIP_MODES),
        metavar='NAME',
        help='what clipping limits: norm, of all gradients; value, of each entry; agc, of each unit relative to its '
        'weight',
    )
    man_lr_scale: float = option(
        0.25,
        type=real(0),
        metavar='X',
        help='learning rate of parameters on a manifold, as a share of --lr (hypadamw, hypsgd)',
    )
    curv_lr_scale: float = option(
        1.0, type=real(0), metavar='X', help='learning rate of curvatures, as a share of --lr (hypadamw, hypsgd)'
    )
    curv_bounds: tuple[float, float] = option(
        CURVATURE_BOUNDS,
        type=real(0, positive=True),
        nargs=2,
        metavar='C',
        help='keep every learned curvature between these (hypadamw, hypsgd)',
    )

    @property
    def is_riemannian(self) -> bool:
        """Whether the optimizer keeps points on their manifold."""
        return self.opt.removeprefix('lookahead_') in RIEMANNIAN


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """How long to train, and the learning rate over time."""

    title: ClassVar[str] = 'schedule'

    epochs: int = option(100, type=whole(1), metavar='N', help='passes over the training split')
    sched: str = option(
        'cosine',
        type=one_of(_SCHEDULERS),
        metavar='NAME',
        help=f'schedule, updated after every step: {", ".join(_SCHEDULERS)}',
    )
    warmup_epochs: float | None = option(
        None,
        type=real(0),
        metavar='N',
        help='epochs of rising learning rate, part of --epochs (default: 5, or a tenth of --epochs if that is less)',
    )
    warmup_lr: float = option(1e-5, type=real(0), metavar='X', help='learning rate at the start of the warm-up')
    min_lr: float = option(0.0, type=real(0), metavar='X', help='learning rate at the end')
    cooldown_epochs: int = option(0, type=whole(0), metavar='N', help='additional epochs at --min-lr')
    decay_epochs: float | None = option(
        None,
        type=real(positive=True),
        metavar='N',
        help='interval of step, last part of wsd and rsqrt (default: 90 for step, else a fifth of the run)',
    )
    decay_milestones: tuple[int, ...] = option(
        (30, 60, 90), type=whole(1), nargs='+', metavar='N', help='epochs at which multistep decays'
    )
    decay_rate: float = option(0.1, type=real(0), metavar='X', help='factor of step and multistep, exponent of poly')

    def with_warmup(self) -> 'ScheduleConfig':
        """Return the schedule with the default number of warm-up epochs filled in where none is given."""
        if self.warmup_epochs is not None:
            return self
        return replace(self, warmup_epochs=min(5.0, 0.1 * self.epochs))

"""The training loop: what happens in an epoch and in an evaluation."""

import argparse
import math
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from timm.data import Mixup
from timm.scheduler.scheduler import Scheduler
from timm.task import TrainingTask, evaluation_sample_limit
from timm.utils import unwrap_model
from tqdm import tqdm

from ..optim import GradientNorms
from .errors import TrainingError
from .norms import MeanNorms
from .optimizer import create_clip
from .report import Progress

__all__ = ['EpochStats', 'Loop']


@dataclass(frozen=True)
class EpochStats:
    """What an epoch of training measured.

    Attributes:
        loss: mean training loss.
        lr: learning rate of the last step, of the first parameter group.
        images: images trained on.
        seconds: time that took, data included, evaluation not.
        norms: mean norm of the gradients before clipping: `grad_norm`, and `man_grad_norm` of points on a manifold.
    """

    loss: float
    lr: float
    images: int
    seconds: float
    norms: dict[str, float]


class _Losses:
    """The losses of an epoch, left on the device until `read`, so that a step does not wait for its own loss.

    Args:
        window: batches that the mean returned by `read` is taken over.
    """

    def __init__(self, window: int) -> None:
        self.total = 0.0  # over all images
        self._recent: deque[float] = deque(maxlen=window)
        self._pending: list[tuple[int, int, torch.Tensor]] = []

    def add(self, step: int, images: int, loss: torch.Tensor) -> None:
        self._pending.append((step, images, loss.detach()))

    def read(self) -> float:
        """Return the mean loss of the last batches. Raises TrainingError where a loss is not finite."""
        if self._pending:
            values = torch.stack([loss for _, _, loss in self._pending]).tolist()
            for (step, images, _), value in zip(self._pending, values, strict=True):
                if not math.isfinite(value):
                    raise TrainingError(
                        f'the training loss is {value} at step {step + 1}; what was saved is kept. '
                        'Try a smaller --lr, --clip-grad 1, a longer warm-up, or --amp-dtype bfloat16 with --amp'
                    )
                self.total += value * images
                self._recent.append(value)
            self._pending.clear()
        return sum(self._recent) / max(len(self._recent), 1)


class Loop:
    """A task, its optimizer and all that one step of training needs.

    Args:
        task: turns a batch into a loss; owns the model and its moving average.
        optimizer: of the task's parameters.
        scheduler: sets the learning rate after every step, None for a constant one.
        args: options of the run (`grad_accum_steps`, `max_steps`, `log_interval`, those of the clip).
        autocast: makes the context of a forward pass.
        scaler: of the loss, for float16.
        mixup: mixes the images of a batch.
    """

    def __init__(
        self,
        task: TrainingTask,
        optimizer: torch.optim.Optimizer,
        scheduler: Scheduler | None,
        args: argparse.Namespace,
        autocast: Callable[[], AbstractContextManager] = nullcontext,
        scaler: torch.amp.GradScaler | None = None,
        mixup: Mixup | None = None,
    ) -> None:
        self.task = task
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.args = args
        self.autocast = autocast
        self.scaler = scaler
        self.mixup = mixup
        self.clip = create_clip(unwrap_model(task.get_trainable_module()), args)
        self.step = 0  # steps of the optimizer since the start of the run
        self.sample: torch.Tensor | None = None  # a batch of images as they are evaluated

    @property
    def done(self) -> bool:
        """Whether `--max-steps` has been reached."""
        return self.args.max_steps is not None and self.step >= self.args.max_steps

    def train_one_epoch(self, loader, progress: Progress) -> EpochStats:
        """Train on every batch of `loader`, or until `--max-steps`.

        Raises:
            TrainingError: a loss was not finite.
        """
        self.task.train()
        accum, batches = self.args.grad_accum_steps, len(loader)
        # Reading a loss makes the CPU wait for a GPU; on the CPU it costs nothing.
        read_every = 1 if self.task.device.type == 'cpu' else self.args.log_interval
        norms = MeanNorms()
        losses, lr, start = _Losses(self.args.log_interval), self._lr(), time.perf_counter()
        images = 0
        self.optimizer.zero_grad()
        for index, (image, target) in enumerate(loader):
            if self.mixup is not None:
                image, target = self.mixup(image, target)
            first = index - index % accum
            update = (index + 1) % accum == 0 or index + 1 == batches
            with nullcontext() if update else self.task.no_sync():
                with self.autocast():
                    loss = self.task(image, target)['loss']
                self._backward(loss / min(accum, batches - first))
            losses.add(self.step, len(image), loss)
            images += len(image)
            if update:
                lr = self._lr()
                norms.add(self._make_step())
                self._after_step()
            if (index + 1) % read_every == 0:
                progress.update(index + 1, losses.read(), lr, images / (time.perf_counter() - start))
            if self.done:
                break
        losses.read()
        return EpochStats(losses.total / max(images, 1), lr, images, time.perf_counter() - start, norms.read())

    def _backward(self, loss: torch.Tensor) -> None:
        (loss if self.scaler is None else self.scaler.scale(loss)).backward()

    def _make_step(self) -> GradientNorms:
        """Clip the gradients and step; return their norms."""
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizer)
        norms = self.clip()
        if self.scaler is None:
            self.optimizer.step()
        else:
            self.scaler.step(self.optimizer)
            self.scaler.update()
        return norms

    def _after_step(self) -> None:
        self.optimizer.zero_grad()
        self.step += 1
        self.task.update_ema(step=self.step)
        if self.scheduler is not None:
            self.scheduler.step_update(self.step)

    def _lr(self) -> float:
        return self.optimizer.param_groups[0]['lr']

    @torch.inference_mode()
    def evaluate(self, loader) -> dict[str, float]:
        """Return `loss`, `top1` and `top5` (percent) on `loader`, of the moving average where the task keeps one.

        Raises:
            TrainingError: the loss is not finite.
        """
        model = self.task.get_eval_model(ema=self.task.has_ema())
        model.eval()
        evaluator = self.task.create_evaluator(max_samples=evaluation_sample_limit(loader))
        for image, target in tqdm(loader, desc='evaluation', leave=False, disable=None):
            if self.sample is None:
                self.sample = image
            with self.autocast():
                output = model(image)
            evaluator.update(output, target)
        metrics = dict(evaluator.compute())
        if not math.isfinite(metrics['loss']):
            raise TrainingError(
                f'the loss at evaluation is {metrics["loss"]}, after step {self.step}; what was saved is kept. '
                'Try a smaller --lr or --clip-grad 1'
            )
        return metrics

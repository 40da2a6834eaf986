"""The training loop: one epoch of training, and an evaluation."""

import itertools
import math
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from timm.data import Mixup
from timm.data.loader import PrefetchLoader
from timm.scheduler.scheduler import Scheduler
from timm.task import TrainingTask, evaluation_sample_limit
from timm.utils import unwrap_model
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from ..config.run import LoopConfig
from ..data.sampling import TrainLoader, derive_seed, replace_dead_workers, seed_generators
from ..errors import Diverged, NotFinite
from ..optim import GradientClip
from .nonfinite import find_nonfinite, running_statistics
from .processes import Processes, average_whole_gradients, is_sharded, plain_module
from .progress import Progress

__all__ = ['EpochStats', 'Loop', 'State']


@dataclass(frozen=True)
class EpochStats:
    """Measurements of an epoch of training.

    Attributes:
        loss: Mean training loss, without skipped steps.
        lr: Learning rate of the last step; the largest one of all parameter groups.
        images: Number of training images.
        seconds: Duration with data loading, without evaluation.
        norms: Mean gradient norm before clipping: `grad_norm`, and `man_grad_norm` of points on a manifold.
    """

    loss: float
    lr: float
    images: int
    seconds: float
    norms: dict[str, float]


@dataclass
class State:
    """The position of a run and the sums of its current epoch, in plain numbers that a checkpoint stores.

    A skipped step counts as a step, because the learning rate schedule follows the data. timm's `AverageMeter` keeps a
    sum and a count too, but can neither be saved in a checkpoint nor summed over processes.

    Attributes:
        epoch: Number of the current epoch, counted from 0.
        batch: Number of finished batches of the epoch. After the last batch the epoch is still to be evaluated.
        step: Number of steps since the start of the run.
        skipped: Number of steps that were skipped because a loss or gradient was not finite.
        bad_in_row: Number of skipped steps since the last step that was not skipped.
        loss_sum: Sum of the losses of the images of the epoch, over all processes.
        loss_images: Number of images in `loss_sum`, without skipped steps.
        images: Number of images of the epoch so far.
        seconds: Duration of the epoch so far.
        lr: Learning rate of the last step.
        norms: Sum and count of each gradient norm of the epoch.
        run_images: Number of images of all earlier epochs.
        run_seconds: Duration of all earlier epochs.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    skipped: int = 0
    bad_in_row: int = 0
    loss_sum: float = 0.0
    loss_images: int = 0
    images: int = 0
    seconds: float = 0.0
    lr: float = 0.0
    norms: dict[str, tuple[float, int]] = field(default_factory=dict)
    run_images: int = 0
    run_seconds: float = 0.0

    def next_epoch(self) -> 'State':
        """Return the state at the start of the next epoch."""
        run = {'run_images': self.run_images + self.images, 'run_seconds': self.run_seconds + self.seconds}
        counts = {'step': self.step, 'skipped': self.skipped, 'bad_in_row': self.bad_in_row}
        return State(epoch=self.epoch + 1, lr=self.lr, **counts, **run)


class Loop:
    """A training loop that can stop and resume at any step.

    Args:
        task: The task, which owns the model and its moving average and computes the loss.
        optimizer: The optimizer of the task's parameters.
        scheduler: Sets the learning rate after every step; None for a constant one.
        config: Gradient accumulation, limits and logging.
        seed: Seed of the random numbers in a step.
        clip: Clips the gradients before a step; None for no clipping.
        autocast: Makes the context of a forward pass.
        scaler: Loss scaler for float16; None for other types.
        mixup: Mixup and cutmix of a batch; None for neither.
        processes: Processes of the run; None for a single one.
        predict: Gives what the evaluator of the task takes, of a model, inputs and targets; None for `model(inputs)`.

    Attributes:
        state: Position of the run.
        stop_wanted: Called in every step; returns whether this process shall stop.
        stopping: Whether any process shall stop.
        step_loss: Mean loss of the last step over all processes; not finite if the step was skipped.
        on_first_batch: Called with the images of the first batch of the run, `[B, C, H, W]`, as the model gets them.
        on_step: Called after every step.
        on_eval_batch: Called after every batch of an evaluation.
    """

    def __init__(
        self,
        task: TrainingTask,
        optimizer: torch.optim.Optimizer,
        scheduler: Scheduler | None,
        config: LoopConfig,
        seed: int = 42,
        clip: GradientClip | None = None,
        autocast: Callable[[], AbstractContextManager] = nullcontext,
        scaler: torch.amp.GradScaler | None = None,
        mixup: Mixup | None = None,
        processes: Processes | None = None,
        predict: Callable[[nn.Module, torch.Tensor, torch.Tensor], Any] | None = None,
    ) -> None:
        self.task = task
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.config = config
        self.seed = seed
        self.autocast = autocast
        self.scaler = scaler
        self.mixup = mixup
        self.clip = clip or GradientClip(unwrap_model(task.get_trainable_module()))
        self.processes = processes or Processes(task.device)
        self.predict = predict or (lambda model, inputs, targets: model(inputs))
        self.state = State()
        self.sample: torch.Tensor | None = None  # a batch of images as they are evaluated
        self.sharded = is_sharded(plain_module(unwrap_model(task.get_trainable_module())))
        self.stop_wanted: Callable[[], bool] = lambda: False
        self.stopping = False
        self.step_loss = math.nan
        self.on_first_batch: Callable[[torch.Tensor], None] = lambda images: None
        self.on_step: Callable[[], None] = lambda: None
        self.on_eval_batch: Callable[[], None] = lambda: None
        self._statistics = running_statistics(task.get_trainable_module())

    @property
    def step(self) -> int:
        """Number of steps since the start of the run, skipped ones included."""
        return self.state.step

    @property
    def done(self) -> bool:
        """Whether `--max-steps` has been reached."""
        return self.config.max_steps is not None and self.step >= self.config.max_steps

    @property
    def evaluated_model(self) -> nn.Module:
        """The model that is evaluated, without wrappers: the moving average if there is one."""
        return unwrap_model(self.task.get_eval_model(ema=self.task.has_ema()))

    def train_one_epoch(self, loader: TrainLoader, progress: Progress) -> EpochStats:
        """Train to the end of the epoch, or until `--max-steps`.

        Args:
            loader: The training loader, which begins with batch `state.batch`.
            progress: The progress bar.

        Raises:
            Diverged: `--max-bad-steps` steps in a row were skipped; `state` is reset to the last step before them.
            DeadWorkers: loader processes died several times in a row; `state` is that of the last step.
        """
        self.task.train()
        state, last_good = self.state, replace(self.state)
        accum, batches = self.config.grad_accum_steps, len(loader)
        recent: deque[float] = deque(maxlen=self.config.log_interval)
        start, images, images_before = time.perf_counter() - state.seconds, state.images, state.images
        began = time.perf_counter()
        losses: list[tuple[int, float]] = []  # images and loss of each batch of a step
        problem, statistics = None, []
        self.optimizer.zero_grad()
        for index, (image, target) in enumerate(() if self.done else loader, state.batch):
            first = index - index % accum
            update = (index + 1) % accum == 0 or index + 1 == batches
            if index == first:
                statistics = [buffer.clone() for buffer in self._statistics]
            seed = derive_seed(self.seed, state.epoch, index, self.processes.rank)
            seed_generators(seed, self.task.device)
            if self.mixup is not None:
                image, target = self.mixup(image, target)
            if state.step == 0 and index == 0:
                self.on_first_batch(image)
            with nullcontext() if update else self.task.no_sync():
                with self.autocast():
                    loss = self.task(image, target)['loss']
                self._backward(loss / min(accum, batches - first))
            value = loss.item()
            losses.append((len(image), value))
            if math.isfinite(value):
                recent.append(value)
            images += len(image) * self.processes.count
            if problem is None and not math.isfinite(value):
                problem = self._find_nonfinite(seed, image, target)
            if update:
                if self.sharded:
                    average_whole_gradients(self.task.trainable_module, self.processes)
                norms = self._clip_gradients()
                if problem is None and not self._are_finite(norms):
                    problem = self._find_nonfinite(seed, image, target)
                state.lr = self._lr()
                loss_sum, count = sum(n * value for n, value in losses), sum(n for n, _ in losses)
                loss_sum, count, bad, stop = self.processes.sum(
                    [loss_sum, count, problem is not None, self.stop_wanted()]
                )
                self.stopping = self.stopping or bool(stop)
                self.step_loss = loss_sum / count
                if bad:
                    self._skip(losses, problem, statistics)
                else:
                    self._make_step()
                    state.bad_in_row = 0
                    state.loss_sum += loss_sum
                    state.loss_images += int(count)
                    state.norms = _add_norms(state.norms, norms)
                losses, problem = [], None
                state.batch, state.images = index + 1, images
                state.step += 1
                state.seconds = time.perf_counter() - start
                self.optimizer.zero_grad()
                if self.scheduler is not None:
                    self.scheduler.step_update(state.step)
                if not bad:
                    last_good = replace(state)
                elif state.bad_in_row >= self.config.max_bad_steps:
                    self.state = replace(last_good, skipped=state.skipped)
                    raise Diverged(f'{state.bad_in_row} steps in a row, up to step {state.step}, were not finite')
            rate = (images - images_before) / (time.perf_counter() - began)
            progress.update(index + 1, sum(recent) / max(len(recent), 1), state.lr or self._lr(), rate)
            if update:
                if self.processes.count == 1:  # several processes agree on it together with the loss
                    self.stopping = self.stop_wanted()
                self.on_step()
            if self.done:
                break
        loss = state.loss_sum / max(state.loss_images, 1)
        return EpochStats(loss, state.lr, state.images, state.seconds, _mean_norms(state.norms))

    def _backward(self, loss: torch.Tensor) -> None:
        (loss if self.scaler is None else self.scaler.scale(loss)).backward()

    def _clip_gradients(self) -> dict[str, float]:
        """Unscale and clip the gradients, and return their norms before clipping."""
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizer)
        norms = self.clip()
        names = ('grad_norm', 'man_grad_norm')
        return {name: norm.item() for name, norm in zip(names, norms, strict=True) if norm is not None}

    def _are_finite(self, norms: dict[str, float]) -> bool:
        """Whether the gradients are finite, or overflow in a way that the scaler fixes by a smaller scale."""
        overflow = self.scaler is not None and self.scaler.get_scale() > 1
        return overflow or all(map(math.isfinite, norms.values()))

    def _make_step(self) -> None:
        if self.scaler is None:
            self.optimizer.step()
        else:
            self.scaler.step(self.optimizer)
            self.scaler.update()
        # Skipped steps do not count, because timm's moving average starts with the weights after the first step.
        self.task.update_ema(step=self.state.step - self.state.skipped + 1)

    def _skip(self, losses: list[tuple[int, float]], problem: str | None, statistics: list[torch.Tensor]) -> None:
        """Skip a step, without changing the weights, the state of the optimizer or the moving average."""
        state = self.state
        state.skipped += 1
        state.bad_in_row += 1
        for buffer, before in zip(self._statistics, statistics, strict=True):
            buffer.copy_(before)
        if self.scaler is not None:
            self.scaler.update()
        if problem is not None:
            shown = ', '.join(f'{value:.4g}' for _, value in losses)
            who = f', process {self.processes.rank}' if self.processes.count > 1 else ''
            print(
                f'step {state.step + 1}{who}: skipped, not finite: {problem} (training loss {shown}; '
                f'{state.bad_in_row} in a row, {state.skipped} in all)',
                file=sys.stderr,
                flush=True,
            )

    def _find_nonfinite(self, seed: int, image: torch.Tensor, target: torch.Tensor) -> str:
        if self.sharded:  # repeating the step on one process would wait for the others
            return 'in a sharded model, where the module is not looked for'
        seed_generators(seed, self.task.device)
        scale = 1.0 if self.scaler is None else self.scaler.get_scale()
        return find_nonfinite(self.task, image, target, self.autocast, scale)

    def _lr(self) -> float:
        return max(group['lr'] for group in self.optimizer.param_groups)

    def evaluate(self, loader: DataLoader | PrefetchLoader) -> dict[str, float]:
        """Return what the evaluator of the task measures of the model, or of its moving average if there is one.

        In classification these are `loss`, `top1` and `top5` (percent).

        All processes must call this method; the result covers the images of all of them.

        Args:
            loader: Loader of this process's share of the images.

        Raises:
            DeadWorkers: loader processes died several times in a row.
            NotFinite: the loss is not finite.
        """
        with torch.no_grad() if self.sharded else torch.inference_mode():  # FSDP does not work with inference tensors
            evaluator = replace_dead_workers(loader, lambda: self._evaluate(loader), 'the evaluation')
        metrics = dict(evaluator.compute(distributed=self.processes.count > 1))
        if not math.isfinite(metrics['loss']):
            raise NotFinite(
                f'the loss at evaluation is {metrics["loss"]}, after step {self.step}; what was saved is kept. '
                'Try a smaller --lr or --clip-grad 1'
            )
        return metrics

    def _evaluate(self, loader: DataLoader | PrefetchLoader) -> Any:
        model = plain_module(self.task.get_eval_model(ema=self.task.has_ema()))
        model.eval()
        evaluator = self.task.create_evaluator(max_samples=evaluation_sample_limit(loader))
        batches = itertools.islice(loader, self.config.limit_eval_batches)
        count = min(len(loader), self.config.limit_eval_batches or len(loader))
        for image, target in tqdm(batches, desc='evaluation', total=count, leave=False, disable=None):
            if self.sample is None:
                self.sample = image
            with self.autocast():
                output = self.predict(model, image, target)
            evaluator.update(output, target)
            self.on_eval_batch()
        return evaluator


def _add_norms(sums: dict[str, tuple[float, int]], norms: dict[str, float]) -> dict[str, tuple[float, int]]:
    """Add the gradient norms of a step to the sum and the count of each norm.

    A norm that is not finite, as in a step that the loss scaler skips, is not counted.
    """
    total = {name: sums.get(name, (0.0, 0)) for name in norms}
    return {name: (s + norms[name], n + 1) if math.isfinite(norms[name]) else (s, n) for name, (s, n) in total.items()}


def _mean_norms(sums: dict[str, tuple[float, int]]) -> dict[str, float]:
    """Return the mean of each norm; NaN for a norm that was never finite."""
    return {name: s / n if n else math.nan for name, (s, n) in sums.items()}

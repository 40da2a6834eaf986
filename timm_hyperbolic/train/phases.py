"""Parameters and precision that change between epochs, set by the epoch number alone so that runs can be resumed."""

from timm.task import TrainingTask
from torch import nn

from ..config.run import PhaseConfig
from ..layers import HyperbolicModule
from .model import matching
from .processes import Processes, wrap_task

__all__ = ['Phases']


class Phases:
    """Prepares a task for an epoch: freezes parameters and turns hAMP on or off.

    A frozen parameter has no gradient, so that optimizers change neither it nor its state, and apply no weight decay.

    Args:
        task: The task of `model`, with its moving average if there is one.
        model: The trained model; patterns match the names of its parameters.
        config: Which parameters are trained in which epochs, and when hAMP starts.
        processes: Processes of the run.

    Raises:
        UserError: a pattern matches no parameter.
    """

    def __init__(
        self, task: TrainingTask, model: nn.Module, config: PhaseConfig, processes: Processes | None = None
    ) -> None:
        self.task, self.config = task, config
        self.processes = processes or Processes(task.device)
        self._parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self._chosen = matching(config.train_only or (), self._parameters, '--train-only')

    def begin(self, epoch: int) -> None:
        """Prepare the task for an epoch, whatever epoch came before it.

        Args:
            epoch: Number of the epoch, from 0.
        """
        self._freeze(bool(self.config.train_only) and epoch < (self.config.train_only_epochs or epoch + 1))
        if self.config.hamp:
            for ema in (False, True):
                module = self.task.get_trainable_module(ema=ema)
                for layer in module.modules() if module is not None else ():
                    if isinstance(layer, HyperbolicModule):
                        layer.hamp = epoch >= self.config.hamp_start_epoch

    def _freeze(self, all_others: bool) -> None:
        changed = False
        for name, p in self._parameters.items():
            train = not all_others or name in self._chosen
            changed |= p.requires_grad != train
            p.requires_grad_(train)
            if not train:
                p.grad = None
        if changed:
            # DistributedDataParallel only handles parameters that are trainable when it is created.
            wrap_task(self.task, self.processes)

    def __str__(self) -> str:
        """Return a line on what is trained in which epochs; empty if all parameters are trained in all epochs."""
        if not self.config.train_only:
            return ''
        which = f'{len(self._chosen)} of {len(self._parameters)} parameters ({", ".join(self.config.train_only)})'
        epochs = self.config.train_only_epochs
        first = 'epoch 1' if epochs == 1 else f'epochs 1 to {epochs}'
        return f'training {which} in {f"{first}, then all of them" if epochs else "all epochs"}'

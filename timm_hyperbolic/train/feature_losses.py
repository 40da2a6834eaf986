"""Losses on features and on the scores of a basin head, added to the loss of a task."""

from __future__ import annotations

from typing import Any

from timm.task import TrainingTask
from torch import Tensor, nn

from ..config.losses import FeatureLossConfig
from ..data.class_tree import read_tree, tree_of_classes
from ..errors import UserError
from ..layers import BasinHead, ProjectedHead
from ..losses import BasinLoss, PairwiseCrossEntropy, TreeCorrelation
from ..models.hyperbolic_model import classifiers_of

__all__ = ['FeatureLosses', 'add_feature_losses']


class _Recorder:
    """Keeps what a hook sees in a forward pass in training, until it is taken."""

    def __init__(self) -> None:
        self.seen: Any = None

    def before(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        """See the inputs of a module."""
        if module.training:
            self.seen = inputs[0]

    def after(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        """See the output of a module."""
        if module.training:
            self.seen = output

    def take(self) -> Any:
        """Return what was seen, and keep it no longer."""
        seen, self.seen = self.seen, None
        return seen


class FeatureLosses(nn.Module):
    """`w·L + a·(1 - ρ) + b·L_pairs + L_basin`: losses that a task adds to its loss `L` on the labels.

    `1 - ρ` is `TreeCorrelation` and `L_pairs` is `PairwiseCrossEntropy`, of the inputs of the classifier, or of the
    projected features where the classifier is a `ProjectedHead`. `L_basin` is `BasinLoss` without its cross-entropy of
    the fused logits, which `L` is. Each part is 0 where its option is off or the classifier is another one.

    Args:
        model: The model that the task trains. Hooks on its classifier read the features.
        config: The weights.
        label_weight: The weight `w`.
        splits: Number of differently augmented copies of each image in a batch; 0 for one copy.
        classes: Names of the classes of the data set by label, in whose order those of the tree are brought.

    Raises:
        UserError: the model has no classifier, a tree is missing, or its classes are not those of the model.
    """

    def __init__(
        self,
        model: nn.Module,
        config: FeatureLossConfig,
        label_weight: float = 1.0,
        splits: int = 0,
        classes: list[str] | None = None,
    ) -> None:
        super().__init__()
        self.label_weight, self.splits = label_weight, splits
        self.weights = {'tree': config.tree_correlation, 'pairwise': config.pairwise}
        self.by_class = config.pairwise_pairs == 'class'
        self._features, self._scores = _Recorder(), _Recorder()
        self.basin = self.tree = self.pairwise = None
        head = next((m for m in _classifiers(model) if not isinstance(m, nn.Identity)), None)
        if isinstance(head, BasinHead):
            self.basin = BasinLoss(config.basin_contrast, config.basin_position, config.basin_agreement, fused=0.0)
            head.readout.register_forward_pre_hook(self._scores.before)
        if config.tree_correlation:
            tree = read_tree(config.hierarchy)
            tree = tree_of_classes(tree, classes, model.num_classes, model, None, config.hierarchy)
            self.tree = TreeCorrelation.of(tree)
        if config.pairwise:
            self.pairwise = PairwiseCrossEntropy(
                config.pairwise_temperature, config.pairwise_curvature, geometry=config.pairwise_geometry
            )
        if config.tree_correlation or config.pairwise:
            if head is None:
                flag = '--tree-correlation' if config.tree_correlation else '--pairwise'
                raise UserError(f'{flag}: the model has no classifier, whose inputs are the features')
            if isinstance(head, ProjectedHead):
                head.project.register_forward_hook(self._features.after)
            else:
                head.register_forward_pre_hook(self._features.before)

    def add(self, task: nn.Module, inputs: tuple[Tensor, Tensor], result: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return what the task returned with the losses added to its loss; a forward hook of the task."""
        target = inputs[1]
        loss = self.label_weight * result['loss']
        if self.basin is not None:
            loss = loss + self.basin(self._scores.take(), target).to(loss.dtype)
        if self.tree is not None or self.pairwise is not None:
            features = self._features.take().flatten(1)
            if self.tree is not None:
                loss = loss + self.weights['tree'] * self.tree(features, target).to(loss.dtype)
            if self.pairwise is not None:
                loss = loss + self.weights['pairwise'] * self._pairs(features, target).to(loss.dtype)
        return {**result, 'loss': loss}

    def _pairs(self, features: Tensor, target: Tensor) -> Tensor:
        if self.by_class:
            return self.pairwise(features, target)
        # timm's loader puts the first copy of all images before the second one.
        return self.pairwise(features.unflatten(0, (self.splits, -1)).transpose(0, 1))


def add_feature_losses(
    task: TrainingTask,
    model: nn.Module,
    config: FeatureLossConfig,
    label_weight: float = 1.0,
    splits: int = 0,
    classes: list[str] | None = None,
) -> None:
    """Have a task add the losses that the options and the head of its model ask for.

    Args:
        task: The task.
        model: The model that it trains.
        config: The weights.
        label_weight: The weight of the task's own loss.
        splits: Number of differently augmented copies of each image in a batch; 0 for one copy.
        classes: Names of the classes of the data set by label, in whose order those of a tree are brought.

    Raises:
        UserError: see `FeatureLosses`.
    """
    losses = FeatureLosses(model, config, label_weight, splits, classes)
    if any(part is not None for part in (losses.basin, losses.tree, losses.pairwise)):
        task.feature_losses = losses.to(task.device)
        task.register_forward_hook(losses.add)


def _classifiers(model: nn.Module) -> list[nn.Module]:
    return list(classifiers_of(model).values()) if hasattr(model, 'get_classifier') else []

from contextlib import nullcontext

import pytest
import timm
import torch
from timm.task import ClassificationTask
from torch import nn

import timm_hyperbolic  # noqa: F401
from timm_hyperbolic.train.nonfinite import find_nonfinite, running_statistics


@pytest.fixture
def task() -> ClassificationTask:
    torch.manual_seed(0)
    model = timm.create_model(
        'vit_tiny_patch4_hyp_all', embed_dim=24, depth=2, num_heads=3, img_size=8, num_classes=10, num_centroids=4
    )
    return ClassificationTask(model)


def fault(task, image=None, scale: float = 1.0) -> str:
    image = torch.randn(2, 3, 8, 8) if image is None else image
    return find_nonfinite(task, image, torch.tensor([0, 1]), nullcontext, scale)


def test_the_module_whose_output_is_not_finite_first_is_named(task):
    handle = task.trainable_module.blocks[1].mlp.fc1.register_forward_hook(lambda module, args, out: out * torch.nan)
    assert fault(task) == 'first in the output of blocks.1.mlp.fc1'
    handle.remove()
    assert fault(task) == 'not found again when the step was repeated'


def test_images_and_parameters_come_before_modules(task):
    assert fault(task, torch.full((2, 3, 8, 8), torch.nan)) == 'the images of the batch are not finite'
    nn.init.constant_(task.trainable_module.blocks[0].norm1.weight, torch.inf)
    assert fault(task) == 'the parameter blocks.0.norm1.weight is not finite'


def test_the_loss_itself(task):
    task.criterion.register_forward_hook(lambda module, args, out: out * torch.inf)
    assert fault(task) == 'first in the loss'


def test_the_first_gradient_on_the_way_back(task):
    task.trainable_module.blocks[1].norm2.weight.register_hook(lambda g: g * torch.nan)
    task.trainable_module.blocks[0].norm1.weight.register_hook(lambda g: g * torch.nan)
    assert fault(task) == 'first in the gradient, that of blocks.1.norm2.weight'
    assert all(p.grad is None for p in task.parameters())


def test_a_scale_that_is_too_large_shows_in_the_gradient(task):
    assert fault(task, scale=torch.finfo(torch.float32).max).startswith('first in the gradient, that of')


def test_only_batch_normalisation_keeps_statistics(task):
    assert running_statistics(task.trainable_module) == []
    assert len(running_statistics(nn.Sequential(nn.BatchNorm2d(3), nn.BatchNorm2d(3, track_running_stats=False)))) == 3

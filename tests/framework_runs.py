"""Twenty steps of hypadamw under another framework, and by a loop of plain torch: the same weights.

    python tests/framework_runs.py accelerate

Frameworks change logging and more, and so have a process of their own. It ends with what differed.
"""

from __future__ import annotations

import copy
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import safetensors.torch
import timm
import torch
import torch.distributed.checkpoint as checkpoint
from timm.optim import create_optimizer_v2
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_state_dict, set_state_dict
from torch.utils.data import DataLoader

import timm_hyperbolic  # noqa: F401  registers the models and the optimizer

STEPS = 20
KWARGS = {'img_size': 8, 'embed_dim': 24, 'depth': 1, 'num_heads': 3, 'num_classes': 5, 'num_centroids': 4}
NAME = 'vit_tiny_patch4_hyp_all'


def create(seed: int, name: str = NAME) -> nn.Module:
    torch.manual_seed(seed)
    return timm.create_model(name, **KWARGS)


def batches(steps: range = range(STEPS)) -> Iterator[tuple[Tensor, Tensor]]:
    for step in steps:
        yield torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(step)), torch.arange(4)


def optimizer_of(model: nn.Module) -> torch.optim.Optimizer:
    return create_optimizer_v2(model, 'hypadamw', lr=0.01, weight_decay=0.05)


def scheduler_of(optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler:
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min((step + 1) / 5, 1.0))


def train(model: nn.Module, optimizer=None, scheduler=None, steps: range = range(STEPS)) -> nn.Module:
    """The loop of plain torch."""
    optimizer = optimizer or optimizer_of(model)
    scheduler = scheduler or scheduler_of(optimizer)
    for x, y in batches(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        scheduler.step()
    return model


def aligned(model: nn.Module) -> nn.Module:
    """The model, with each weight in memory of its own: matrix products round otherwise within a mapped file."""
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.data = tensor.data.clone()
    return model


def assert_same(found: nn.Module, expected: nn.Module, start: nn.Module) -> None:
    ours, theirs, before = found.state_dict(), expected.state_dict(), start.state_dict()
    assert ours.keys() == theirs.keys()
    different = [name for name in ours if not torch.equal(ours[name], theirs[name])]
    assert not different, different
    assert any(not torch.equal(theirs[name], before[name]) for name in theirs)
    for module in found.modules():
        for name in getattr(module, 'manifold_names', ()):
            assert module.get_parameter(name).manifold.curvature is module.curvature, name


def accelerate(folder: Path) -> None:
    from accelerate import Accelerator, init_empty_weights, load_checkpoint_and_dispatch

    start = create(0)
    safetensors.torch.save_file(start.state_dict(), folder / 'model.safetensors')
    with init_empty_weights():
        model = create(1)
    model = load_checkpoint_and_dispatch(model, str(folder / 'model.safetensors'), device_map={'': 'cpu'})
    accelerator = Accelerator(cpu=True)
    optimizer = optimizer_of(aligned(model))
    model, optimizer, scheduler = accelerator.prepare(model, optimizer, scheduler_of(optimizer))
    for x, y in batches():
        optimizer.zero_grad()
        accelerator.backward(nn.functional.cross_entropy(model(x), y))
        optimizer.step()
        scheduler.step()
    assert_same(accelerator.unwrap_model(model), train(copy.deepcopy(start)), start)


def transformers(folder: Path) -> None:
    from transformers import TimmWrapperConfig, TimmWrapperForImageClassification, get_cosine_schedule_with_warmup

    start = create(0)
    model_args = {key: value for key, value in KWARGS.items() if key != 'num_classes'}
    config = TimmWrapperConfig(architecture=NAME, num_labels=KWARGS['num_classes'], model_args=model_args)
    wrapper = TimmWrapperForImageClassification(config)
    wrapper.timm_model.load_state_dict(start.state_dict())
    wrapper.save_pretrained(folder)
    wrapper = aligned(TimmWrapperForImageClassification.from_pretrained(folder)).train()
    optimizer = optimizer_of(wrapper.timm_model)
    scheduler = get_cosine_schedule_with_warmup(optimizer, 5, STEPS)
    for x, y in batches():
        optimizer.zero_grad()
        wrapper(pixel_values=x, labels=y).loss.backward()
        optimizer.step()
        scheduler.step()
    expected = copy.deepcopy(start)
    optimizer = optimizer_of(expected)
    train(expected, optimizer, get_cosine_schedule_with_warmup(optimizer, 5, STEPS))
    assert_same(wrapper.timm_model, expected, start)


class LowRank(nn.Module):
    """A frozen linear map and a low-rank one beside it, by hand."""

    def __init__(self, linear: nn.Linear, down: Tensor) -> None:
        super().__init__()
        self.linear, self.down = linear, nn.Parameter(down.detach().clone())
        self.up = nn.Parameter(torch.zeros(linear.out_features, len(down)))

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) + x @ self.down.T @ self.up.T


def peft(folder: Path) -> None:
    from peft import LoraConfig, PeftModel, get_peft_model

    start = create(0, 'vit_tiny_patch4_hyp_head_pos_res')
    config = LoraConfig(target_modules=['fc1'], modules_to_save=['head'], r=2, lora_alpha=2)
    model = get_peft_model(copy.deepcopy(start), config)
    model.save_pretrained(folder)
    model = PeftModel.from_pretrained(copy.deepcopy(start), folder, is_trainable=True)
    expected = copy.deepcopy(start).requires_grad_(False)
    expected.head.requires_grad_(True)
    for block, other in zip(expected.blocks, model.base_model.model.blocks, strict=True):
        block.mlp.fc1 = LowRank(block.mlp.fc1, other.mlp.fc1.lora_A['default'].weight)
    train(model)
    train(expected)
    assert_same(model.base_model.model.head.modules_to_save['default'], expected.head, start.head)
    for block, other in zip(expected.blocks, model.base_model.model.blocks, strict=True):
        assert torch.equal(block.mlp.fc1.down, other.mlp.fc1.lora_A['default'].weight)
        assert torch.equal(block.mlp.fc1.up, other.mlp.fc1.lora_B['default'].weight)


def lightning(folder: Path) -> None:
    from lightning import LightningModule, Trainer

    class Module(LightningModule):
        def __init__(self, model: nn.Module) -> None:
            super().__init__()
            self.model = model

        def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
            return nn.functional.cross_entropy(self.model(batch[0]), batch[1])

        def configure_optimizers(self) -> dict:
            optimizer = optimizer_of(self.model)
            return {
                'optimizer': optimizer,
                'lr_scheduler': {'scheduler': scheduler_of(optimizer), 'interval': 'step'},
            }

    start = create(0)
    module = Module(copy.deepcopy(start))
    quiet = {'logger': False, 'enable_progress_bar': False, 'enable_model_summary': False}
    options = {'accelerator': 'cpu', 'default_root_dir': folder, 'enable_checkpointing': False, **quiet}
    half = STEPS // 2
    first, second = (DataLoader(list(batches(r)), batch_size=None) for r in (range(half), range(half, STEPS)))
    trainer = Trainer(max_epochs=1, **options)
    trainer.fit(module, first)
    trainer.save_checkpoint(folder / 'half.ckpt')
    module = Module(create(1))
    Trainer(max_epochs=2, **options).fit(module, second, ckpt_path=folder / 'half.ckpt')
    assert_same(module.model, train(copy.deepcopy(start)), start)


def distributed_checkpoint(folder: Path, full: bool) -> None:
    options = StateDictOptions(full_state_dict=full)
    start = create(0)
    half = STEPS // 2
    model = copy.deepcopy(start)
    optimizer = optimizer_of(model)
    scheduler = scheduler_of(optimizer)
    train(model, optimizer, scheduler, range(half))
    weights, state = get_state_dict(model, optimizer, options=options)
    checkpoint.save({'model': weights, 'optimizer': state}, checkpoint_id=folder)
    other = create(1)
    optimizer = optimizer_of(other)
    resumed = scheduler_of(optimizer)
    weights, state = get_state_dict(other, optimizer, options=options)
    checkpoint.load(content := {'model': weights, 'optimizer': state}, checkpoint_id=folder)
    weights, state = content['model'], content['optimizer']
    set_state_dict(other, optimizer, model_state_dict=weights, optim_state_dict=state, options=options)
    resumed.load_state_dict(scheduler.state_dict())
    train(other, optimizer, resumed, range(half, STEPS))
    assert_same(other, train(copy.deepcopy(start)), start)


if __name__ == '__main__':
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for framework in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as path:
            globals()[framework](Path(path))
        sys.stdout.write(f'{framework}: the same weights\n')

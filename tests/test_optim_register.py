"""The optimizers in timm's registry, driven as timm's train.py drives it."""

from __future__ import annotations

import argparse
import copy
import importlib
import io
from pathlib import Path

import pytest
import timm
import torch
from timm.optim import create_optimizer_v2, get_optimizer_class, list_optimizers, optimizer_kwargs
from timm.scheduler import create_scheduler_v2, scheduler_kwargs
from timm.task import ClassificationTask, load_task_ema_checkpoint, resume_task_checkpoint
from timm.utils import CheckpointSaver, dispatch_clip_grad
from torch import nn

import timm_hyperbolic
from timm_hyperbolic.constants import RIEMANNIAN
from timm_hyperbolic.optim import learning_rate

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')

# The values that timm's train.py gives its flags where the command line has nothing but --opt.
TIMM_ARGS = {
    'opt_eps': None,
    'opt_betas': None,
    'momentum': 0.9,
    'weight_decay': 2e-5,
    'layer_decay': None,
    'lr': 1e-3,
    'sched': 'cosine',
    'sched_on_updates': True,
    'epochs': 3,
    'warmup_epochs': 1,
    'warmup_lr': 1e-5,
    'min_lr': 0.0,
    'cooldown_epochs': 0,
    'decay_epochs': 90,
    'decay_milestones': [90, 180],
    'decay_rate': 0.1,
    'patience_epochs': 10,
    'warmup_prefix': False,
    'lr_noise': None,
    'lr_noise_pct': 0.67,
    'lr_noise_std': 1.0,
    'seed': 42,
    'lr_cycle_mul': 1.0,
    'lr_cycle_decay': 0.5,
    'lr_cycle_limit': 1,
    'lr_k_decay': 1.0,
}


def tiny(name: str = 'vit_tiny_patch4_hyp_all') -> nn.Module:
    return timm.create_model(name, img_size=8, embed_dim=12, depth=2, num_heads=3, num_classes=5, num_centroids=4)


def train_step(model: nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> float:
    generator = torch.Generator().manual_seed(seed)
    image, target = torch.randn(4, 3, 8, 8, generator=generator), torch.arange(4)
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(image), target)
    loss.backward()
    optimizer.step()
    return loss.item()


@pytest.mark.parametrize('opt', RIEMANNIAN)
@pytest.mark.parametrize('extra', [{}, {'layer_decay': 0.75}, {'opt_betas': [0.8, 0.9], 'opt_eps': 1e-6}])
def test_the_calls_of_timm_s_script(opt: str, extra: dict) -> None:
    importlib.import_module('timm_hyperbolic')  # what --device-modules timm_hyperbolic does
    args = argparse.Namespace(**{**TIMM_ARGS, 'opt': opt, **extra})
    model = tiny()
    optimizer = create_optimizer_v2(model, **optimizer_kwargs(cfg=args), **{'man_lr_scale': 0.5})
    assert sum(len(group['params']) for group in optimizer.param_groups) == len(list(model.parameters()))
    scheduler, _ = create_scheduler_v2(optimizer, **scheduler_kwargs(args), updates_per_epoch=4)
    first = train_step(model, optimizer, 0)
    for update in range(1, 9):
        scheduler.step_update(update)
        last = train_step(model, optimizer, 0)
    assert last < first
    file = io.BytesIO()
    torch.save({'optimizer': optimizer.state_dict(), 'state_dict': model.state_dict()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    twin = tiny()
    twin.load_state_dict(saved['state_dict'])
    other = create_optimizer_v2(twin, **optimizer_kwargs(cfg=args), **{'man_lr_scale': 0.5})
    other.load_state_dict(saved['optimizer'])
    assert train_step(model, optimizer, 1) == train_step(twin, other, 1)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters(), strict=True))


@pytest.mark.parametrize('mode', ['norm', 'value', 'agc'])
def test_the_task_and_the_checkpoints_of_timm_s_script(mode: str, tmp_path: Path) -> None:
    args = argparse.Namespace(**{**TIMM_ARGS, 'opt': 'hypadamw', 'model': 'vit_tiny_patch4_hyp_all'})

    def make() -> tuple[ClassificationTask, torch.optim.Optimizer]:
        torch.manual_seed(1)
        task = ClassificationTask(tiny(), criterion_kwargs={'smoothing': 0.1}, device=torch.device('cpu'))
        return task, create_optimizer_v2(task.get_trainable_module(), **optimizer_kwargs(cfg=args))

    def step(task: ClassificationTask, optimizer: torch.optim.Optimizer, number: int) -> None:
        with torch.autocast('cpu', dtype=torch.bfloat16):
            loss = task(torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(number)), torch.arange(4))
        loss['loss'].backward()
        dispatch_clip_grad(task.get_clip_parameters(exclude_head=mode == 'agc'), value=0.1, mode=mode)
        optimizer.step()
        optimizer.zero_grad()
        task.update_ema(step=number)

    task, optimizer = make()
    task.setup_ema(decay=0.5)
    for number in (1, 2):
        step(task, optimizer, number)
    saver = CheckpointSaver(task.get_trainable_module(), optimizer, args, checkpoint_dir=str(tmp_path), task=task)
    saver.save_checkpoint(0, metric=1.0)
    twin, other = make()
    last = str(tmp_path / 'last.pth.tar')
    assert resume_task_checkpoint(twin, last, optimizer=other, log_info=False) == 1
    twin.setup_ema(decay=0.5)
    load_task_ema_checkpoint(twin, last)
    for pair in ((task, optimizer), (twin, other)):
        step(*pair, 3)
    for ema in (False, True):
        a, b = (t.get_eval_model(ema=ema).state_dict() for t in (task, twin))
        assert all(torch.equal(a[key], b[key]) for key in a)


def test_the_groups_of_a_hyperbolic_model() -> None:
    model = tiny()
    optimizer = create_optimizer_v2(model, 'hypadamw', lr=1.0, weight_decay=0.05)
    of = {id(p): group for group in optimizer.param_groups for p in group['params']}
    for name, p in model.named_parameters():
        group = of[id(p)]
        if name.endswith('curvature.raw'):
            assert (group['kind'], group['weight_decay'], learning_rate(group)) == ('curvature', 0, 1), name
        elif name.endswith(('p_in', 'p_out')) or name == 'head.weight':
            assert (group['kind'], group['weight_decay'], learning_rate(group)) == ('manifold', 0, 0.25), name
        else:
            plain = p.ndim > 1 and name.endswith('weight') and 'centroids' not in name
            decay = 0.05 if plain else 0
            assert (group['kind'], group['weight_decay'], learning_rate(group)) == ('euclidean', decay, 1), name


def test_the_flat_control_and_a_foreign_model_step_too() -> None:
    for model in (tiny('vit_tiny_patch4_flat_all'), tiny('vit_tiny_patch4_euclid')):
        optimizer = create_optimizer_v2(model, 'hypadamw', lr=1e-3)
        before = copy.deepcopy(model.state_dict())
        train_step(model, optimizer, 0)
        assert not torch.equal(model.head.weight, before['head.weight'])


def test_the_names_are_listed_with_their_classes() -> None:
    assert set(RIEMANNIAN) <= set(list_optimizers())
    assert get_optimizer_class('hypadamw') is timm_hyperbolic.HyperbolicAdamW
    assert get_optimizer_class('hypsgd') is timm_hyperbolic.HyperbolicSGD

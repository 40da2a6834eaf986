"""On a CUDA device: the same numbers as on the CPU, in every number type and under the compiler; and a training run."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from layer_cases import relative
from timm.optim import create_optimizer_v2
from tiny_hyp import images, moved
from torch import Tensor, nn
from train_helpers import run, summary

import timm_hyperbolic
from timm_hyperbolic.geometry import kernels

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device'),
    pytest.mark.usefixtures('fixed_seed'),
]

MODELS = ('head', 'pos', 'res', 'res0', 'resx', 'mlp', 'attn', 'all')
CUDA = torch.device('cuda')


def model_of(variant: str, **kwargs: Any) -> nn.Module:
    """A tiny model on which every gate is open, in float64 on the CPU."""
    return moved(f'vit_tiny_patch4_hyp_{variant}', embed_dim=24, **kwargs).double()


def outcome(model: nn.Module, x: Tensor, call: Any = None) -> tuple[Tensor, list[Tensor]]:
    """Logits, and the gradients of their weighted sum to every parameter, in float64 on the CPU."""
    logits = (model if call is None else call)(x)
    weight = torch.linspace(-1, 1, logits.numel(), device=x.device, dtype=torch.float64).view(logits.shape)
    gradients = torch.autograd.grad((logits.double() * weight).sum(), list(model.parameters()))
    return logits.detach().double().cpu(), [g.double().cpu() for g in gradients]


def differences(one: tuple[Tensor, list[Tensor]], other: tuple[Tensor, list[Tensor]]) -> tuple[float, float]:
    """The relative differences of the logits, and of all gradients as one vector."""
    flat = [torch.cat([g.flatten() for g in gradients]) for _, gradients in (one, other)]
    return relative(one[0], other[0]), relative(*flat)


@pytest.fixture(params=[True, False], ids=['kernels', 'definition'])
def with_kernels(request: pytest.FixtureRequest) -> Any:
    with kernels(request.param):
        yield request.param


@pytest.mark.parametrize('variant', MODELS)
def test_float32_on_the_gpu_is_float64_on_the_cpu(variant: str, with_kernels: bool) -> None:
    model = model_of(variant)
    expected = outcome(model, images(4).double())
    logits, gradients = differences(outcome(model.float().to(CUDA), images(4).to(CUDA)), expected)
    assert logits < 1e-5
    assert gradients < 1e-4


@pytest.mark.parametrize('variant', MODELS)
def test_float64_is_the_same_on_both_devices(variant: str) -> None:
    model = model_of(variant)
    expected = outcome(model, images(4).double())
    logits, gradients = differences(outcome(model.to(CUDA), images(4).double().to(CUDA)), expected)
    assert logits < 1e-10
    assert gradients < 1e-9


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize('hamp', [False, True])
@pytest.mark.parametrize('variant', MODELS)
def test_autocast_is_near_float64(variant: str, hamp: bool, dtype: torch.dtype) -> None:
    model = model_of(variant, hamp=hamp)
    expected, _ = outcome(model, images(4).double())
    model, x = model.float().to(CUDA), images(4).to(CUDA)
    with torch.autocast('cuda', dtype=dtype):
        logits, gradients = outcome(model, x)
    assert relative(logits, expected) < (0.1 if dtype == torch.bfloat16 else 0.02)
    assert all(g.isfinite().all() for g in gradients)


@pytest.mark.slow
@pytest.mark.parametrize('variant', ['res', 'res0', 'mlp', 'attn'])
def test_gradients_compiled_by_inductor_are_those_of_eager_mode(variant: str) -> None:
    torch.compiler.reset()
    model, x = model_of(variant).float().to(CUDA), images(4).to(CUDA)
    compiled = torch.compile(model, fullgraph=True)
    logits, gradients = differences(outcome(model, x, compiled), outcome(model, x))
    assert logits < 1e-5
    assert gradients < 1e-4


@pytest.mark.slow
def test_cuda_graphs_replay_the_same_steps() -> None:
    torch.compiler.reset()
    model = model_of('res').float().to(CUDA)
    compiled = torch.compile(model, fullgraph=True, mode='reduce-overhead')
    for step in range(4):  # the first warms up, the second records, the others replay
        x = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(step)).to(CUDA)
        torch.compiler.cudagraph_mark_step_begin()
        logits, gradients = differences(outcome(model, x, compiled), outcome(model, x))
        assert logits < 1e-5
        assert gradients < 1e-4


@pytest.mark.parametrize('name', ['hypadamw', 'hypsgd'])
def test_optimizer_steps_as_on_the_cpu(name: str) -> None:
    here, there = (model.to(device) for model, device in ((model_of('all'), 'cpu'), (model_of('all'), CUDA)))
    for model in (here, there):
        optimizer = create_optimizer_v2(model, name, lr=1e-2, weight_decay=0.05, momentum=0.9)
        generator = torch.Generator().manual_seed(3)
        for _ in range(5):
            for p in model.parameters():
                p.grad = torch.randn(p.shape, generator=generator, dtype=torch.float64).to(p.device)
            optimizer.step()
    for (at, a), b in zip(here.named_parameters(), there.parameters(), strict=True):
        assert torch.allclose(a, b.cpu(), rtol=1e-9, atol=1e-12), at


def test_no_tensor_of_batch_times_classes_times_width() -> None:
    batch, classes, dim = 256, 10_000, 192
    head = timm_hyperbolic.layers.HyperbolicHead(dim, classes, device=CUDA)
    x = torch.randn(batch, dim, device=CUDA, requires_grad=True)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    head(x).square().mean().backward()
    assert torch.cuda.max_memory_allocated() - before < 4 * batch * classes * 24


def test_model_that_comes_back_from_the_gpu_is_the_same() -> None:
    model = model_of('all')
    back = copy.deepcopy(model).to(CUDA).cpu()
    assert torch.equal(back(images(4).double()), model(images(4).double()))
    for one, other in zip(model.parameters(), back.parameters(), strict=True):
        assert type(one) is type(other)


@pytest.mark.slow
@pytest.mark.parametrize(
    'flags',
    [
        ['--amp', '--hamp'],
        ['--amp', '--amp-dtype', 'float16', '--hamp', '--data-in-memory', '--model-ema'],
        ['--data-in-memory', '--reprob', '0.5'],
    ],
    ids=' '.join,
)
def test_run_on_the_gpu_learns_and_is_resumed(tmp_path: Any, flags: list[str]) -> None:
    pytest.importorskip('sklearn')
    common = ['--device', 'cuda', '--model', 'vit_tiny_patch4_hyp_all', *flags]
    status, folder = run(tmp_path, *common, '--epochs', '2', steps=None)
    assert status == 0
    rows = summary(folder)
    assert rows[-1]['train_loss'] < rows[0]['train_loss']
    status, folder = run(tmp_path, *common, '--epochs', '3', '--resume', 'auto', steps=None)
    assert status == 0
    assert len(summary(folder)) == 3

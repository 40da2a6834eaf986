"""Graphs of our models: for any batch size, and with torch.func.

Here are some variants; `benchmarks/graphs.py` makes every check with every variant.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
import torch
from layer_cases import CASES, relative
from tiny_hyp import FLAT, HYPERBOLIC, images, moved
from torch._dynamo.testing import CompileCounterWithBackend
from torch.func import functional_call, jvp

from timm_hyperbolic.geometry import kernels, ops
from timm_hyperbolic.layers import OriginResidual

sys.path.append(str(Path(__file__).resolve().parent.parent / 'benchmarks'))

from graph_checks import CHECKS, Found

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')

VIT = 'vit_tiny_patch4_hyp'


def check(what: str, name: str) -> Found:
    """What a check finds of a tiny model of one block."""
    generator = torch.Generator().manual_seed(2)
    found = CHECKS[what](moved(name, depth=1), lambda size: torch.randn(size, 3, 16, 16, generator=generator))
    assert found.is_kept, found
    return found


@pytest.mark.slow
@pytest.mark.parametrize('name', [f'{VIT}_pos', f'{VIT}_attn'])
def test_compiler_makes_no_graph_after_the_first_dynamic_one(name: str) -> None:
    assert check('compile eval', name).graphs == (1, 2, 2, 2, 2)


@pytest.mark.slow
@pytest.mark.parametrize(('what', 'name'), [('export', f'{VIT}_mlp'), ('export strict', f'{VIT}_res')])
def test_exported_program_takes_any_batch(what: str, name: str) -> None:
    check(what, name)


@pytest.mark.slow
@pytest.mark.parametrize('name', [f'{VIT}_head', f'{VIT}_attn'])  # by way of an exported program
def test_onnxruntime_gives_the_same_logits(name: str) -> None:
    assert check('onnxruntime', name).difference < 1e-4


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('name', [f'{VIT}_head', f'{VIT}_all'])
def test_the_exporter_of_onnx_that_traces_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r'\A.*use dynamo=True.*\Z'):
        torch.onnx.export(moved(name, depth=1).eval(), (images(),), tmp_path / 'model.onnx', dynamo=False)


@pytest.mark.parametrize('name', ['vit_tiny_patch4_euclid', *HYPERBOLIC, FLAT[-1]])
def test_gradients_of_each_image_by_torch_func(name: str) -> None:
    check('torch.func', name)


def test_functional_call_takes_other_parameters() -> None:
    model, other = moved().eval(), moved(depth=2, drop_rate=0.1).eval()
    with torch.no_grad():
        for p in other.parameters():
            p.mul_(0.5)
    expected = other(images())
    assert not torch.allclose(model(images()), expected, atol=1e-2)
    assert torch.equal(functional_call(model, dict(other.named_parameters()), (images(),)), expected)


def test_derivative_along_a_direction_is_that_of_differences() -> None:
    model, x = moved().double().eval(), images(dtype=torch.float64)
    direction = torch.randn(x.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    _, along = jvp(model, (x,), (direction,))
    step = 1e-5
    differences = (model(x + step * direction) - model(x - step * direction)) / (2 * step)
    assert relative(along, differences.detach()) < 1e-5


def test_definitions_are_used_within_torch_func_alone() -> None:
    seen = []

    def f(x):
        seen.append(ops.has_kernel(torch.ones(2)))
        return x.sum()

    f(torch.ones(2))
    torch.func.grad(f)(torch.ones(2))
    torch.func.vmap(f)(torch.ones(2, 2))
    f(torch.ones(2))
    assert seen == [True, False, False, True]
    with kernels(False):
        f(torch.ones(2))
    assert seen[-1] is False


@pytest.mark.slow
@pytest.mark.skipif(shutil.which('g++') is None, reason='inductor needs a C++ compiler')
def test_gradients_compiled_by_inductor_are_those_of_eager_mode() -> None:
    torch.compiler.reset()
    torch.manual_seed(0)
    first, branch, second = OriginResidual(), torch.nn.Linear(24, 24), OriginResidual()
    for residual in (first, second):
        residual.set_gate(0.4)

    def model(x):
        x = first(x, branch(x))
        return second(x, branch(x))

    x, weight = torch.randn(4, 5, 24, requires_grad=True), torch.randn(4, 5, 24)
    inputs = [x, *first.parameters(), *branch.parameters(), *second.parameters()]
    eager, compiled = (
        torch.autograd.grad((f(x) * weight).sum(), inputs) for f in (model, torch.compile(model, fullgraph=True))
    )
    for a, b in zip(eager, compiled, strict=True):
        assert torch.linalg.vector_norm(a - b) < 1e-5 * torch.linalg.vector_norm(a) + 1e-6
    torch.compiler.reset()


@pytest.mark.slow
@pytest.mark.parametrize('name', ['pos', 'linear-nobias'])
def test_the_second_graph_is_for_every_batch_in_training_too(name: str) -> None:
    torch.compiler.reset()
    (case,) = (case for case in CASES if case.name == name)
    x, *others = (t.detach() for t in case.inputs(torch.Generator().manual_seed(0), dtype=torch.float32))
    graphs = CompileCounterWithBackend('aot_eager')
    layer = torch.compile(case.build(torch.float32), fullgraph=True, backend=graphs)
    for batch in (4, 6, 3, 5):
        layer(x[:1].repeat(batch, 1, 1).requires_grad_(), *others).sum().backward()
    assert graphs.frame_count == 2

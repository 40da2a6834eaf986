"""Kernels for a GPU: right in Triton's interpreter, compiled without a GPU, and not used where they are wrong."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from timm_hyperbolic.geometry import Limits, formulas
from timm_hyperbolic.geometry.kernels import (
    attention_cpu,
    attention_gpu,
    cpu,
    gpu,
    library,
    logits_cpu,
    logits_gpu,
    trial,
)
from timm_hyperbolic.geometry.ops.choice import reason_for_definition, try_on_gpu
from timm_hyperbolic.geometry.ops.operation import clip_numbers
from timm_hyperbolic.layers import CenteredResidual

needs_triton = pytest.mark.skipif(not library.has_triton(), reason='Triton is made for Linux only')
KERNELS = (
    'centered_residual',
    'origin_residual',
    'point_residual',
    'positional_sum',
    'linear_map',
    'attention',
    'logits',
)


@needs_triton
@pytest.mark.slow
@pytest.mark.parametrize(
    'interpreter',
    [
        True,
        pytest.param(
            False,
            marks=[
                pytest.mark.gpu,
                pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device'),
            ],
        ),
    ],
    ids=['interpreted', 'on a GPU'],
)
def test_kernels_equal_their_formulas(interpreter: bool) -> None:
    file = Path(__file__).with_name('gpu_conformance.py')
    outcome = subprocess.run(
        [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', file],
        cwd=file.parents[1],
        env={**os.environ, 'TRITON_INTERPRET': str(int(interpreter))},
        capture_output=True,
        text=True,
    )
    assert outcome.returncode == 0, outcome.stdout[-5000:] + outcome.stderr[-2000:]


# --- compiled without a GPU -------------------------------------------------------------------------------------------


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Within a test kernels are compiled and not run; the text of their stages, by the name of the kernel."""
    triton = pytest.importorskip('triton')
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource
    from triton.runtime.jit import type_canonicalisation_dict as types

    found = {}

    def compile_only(self, *args, grid, warmup, num_warps=4, **kwargs) -> None:
        values = {**dict(zip(self.arg_names, args, strict=False)), **kwargs}
        signature, constants, attributes = {}, {}, {}
        for parameter in self.params:
            value = values[parameter.name]
            if parameter.is_constexpr:
                signature[parameter.name], constants[parameter.name] = 'constexpr', value
            elif isinstance(value, torch.Tensor):
                signature[parameter.name] = '*' + types[str(value.dtype).removeprefix('torch.')]
                attributes[parameter.num,] = [['tt.divisibility', 16]]
            else:
                signature[parameter.name] = parameter.annotation_type or 'i32'
        source = ASTSource(self, signature, constants, attributes)
        kernel = triton.compile(source, target=GPUTarget('cuda', 90, 32), options={'num_warps': num_warps})
        found[f'{self.fn.__module__.rpartition(".")[2]} {self.__name__}'] = kernel.asm

    monkeypatch.setattr(triton.runtime.jit.JITFunction, 'run', compile_only)
    return found


def assert_float64(compiled: dict[str, Any]) -> None:
    """That kernels became instructions, and compute in float64 alone; the types of vectors are converted."""
    for name, stages in compiled.items():
        assert '.entry' in stages['ptx']
        arithmetic = re.findall(r'= ((?:arith\.\w*f|math\.\w+) .*)', stages['ttir'])
        rest = [line for line in arithmetic if not line.startswith(('arith.extf', 'arith.truncf'))]
        assert len(rest) > 10 or name.endswith('write16')
        assert not [line for line in rest if re.search(r'\b(b?f16|f32)\b', line)]


compiles = pytest.mark.skipif(
    os.environ.get('TRITON_INTERPRET') == '1' or not library.has_triton(), reason='Triton does not compile here'
)


@compiles
@pytest.mark.slow
@pytest.mark.parametrize(
    ('formula', 'dtype', 'dim'),
    [
        (formulas.centered_residual, torch.bfloat16, 192),
        (formulas.origin_residual, torch.float16, 1),
        (formulas.point_residual, torch.float32, 4096),
        (formulas.positional_sum, torch.float64, gpu.WIDEST),
    ],
    ids=lambda value: getattr(value, 'name', str(value)),
)
def test_kernels_of_two_vectors_compile(compiled: dict[str, Any], formula, dtype, dim: int) -> None:
    x, numbers = torch.zeros(33, dim, dtype=dtype), torch.zeros(1 + len(formula.numbers), dtype=torch.float64)
    clip = clip_numbers(Limits(0.985))
    gpu.two_vectors(formula, x, x, numbers, clip)
    gpu.two_vectors_backward(formula, x, x, x, numbers, clip)
    assert {name.rpartition(' ')[2] for name in compiled} == {'write16', 'forward', 'backward'}
    assert_float64(compiled)


@compiles
@pytest.mark.slow
@pytest.mark.parametrize(('dtype', 'dim', 'out', 'parts'), [(torch.bfloat16, 192, 768, 1), (torch.float32, 64, 64, 3)])
def test_kernels_of_the_linear_layer_compile(compiled: dict[str, Any], dtype, dim: int, out: int, parts: int) -> None:
    x, centres = torch.zeros(33, dim, dtype=dtype), (torch.zeros(parts, dim), torch.zeros(parts, out))
    shared = torch.zeros(parts * out, dim), torch.zeros(parts * out), *centres, torch.zeros(parts, dtype=torch.float64)
    clip = clip_numbers(Limits(0.985))
    y, kept = gpu.linear(x, *shared, clip)
    gpu.linear_backward(y, x, *shared, y, kept, clip)
    assert {name.rpartition(' ')[2] for name in compiled} == {'write16', 'forward', 'backward'}
    assert_float64(compiled)


@compiles
@pytest.mark.slow
@pytest.mark.parametrize(('dtype', 'tokens', 'shared'), [(torch.float32, 65, 100), (torch.float64, 10, 300)])
def test_kernels_of_attention_compile(compiled: dict[str, Any], dtype: torch.dtype, tokens: int, shared: int) -> None:
    qkv, centroids = torch.zeros(2, tokens, 3, 2, 64, dtype=dtype), torch.zeros(2, shared, 64, dtype=dtype)
    numbers, keep = torch.zeros(3, dtype=torch.float64), torch.ones(2, 2, tokens, shared + tokens, dtype=torch.bool)
    clip = clip_numbers(Limits(0.985))
    for keep_some in (None, keep):
        out, known = attention_gpu.attention(qkv, centroids, numbers, keep_some, clip)
        attention_gpu.attention_backward(out, qkv, centroids, numbers, keep_some, out, known, clip)
    names = {'attended_point', 'midpoint', f'squared_distance_{str(dtype).removeprefix("torch.")}'}
    assert {name.rpartition(' ')[0] for name in compiled} == {*(f'{name}_gpu' for name in names), 'primitives_gpu'}
    # What is computed for pairs has the type of the vectors.
    assert_float64({name: stages for name, stages in compiled.items() if 'float32' not in name})


@compiles
@pytest.mark.slow
@pytest.mark.parametrize(('dtype', 'dim', 'classes'), [(torch.bfloat16, 192, 1000), (torch.float64, 7, 3)])
def test_kernels_of_logits_compile(compiled: dict[str, Any], dtype: torch.dtype, dim: int, classes: int) -> None:
    x, weight, bias = torch.zeros(40, dim, dtype=dtype), torch.zeros(classes, dim), torch.zeros(classes)
    numbers, clip = torch.zeros(3, dtype=torch.float64), clip_numbers(Limits(0.96))
    out = logits_gpu.logits(x, weight, bias, numbers, True, clip)
    logits_gpu.logits_backward(out, x, weight, bias, numbers, True, clip)
    names = {'feature_point_gpu', 'prototype_point_gpu', 'prototype_logit_gpu', 'primitives_gpu'}
    assert {name.rpartition(' ')[0] for name in compiled} == names
    assert_float64(compiled)


# --- not used where they are wrong ------------------------------------------------------------------------------------


@pytest.fixture
def right(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels for a GPU that compute the right thing, on a CPU; none has been tried yet."""
    for name in ('two_vectors', 'two_vectors_backward', 'linear', 'linear_backward'):
        monkeypatch.setattr(gpu, name, getattr(cpu, name))
    for name in ('attention', 'attention_backward'):
        monkeypatch.setattr(attention_gpu, name, getattr(attention_cpu, name))
    for name in ('logits', 'logits_backward'):
        monkeypatch.setattr(logits_gpu, name, getattr(logits_cpu, name))
    monkeypatch.setattr(trial, '_reasons', {})
    monkeypatch.setattr(trial, '_warned', set())


def tried(name: str = 'origin_residual', dtype: torch.dtype = torch.float32) -> str | None:
    return try_on_gpu(name, 'cpu', dtype, 24)


@pytest.mark.usefixtures('right')
@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize('name', KERNELS)
def test_a_right_kernel_is_trusted(name: str, dtype: torch.dtype) -> None:
    if name == 'attention' and dtype.itemsize < 4:
        pytest.skip('attention converts half types first')
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert tried(name, dtype) is None


@pytest.mark.usefixtures('right')
@pytest.mark.parametrize('wrong', ['result', 'gradient of x', 'gradient of y', 'gradient of curvature and numbers'])
def test_a_wrong_kernel_is_not_used(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    names = ('gradient of x', 'gradient of y', 'gradient of curvature and numbers')

    def forward(*args):
        return cpu.two_vectors(*args) * (1.001 if wrong == 'result' else 1)

    def backward(*args):
        found = cpu.two_vectors_backward(*args)
        return tuple(g * (1.001 if wrong == name else 1) for name, g in zip(names, found, strict=True))

    monkeypatch.setattr(gpu, 'two_vectors', forward)
    monkeypatch.setattr(gpu, 'two_vectors_backward', backward)
    with pytest.warns(UserWarning, match=rf'origin_residual.*another {wrong}: they differ by 1\.0e-03') as seen:
        reasons = tried(), tried(), tried(dtype=torch.float64)
    assert all(wrong in reason for reason in reasons)
    assert len(seen) == 1


@pytest.mark.usefixtures('right')
@pytest.mark.parametrize(
    ('name', 'forward', 'wrong'),
    [
        *(('linear_map', 'linear', i) for i in range(7)),
        *(('attention', 'attention', i) for i in range(4)),
        *(('logits', 'logits', i) for i in range(5)),
    ],
)
def test_a_kernel_with_a_wrong_result_is_not_used(monkeypatch, name: str, forward: str, wrong: int) -> None:
    modules = {
        'linear_map': (cpu, gpu),
        'attention': (attention_cpu, attention_gpu),
        'logits': (logits_cpu, logits_gpu),
    }
    right, module = modules[name]

    def spoil(function: str, which: int) -> None:
        def spoiled(*args):
            found = getattr(right, function)(*args)
            if isinstance(found, torch.Tensor):
                return found * (1.001 if which == 0 else 1)
            return tuple(t * (1.001 if i == which else 1) for i, t in enumerate(found))

        monkeypatch.setattr(module, function, spoiled)

    spoil(forward, 0 if wrong == 0 else -1)
    spoil(f'{forward}_backward', wrong - 1)
    with pytest.warns(UserWarning, match=f'{name} .* by its definition'):
        assert 'they differ by' in tried(name)


@pytest.mark.usefixtures('right')
def test_a_kernel_that_gives_nan_or_does_not_compile_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, 'two_vectors', lambda *args: cpu.two_vectors(*args).fill_(torch.nan))
    with pytest.warns(UserWarning, match='another result: they differ by nan'):
        assert tried()

    def fails(*args):
        raise RuntimeError('at 3:4:\n    x = y\nAssertionError: no such type')

    monkeypatch.setattr(gpu, 'two_vectors', fails)
    with pytest.warns(UserWarning, match='fails with RuntimeError: AssertionError: no such type'):
        assert tried('positional_sum')


@pytest.mark.usefixtures('right')
@pytest.mark.parametrize('dynamic', [False, True])
def test_a_kernel_is_tried_while_a_model_compiles_and_not_traced(dynamic: bool) -> None:
    def chosen(x):
        return x + (1 if try_on_gpu('positional_sum', str(x.device), x.dtype, 64) is None else 2)

    torch.compiler.reset()
    compiled = torch.compile(chosen, fullgraph=True, backend='aot_eager', dynamic=dynamic)
    assert (compiled(torch.zeros(3, 4)) == 1).all()
    assert list(trial._reasons) == [('positional_sum', 'cpu', torch.float32)]


@pytest.mark.usefixtures('right')
def test_where_results_cannot_be_looked_at_the_definition_runs() -> None:
    with FakeTensorMode():
        x = torch.empty(2, 3, 8, device='cuda')
        assert 'still to be tried' in reason_for_definition(x, 'centered_residual')
        assert CenteredResidual(device='cuda')(x, x).device.type == 'cuda'
        too_wide = torch.empty(2, gpu.WIDEST + 1, device='cuda')
        assert str(gpu.WIDEST) in reason_for_definition(too_wide)
    assert not trial._reasons


def test_without_triton_the_definition_runs_with_one_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, '_importable', {})
    monkeypatch.setitem(sys.modules, 'triton', None)
    with FakeTensorMode():
        x = torch.empty(2, 3, 8, device='cuda')
        with pytest.warns(UserWarning, match='Triton cannot be imported') as seen:
            reasons = [reason_for_definition(x) for _ in range(2)]
    assert all('Triton' in reason for reason in reasons)
    assert len(seen) == 1

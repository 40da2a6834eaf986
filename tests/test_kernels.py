"""How kernels are made from formulas, kept, loaded and launched; what they compute is in the tests of each kind."""

import os
import signal
import sys
import threading

import numpy as np
import pytest
import torch
from torch import Tensor

from timm_hyperbolic.geometry import Limits, TwoVectorFormula, explain, kernels, ops, residual_gate, two_vectors
from timm_hyperbolic.geometry.formulas import two_vector_formula
from timm_hyperbolic.geometry.kernels import library, primitives, shipped
from timm_hyperbolic.layers import CenteredResidual
from timm_hyperbolic.layers.residual import OriginResidual


def test_the_printed_kernels_are_what_would_be_printed_now() -> None:
    assert shipped.stale() == [], 'run: python -m timm_hyperbolic.geometry.kernels'


def test_a_changed_formula_makes_its_printed_kernel_stale(monkeypatch) -> None:
    changed = TwoVectorFormula('origin_residual', lambda x, y, raw, scale: x + raw * -y, ('gamma_raw', 'gamma_scale'))
    monkeypatch.setattr(shipped, '_TWO_VECTORS', (changed,))
    assert 'origin_residual_cpu.py' in shipped.stale()


# --- whoever writes a formula gets its kernel -------------------------------------------------------------------------


@two_vectors('gamma_raw', 'gamma_scale')
def halfway_residual(x, y, gamma_raw, gamma_scale):
    return x + residual_gate(gamma_raw, gamma_scale) * (0.5 * (x + y))


class HalfwayResidual(OriginResidual):
    formula = halfway_residual


def test_a_formula_of_one_line_has_a_kernel_with_right_gradients() -> None:
    torch.manual_seed(0)
    layer = HalfwayResidual(dtype=torch.float64)
    layer.set_gate(0.7)
    x, y = (torch.randn(20, 6, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert explain(layer) == 'layer (HalfwayResidual): kernels halfway_residual'
    found = torch.autograd.grad(layer(x, y).square().sum(), (x, y, *layer.parameters()))
    with kernels(False):
        expected = torch.autograd.grad(layer(x, y).square().sum(), (x, y, *layer.parameters()))
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-10)


def test_a_name_that_another_module_has_is_refused() -> None:
    def origin_residual(x, y, gamma):
        return x + gamma * -y

    with pytest.raises(ValueError, match=r"geometry\.formulas has a formula 'origin_residual' already"):
        two_vectors('gamma')(origin_residual)
    assert two_vector_formula('origin_residual') is OriginResidual.formula


def test_a_function_that_no_kernel_has_is_named() -> None:
    @two_vectors()
    def with_cosine(x, y):
        return x.u.cos() * y

    x = torch.ones(2, 3)
    with pytest.raises(NotImplementedError, match=r'torch\.cos.*kernels\(False\)'):
        ops.two_vectors(with_cosine, x, x, (), torch.ones(1), Limits(0.9))
    with kernels(False):
        assert ops.two_vectors(with_cosine, x, x, (), torch.ones(1), Limits(0.9)).shape == x.shape


# --- the functions that programs call ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('name', 'arguments'),
    [
        ('exp', np.concatenate([np.linspace(-700, 700, 2001), [-1e-300, 0, 1e-9, 1]])),
        ('log', np.concatenate([np.logspace(-300, 300, 2001), 1 + np.linspace(-1e-3, 1e-3, 101)])),
    ],
)
def test_functions_are_right_to_a_few_ulp(name: str, arguments: np.ndarray) -> None:
    function, exact = getattr(primitives, name), getattr(np, name)
    found = np.array([function(float(x)) for x in arguments])
    np.testing.assert_allclose(found, exact(arguments), rtol=1e-15, atol=1e-18)


# --- threads, processes, machines without Numba -----------------------------------------------------------------------


def outputs(layer: CenteredResidual, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    x = x.detach().clone().requires_grad_()
    out = layer(x, y)
    return out.detach(), *torch.autograd.grad(out.square().sum(), x)


def test_many_threads_of_python_may_call_a_kernel_at_once() -> None:
    torch.manual_seed(0)
    layer, x, y = CenteredResidual(), torch.randn(300, 32), torch.randn(300, 32)
    expected, results = outputs(layer, x, y), []
    threads = [threading.Thread(target=lambda: results.append(outputs(layer, x, y))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert all(torch.equal(a, b) for result in results for a, b in zip(result, expected, strict=True))


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='the system has no fork')
@pytest.mark.filterwarnings('ignore::DeprecationWarning')  # of a process with threads, which is what is tested
def test_a_forked_process_computes_the_same(one_thread) -> None:
    torch.set_num_threads(2)
    torch.manual_seed(0)
    layer, x, y = CenteredResidual(), torch.randn(300, 32), torch.randn(300, 32)
    with torch.no_grad():
        expected = layer(x, y)  # starts threads
        child = os.fork()
        if child == 0:
            signal.alarm(60)  # it would wait forever for threads that it does not have
            same = False
            try:
                same = torch.equal(layer(x, y), expected)
            finally:
                os._exit(0 if same else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert torch.equal(layer(x, y), expected)


def test_without_numba_the_definition_runs_and_says_so_once(monkeypatch, recwarn) -> None:
    layer, x, y = CenteredResidual(), torch.randn(3, 8), torch.randn(3, 8)
    expected = layer(x, y)
    monkeypatch.setattr(library, '_importable', {})
    monkeypatch.setitem(sys.modules, 'numba', None)
    for _ in range(3):
        torch.testing.assert_close(layer(x, y), expected)
    assert sum('pip install numba' in str(w.message) for w in recwarn) == 1
    assert 'the definition, because Numba' in explain(layer)


def test_a_machine_without_a_directory_to_write_to_has_kernels_too(tmp_path, monkeypatch) -> None:
    def refuse(*_, **__):
        raise PermissionError

    monkeypatch.setattr(library.Path, 'mkdir', refuse)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'none'))
    module = library._module('nothing', 'answer = 42\n')
    assert module.answer == 42
    assert not (tmp_path / 'none').exists()

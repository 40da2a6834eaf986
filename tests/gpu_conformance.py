"""The kernels for a GPU against the formulas that they are made from: on a GPU, or on a CPU in Triton's interpreter.

`test_kernels_gpu.py` runs this file in a process of its own, because Triton decides when it is imported whether it
compiles or interprets.
"""

import copy
import os
from typing import Any

import pytest
import torch
from test_geometry_attention import assert_is_the_definition
from test_linear_map import CLIPS, at_the_boundary, error, make, run
from test_logits import CLIPS as HEADS
from test_logits import make as make_head
from test_two_vectors import FORMULAS, LIMITS, PAIRS, evaluate, every_formula, pair
from torch import Tensor

from timm_hyperbolic.geometry import Limits, formulas
from timm_hyperbolic.geometry.kernels import attention_gpu, gpu, library, logits_gpu
from timm_hyperbolic.geometry.ops.choice import TRIALS
from timm_hyperbolic.geometry.ops.operation import clip_numbers

INTERPRETED = os.environ.get('TRITON_INTERPRET') == '1'
DEVICE = torch.device('cpu' if INTERPRETED else 'cuda')
CASES = {
    'margin': (0.8, LIMITS['margin']),
    'small margin': (10.0, LIMITS['small margin']),
    'no margin': (0.3, LIMITS['no margin']),
    'flat': (0.0, LIMITS['flat']),
    'nearly flat': (1e-9, LIMITS['margin']),
}


@pytest.fixture(autouse=True)
def by_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    if INTERPRETED:
        from triton.runtime import interpreter

        prepared = set()

        def call(self: interpreter.InterpretedFunction, *args: Any, **options: Any) -> Any:
            # At every call Triton would prepare its language for the function's module: half of the time of these tests
            if self.fn.__module__ not in prepared:
                interpreter._patch_lang(self.fn)
                prepared.add(self.fn.__module__)
            return self.rewrite()(*args, **options)

        monkeypatch.setattr(interpreter.InterpretedFunction, '__call__', call)
        for name, kernels in (
            ('two_vectors_op.cpu', gpu),
            ('linear_op.cpu', gpu),
            ('logits_op.logits_cpu', logits_gpu),
        ):
            monkeypatch.setattr(f'timm_hyperbolic.geometry.ops.{name}', kernels)
        monkeypatch.setattr(library, 'has_numba', library.has_triton)


def every_pair(scales: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """A row for every kind of pair and every scale."""
    some = [pair(kind, scale, shape=(1, 1, 7)) for kind in PAIRS for scale in scales]
    return tuple(torch.cat([p[i] for p in some]).to(DEVICE) for i in (0, 1))


def assert_equal(ours: Tensor, exact: Tensor, rtol: float) -> None:
    """Row by row, relative to the largest number of the row, and to a thousandth of the largest of all."""
    size = exact.abs().amax(-1, keepdim=True).clamp(1e-3 * exact.abs().max())
    assert ((ours - exact).abs() <= rtol * size).all()


# The passes over memory are the same for all formulas, so one formula is computed with every clip.
@pytest.mark.parametrize(
    ('formula', 'case'),
    [(f, 'margin') for f in FORMULAS] + [(formulas.point_residual, case) for case in list(CASES)[1:]],
    ids=lambda value: getattr(value, 'name', value),
)
def test_a_kernel_equals_its_formula(formula, case: str) -> None:
    c, limits = CASES[case]
    x, y = every_pair((0.0, 1e-150, 1e-12, 0.05, 0.25, 3.0) if limits.margin else (0.0, 1e-12, 0.05, 0.3))
    (out, g_out), (expected, g_expected) = (evaluate(formula, x, y, c, kernel, limits) for kernel in (True, False))
    assert_equal(out, expected, 1e-11)
    for g, e in zip(g_out, g_expected, strict=True):
        assert_equal(g, e, 1e-9)


@pytest.mark.parametrize(('rows', 'dim'), [((0,), 5), ((1,), 1), ((2, 33), 8), ((3,), 192), ((2,), 4096), ((), 6)])
def test_every_shape(rows: tuple[int, ...], dim: int) -> None:
    x, y = (t.to(DEVICE) for t in pair('random', 0.3 / dim**0.5, shape=(*rows, dim)))
    if x.dim() > 1:  # neither contiguous nor of one shape
        x, y = x.mT.contiguous().mT, y[..., :1, :]
    outcomes = [evaluate(formulas.positional_sum, x, y, 0.8, kernel) for kernel in (True, False)]
    (out, g_out), (expected, g_expected) = outcomes
    assert out.shape == x.shape
    for g, e in zip((out, *g_out), (expected, *g_expected), strict=True):
        torch.testing.assert_close(g, e, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16, torch.float16])
def test_vectors_of_every_type(dtype: torch.dtype) -> None:
    x, y = (t.to(DEVICE, dtype) for t in pair('random', 1.0))
    limits = Limits(0.985, rounding=dtype)
    out, g_out = evaluate(formulas.positional_sum, x, y, 1.0, True, limits)
    expected, g_expected = evaluate(formulas.positional_sum, x.double(), y.double(), 1.0, False, limits)
    eps = torch.finfo(dtype).eps
    assert out.dtype == g_out[0].dtype == g_out[1].dtype == dtype
    assert_equal(out.double(), expected, eps)
    for g, e in zip(g_out, g_expected, strict=True):
        assert_equal(g.double(), e, 4 * eps)  # the gradient that goes in is rounded too


def bits(x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
    out, gradients = evaluate(formulas.positional_sum, x, y, 0.8, True)
    return out.detach(), *gradients


def test_bits_do_not_depend_on_the_batch_or_on_where_it_lies() -> None:
    x, y = (t.to(DEVICE, torch.float32) for t in pair('random', 0.7, shape=(40, 24)))
    everything = bits(x, y)
    assert all(map(torch.equal, bits(x, y), everything))
    for part in ([39, 3, 17], [5], slice(7, 40)):
        assert torch.equal(bits(x[part], y[part])[0], everything[0][part])
    elsewhere = torch.cat([x.new_zeros(1), x.flatten()])[1:].view_as(x)  # not at a multiple of 16 bytes
    numbers, clip = torch.tensor([0.8], dtype=torch.float64, device=DEVICE), clip_numbers(LIMITS['margin'])
    assert torch.equal(gpu.two_vectors(formulas.positional_sum, elsewhere, y, numbers, clip), everything[0])


@pytest.mark.skipif(INTERPRETED, reason='needs a GPU')
@every_formula
def test_bits_do_not_depend_on_streams_or_devices(formula) -> None:
    x, y = (t.to(DEVICE, torch.float32) for t in pair('random', 0.7, shape=(5000, 192)))
    out, gradients = evaluate(formula, x, y, 0.8, True)
    everything = out, *gradients
    streams = [torch.cuda.Stream() for _ in range(2)]
    found = []
    for stream in streams * 3:
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            out, gradients = evaluate(formula, x, y, 0.8, True)
            found.append((out, *gradients))
    torch.cuda.synchronize()
    if torch.cuda.device_count() > 1:
        out, gradients = evaluate(formula, x.to('cuda:1'), y.to('cuda:1'), 0.8, True)
        found.append([t.to(DEVICE) for t in (out, *gradients)])
    for again in found:
        assert all(map(torch.equal, again, everything))


# --- the linear layer -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('clip', 'bias'), [({'margin': 0.3}, True), (CLIPS[-1], True), ({'margin': None}, False)], ids=str
)
def test_the_linear_layer_equals_its_formula(clip: dict, bias: bool) -> None:
    torch.manual_seed(0)
    layer = make(bias=bias, **clip).to(DEVICE)
    x = torch.randn(30, 5, dtype=torch.float64) * torch.tensor([1e-20, 3e-3, 0.3, 2.0, 30.0]).repeat(6).unsqueeze(-1)
    x[0], x[1:4] = 0, layer.p_in[0].detach().cpu() * torch.tensor([[1.0], [-1.0], [1 + 1e-9]])
    for ours, exact in zip(run(layer, x.to(DEVICE)), run(layer, x.to(DEVICE), False), strict=True):
        torch.testing.assert_close(ours, exact, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(('rows', 'dim', 'out', 'parts'), [((0,), 5, 6, 2), ((1,), 1, 1, 1), ((2, 5), 192, 24, 3)])
def test_the_linear_layer_of_every_shape(rows: tuple[int, ...], dim: int, out: int, parts: int) -> None:
    torch.manual_seed(0)
    layer, x = make(dim, out, parts).to(DEVICE), torch.randn(*rows, dim, dtype=torch.float64).to(DEVICE)
    for ours, exact in zip(run(layer, x), run(layer, x, False), strict=True):
        torch.testing.assert_close(ours, exact, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16, torch.float16])
def test_the_linear_layer_on_vectors_of_every_type(dtype: torch.dtype) -> None:
    for name, ours, exact, allowed in TRIALS['linear_map']('linear_map', str(DEVICE), dtype, 24):
        assert (ours.double() - exact).abs().max() <= allowed * exact.abs().max(), name
        assert allowed < 0.2


def test_the_linear_layer_in_float32_with_a_centre_at_the_boundary() -> None:
    torch.manual_seed(0)
    layer = at_the_boundary(make(16, 24, parts=2, dtype=torch.float32)).to(DEVICE)
    x = torch.randn(20, 16, device=DEVICE)
    exact = run(copy.deepcopy(layer).double(), x.double(), False)
    assert max(error(*pair, floor=0) for pair in zip(run(layer, x), exact, strict=True)) < 1e-5


# --- attention --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('name', 'dtype', 'dropped'),
    [
        # Where a program computes all queries of a sample; more are below.
        ('one of all', torch.float64, False),
        ('no centroids', torch.float64, False),
        ('blocks and a rest', torch.float64, True),
        ('flat', torch.float64, False),
        ('strongly curved', torch.float64, False),
        ('no margin', torch.float64, False),
        ('largest norm', torch.float64, False),
        ('tiny', torch.float64, False),
        ('beyond the margin', torch.float32, True),
    ],
)
def test_attention_equals_its_formula(name: str, dtype: torch.dtype, dropped: bool, monkeypatch) -> None:
    monkeypatch.setattr(attention_gpu, '_CHUNK', 1)  # a sample at a time
    assert_is_the_definition(attention_gpu, name, dtype, dropped, DEVICE)


def test_attention_of_many_tokens() -> None:
    for name, ours, exact, allowed in TRIALS['attention']('attention', str(DEVICE), torch.float32, 8):
        assert (ours.double() - exact).abs().max() <= allowed * exact.abs().max(), name
        assert allowed < 1e-4


# --- the classifier ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('clip', HEADS, ids=str)
def test_logits_equal_their_formula(clip: dict) -> None:
    torch.manual_seed(0)
    head = make_head(classes=7, **clip).to(DEVICE)
    x = torch.randn(30, 5, dtype=torch.float64) * torch.tensor([1e-20, 3e-3, 0.3, 2.0, 30.0]).repeat(6).unsqueeze(-1)
    x[0], head.weight.data[1], head.weight.data[2] = 0, 0, 3 * head.weight.data[2]
    for ours, exact in zip(run(head, x.to(DEVICE)), run(head, x.to(DEVICE), False), strict=True):
        torch.testing.assert_close(ours, exact, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(('rows', 'dim', 'classes'), [((0,), 5, 6), ((), 1, 1), ((2, 17), 192, 129)])
def test_logits_of_every_shape(rows: tuple[int, ...], dim: int, classes: int) -> None:
    torch.manual_seed(0)
    head, x = make_head(dim, classes).to(DEVICE), torch.randn(*rows, dim, dtype=torch.float64).to(DEVICE)
    for ours, exact in zip(run(head, x), run(head, x, False), strict=True):
        torch.testing.assert_close(ours, exact, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_logits_of_many_features_of_every_type(dtype: torch.dtype) -> None:
    for name, ours, exact, allowed in TRIALS['logits']('logits', str(DEVICE), dtype, 24):
        assert (ours.double() - exact).abs().max() <= allowed * exact.abs().max(), name
        assert allowed < 0.2

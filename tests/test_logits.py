"""The kernel of the classifier, against 80-digit arithmetic and against its definition."""

from __future__ import annotations

import copy
from contextlib import nullcontext

import pytest
import torch
from oracle import MP, Ball, directional_derivatives, to_mp
from test_linear_map import error, run
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from timm_hyperbolic.geometry import Limits, exp0, explain, ops
from timm_hyperbolic.geometry.kernels import logits_cpu
from timm_hyperbolic.layers import HyperbolicHead

pytestmark = pytest.mark.usefixtures('fixed_seed')


def make(dim: int = 5, classes: int = 6, dtype: torch.dtype = torch.float64, **keywords) -> HyperbolicHead:
    """A head with prototypes inside the ball, biases and a temperature that matter."""
    head = HyperbolicHead(dim, classes, dtype=dtype, **({'curvature': 0.7, 'margin': 0.96} | keywords))
    with torch.no_grad():
        head.weight.copy_(torch.randn_like(head.weight))
        head.weight.mul_(0.6 / (dim**0.5 * (1 + head.curvature().sqrt())))
        head.bias.normal_()
        head.sigma_raw.add_(0.3)
        head.scale_raw.add_(0.8)
    return head


# --- 80 digits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('relative', [False, True], ids=['', 'relative'])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ('c', 'margin', 'length', 'dim'),
    [(0.0, 0.96, 1.0, 5), (1e-6, 0.96, 1.0, 2), (0.7, 0.96, 1.0, 1), (0.7, 0.3, 0.4, 7), (10.0, 0.96, 0.2, 33)],
)
def test_kernel_in_80_digits(
    c: float, margin: float, length: float, dim: int, dtype: torch.dtype, relative: bool
) -> None:
    scale, sigma = 0.75, 1.25
    x = length * torch.randn(4, dim, dtype=torch.float64) / dim**0.5
    prototypes = 0.5 * length * torch.randn(3, dim, dtype=torch.float64) / dim**0.5
    # Features: zero, beyond the margin, and one whose point nearly is the first prototype
    x[0], x[1] = 0, 30 * x[1]
    length_of_first = c**0.5 * prototypes[0].norm()
    stretch = torch.atanh(length_of_first) / length_of_first if c else 1
    x[2] = (1 + 1e-4) * stretch * prototypes[0] / scale
    bias, g = torch.randn(3, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)
    x, prototypes, bias, g = (t.to(dtype) for t in (x, prototypes, bias, g))
    numbers = torch.tensor([c, scale, -0.5 / sigma**2], dtype=torch.float64)
    clip = ops._clip(Limits(margin, None, dtype))
    out = logits_cpu.logits(x, prototypes, bias, numbers, relative, clip)
    gradients = logits_cpu.logits_backward(g, x, prototypes, bias, numbers, relative, clip)

    def exact(x, prototypes, bias, numbers) -> list[list]:
        c, scale, slope = numbers
        ball, sigma = Ball(c, margin), MP.sqrt(-1 / (2 * slope))
        return [[ball.logit(v, p, b, scale, sigma, relative) for p, b in zip(prototypes, bias, strict=True)] for v in x]

    def weighted(*arguments) -> object:
        return MP.fsum(MP.fdot(*rows) for rows in zip(exact(*arguments), to_mp(g), strict=True))

    at = [to_mp(t) for t in (x, prototypes, bias, numbers)]
    at[3][0] += MP.mpf('1e-20')  # the oracle has no flat space
    of_result, of_gradients = (1e-6, 1e-5) if dtype == torch.float32 else (1e-14, 1e-12)
    for row, right in zip(out, exact(*at), strict=True):
        right = torch.tensor([float(number) for number in right], dtype=torch.float64)
        assert (row.double() - right).abs().max() <= of_result * right.abs().max()
    # A direction in each tensor; each of the numbers alone, so that none hides another
    for i, which in [(0, None), (1, None), (2, None), (3, 0), (3, 1), (3, 2)]:
        directions = [torch.zeros_like(t, dtype=torch.float64) for t in (x, prototypes, bias, numbers)]
        directions[i] = torch.randn_like(directions[i]) if which is None else torch.eye(3).double()[which]
        along = gradients[i].double() * directions[i]
        right = float(directional_derivatives(weighted, at, [to_mp(d) for d in directions])[i])
        assert abs(float(along.sum()) - right) <= of_gradients * max(float(along.norm()), abs(right)), (i, which)


# --- the definition ---------------------------------------------------------------------------------------------------

CLIPS = [
    {'margin': 0.3},
    {'margin': 0.96, 'relative': True},
    {'margin': None},
    {'curvature': 10.0},
    {'curvature': 0.0, 'relative': True},
    {'curvature': 0.0, 'margin': None, 'max_norm': 0.5},
]


@pytest.mark.parametrize('clip', CLIPS, ids=str)
@pytest.mark.parametrize('scale', [0.0, 1e-20, 3e-3, 0.3, 2.0, 1e4])
def test_kernel_is_the_definition(scale: float, clip: dict) -> None:
    head = make(classes=18, **clip)
    assert explain(head) == 'layer (HyperbolicHead): kernels logits'
    x = scale * torch.randn(2, 9, 5, dtype=torch.float64)
    # Prototypes at the origin and outside of the ball, and one that nearly is the point of a feature
    prototypes = head.weight.data
    prototypes[1], prototypes[2] = 0, 3 * prototypes[2]
    if scale < 1:
        prototypes[0] = exp0(head.feature_scale().detach() * x[0, 0], head.curvature().detach()) * (1 + 1e-9)
    for got, expected in zip(run(head, x), run(head, x, False), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize('clip', CLIPS, ids=str)
def test_float32_is_right_to_its_rounding(clip: dict) -> None:
    head = make(16, 24, dtype=torch.float32, **clip)
    exact = copy.deepcopy(head).double()
    for scale in (1e-20, 0.01, 0.3, 2.0, 1e4):
        x = scale * torch.randn(40, 16)
        out, *gradients = zip(run(head, x), run(exact, x.double(), False), strict=True)
        assert error(*out, floor=0) < 1e-6
        names = ('x', *dict(head.named_parameters()))
        for name, pair in zip(names, gradients, strict=False):  # a flat head's curvature has none
            # Where all features are clipped their scale has no gradient but by rounding.
            assert error(*pair, floor=0.2 if name == 'scale_raw' else 0) < 1e-5


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize('hamp', [False, True])
def test_half_types(dtype: torch.dtype, hamp: bool) -> None:
    head = make(16, 24, dtype=torch.float32, hamp=hamp)
    exact = copy.deepcopy(head).double()
    for scale in (0.3, 2.0, 30.0):
        x = (scale * torch.randn(40, 16)).to(dtype)
        with torch.autocast('cpu', dtype=dtype) if hamp else nullcontext():
            out, *gradients = run(head, x)
        assert out.dtype == gradients[0].dtype == dtype
        for got, right in zip((out, *gradients), run(exact, x.double(), False), strict=True):
            assert error(got, right, floor=1e-2) < 8 * torch.finfo(dtype).eps


@pytest.mark.parametrize(
    ('shape', 'classes'), [((0, 5), 3), ((5,), 1), ((1, 1), 16), ((2, 3, 5), 15), ((33, 7), 40), ((3, 4096), 17)]
)
def test_any_shape_and_layout(shape: tuple[int, ...], classes: int) -> None:
    head, x = make(shape[-1], classes), torch.randn(shape, dtype=torch.float64)
    expected = run(head, x, False)
    for layout in (x, x.repeat_interleave(2, -1)[..., ::2], x.mT.contiguous().mT if x.dim() > 1 else x):
        for got, right in zip(run(head, layout), expected, strict=True):
            assert got.shape == right.shape
            torch.testing.assert_close(got, right, rtol=1e-9, atol=1e-10)


def test_rows_depend_neither_on_the_batch_nor_on_the_threads_nor_on_how_much_is_done_at_a_time(monkeypatch) -> None:
    head, x, g = make(24, 24, dtype=torch.float32), torch.randn(300, 24), torch.randn(300, 24)
    head.weight.data = torch.diag(0.1 + torch.rand(24))  # the terms of a product are in any order the same
    x = torch.eye(24)[torch.randint(24, (300,))] * x

    def outcome(some: slice) -> tuple[Tensor, ...]:
        leaf = x[some].clone().requires_grad_()
        out = head(leaf)
        of_x, of_c = torch.autograd.grad(out, (leaf, head.curvature.raw), g[some])
        return out, of_x, of_c

    threads, everything = torch.get_num_threads(), outcome(slice(None))
    try:
        for number in (1, 2, 3):
            torch.set_num_threads(number)
            assert all(map(torch.equal, outcome(slice(None)), everything))
            for some in (slice(0, 1), slice(7, 40)):
                assert all(torch.equal(a, b[some]) for a, b in zip(outcome(some)[:2], everything[:2], strict=True))
    finally:
        torch.set_num_threads(threads)
    monkeypatch.setattr(logits_cpu, '_CHUNK', 1)
    again = outcome(slice(None))
    assert all(map(torch.equal, again[:2], everything[:2]))
    assert error(again[2], everything[2], 0) < 1e-6


# --- what torch makes of it -------------------------------------------------------------------------------------------


def test_compiled_it_is_the_same_operation() -> None:
    head, x = make(16, 24, dtype=torch.float32, relative=True), torch.randn(20, 16)
    torch._dynamo.reset()
    found = []
    for f in (head, torch.compile(head, backend='aot_eager', fullgraph=True)):
        leaf = x.clone().requires_grad_()
        out = f(leaf)
        found.append([out, *torch.autograd.grad(out.sin().sum(), (leaf, *head.parameters()))])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize('relative', [False, True])
def test_second_derivatives(relative: bool) -> None:
    head = make(3, 4, relative=relative)
    x = (0.5 * torch.randn(2, 3, dtype=torch.float64)).requires_grad_()
    names = [name for name, _ in head.named_parameters()]

    def f(x, *parameters):
        return torch.func.functional_call(head, dict(zip(names, parameters, strict=True)), (x,))

    parameters = [p.detach().as_subclass(torch.Tensor).clone().requires_grad_() for p in head.parameters()]
    assert torch.autograd.gradcheck(f, (x, *parameters))
    assert torch.autograd.gradgradcheck(f, (x, *parameters))


def test_inputs_are_kept_and_no_number_of_a_pair() -> None:
    head, x, kept = HyperbolicHead(64, 300), torch.randn(100, 64, requires_grad=True), {}
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: kept.setdefault(t.untyped_storage().data_ptr(), t), lambda t: t
    ):
        head(x)
    assert sum(t.nbytes for t in kept.values()) <= x.nbytes + head.weight.nbytes + head.bias.nbytes + 200


def test_counters_of_flops_count_the_products_within() -> None:
    head, x = make(16, 24, dtype=torch.float32), torch.randn(2, 5, 16, requires_grad=True)
    with FlopCounterMode(display=False) as forward:
        out = head(x)
    with FlopCounterMode(display=False) as backward:
        out.sum().backward()
    product = 2 * 10 * 16 * 24
    assert forward.get_total_flops() == product
    assert backward.get_total_flops() == 3 * product

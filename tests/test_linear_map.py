"""The kernel of the linear layer, against the gyrovectors that define it."""

from __future__ import annotations

import copy
from contextlib import nullcontext

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from timm_hyperbolic.geometry import ops
from timm_hyperbolic.geometry.kernels import cpu
from timm_hyperbolic.geometry.ops.operation import clip_numbers
from timm_hyperbolic.layers import HyperbolicLinear

pytestmark = pytest.mark.usefixtures('fixed_seed')


def make(dim: int = 5, out: int = 6, parts: int = 1, bias: bool = True, dtype=torch.float64, **kw) -> HyperbolicLinear:
    """A layer with centres inside the ball and a bias that matter."""
    layer = HyperbolicLinear(dim, out, bias, parts=parts, dtype=dtype, **({'curvature': 0.7, 'margin': 0.985} | kw))
    with torch.no_grad():
        for name, p in layer.named_parameters():
            if name == 'curvature.raw':
                p.add_(0.1 * torch.randn_like(p))
            else:
                p.add_(torch.randn_like(p) * 0.3 / p.shape[-1] ** 0.5)
        for p in (layer.p_in, layer.p_out):
            p.mul_(1 / (1 + layer.curvature().max().sqrt()))
    return layer


def run(layer: HyperbolicLinear, x: Tensor, kernel: bool = True) -> list[Tensor]:
    """The output, and the gradients of the input and the parameters along one direction."""
    x = x.detach().requires_grad_()
    with ops.kernels(kernel):
        assert ops.has_kernel(x) is kernel
        out = layer(x)
        weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
        parameters = [p for p in layer.parameters() if p.requires_grad]
        return [out.detach(), *torch.autograd.grad(out, (x, *parameters), weights.to(out.dtype))]


def error(got: Tensor, expected: Tensor, floor: float) -> float:
    got, expected = got.double(), expected.double()
    return float((got - expected).norm() / expected.norm().clamp_min(floor))


CLIPS = [
    {'margin': 0.3},
    {'margin': 0.985},
    {'margin': None},
    {'curvature': 10.0},
    {'curvature': 0.0},
    {'curvature': 0.0, 'margin': None, 'max_norm': 0.5},
]


# At 30 every vector is beyond the margin. Between 3e-3 and 0.3 functions pass from their series to their formulas.
@pytest.mark.parametrize('clip', CLIPS, ids=str)
@pytest.mark.parametrize('scale', [0.0, 1e-20, 3e-3, 0.3, 2.0, 30.0, 1e4])
def test_kernel_is_the_definition(scale: float, clip: dict) -> None:
    for parts, bias in ((1, True), (1, False), (3, True)):
        layer = make(parts=parts, bias=bias, **clip)
        x = scale * torch.randn(2, 9, 5, dtype=torch.float64)
        # On either side of the first centre, on it, and along it
        x[0, :4] = layer.p_in[0].detach() * torch.tensor([[1.0], [-1.0], [1 + 1e-9], [scale]], dtype=torch.float64)
        x[1, 0] = 0
        for got, expected in zip(run(layer, x), run(layer, x, False), strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-10)


def at_the_boundary(layer: HyperbolicLinear) -> HyperbolicLinear:
    """The layer with a centre of each part at norm `1 - 1e-4` of the unit ball, where a sum hides what is added."""
    for part, p in enumerate((layer.p_out, layer.p_in)):
        p.data[part] *= (1 - 1e-4) / (layer.curvature()[part].detach().sqrt() * p.data[part].norm())
    return layer


@pytest.mark.parametrize(
    ('clip', 'far'),
    [(clip, far) for clip in CLIPS for far in (False, True) if clip.get('curvature') != 0.0 or not far],
    ids=str,
)
def test_float32_is_right_to_its_rounding(clip: dict, far: bool) -> None:
    layer = make(16, 24, parts=2, dtype=torch.float32, **clip)
    layer = at_the_boundary(layer) if far else layer
    exact = copy.deepcopy(layer).double()
    for scale in (1e-20, 0.01, 0.3, 2.0, 1e4):
        x = scale * torch.randn(40, 16)
        out, *gradients = zip(run(layer, x), run(exact, x.double(), False), strict=True)
        assert error(*out, floor=0) < 1e-6
        assert max(error(*pair, floor=1e-6) for pair in gradients) < 1e-5


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize('hamp', [False, True])
def test_half_types(dtype: torch.dtype, hamp: bool) -> None:
    layer = make(16, 24, dtype=torch.float32, hamp=hamp)
    exact = copy.deepcopy(layer).double()
    tolerance = 8 * torch.finfo(dtype).eps
    for scale in (0.3, 2.0, 30.0):
        x = (scale * torch.randn(40, 16)).to(dtype)
        with torch.autocast('cpu', dtype=dtype) if hamp else nullcontext():
            out, *gradients = run(layer, x)
        assert out.dtype == gradients[0].dtype == dtype
        expected = run(exact, x.double(), False)
        for got, right in zip((out, *gradients), expected, strict=True):
            assert error(got, right, floor=1e-2) < tolerance


@pytest.mark.parametrize('shape', [(0, 5), (5,), (1, 5), (2, 3, 5), (33, 1), (3, 4096), (150, 7)])
def test_any_shape_and_layout(shape: tuple[int, ...]) -> None:
    for parts in (1, 3):
        layer = make(shape[-1], 9, parts=parts)
        x = torch.randn(shape, dtype=torch.float64)
        expected = run(layer, x, False)
        layouts = [x, x.repeat_interleave(2, -1)[..., ::2], x.mT.contiguous().mT if x.dim() > 1 else x]
        for layout in layouts:
            for got, right in zip(run(layer, layout), expected, strict=True):
                assert got.shape == right.shape
                torch.testing.assert_close(got, right, rtol=1e-9, atol=1e-10)
    row = torch.randn(shape[-1:], dtype=torch.float64)
    torch.testing.assert_close(layer(row.expand(20, -1)), layer(row).expand(20, -1), rtol=1e-12, atol=1e-13)


def exact_product(parts: int) -> tuple[HyperbolicLinear, Tensor]:
    """A layer and rows whose matrix products have one term, so that they are the same in any order."""
    layer = make(24, 24, parts=parts, dtype=torch.float32)
    layer.weight.data = torch.eye(24)[torch.randperm(24)]
    return layer, torch.randn(300, 24)


@pytest.mark.parametrize('parts', [1, 3])
def test_a_row_does_not_depend_on_its_batch(parts: int) -> None:
    layer, x = exact_product(parts)
    x.requires_grad_()
    g = torch.randn(300, 24)
    out = layer(x)
    (dx,) = torch.autograd.grad(out, x, g)
    for some in (slice(0, 1), slice(7, 40), slice(100, 300)):
        part = layer(x[some])
        assert torch.equal(part, out[some])
        assert torch.equal(torch.autograd.grad(part, x, g[some])[0][some], dx[some])


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    layer, x = exact_product(3)
    results, before = [], torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            out, dx, *gradients = run(layer, x)
            results.append((out, dx, gradients[-1]))  # the last one is of the curvature
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(other, results[0], strict=True))


def test_rows_of_several_chunks_are_those_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x = make(parts=3), torch.randn(200, 5, dtype=torch.float64)
    at_once = run(layer, x)
    monkeypatch.setattr(cpu, '_CHUNK', 1)
    for a, b in zip(run(layer, x), at_once, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-13)


def test_a_centre_that_the_curvature_left_outside_is_kept_where_float32_tells_it_from_the_boundary() -> None:
    layer = make(dtype=torch.float32)
    layer.p_in.data *= 1.5 / layer.p_in.norm()
    x = torch.randn(20, 5)
    exact = copy.deepcopy(layer).double()
    for got, right in zip(run(layer, x), run(exact, x.double().float().double(), False), strict=True):
        assert got.isfinite().all()
        assert right.isfinite().all()
    in_float32 = run(layer, x, False)
    assert error(run(layer, x)[0], in_float32[0], 0) < 1e-4


def test_compiled_it_is_the_same_operation() -> None:
    layer = make(16, 24, parts=3, dtype=torch.float32)
    x = torch.randn(2, 20, 16)
    torch._dynamo.reset()
    compiled = torch.compile(layer, backend='aot_eager', fullgraph=True)
    found = []
    for f in (layer, compiled):
        leaf = x.clone().requires_grad_()
        out = f(leaf)
        found.append([out, *torch.autograd.grad(out.sin().sum(), (leaf, *layer.parameters()))])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)


def test_second_derivatives() -> None:
    layer = make(parts=2)
    x = (0.5 * torch.randn(2, 5, dtype=torch.float64)).requires_grad_()
    names = [name for name, _ in layer.named_parameters()]

    def f(x, *parameters):
        return torch.func.functional_call(layer, dict(zip(names, parameters, strict=True)), (x,))

    parameters = [p.detach().as_subclass(torch.Tensor).clone().requires_grad_() for p in layer.parameters()]
    assert torch.autograd.gradcheck(f, (x, *parameters))
    assert torch.autograd.gradgradcheck(f, (x, *parameters))


def test_input_output_and_six_numbers_a_row_are_kept() -> None:
    layer = HyperbolicLinear(64, 256)
    x = torch.randn(41, 64, requires_grad=True)
    parameters = {p.untyped_storage().data_ptr() for p in layer.parameters()}
    kept = {}
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: kept.setdefault(t.untyped_storage().data_ptr(), t), lambda t: t
    ):
        out = layer(x)
    large = [t for at, t in kept.items() if at not in parameters and t.numel() > 100]
    assert sum(t.nbytes for t in large) == x.nbytes + out.nbytes + 41 * 6 * 8


@pytest.mark.parametrize('parts', [1, 3])
def test_counters_of_flops_count_the_products_within(parts: int) -> None:
    layer, x = make(16, 24, parts=parts, dtype=torch.float32), torch.randn(2, 5, 16, requires_grad=True)
    tensors = [layer.weight, layer.bias, layer.p_in, layer.p_out, layer.curvature().double()]
    tensors = [t.detach().as_subclass(Tensor) for t in tensors]
    clip = clip_numbers(layer.limits)
    with FlopCounterMode(display=False) as forward:
        out = layer(x)
    with FlopCounterMode(display=False) as backward:
        out.sum().backward()
    with FlopCounterMode(display=False) as seen_forward:
        out, kept = cpu.linear(x.detach(), *tensors, clip)
    with FlopCounterMode(display=False) as seen_backward:
        cpu.linear_backward(torch.ones_like(out), x.detach(), *tensors, out, kept, clip)
    assert forward.get_total_flops() == seen_forward.get_total_flops() >= 2 * 10 * 16 * 24
    assert backward.get_total_flops() == seen_backward.get_total_flops() >= 4 * 10 * 16 * 24

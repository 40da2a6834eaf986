"""Attention by distance, by kernels and by its definition."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import pytest
import torch
from layer_cases import relative
from oracle import MP, Ball, directional_derivatives, to_mp
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from timm_hyperbolic.geometry import Limits, exp0, mobius_add, ops
from timm_hyperbolic.geometry.attention import attention as definition
from timm_hyperbolic.geometry.kernels import attention_cpu, library
from timm_hyperbolic.geometry.limits import Bounds
from timm_hyperbolic.geometry.ops.operation import clip_numbers

pytestmark = [pytest.mark.usefixtures('one_thread'), pytest.mark.skipif(not library.has_numba(), reason='no Numba')]

CLIP = Limits(0.985, None, torch.float32)
SIZE = {'batch': 2, 'tokens': 5, 'heads': 2, 'dim': 3, 'shared': 4}


def inputs(
    batch: int, tokens: int, heads: int, dim: int, shared: int, scale: float = 0.7, c: float = 0.6, dtype=torch.float64
) -> list[Tensor]:
    """Tangent vectors, centroids, temperatures and the curvature."""
    generator = torch.Generator().manual_seed(0)
    qkv = scale * torch.randn(batch, tokens, 3, heads, dim, generator=generator, dtype=torch.float64)
    centroids = scale * torch.randn(heads, shared, dim, generator=generator, dtype=torch.float64)
    temperature = 0.5 + torch.rand(heads, generator=generator, dtype=torch.float64)
    tensors = qkv, centroids, temperature, torch.tensor([c], dtype=torch.float64)
    return [t.to(dtype).requires_grad_() for t in tensors]


def attend(*tensors: Tensor, limits: Limits = CLIP, drop: torch.nn.Dropout | None = None) -> Tensor:
    return ops.attention(*tensors, limits, tensors[0].dtype, drop=drop)


def gradients(out: Tensor, tensors: list[Tensor]) -> list[Tensor]:
    weight = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).cos().view_as(out)
    return list(torch.autograd.grad((out * weight).sum(), tensors, retain_graph=True))


def dense(qkv: Tensor, centroids: Tensor, temperature: Tensor, c: Tensor) -> Tensor:
    """The sums `Σ wλv / Σ w(λ - 1)` pair by pair from textbook formulas, then half of the way to the Klein point."""
    q, k, v = exp0(qkv, c).permute(2, 0, 3, 1, 4)
    k, v = (torch.cat([exp0(centroids, c).expand(len(t), -1, -1, -1), t], -2) for t in (k, v))
    difference = mobius_add(-q.unsqueeze(-2), k.unsqueeze(-3), c)
    d = 2 / c.sqrt() * torch.atanh(c.sqrt() * difference.norm(dim=-1))
    weights = (-(d**2) / (2 * temperature.view(-1, 1, 1) ** 2)).softmax(-1)
    factor = 2 / (1 - c * v.square().sum(-1, keepdim=True))
    klein = weights @ (factor * v) / (weights @ (factor - 1))
    length = c.sqrt() * klein.norm(dim=-1, keepdim=True)
    return (0.5 * torch.atanh(length) / length * klein).transpose(1, 2).flatten(2)


@pytest.fixture(params=[True, False], ids=['kernel', 'definition'])
def _both_ways(request: pytest.FixtureRequest) -> Iterator[None]:
    with ops.kernels(request.param):
        yield


@pytest.mark.usefixtures('_both_ways')
def test_it_is_softmax_attention_by_distance_with_midpoints() -> None:
    tensors = inputs(**SIZE)
    out, expected = attend(*tensors), dense(*tensors)
    assert relative(out, expected) < 1e-10
    for got, exact in zip(gradients(out, tensors), gradients(expected, tensors), strict=True):
        assert relative(got, exact) < 1e-8


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ('c', 'margin', 'scale', 'dim'),
    [(0.0, 0.985, 0.7, 3), (0.6, 0.985, 0.8, 2), (0.6, 0.5, 0.7, 4), (10.0, 0.985, 0.2, 1)],
)
def test_kernel_in_80_digits(c: float, margin: float, scale: float, dim: int, dtype: torch.dtype) -> None:
    qkv, centroids, temperature, _ = (t.detach() for t in inputs(1, 2, 1, dim, 1, scale, c, dtype))
    qkv[0, 1, 0] = (1 + 1e-4) * qkv[0, 0, 1]  # a query that nearly is a key
    numbers = torch.tensor([c, -0.5 / float(temperature) ** 2], dtype=torch.float64)
    g = torch.linspace(-1, 1, 2 * dim, dtype=dtype).cos().view(1, 2, dim)
    clip = clip_numbers(Limits(margin, None, dtype))
    out, known = attention_cpu.attention(qkv, centroids, numbers, None, clip)
    found = attention_cpu.attention_backward(g, qkv, centroids, numbers, None, out, known, clip)

    def exact(qkv, centroids, numbers) -> list:
        ball, sigma = Ball(numbers[0], margin), MP.sqrt(-1 / (2 * numbers[1]))
        query, key, value = ([token[role][0] for token in qkv[0]] for role in range(3))
        keys, values = centroids[0] + key, centroids[0] + value
        return [number for q in query for number in ball.attention(q, keys, values, sigma)]

    def weighted(*arguments) -> object:
        return MP.fdot(exact(*arguments), to_mp(g.flatten()))

    at = [to_mp(t) for t in (qkv, centroids, numbers)]
    at[2][0] += MP.mpf('1e-20')  # the oracle has no flat space
    of_result, of_gradients = (3e-5, 1e-5) if dtype == torch.float32 else (1e-13, 1e-12)
    # Here the curvature's gradient is the sum of -8.05 from the midpoints and 7.92 from the points: of each rounding of
    # a sum in float32, 6e-8, it keeps 8e-6.
    of_curvature = 5e-5 if dtype == torch.float32 and (c, margin) == (0.6, 0.985) else of_gradients
    expected = torch.tensor([float(number) for number in exact(*at)], dtype=torch.float64)
    assert relative(out.flatten().double(), expected) < of_result
    # A direction in each tensor; both numbers alone, so that none hides the other
    generator = torch.Generator().manual_seed(0)
    for i, which in [(0, None), (1, None), (2, 0), (2, 1)]:
        directions = [torch.zeros_like(t, dtype=torch.float64) for t in (qkv, centroids, numbers)]
        shape = directions[i].shape
        some = torch.randn(shape, generator=generator, dtype=torch.float64)
        directions[i] = some if which is None else torch.eye(2, dtype=torch.float64)[which]
        along = found[i].double() * directions[i]
        right = float(directional_derivatives(weighted, at, [to_mp(d) for d in directions])[i])
        allowed = of_curvature if (i, which) == (2, 0) else of_gradients
        assert abs(float(along.sum()) - right) < allowed * max(float(along.norm()), abs(right)), (i, which)


@pytest.mark.usefixtures('_both_ways')
def test_at_curvature_zero_it_is_euclidean() -> None:
    qkv, centroids, temperature, c = inputs(**SIZE, c=0.0)
    q, k, v = qkv.permute(2, 0, 3, 1, 4)
    k, v = (torch.cat([centroids.expand(len(t), -1, -1, -1), t], -2) for t in (k, v))
    weights = (-2 * torch.cdist(q, k) ** 2 / temperature.view(-1, 1, 1) ** 2).softmax(-1)
    expected = (weights @ v).transpose(1, 2).flatten(2)
    assert relative(attend(qkv, centroids, temperature, c, limits=Limits(0.985)), expected) < 1e-12


CASES = {
    'one of all': {'batch': 1, 'tokens': 1, 'heads': 1, 'dim': 1, 'shared': 1},
    'no centroids': {'batch': 3, 'tokens': 18, 'heads': 1, 'dim': 7, 'shared': 0},
    'blocks and a rest': {'batch': 2, 'tokens': 17, 'heads': 3, 'dim': 5, 'shared': 33},
    'several pieces of a sample': {'batch': 2, 'tokens': 140, 'heads': 1, 'dim': 8, 'shared': 16},
    'long vectors': {**SIZE, 'dim': 4096, 'scale': 0.02},
    'flat': {**SIZE, 'c': 0.0, 'limits': Limits(0.985)},
    'nearly flat': {**SIZE, 'c': 1e-8},
    'strongly curved': {**SIZE, 'c': 10.0},
    'narrow margin': {**SIZE, 'limits': Limits(0.3, None, torch.float32)},
    'no margin': {**SIZE, 'c': 1.0, 'limits': Limits(None, None, torch.float32)},
    'largest norm': {**SIZE, 'c': 0.0, 'limits': Limits(0.985, 1.0, torch.float32)},
    'tiny': {**SIZE, 'scale': 1e-20},
    'beyond the margin': {**SIZE, 'c': 1.0, 'scale': 1e4},
}


def assert_is_the_definition(kernels: ModuleType, name: str, dtype: torch.dtype, dropped: bool, device: str) -> None:
    """That a module computes a case as the definition does in float64, with its gradients."""
    case = {'limits': CLIP} | CASES[name]
    limits = case.pop('limits')
    if limits.margin is None:
        dtype = torch.float64  # as `ops.attention` has it
    clip = clip_numbers(limits)
    qkv, centroids, temperature, c = (t.detach().to(device) for t in inputs(**case, dtype=dtype))
    numbers = torch.cat([c, -0.5 / temperature**2]).double()
    keep = None
    if dropped:
        shape = (*qkv.shape[:1], qkv.shape[3], qkv.shape[1], centroids.shape[1] + qkv.shape[1])
        keep = torch.rand(shape, generator=torch.Generator().manual_seed(1)).to(device) < 0.7
        keep[..., -1] = True
    exact = [t.double().requires_grad_() for t in (qkv, centroids, numbers)]
    drop = None if keep is None else lambda weights: weights * keep
    expected = definition(*exact[:2], exact[2][1:], exact[2][:1], Bounds(*clip), torch.float64, drop=drop)
    g = torch.linspace(-1, 1, expected.numel(), dtype=dtype, device=device).cos().view_as(expected)
    references = torch.autograd.grad(expected, exact, g.double())
    out, known = kernels.attention(qkv, centroids, numbers, keep, clip)
    found = kernels.attention_backward(g, qkv, centroids, numbers, keep, out, known, clip)
    # Near the margin inner products of float32 vectors leave few digits of a distance, as in the definition.
    allowed = 1e-10 if dtype == torch.float64 else 5e-4 if name == 'beyond the margin' else 3e-5
    assert out.dtype == dtype
    assert relative(out, expected) < allowed
    floor = 0.3 * max(r.norm().item() for r in references)
    for got, reference in zip(found, references, strict=True):
        assert got.isfinite().all()
        assert relative(got, reference, floor) < allowed


@pytest.mark.parametrize('dropped', [False, True], ids=['', 'dropout'])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('name', CASES)
def test_kernel_is_the_definition(name: str, dtype: torch.dtype, dropped: bool) -> None:
    assert_is_the_definition(attention_cpu, name, dtype, dropped, 'cpu')


@pytest.mark.parametrize('batch', [0, 1])
@pytest.mark.parametrize('tokens', [0, 2])
def test_of_nothing_it_is_nothing(batch: int, tokens: int) -> None:
    tensors = inputs(**SIZE | {'batch': batch, 'tokens': tokens})
    out = attend(*tensors)
    assert out.shape == (batch, tokens, 6)
    for t, g in zip(tensors, torch.autograd.grad(out.sum(), tensors), strict=True):
        assert g.shape == t.shape
        assert g.isfinite().all()


@pytest.mark.parametrize('tokens', [16, 65])
def test_rows_do_not_depend_on_the_batch_the_threads_or_how_much_is_done_at_a_time(tokens: int, monkeypatch) -> None:
    # Of sizes that fill vectors: otherwise it depends on addresses how matrix products round.
    tensors = inputs(5, tokens, 2, 32, 20, scale=0.3, dtype=torch.float32)
    out = attend(*tensors)
    found = [out, *gradients(out, tensors)]
    torch.set_num_threads(2)
    again = attend(*tensors)
    for a, b in zip(found, [again, *gradients(again, tensors)], strict=True):
        assert torch.equal(a, b)
    torch.set_num_threads(1)
    for sample in (0, 3):
        assert torch.equal(attend(tensors[0][sample : sample + 1], *tensors[1:]), out[sample : sample + 1])
    for chunk in (1, 2 * tokens * (tokens + 20)):  # one and two samples
        monkeypatch.setattr(attention_cpu, '_CHUNK', chunk)
        again = attend(*tensors)
        assert torch.equal(again, out)
        of_qkv, *others = gradients(again, tensors)
        assert torch.equal(of_qkv, found[1])
        assert all(relative(a, b) < 1e-5 for a, b in zip(others, found[2:], strict=True))


def test_second_derivatives() -> None:
    tensors = inputs(batch=1, tokens=2, heads=1, dim=2, shared=1, scale=0.4)
    assert torch.autograd.gradgradcheck(attend, tensors)


def test_dropped_weights_are_left_out() -> None:
    qkv, centroids, *numbers = (t.detach() for t in inputs(**SIZE))
    drop = torch.nn.Dropout(1.0)
    tensors = [t.clone().requires_grad_() for t in (qkv, centroids, *numbers)]
    out = attend(*tensors, drop=drop)
    assert not out.any()
    assert all(g.isfinite().all() for g in gradients(out, tensors))
    assert torch.equal(attend(qkv, centroids, *numbers, drop=drop.eval()), attend(qkv, centroids, *numbers))
    torch.manual_seed(0)
    dropped = attend(qkv, centroids, *numbers, drop=torch.nn.Dropout(0.3))
    torch.manual_seed(0)
    keep = torch.empty(2, 2, 5, 9, dtype=torch.bool).bernoulli_(0.7)
    slope, c = -0.5 / numbers[0] ** 2, numbers[1]
    assert relative(dropped, definition(qkv, centroids, slope, c, CLIP, qkv.dtype, drop=lambda w: w * keep)) < 1e-12


@pytest.mark.usefixtures('_both_ways')
@pytest.mark.parametrize('role', [0, 1, 2])
def test_what_is_not_a_number_stays_seen(role: int) -> None:
    qkv, *others = (t.detach() for t in inputs(**SIZE, dtype=torch.float32))
    qkv[0, 1, role, 0, 0] = torch.nan
    out = attend(qkv, *others)[0, :, :3]
    assert out[1].isnan().all()
    assert out.isnan().all() or role == 0


def test_the_vectors_and_the_result_are_kept_and_little_else() -> None:
    tensors, kept = inputs(8, 20, 2, 16, 30), {}
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: kept.setdefault(t.untyped_storage().data_ptr(), t.untyped_storage().nbytes()) and t, lambda t: t
    ):
        out = attend(*tensors)
    rows = 8 * 20 * 2
    assert sum(kept.values()) <= 8 * (tensors[0].numel() + tensors[1].numel() + out.numel() + 5 * rows + 100)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_types_are_computed_in_float32(dtype: torch.dtype) -> None:
    qkv, centroids, *numbers = (t.detach().float() for t in inputs(**SIZE))
    half = qkv.to(dtype)
    out = ops.attention(half, centroids, *numbers, CLIP, dtype)
    assert torch.equal(out, attend(half.float(), centroids, *numbers))


def test_vectors_that_are_not_side_by_side_give_the_same() -> None:
    qkv, *others = inputs(**SIZE)
    strided = qkv.detach().movedim(-1, 0).contiguous().movedim(0, -1).requires_grad_()
    out, expected = attend(strided, *others), attend(qkv, *others)
    assert torch.equal(out, expected)
    assert torch.equal(gradients(out, [strided])[0], gradients(expected, [qkv])[0])


def test_compiled_it_is_what_it_is_in_eager_mode_also_backward_within_autocast() -> None:
    torch.compiler.reset()
    tensors = inputs(**SIZE, dtype=torch.float32)
    eager = attend(*tensors)
    expected = gradients(eager, tensors)
    compiled = torch.compile(attend, fullgraph=True, backend='aot_eager')
    out = compiled(*tensors)
    assert torch.equal(out, eager)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        within = gradients(compiled(*tensors), tensors)
    for a, b, c in zip(gradients(out, tensors), within, expected, strict=True):
        assert torch.equal(a, c)
        assert torch.equal(b, c)
    torch.compiler.reset()


def test_its_matrix_products_are_counted() -> None:
    tensors = inputs(**SIZE)
    with FlopCounterMode(display=False) as forward:
        out = attend(*tensors)
    with FlopCounterMode(display=False) as backward:
        out.sum().backward()
    product = 2 * 2 * 2 * 5 * (5 + 4) * 3  # samples, heads, queries, keys, features
    assert forward.get_total_flops() == 2 * product
    assert backward.get_total_flops() == 5 * product  # the scores again, and four gradients

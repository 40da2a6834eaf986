"""What every hyperbolic layer owes: its formula, its limit, its derivatives, its number types, its copies.

One table of layers (`layer_cases.CASES`) runs through all of it; what a single layer has besides is in its own file.
"""

from __future__ import annotations

import copy
import io
import itertools
import math
import pickle
from typing import Any

import geoopt
import pytest
import safetensors.torch
import torch
from layer_cases import BATCH, CASES, DIM, TOKENS, Case, gradients, hyperbolic_modules, relative, scramble
from torch import Tensor, nn

from timm_hyperbolic.geometry import kernels
from timm_hyperbolic.layers import (
    CenteredResidual,
    Curvature,
    HyperbolicHead,
    HyperbolicLinear,
    HyperbolicMlp,
    HyperbolicModule,
    HyperbolicPosEmbed,
    OriginResidual,
    PointResidual,
    named_curvatures,
)

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')

every_layer = pytest.mark.parametrize('case', CASES, ids=lambda case: case.name)
#: Layers that are one node of our own.
_IN_ONE_NODE = (CenteredResidual, OriginResidual, PointResidual, HyperbolicPosEmbed, HyperbolicLinear, HyperbolicMlp)
#: `artanh(0.985)`, the longest tangent vector at curvature 1 under the default margin.
REACH = math.atanh(0.985)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def has_points(case: Case) -> bool:
    return any(isinstance(p, geoopt.ManifoldParameter) for p in case.build(device='meta').parameters())


def functional(layer: nn.Module, names: list[str], count: int):
    """A layer as a function of its inputs and the named parameters, for gradcheck."""

    def call(*tensors: Tensor) -> Tensor:
        return torch.func.functional_call(layer, dict(zip(names, tensors[count:], strict=True)), tensors[:count])

    return call


# --- the formula ------------------------------------------------------------------------------------------------------


@every_layer
@pytest.mark.parametrize('margin', ['default', 0.7, None])
@pytest.mark.parametrize('seed', range(4))
def test_value_and_gradients_are_those_of_the_dense_formula(case: Case, margin: Any, seed: int) -> None:
    generator = seeded(seed)
    c = 10 ** (4 * torch.rand(1, generator=generator).item() - 3)
    # Norms of up to 1.9 times this, in units of the curvature: within every clip, across it, mostly beyond it. Without
    # a clip it is the arithmetic of the formula that ends, at about 4.
    length = {'default': (0.8, 2.0, 4.0, 10.0), 0.7: (0.4, 0.8, 1.5, 5.0), None: (0.3, 0.6, 1.0, 1.5)}[margin][seed]
    layer = case.build(curvature=c, **({} if margin == 'default' else {'margin': margin}))
    scramble(layer, generator)
    if hasattr(layer, 'sigma_raw'):  # a temperature that fits the distances, so that the softmax is not one-hot
        layer.sigma_raw.data += c**-0.5
    inputs = case.inputs(generator, length / c**0.5)
    value, dense = layer(*inputs), case.dense(layer, *inputs)
    assert value.shape == dense.shape
    # Without a margin, and in a residual at x, which may leave it, the dense arithmetic loses digits.
    lost = 1e3 if case.name == 'resx' or margin is None else 1
    assert relative(value, dense) < lost * 1e-10
    ours, theirs = gradients(layer, inputs, value), gradients(layer, inputs, dense)
    # A gradient that clips make zero is left with rounding of the largest.
    floor = 1e-6 * max(g.norm().item() for g in theirs.values())
    errors = {name: relative(ours[name], theirs[name], floor) for name in ours}
    assert max(errors.values()) < lost * 1e-8, errors


@every_layer
def test_fixed_curvature_is_the_same_function(case: Case) -> None:
    learnt, fixed = case.build(curvature=0.7), case.build(curvature=0.7, learn_curvature=False)
    state = {name: value for name, value in learnt.state_dict().items() if not name.endswith('curvature.raw')}
    assert fixed.load_state_dict(state, strict=False).unexpected_keys == []
    inputs = case.inputs(seeded(0))
    torch.testing.assert_close(fixed(*inputs), learnt(*inputs), rtol=1e-14, atol=1e-14)
    assert not any(name.endswith('curvature.raw') for name, _ in fixed.named_parameters())
    assert any(name.endswith('curvature.value') for name, _ in fixed.named_buffers())


# --- derivatives ------------------------------------------------------------------------------------------------------

# Lengths inside the margin, and beyond it.
derivatives = pytest.mark.parametrize(('curvature', 'length'), [(0.8, 0.6), (1.5, 4.0), (0.0, 1.0)])


def small(case: Case, curvature: float, length: float) -> tuple[Any, list[Tensor]]:
    """A layer's function of everything differentiable, and where to differentiate it."""
    layer = scramble(case.build(curvature=curvature), seeded(1), curved=curvature > 0)
    inputs = case.inputs(seeded(2), length)
    inputs = [x.detach()[:1] if x.ndim == 2 else x.detach()[:1, :3] for x in inputs]
    parameters = dict(layer.named_parameters())
    leaves = [t.detach().clone().requires_grad_() for t in (*inputs, *parameters.values())]
    if curvature:
        assert any(name.endswith('curvature.raw') for name in parameters)
    return functional(layer, list(parameters), len(inputs)), leaves


@every_layer
@derivatives
def test_gradients_are_right_by_finite_differences(case: Case, curvature: float, length: float) -> None:
    call, leaves = small(case, curvature, length)
    assert torch.autograd.gradcheck(call, leaves, fast_mode=True)


# The layers that the others are made of; of the attention, which is slow, only the generic case.
SECOND = [
    (name, *where)
    for name in ('res', 'res0', 'resx', 'pos', 'head', 'linear-parts')
    for where in ((0.8, 0.6), (1.5, 4.0), (0.0, 1.0))
]


@pytest.mark.parametrize(('name', 'curvature', 'length'), [*SECOND, ('attn', 0.8, 0.6)])
def test_second_derivatives_are_right_by_finite_differences(name: str, curvature: float, length: float) -> None:
    (case,) = (case for case in CASES if case.name == name)
    call, leaves = small(case, curvature, length)
    assert torch.autograd.gradgradcheck(call, leaves, fast_mode=True, atol=1e-4)


# --- the flat limit ---------------------------------------------------------------------------------------------------


@every_layer
@pytest.mark.parametrize(('dtype', 'tolerance'), [(torch.float64, 1e-13), (torch.float32, 2e-6)])
def test_at_curvature_zero_it_is_the_euclidean_formula(case: Case, dtype: torch.dtype, tolerance: float) -> None:
    layer = scramble(case.build(dtype, curvature=0.0), seeded(3), curved=False)
    inputs = case.inputs(seeded(4), 3.0, dtype)
    value, flat = layer(*inputs), case.flat_limit(layer, *inputs)
    assert relative(value, flat) < tolerance
    ours, theirs = gradients(layer, inputs, value), gradients(layer, inputs, flat)
    floor = 1e-3 * max(g.norm().item() for g in theirs.values())
    errors = {name: relative(ours[name], theirs[name], floor) for name in ours}
    assert max(errors.values()) < 10 * tolerance, errors


@every_layer
def test_difference_from_the_limit_shrinks_linearly_in_the_curvature(case: Case) -> None:
    flat = scramble(case.build(curvature=0.0), seeded(5), curved=False)
    inputs = case.inputs(seeded(6), 2.0)
    limit = case.flat_limit(flat, *inputs)
    limit_gradients = gradients(flat, inputs, limit)
    curvatures = [1e-2, 1e-3, 1e-4, 1e-5, 1e-6]
    gaps: dict[str, list[float]] = {}
    for c in curvatures:
        curved = case.build(curvature=c)
        curved.load_state_dict(
            {k: v for k, v in flat.state_dict().items() if not k.endswith('curvature.value')}, strict=False
        )
        value = curved(*inputs)
        gaps.setdefault('value', []).append((value - limit).norm().item())
        ours = gradients(curved, inputs, value)
        for name, gradient in limit_gradients.items():
            gaps.setdefault(name, []).append((ours[name] - gradient).norm().item())
    for name, gap in gaps.items():
        if max(gap) < 1e-12:  # the curvature does not enter, as for a bias of the logits
            continue
        slopes = [math.log10(a / b) for a, b in itertools.pairwise(gap[1:])]
        # From 1e-2 to 1e-3 the next order of the expansion is still seen.
        assert slopes == pytest.approx([1] * len(slopes), abs=0.02), (name, gap)
        assert math.log10(gap[0] / gap[1]) == pytest.approx(1, abs=0.15), (name, gap)


@every_layer
@pytest.mark.parametrize('length', [0.5, 1.5, 6.0])
def test_max_norm_is_the_clip_without_the_curvature(case: Case, length: float) -> None:
    layer = scramble(case.build(curvature=0.0, max_norm=1.5), seeded(7), curved=False)
    inputs = case.inputs(seeded(8), length)
    value, dense = layer(*inputs), case.dense(layer, *inputs)
    assert relative(value, dense) < 1e-12
    ours, theirs = gradients(layer, inputs, value), gradients(layer, inputs, dense)
    floor = 1e-6 * max(g.norm().item() for g in theirs.values())
    errors = {name: relative(ours[name], theirs[name], floor) for name in ours}
    assert max(errors.values()) < 1e-8, errors
    unclipped = case.flat_limit(layer, *inputs)
    assert relative(value, unclipped) > 1e-3 or length < 6


@every_layer
def test_flat_layer_has_no_curvature_to_learn(case: Case) -> None:
    layer = case.build(curvature=0.0)
    assert not any('curvature' in name for name, _ in layer.named_parameters())
    assert set(named_curvatures(layer).values()) == {0.0}
    for module in hyperbolic_modules(layer):
        for name in getattr(module, 'manifold_names', ()):
            assert isinstance(getattr(module, name).manifold, geoopt.Euclidean)


# --- nothing NaN or infinite ------------------------------------------------------------------------------------------


def hard_inputs(case: Case, dtype: torch.dtype) -> tuple[Tensor, ...]:
    """Zeros, 1e-20, 1e4, one token repeated, and for two inputs their being equal and opposite: in one batch."""
    generator = seeded(9)
    plain = [torch.randn(case.shapes[0], generator=generator) for _ in case.shapes]
    x = plain[0]
    sets = [[scale * t for t in plain] for scale in (0.0, 1e-20, 1.0, 1e4)]
    sets += [[scale * x[..., :1, :].expand_as(x) for _ in plain] for scale in (1.0, 1e4)]
    if len(plain) == 2:
        for scale in (1e-20, 1.0, 1e4):
            long, zero = scale * x, torch.zeros_like(x)
            sets += [[long, long], [long, -long], [long, zero], [zero, long]]
    return tuple(torch.cat(tensors).to(dtype).requires_grad_() for tensors in zip(*sets, strict=True))


@every_layer
@pytest.mark.parametrize('space', [{}, {'margin': None}, {'curvature': 0.0}], ids=['margin', 'no margin', 'flat'])
@pytest.mark.parametrize('hamp', [False, True], ids=['', 'hamp'])
@pytest.mark.parametrize('autocast', [None, torch.bfloat16, torch.float16], ids=['float32', 'bfloat16', 'float16'])
def test_nothing_is_nan_or_infinite(case: Case, space: dict, hamp: bool, autocast: torch.dtype | None) -> None:
    start = case.build(torch.float32, hamp=hamp, **space)
    moved = scramble(copy.deepcopy(start), seeded(10), curved='curvature' not in space)
    inputs = hard_inputs(case, torch.float32)
    for layer in (start, moved):
        with torch.autocast('cpu', dtype=autocast, enabled=autocast is not None):
            value = layer(*inputs)
        assert value.isfinite().all()
        for name, gradient in gradients(layer, inputs, value.float()).items():
            assert gradient.isfinite().all(), name


@every_layer
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize('hamp', [False, True], ids=['', 'hamp'])
def test_half_precision_layer_is_finite_and_keeps_its_type(case: Case, dtype: torch.dtype, hamp: bool) -> None:
    layer = case.build(dtype, hamp=hamp)
    inputs = hard_inputs(case, dtype)
    value = layer(*inputs)
    assert value.dtype == dtype
    assert value.isfinite().all()
    for name, gradient in gradients(layer, inputs, value).items():
        assert gradient.dtype == dtype
        assert gradient.isfinite().all(), name


@pytest.mark.parametrize('name', ['res', 'res0', 'resx'])
def test_nothing_comes_back_through_a_closed_gate(name: str) -> None:
    # Not even rounding, which the next closed gate squares: what is below float32's normal numbers is slow.
    (case,) = (case for case in CASES if case.name == name)
    layer = case.build(torch.float32)
    x, y = hard_inputs(case, torch.float32)
    out = layer(x, y)
    weight = torch.randn(out.shape, generator=seeded(11))
    by_x, by_y, by_gate = torch.autograd.grad(out, (x, y, layer.gamma_raw), weight)
    assert by_x.count_nonzero() > 0.6 * by_x.numel()
    assert by_y.count_nonzero() == 0
    assert by_gate.abs() > 1e-3


# --- number types -----------------------------------------------------------------------------------------------------


@every_layer
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_type_out_is_type_in(case: Case, dtype: torch.dtype) -> None:
    layer = case.build(dtype)
    assert layer(*case.inputs(seeded(11), dtype=dtype)).dtype == dtype


@every_layer
@pytest.mark.parametrize(
    ('dtype', 'autocast', 'hamp', 'tolerance'),
    [
        (torch.float32, None, False, 3e-6),
        (torch.float32, None, True, 3e-6),
        # Without hamp the hyperbolic layers compute in float32 whatever autocast says ...
        (torch.float32, torch.bfloat16, False, 3e-6),
        # ... with it their vectors are in its type, good to a few of its last bits.
        (torch.float32, torch.bfloat16, True, 4e-2),
        (torch.float32, torch.float16, True, 5e-3),
        (torch.bfloat16, None, False, 4e-2),
        (torch.float16, None, False, 5e-3),
    ],
)
def test_lower_precision_is_near_to_float64(
    case: Case, dtype: torch.dtype, autocast: torch.dtype | None, hamp: bool, tolerance: float
) -> None:
    exact = scramble(case.build(), seeded(12))
    if dtype.itemsize < 4:
        exact.to(dtype).double()  # the rounding of the parameters is not the layer's
    layer = case.build(dtype, hamp=hamp)
    layer.load_state_dict(exact.state_dict())
    inputs = [x.detach() for x in case.inputs(seeded(13), 1.5, dtype)]
    with torch.autocast('cpu', dtype=autocast, enabled=autocast is not None):
        value = layer(*inputs)
    reference = exact(*(x.double() for x in inputs))
    assert relative(value.double(), reference) < tolerance


@every_layer
def test_autocast_leaves_float64_alone(case: Case) -> None:
    layer = scramble(case.build(hamp=True), seeded(24))
    inputs = case.inputs(seeded(25))
    plain = layer(*inputs)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert torch.equal(layer(*inputs), plain)


@every_layer
def test_gradients_with_a_graph_are_those_without(case: Case) -> None:
    layer = scramble(case.build(), seeded(29))
    leaves = [*(inputs := case.inputs(seeded(30))), *layer.parameters()]
    out = layer(*inputs)
    plain, with_graph = (
        torch.autograd.grad(out.sin().sum(), leaves, retain_graph=True, create_graph=graph) for graph in (False, True)
    )
    for a, b in zip(with_graph, plain, strict=True):
        assert relative(a, b, floor=1e-3) < 1e-9


@every_layer
@pytest.mark.parametrize('hamp', [False, True], ids=['', 'hamp'])
@pytest.mark.parametrize('create_graph', [False, True], ids=['', 'create_graph'])
def test_backward_pass_within_autocast(case: Case, hamp: bool, create_graph: bool) -> None:
    layer = scramble(case.build(torch.float32, hamp=hamp), seeded(26))
    inputs = case.inputs(seeded(27), dtype=torch.float32)
    leaves = [*inputs, *layer.parameters()]
    with torch.autocast('cpu', dtype=torch.bfloat16):
        out = layer(*inputs)
    options = {'grad_outputs': torch.randn(out.shape, generator=seeded(28)).to(out.dtype), 'retain_graph': True}
    options['create_graph'] = create_graph
    outside = torch.autograd.grad(out, leaves, **options)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        within = torch.autograd.grad(out, leaves, **options)
    # A node of ours computes as it would outside. What torch makes of its own products within autocast is torch's.
    tolerance = 0 if isinstance(layer, _IN_ONE_NODE) else 4e-2
    for a, b, p in zip(within, outside, leaves, strict=True):
        assert a.dtype == b.dtype == p.dtype
        assert relative(a, b, floor=1e-3) <= tolerance


# --- margins ----------------------------------------------------------------------------------------------------------


@every_layer
def test_default_margin_is_the_study_s(case: Case) -> None:
    expected = {HyperbolicHead: 0.96, HyperbolicPosEmbed: 0.98}.get(case.layer, 0.985)
    assert {module.limits.margin for module in hyperbolic_modules(case.build()) if hasattr(module, 'limits')} == {
        expected
    }


@pytest.mark.parametrize(
    'case',
    [case for case in CASES if case.name.split('-')[0] not in ('head', 'mlr', 'tree')],
    ids=lambda case: case.name,
)
def test_margin_holds_what_comes_out(case: Case) -> None:
    # A point within t comes out as a tangent vector within artanh(t). A residual at x may leave it, by design.
    layer = scramble(case.build(), seeded(14))
    for p in layer.parameters():
        if p.ndim == 2 and not isinstance(p, geoopt.ManifoldParameter):
            p.data.mul_(50)
    value = layer(*case.inputs(seeded(15), 20.0)).detach()
    t = 0.98 if case.name == 'pos' else 0.985
    for c in named_curvatures(layer).values():
        if not case.name.startswith(('linear-parts', 'mlp', 'attn', 'resx')):
            longest = value.norm(dim=-1).max().item() * c**0.5
            assert longest == pytest.approx(math.atanh(t), rel=1e-6)


# --- errors -----------------------------------------------------------------------------------------------------------


@every_layer
@pytest.mark.parametrize(
    ('keywords', 'parts'),
    [
        ({'curvature': -1.0}, ['curvature=-1.0', '>= 0', '0 is flat']),
        ({'margin': 1.0}, ['margin=1.0', '(0, 1)', 'margin=None']),
        ({'max_norm': 2.44}, ['max_norm=2.44', 'curvature=0', 'margin']),
    ],
    ids=lambda value: ','.join(f'{k}={v}' for k, v in value.items()) if isinstance(value, dict) else '',
)
def test_impossible_value_is_named_with_its_remedy(case: Case, keywords: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(ValueError) as caught:
        case.build(**keywords)
    for part in parts:
        assert part in str(caught.value)


@every_layer
def test_unknown_keyword_is_named(case: Case) -> None:
    with pytest.raises(TypeError, match='curvatur'):
        case.build(curvatur=1.0)


# --- copies -----------------------------------------------------------------------------------------------------------


def assert_whole(layer: nn.Module) -> None:
    """Manifold parameters are manifold parameters, on the ball of their own module's curvature."""
    for module in hyperbolic_modules(layer):
        for name in getattr(module, 'manifold_names', ()):
            parameter = getattr(module, name)
            assert isinstance(parameter, geoopt.ManifoldParameter), name
            assert parameter.requires_grad
            if not module.curvature.is_flat:
                assert isinstance(parameter.manifold, geoopt.PoincareBall)
                assert parameter.manifold.curvature is module.curvature
            else:
                assert isinstance(parameter.manifold, geoopt.Euclidean)


def through_pickle(layer: nn.Module) -> nn.Module:
    return pickle.loads(pickle.dumps(layer))


def through_torch_save(layer: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


def through_state_dict(layer: nn.Module, case: Case, space: dict[str, Any], assign: bool) -> nn.Module:
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    copied = case.build(torch.float32, **space)
    copied.load_state_dict(torch.load(file, weights_only=True), assign=assign)
    return copied


def through_safetensors(layer: nn.Module, case: Case, space: dict[str, Any]) -> nn.Module:
    copied = case.build(torch.float32, **space)
    copied.load_state_dict(safetensors.torch.load(safetensors.torch.save(layer.state_dict())))
    return copied


@every_layer
@pytest.mark.parametrize('space', [{}, {'curvature': 0.0}, {'learn_curvature': False}], ids=str)
@pytest.mark.parametrize('way', ['deepcopy', 'pickle', 'torch.save', 'state_dict', 'assign', 'safetensors'])
def test_copy_is_the_same_bit_for_bit(case: Case, space: dict[str, Any], way: str) -> None:
    layer = scramble(case.build(torch.float32, **space), seeded(16), curved=space.get('curvature') != 0)
    copied = {
        'deepcopy': lambda: copy.deepcopy(layer),
        'pickle': lambda: through_pickle(layer),
        'torch.save': lambda: through_torch_save(layer),
        'state_dict': lambda: through_state_dict(layer, case, space, assign=False),
        'assign': lambda: through_state_dict(layer, case, space, assign=True),
        'safetensors': lambda: through_safetensors(layer, case, space),
    }[way]()
    inputs = case.inputs(seeded(17), 2.0, torch.float32)
    ours, theirs = layer(*inputs), copied(*inputs)
    assert torch.equal(ours, theirs)
    a, b = gradients(layer, inputs, ours), gradients(copied, inputs, theirs)
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert a.keys() == b.keys()
    assert_whole(copied)
    assert not {p.data_ptr() for p in layer.parameters()} & {p.data_ptr() for p in copied.parameters() if p.numel()}


@every_layer
def test_points_outside_the_starting_ball_are_loaded(case: Case) -> None:
    # A learnt curvature has become small, and points moved to where the starting ball does not reach.
    wide = scramble(case.build(torch.float32, curvature=0.01), seeded(18))
    inputs = case.inputs(seeded(19), 2.0, torch.float32)
    for assign in (False, True):
        layer = case.build(torch.float32)
        layer.load_state_dict(wide.state_dict(), assign=assign)
        assert torch.equal(layer(*inputs), wide(*inputs))
        assert_whole(layer)


@every_layer
@pytest.mark.parametrize('move', ['double', 'half', 'bfloat16', 'to', 'deepcopy-to', 'to_empty', 'overwrite'])
def test_manifold_survives_a_move(case: Case, move: str) -> None:
    layer = case.build(torch.float32)
    if move == 'overwrite':  # torch's other way of converting: a new parameter for the old one
        torch.__future__.set_overwrite_module_params_on_conversion(True)
    try:
        moved = {
            'double': layer.double,
            'half': layer.half,
            'bfloat16': layer.bfloat16,
            'to': lambda: layer.to('cpu', torch.float64),
            'deepcopy-to': lambda: copy.deepcopy(layer).to(torch.float64),
            'to_empty': lambda: layer.to_empty(device='cpu'),
            'overwrite': layer.double,
        }[move]()
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(False)
    assert_whole(moved)
    expected = {'half': torch.float16, 'bfloat16': torch.bfloat16, 'to_empty': torch.float32}.get(move, torch.float64)
    assert {p.dtype for p in moved.parameters()} == {expected}


@every_layer
def test_meta_layer_is_materialised_with_its_starting_values(case: Case) -> None:
    layer = case.build(torch.float32, curvature=0.7, device='meta')
    assert all(t.is_meta for t in layer.state_dict().values())
    assert 'meta' in repr(layer)
    # Memory that was never written to is NaN under this setting: what is not reset is seen.
    torch.use_deterministic_algorithms(True)
    try:
        layer.to_empty(device='cpu')
    finally:
        torch.use_deterministic_algorithms(False)
    for module in layer.modules():
        if hasattr(module, 'reset_parameters'):
            module.reset_parameters()
    assert_whole(layer)
    torch.manual_seed(0)
    reference = case.build(torch.float32, curvature=0.7)
    for name, value in reference.state_dict().items():
        ours = layer.state_dict()[name]
        if name.endswith('weight') and 'norm' not in name and value.numel():
            assert 0.25 < ours.std() / value.std() < 4  # drawn at random
        else:
            assert torch.equal(ours, value), name
    assert list(named_curvatures(layer).values()) == pytest.approx([0.7] * len(named_curvatures(layer)), rel=1e-6)
    assert layer(*case.inputs(seeded(20), dtype=torch.float32)).isfinite().all()


def test_frozen_point_stays_frozen() -> None:
    layer = HyperbolicLinear(DIM, DIM, device='meta')
    layer.p_in.requires_grad_(False)
    layer.to_empty(device='cpu')
    assert not layer.p_in.requires_grad
    assert layer.p_out.requires_grad


@pytest.mark.parametrize('case', [case for case in CASES if has_points(case)], ids=lambda case: case.name)
def test_riemannian_step_moves_the_points_and_keeps_them_inside(case: Case) -> None:
    layer = scramble(case.build(curvature=2.0), seeded(21))
    points = {n: p for n, p in layer.named_parameters() if isinstance(p, geoopt.ManifoldParameter)}
    before = {name: p.detach().clone() for name, p in layer.named_parameters()}
    optimizer = geoopt.optim.RiemannianAdam([p for p in layer.parameters() if p.numel()], lr=0.3)
    for step in range(10):
        optimizer.zero_grad()
        # Away from the origin, and the curvature is learnt as well: the ball shrinks.
        loss = sum(-p.square().sum() for p in points.values()) - sum(m().sum() for m in curvatures(layer))
        (loss + 1e-3 * layer(*case.inputs(seeded(step))).sum()).backward()
        optimizer.step()
        for name, p in points.items():
            assert not torch.equal(p, before[name]), name
            norm2 = p.manifold.c * p.detach().square().sum(-1, keepdim=True)
            assert (norm2 < 1.7).all()  # the step of the curvature came with that of the point
    for module in curvatures(layer):
        assert (module() > 2).all()
    # Stored points beyond the ball of a curvature that grew are brought inside by the layer.
    assert layer(*case.inputs(seeded(0))).isfinite().all()


def curvatures(layer: nn.Module) -> list[Curvature]:
    return [module for module in layer.modules() if isinstance(module, Curvature)]


# --- decay, printing --------------------------------------------------------------------------------------------------


@every_layer
def test_only_weights_of_linear_maps_decay(case: Case) -> None:
    layer = case.build()
    excluded = {
        f'{prefix}.{name}'.strip('.')
        for prefix, module in layer.named_modules()
        if hasattr(module, 'no_weight_decay')
        for name in module.no_weight_decay()
    }
    decayed = {name for name, _ in layer.named_parameters()} - excluded
    expected = {
        'linear': {'weight'},
        'mlr': {'weight'},
        'mlp': {'fc1.weight', 'fc2.weight'},
        'attn': {'qkv.weight', 'proj.weight'},
    }.get(case.name.split('-')[0], set())
    norms = {name for name in decayed if 'norm' in name}  # timm's, which leaves vectors without decay
    assert decayed - norms == expected


@every_layer
def test_prints_curvature_and_clip(case: Case) -> None:
    assert 'curvature=0.5' in repr(case.build(curvature=0.5))
    assert 'margin=0.9,' in repr(case.build(margin=0.9))
    assert 'margin=None' in repr(case.build(margin=None))
    assert 'hamp=True' in repr(case.build(hamp=True))
    flat = repr(case.build(curvature=0.0, max_norm=2.44))
    assert 'curvature=0' in flat
    assert 'max_norm=2.44' in flat
    assert 'margin' not in flat


def test_printed_curvature_is_the_present_one() -> None:
    layer = OriginResidual()
    layer.curvature.raw.data.fill_(0.0)
    assert f'curvature={math.log(2):.4g}' in layer.extra_repr()


# --- the base class ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('dtype', 'keywords', 'expected'),
    [
        (torch.float32, {}, torch.float32),
        (torch.bfloat16, {}, torch.float32),
        (torch.float64, {}, torch.float64),
        (torch.float32, {'margin': None}, torch.float64),
        (torch.bfloat16, {'margin': None}, torch.float64),
        (torch.float32, {'margin': None, 'curvature': 0.0}, torch.float32),
    ],
)
def test_row_scalars_are_never_a_half_type(dtype: torch.dtype, keywords: dict, expected: torch.dtype) -> None:
    x = torch.zeros(BATCH, TOKENS, DIM, dtype=dtype)
    for hamp in (False, True):
        module, residual = (cls(hamp=hamp, **keywords) for cls in (HyperbolicModule, OriginResidual))
        with torch.autocast('cpu', dtype=torch.bfloat16):
            assert module.scalar_dtype(x) == expected
            assert residual.scalar_dtype(x) == torch.float64  # in its kernel
            with kernels(False):
                assert residual.scalar_dtype(x) == expected


def test_layer_without_margin_keeps_its_digits_near_the_boundary() -> None:
    # √c‖v‖ = 12 is a point that float32 cannot tell from the boundary; the layer is the identity there nevertheless.
    layer = OriginResidual(margin=None)
    x = torch.randn(8, 16, generator=seeded(22))
    x = 12 * x / x.norm(dim=-1, keepdim=True)
    assert relative(layer(x, torch.randn(8, 16, generator=seeded(23))), x) < 1e-6

"""Layers on points of hyperbolic space, against their formulas in float64, HypLL's layers, and each other."""

from __future__ import annotations

import math
from typing import Any

import pytest
import timm
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_cases import POINT_CASES, Case, gradients, relative
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

import timm_hyperbolic
from timm_hyperbolic import geometry
from timm_hyperbolic.geometry import ball_to_lorentz, convert, distance, lorentz_centroid, lorentz_to_ball, ops
from timm_hyperbolic.geometry.kernels.fully_connected_cpu import sides
from timm_hyperbolic.geometry.transport import gyration, translate
from timm_hyperbolic.layers import (
    HypAvgPool2d,
    HypBatchNorm2d,
    HypConv2d,
    HypExp0,
    HypFlatten,
    HypLinear,
    HypMaxPool2d,
    HypMLR,
    HypReLU,
)

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')

C = 0.75
every_layer = pytest.mark.parametrize('case', POINT_CASES, ids=lambda case: case.name)
#: Layers whose result does not depend on the curvature in Lorentz mode.
NO_CURVATURE = ('relu', 'maxpool', 'flatten')
#: Distances whose gradients a type can hold.
REACH = {torch.float16: 5.0, torch.bfloat16: 12.0, torch.float32: 12.0}
KEEPS_TYPE = NO_CURVATURE
MODES = pytest.mark.parametrize('mode', ['lorentz', 'poincare'])


def points(*shape: int, mode: str = 'lorentz', c: float = C, reach: float = 2.0) -> Tensor:
    """Points at distances up to `reach`, with coordinates in dimension 1."""
    v = torch.randn(*shape, dtype=torch.float64)
    v = v / v.norm(dim=1, keepdim=True) * reach * torch.rand(shape[0], 1, *shape[2:], dtype=torch.float64)
    n = v.norm(dim=1, keepdim=True)
    root = math.sqrt(c) if c else 1.0
    if not c:
        return v if mode == 'lorentz' else v / 2
    length = torch.sinh(root * n) if mode == 'lorentz' else torch.tanh(root * n / 2)
    return length * v / (root * n)


def scrambled(layer: Any) -> Any:
    for name, parameter in layer.named_parameters():
        if not name.endswith('curvature.raw'):
            nn.init.normal_(parameter, std=0.3)
    return layer


def input_of(case: Case, mode: str, c: float = C, reach: float = 2.0) -> Tensor:
    return points(*case.shapes[0], mode=mode, c=c, reach=reach).requires_grad_()


@every_layer
@MODES
def test_value_and_gradients_are_those_of_the_dense_formula(case: Case, mode: str) -> None:
    layer = scrambled(case.build(mode=mode, curvature=C, margin=None)).double()
    x = input_of(case, mode)
    value, dense = layer(x), case.dense(layer, x)
    assert value.shape == dense.shape
    assert relative(value, dense) < 1e-10
    ours, theirs = gradients(layer, (x,), value), gradients(layer, (x,), dense)
    errors = {name: relative(ours[name], theirs[name], 1e-6) for name in ours}
    assert max(errors.values()) < 1e-9, errors


@every_layer
@MODES
def test_flat_limit(case: Case, mode: str) -> None:
    """Exact at zero; the difference shrinks linearly in the curvature."""
    layers = [scrambled(case.build(mode=mode, curvature=c, margin=None)) for c in (0.0, 1e-5, 1e-6)]
    x = input_of(case, mode, c=0.0)
    outs = []
    for layer in layers:
        layer.load_state_dict({k: v for k, v in layers[0].state_dict().items() if 'curvature' not in k}, strict=False)
        outs.append(layer(x))
    expected = case.flat_limit(layers[0], x)
    torch.testing.assert_close(outs[0], expected, rtol=1e-12, atol=1e-12)
    far, near = (float((out - expected).detach().norm()) for out in outs[1:])
    assert far == pytest.approx(10 * near, rel=1e-2, abs=1e-12)
    assert far < 1e-3 * float(expected.detach().norm())


@every_layer
@MODES
@pytest.mark.parametrize('reach', [1.0, 4.0], ids=['inside', 'beyond'])
def test_gradients_are_right_by_finite_differences(case: Case, mode: str, reach: float) -> None:
    learnt = {'learn_curvature': True} if mode == 'lorentz' else {}
    layer = scrambled(case.build(mode=mode, curvature=C, margin=0.7, **learnt)).double()
    parameters = {k: p for k, p in layer.named_parameters() if 'curvature' not in k or case.name not in NO_CURVATURE}

    def call(x: Tensor, *values: Tensor) -> Tensor:
        return torch.func.functional_call(layer, dict(zip(parameters, values, strict=True)), (x,))

    x = input_of(case, mode, reach=reach)
    assert torch.autograd.gradcheck(call, (x, *parameters.values()), fast_mode=True)


class _Types(TorchDispatchMode):
    """Notes the types of all results."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[torch.dtype] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.seen |= {t.dtype for t in (out if isinstance(out, (tuple, list)) else [out]) if isinstance(t, Tensor)}
        return out


@every_layer
@MODES
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32])
def test_number_types(case: Case, mode: str, dtype: torch.dtype) -> None:
    """Finite at zeros, tiny and long vectors; the type of the input; no float64, which not all devices have."""
    for hamp in (False, True):
        layer = case.build(dtype, mode=mode, hamp=hamp)
        x = input_of(case, mode, c=1.0, reach=REACH[dtype]).detach().to(dtype)
        x[0] = 0
        x[1].view(x.shape[1], -1)[:, 0] = 1e-20
        x.requires_grad_()
        with geometry.kernels(False), _Types() as types:
            layer(x).float().square().mean().backward()
        assert torch.float64 not in types.seen
        with torch.autocast('cpu', torch.bfloat16, enabled=hamp):
            y = layer(x)
        assert y.dtype == (torch.bfloat16 if hamp and case.name not in KEEPS_TYPE else dtype)
        y.float().square().mean().backward()
        assert all(
            bool(t.isfinite().all()) for t in (y, x.grad, *(p.grad for p in layer.parameters())) if t is not None
        )


@pytest.mark.slow
@MODES
def test_all_layers_are_compiled_and_exported_whole(mode: str) -> None:
    config: dict[str, Any] = {'mode': mode, 'curvature': C}
    net = nn.Sequential(
        HypExp0(**config),
        HypConv2d(3, 4, 3, padding=1, **config),
        HypBatchNorm2d(4, **config),
        HypReLU(**config),
        HypMaxPool2d(2, **config),
        HypAvgPool2d(2, **config),
        HypFlatten(**config),
        HypLinear(16, 6, **config),
        HypMLR(6, 3, **config),
    )
    x = torch.randn(4, 3, 8, 8, requires_grad=True)
    inputs = [x, *scrambled(net).parameters()]
    whole = torch.compile(net, fullgraph=True, backend='aot_eager')
    for ours, eager in zip(*(torch.autograd.grad(f(x).sum(), inputs) for f in (whole, net)), strict=True):
        torch.testing.assert_close(ours, eager, rtol=1e-4, atol=1e-5)
    net.eval()
    batch = torch.export.Dim('batch', min=2, max=64)
    exported = torch.export.export(net, (x.detach(),), dynamic_shapes=({0: batch},)).module()
    again = torch.randn(6, 3, 8, 8)
    torch.testing.assert_close(exported(again), net(again), rtol=1e-4, atol=1e-5)


@given(st.floats(1e-6, 4.0), st.integers(1, 5), st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_both_modes_are_one_linear_layer(c: float, width: int, seed: int) -> None:
    torch.manual_seed(seed)
    lorentz, ball = (
        HypLinear(4, width, mode=mode, curvature=c, margin=0.99, dtype=torch.float64)
        for mode in ('lorentz', 'poincare')
    )
    ball.load_state_dict(scrambled(lorentz).state_dict())
    nn.init.normal_(lorentz.weight, std=0.1)
    ball.load_state_dict(lorentz.state_dict())
    h = points(6, 4, c=c, reach=3 / math.sqrt(c))
    p = lorentz_to_ball(h, c)
    torch.testing.assert_close(ball(p), lorentz_to_ball(lorentz(h), c), rtol=1e-9, atol=1e-12)


def test_every_layer_is_hypll_s() -> None:
    """HypLL 0.1.1 keeps its curvature in float32, so it is a float32 number here."""
    pytest.importorskip('hypll', reason='needs the package hypll: pip install timm-hyperbolic[dev]')
    from hypll import nn as hnn
    from hypll.manifolds.poincare_ball import Curvature, PoincareBall
    from hypll.tensors import ManifoldTensor

    manifold = PoincareBall(Curvature(C, constraining_strategy=lambda c: c))
    x = points(3, 4, 6, 6, mode='poincare', reach=4)
    ours: dict[str, Any] = {'mode': 'poincare', 'curvature': C, 'margin': 1 - 1e-5}
    double = {**ours, 'dtype': torch.float64}

    def close(layer: nn.Module, theirs: nn.Module, of: Tensor = x, dim: int = 1) -> None:
        torch.testing.assert_close(
            layer(of), theirs(ManifoldTensor(of, manifold, dim)).tensor.to(of), rtol=1e-6, atol=1e-6
        )

    conv = hnn.HConvolution2d(4, 5, 3, manifold, stride=2, padding=1)
    layer = scrambled(HypConv2d(4, 5, 3, 2, 1, **double))
    conv.weights.tensor.data, conv.bias.data = layer.weight.data.flatten(1).T, layer.bias.data
    close(layer, conv)
    linear, layer = hnn.HLinear(4, 5, manifold), scrambled(HypLinear(4, 5, **double))
    linear.z.tensor.data, linear.bias.data = layer.weight.data.T, layer.bias.data
    close(layer, linear, x[:, :, 0, 0], -1)
    norm, layer = hnn.HBatchNorm2d(4, manifold, use_midpoint=True), HypBatchNorm2d(4, eps=1e-6, **double)
    nn.init.normal_(layer.bias, std=0.4)
    nn.init.constant_(layer.weight, 0.6)
    norm.norm.bias.data, norm.norm.weight.data = layer.bias.data, layer.weight.data.square()[0]  # theirs is squared
    close(layer, norm)
    close(HypReLU(**ours), hnn.HReLU(manifold))
    close(HypMaxPool2d(2, **ours), hnn.HMaxPool2d(2, manifold, stride=2))
    close(HypFlatten(**ours), hnn.HFlatten())
    # HypLL 0.1.1 averages slices of a concatenation, not the points; its midpoint is that of the points
    blocks = F.unfold(x, 2, stride=2).view(3, 4, 4, 9)
    theirs = manifold.midpoint(ManifoldTensor(blocks, manifold, 1), batch_dim=2).tensor
    torch.testing.assert_close(HypAvgPool2d(2, **ours)(x).flatten(2), theirs, rtol=1e-6, atol=1e-6)


def test_batch_norm_centres_and_rescales_and_remembers() -> None:
    layer = HypBatchNorm2d(3, curvature=C, margin=None, momentum=1.0, dtype=torch.float64)
    nn.init.constant_(layer.weight, 0.7)
    x = translate(points(8, 3, 4, 4), torch.tensor([2.0, -1.0, 0.5], dtype=torch.float64).view(1, 3, 1, 1), C, 1)
    y = layer(x).movedim(1, -1).reshape(-1, 3)
    centre = lorentz_centroid(y, C)
    assert float(centre.detach().norm()) < 0.1  # the centroid of rescaled points is not exactly the origin
    radius = distance(lorentz_to_ball(y, C), torch.zeros_like(y), C)
    torch.testing.assert_close(radius.square().mean().sqrt(), torch.tensor(0.7, dtype=torch.float64), rtol=1e-4, atol=0)
    trained = layer(x)
    torch.testing.assert_close(layer.eval()(x), trained, rtol=1e-9, atol=1e-9)
    with pytest.raises(ValueError, match='one point'):
        layer.train()(x[:1, :, :1, :1])


def test_translations_and_gyrations_are_those_of_gyrovectors() -> None:
    u, v, w = (0.8 * torch.rand(5, 3, dtype=torch.float64) - 0.4 for _ in range(3))

    def add(a: Tensor, b: Tensor) -> Tensor:
        return timm_hyperbolic.geometry.mobius_add(a, b, C)

    moved = translate(ball_to_lorentz(v, C), ball_to_lorentz(u, C), torch.tensor(C))
    torch.testing.assert_close(convert(moved, 'lorentz', 'ball', C), add(u, v))
    torch.testing.assert_close(gyration(u, v, w, torch.tensor(C)), add(-add(u, v), add(u, add(v, w))))


@MODES
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32])
def test_growth_is_bounded_and_gradients_are_finite(mode: str, dtype: torch.dtype) -> None:
    layer = HypConv2d(6, 8, 3, padding=1, mode=mode).to(dtype)
    nn.init.normal_(layer.weight, std=30)
    nn.init.normal_(layer.bias, std=3)
    x = (points(2, 6, 5, 5, mode=mode, c=1.0, reach=6.0)).to(dtype).requires_grad_()
    y = layer(x)
    (y.float().square().mean()).backward()
    largest = 0.996 if mode == 'poincare' else 2 * 0.996 / (1 - 0.996**2)
    sizes = y.detach().float().norm(dim=1) if mode == 'poincare' else y.detach().float().abs()
    assert largest / 2 < float(sizes.max()) <= largest * (1 + 4 * torch.finfo(dtype).eps)
    assert all(bool(t.grad.isfinite().all()) for t in (x, *layer.parameters()) if t.grad is not None)


WINDOWS = st.one_of(
    st.just([]), st.lists(st.integers(1, 3), min_size=6, max_size=6).map(lambda w: [*w[:2], w[2] - 1, w[3] - 1, *w[4:]])
)


@given(WINDOWS, st.integers(0, 5), st.booleans(), st.booleans(), st.floats(0, 4), st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_kernel_is_its_formula(
    window: list[int], count: int, distances: bool, given: bool, c: float, seed: int
) -> None:
    """Values and gradients, within and at the limit, of one operation and of the definition in float64."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    x, weight = (drawn(count, 3, 9, 8), drawn(4, 3, 3, 2)) if window else (2 * drawn(count, 6), drawn(4, 6))
    weight = weight / weight.flatten(1).norm(dim=1).view(-1, *(1,) * (weight.dim() - 1)) * drawn(1).exp()
    leaves = [x * drawn(count, *(1,) * (x.dim() - 1)).exp(), weight, 0.5 * drawn(4), torch.tensor([c]).double()]
    if given:
        shape = (count, 1, *sides((9, 8), (3, 2), window)) if window else (count, 1)
        leaves += [0.5 + drawn(*shape).square(), 1 + drawn(*shape).square()]
    limit = None if distances else 4.0
    for dtype, tolerance in ((torch.float64, 1e-11), (torch.float32, 5e-5)):
        found = []
        for kernels, of in ((True, dtype), (False, torch.float64)):
            inputs = [t.to(dtype).to(of).requires_grad_() for t in leaves]
            with timm_hyperbolic.geometry.kernels(kernels):
                out = ops.hyperplanes(*inputs[:4], of, of, limit, window, *inputs[4:])
                g = torch.linspace(0, 7, out.numel(), dtype=dtype).sin().to(of).view(out.shape)
                found.append([out, *torch.autograd.grad(out, inputs, g)])
        for ours, exact in zip(*found, strict=True):
            assert ours.shape == exact.shape
            if exact.numel():
                scale = exact.abs().amax() + torch.finfo(dtype).tiny
                assert float(((ours - exact).abs() / scale).detach().max()) <= tolerance


@pytest.mark.parametrize('name', ['lenet', 'hyp_lenet', 'resnet18_small', 'resnet18_small_hyp'])
def test_models_keep_timm_s_contract(name: str, tmp_path: Any) -> None:
    size = {'channels': (4, 8, 8, 8), 'stem_width': 4} if 'resnet' in name else {}
    model = timm.create_model(name, num_classes=3, **size)
    x = torch.randn(4, 3, 32, 32)
    target = torch.tensor([0, 1, 2, 0])
    optimizer = timm.optim.create_optimizer_v2(model, 'adamw', lr=0.003, weight_decay=0.05)
    losses = []
    for _ in range(12):
        loss = F.cross_entropy(model(x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert math.isfinite(losses[-1])
    timm.models.save_for_hf(model, tmp_path, safe_serialization=True, model_args={'num_classes': 3, **size})
    again = timm.create_model(f'local-dir:{tmp_path}', pretrained=True)
    torch.testing.assert_close(again.eval()(x), model.eval()(x))
    features = timm.create_model(name, features_only=True, **size)
    shapes = [(f.shape[1], 32 // f.shape[2]) for f in features(x)]
    assert [c for c, _ in shapes] == features.feature_info.channels()
    model.reset_classifier(7)
    assert model(x).shape == (4, 7)
    assert type(model.get_classifier()) is type(again.get_classifier())
    model.reset_classifier(0)
    assert model(x).shape == (4, model.num_features)


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="mode='ball' must be one of"):
        HypReLU(mode='ball')
    with pytest.raises(ValueError, match='learn_curvature=True is not possible'):
        HypLinear(2, 3, mode='poincare', learn_curvature=True)
    with pytest.raises(ValueError, match='img_size=12 must be at least 16'):
        timm.create_model('hyp_lenet', img_size=12)
    with pytest.raises(ValueError, match='no hyperbolic counterpart'):
        timm.create_model('resnet18_small_hyp', act_layer='silu')
    with pytest.raises(ValueError, match='no hyperbolic counterpart; use'):
        timm.create_model('resnet18_small_hyp', channels=(4, 4, 4, 4)).reset_classifier(3, 'max')

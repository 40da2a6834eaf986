"""Hyperplanes for every pixel, against the ball's formulas in float64, and the softmax in a tree for maps."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from timm_hyperbolic.geometry import Limits
from timm_hyperbolic.layers import HierarchicalSoftmax, HierarchicalSoftmax2d, HyperbolicMLR2d
from timm_hyperbolic.taxonomy import Taxonomy

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')

TREE = Taxonomy.from_text('all\n  a\n    b\n      x\n      y\n    z\n  c\n    u\n    v\n    w\n').with_classes(
    ['w', 'x', 'z', 'y', 'v', 'u']
)


def exp0(v: Tensor, c: float) -> Tensor:
    root = math.sqrt(c) * v.norm(dim=-1, keepdim=True)
    return torch.where(root > 0, root.tanh() / root * v, v)


def by_the_ball(x: Tensor, offset: Tensor, normal: Tensor, c: float) -> Tensor:
    """The logits of the paper for points `exp0(x)`, `[N, d]`, with the Möbius difference as a vector, `[N, K, d]`."""
    h, p = exp0(x, c).unsqueeze(1), -exp0(offset, c)
    ph, pp, hh = ((a * b).sum(-1, keepdim=True) for a, b in ((p, h), (p, p), (h, h)))
    z = ((1 + 2 * c * ph + c * hh) * p + (1 - c * pp) * h) / (1 + 2 * c * ph + c**2 * pp * hh)
    length = normal.norm(dim=-1)
    inside = 2 * math.sqrt(c) * (z * normal).sum(-1) / length / (1 - c * z.square().sum(-1))
    return 2 / math.sqrt(c) * length * inside.asinh()


def made(c: float, **keywords) -> HyperbolicMLR2d:
    layer = HyperbolicMLR2d(4, 6, curvature=c, **{'margin': None, 'dtype': torch.float64, **keywords})
    with torch.no_grad():
        layer.weight.normal_()
        layer.offset.normal_(std=0.4)
    return layer


def test_new_layer_is_as_published() -> None:
    layer = HyperbolicMLR2d(50, 400)
    assert layer.weight.std().item() == pytest.approx(0.05, rel=0.05)
    assert not layer.offset.any()
    assert layer.no_weight_decay() == {'offset', 'curvature.raw'}


@pytest.mark.parametrize('c', [0.25, 1.0, 3.0])
def test_logits_and_gradients_are_those_of_the_ball(c, generator) -> None:
    layer = made(c)
    x = torch.randn(2, 4, 3, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    rows = x.movedim(1, -1).reshape(-1, 4)
    expected = by_the_ball(rows, layer.offset, layer.weight, layer.curvature().item())
    ours = layer(x)
    assert ours.shape == (2, 6, 3, 5)
    flat = ours.movedim(1, -1).reshape(-1, 6)
    assert torch.allclose(flat, expected, rtol=1e-10, atol=1e-10)
    leaves = (x, layer.weight, layer.offset)
    pairs = (torch.autograd.grad((each * each.sin()).sum(), leaves, retain_graph=True) for each in (flat, expected))
    for mine, theirs in zip(*pairs, strict=True):
        assert torch.allclose(mine, theirs, rtol=1e-8, atol=1e-8)
    norm = 2 / math.sqrt(c) * (math.sqrt(c) * exp0(rows, c).norm(dim=-1)).atanh()
    assert torch.allclose(layer.norm(x).flatten(), norm, rtol=1e-9)
    assert torch.allclose(layer.ball_points(x).movedim(1, -1).reshape(-1, 4), exp0(rows, c), rtol=1e-12)


def test_derivatives_by_the_curvature_are_right(generator) -> None:
    x = torch.randn(1, 4, 2, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    layer = made(0.7)
    names, values = zip(*layer.named_parameters(), strict=True)

    def function(x: Tensor, *values: Tensor) -> Tensor:
        return torch.func.functional_call(layer, dict(zip(names, values, strict=True)), (x,))

    assert torch.autograd.gradcheck(function, (x, *values))


def test_flat_limit_is_a_linear_classifier_and_is_reached_linearly(generator) -> None:
    x = torch.randn(2, 4, 3, 3, generator=generator, dtype=torch.float64)
    flat = made(0.0)
    expected = 4 * torch.einsum('bdkhw,kd->bkhw', x.unsqueeze(2) - flat.offset.T[None, :, :, None, None], flat.weight)
    assert torch.allclose(flat(x), expected, rtol=1e-12)
    gaps = []
    for c in (1e-3, 1e-4):
        layer = made(c)
        layer.load_state_dict({'weight': flat.weight, 'offset': flat.offset}, strict=False)
        gaps.append((layer(x) - expected).abs().max().item())
    assert gaps[1] == pytest.approx(gaps[0] / 10, rel=0.05)


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16, torch.float16])
def test_extreme_pixels_have_finite_logits_and_gradients(dtype) -> None:
    layer = HyperbolicMLR2d(4, 6)
    scales = torch.tensor([0, 1e-20, 1.0, 1e4])
    x = (torch.ones(1, 4, 2, 2) * scales.view(1, 1, 2, 2)).to(dtype).requires_grad_()
    out = layer(x)
    out.float().square().sum().backward()
    assert out.dtype == dtype
    assert out.isfinite().all()
    assert all(leaf.grad.isfinite().all() for leaf in (x, *layer.parameters()))
    margin = 2 * math.atanh(0.985)
    assert layer.norm(x)[0, 1, 1].item() == pytest.approx(margin, rel=1e-2)
    assert layer.limits == Limits(0.985, None, torch.float32)


def test_no_tensor_of_pixels_classes_and_dimensions_is_kept(generator) -> None:
    layer = HyperbolicMLR2d(64, 40)
    x = torch.randn(2, 64, 8, 8, generator=generator, requires_grad=True)
    sizes: list[int] = []

    def note(tensor: Tensor) -> Tensor:
        sizes.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        layer(x)
    assert max(sizes) <= 2 * 65 * 64


class Given(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x


def test_softmax_of_a_map_is_that_of_its_pixels(generator) -> None:
    head = HierarchicalSoftmax2d(Given(), TREE)
    scores = 3 * torch.randn(2, len(TREE) - 1, 3, 4, generator=generator, dtype=torch.float64)
    nodes = [node for node in range(len(TREE)) if node != TREE.root]
    by_node = scores.movedim(1, -1)[..., [head.nodes.index(node) for node in nodes]]
    rows = HierarchicalSoftmax(Given(), TREE.parent.tolist(), TREE.classes.tolist())
    assert torch.allclose(head(scores).movedim(1, -1), rows(by_node), rtol=1e-12)
    assert torch.allclose(head(scores).exp().sum(1), torch.ones(2, 3, 4, dtype=torch.float64))
    # Siblings lie side by side.
    assert [TREE.names[node] for node in head.nodes] == ['a', 'c', 'b', 'z', 'u', 'v', 'w', 'x', 'y']

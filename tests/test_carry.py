"""Hyperbolic layers with the weights of Euclidean ones."""

from __future__ import annotations

import math

import geoopt
import pytest
import timm
import torch
from timm.layers import Attention
from torch import nn
from torch.nn.utils import prune

from timm_hyperbolic.layers import Centroids
from timm_hyperbolic.models.carry import (
    attention_obstacle,
    carry_attention,
    carry_head,
    carry_linear,
    linear_obstacle,
    new_residual,
)

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')


@pytest.mark.parametrize('scale', [0.0, 1e-5, 1.0, 1e2])
@pytest.mark.parametrize('bias', [True, False])
@torch.no_grad()
def test_flat_head_has_the_logits_of_the_linear_one(scale: float, bias: bool) -> None:
    linear, x = nn.Linear(48, 9, bias=bias), torch.randn(5, 48)
    linear.weight.mul_(scale)
    expected = linear(x)
    head = carry_head(linear, curvature=0.0)
    tolerance = 1e-5 * max(1.0, expected.abs().max().item())
    assert (head(x) - expected).abs().max() < tolerance
    assert 0.04 < head.sigma().item() < 6


@torch.no_grad()
def test_long_features_lose_no_digits() -> None:
    linear, x = nn.Linear(48, 9), 1e3 * torch.randn(5, 48)
    assert torch.allclose(carry_head(linear, curvature=0.0)(x), linear(x), rtol=1e-5, atol=1e-3)


@torch.no_grad()
def test_head_has_the_logits_of_the_linear_one_to_first_order_in_the_curvature() -> None:
    linear, x = nn.Linear(48, 9).double(), torch.randn(5, 48).double()
    errors = [(carry_head(linear, curvature=c, margin=None)(x) - linear(x)).norm().item() for c in (1e-4, 1e-5)]
    assert errors[0] / errors[1] == pytest.approx(10, rel=1e-2)
    # Whatever the curvature, the origin has the bias for logits.
    for c in (0.0, 0.1, 3.0):
        head = carry_head(linear, curvature=c, margin=None)
        assert torch.allclose(head(torch.zeros(48).double()), linear.bias, rtol=1e-9)


@torch.no_grad()
def test_features_and_prototypes_are_about_one_long() -> None:
    linear, x = nn.Linear(400, 50), torch.randn(200, 400)
    head = carry_head(linear, curvature=0.0)
    assert (head.feature_scale() * x).norm(dim=-1).mean().item() == pytest.approx(1, rel=0.1)
    assert head.weight.square().sum(-1).mean().sqrt().item() == pytest.approx(1, rel=1e-3)
    curved = carry_head(linear, curvature=1.0)
    assert isinstance(curved.weight, geoopt.ManifoldParameter)
    # the same tangent vectors, on the ball
    assert curved.weight.norm(dim=-1).max() < 1
    assert torch.allclose(curved.weight.norm(dim=-1).atanh(), head.weight.norm(dim=-1), rtol=1e-4)


def test_frozen_stays_frozen() -> None:
    linear = nn.Linear(4, 3)
    linear.weight.requires_grad_(False)
    head = carry_head(linear)
    assert not head.weight.requires_grad
    assert head.bias.requires_grad
    assert carry_linear(linear).weight is linear.weight


def test_origin_gate_is_one_to_rounding() -> None:
    assert new_residual('res0').gate().item() == pytest.approx(1, abs=2e-7)
    assert new_residual('res0', dtype=torch.float64).gate().item() == pytest.approx(1, abs=1e-15)
    assert new_residual('resx').gate().item() == pytest.approx(0.5, abs=1e-7)
    res = new_residual('res', dtype=torch.float64)
    assert [number.item() for number in res.numbers()] == pytest.approx([1, 0.5], abs=1e-15)


def test_temperature_is_that_of_the_dot_product() -> None:
    source = Attention(24, 3, qkv_bias=True, attn_drop=0.1, proj_drop=0.2).eval()
    layer = carry_attention(source, Centroids(3, 0, 8))
    assert layer.sigma().tolist() == pytest.approx([2 * math.sqrt(math.sqrt(8))] * 3, rel=1e-6)
    assert layer.qkv.weight is source.qkv.weight
    assert (layer.attn_drop.p, layer.proj_drop.p) == (0.1, 0.2)
    assert not layer.training


def test_obstacles_say_why() -> None:
    assert linear_obstacle(nn.Linear(2, 2)) is linear_obstacle(timm.layers.Linear(2, 2)) is None
    remedy = (
        '; convert the model before adapters, pruning or quantization, or remove those first (PEFT: merge_and_unload())'
    )
    assert linear_obstacle(nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))) == (
        f'torch.nn.utils.parametrize.ParametrizedLinear is not torch.nn.Linear{remedy}'
    )
    pruned = prune.random_unstructured(nn.Linear(2, 2), 'weight', 1)
    assert linear_obstacle(pruned) == f'its weight is computed, as by pruning{remedy}'
    assert linear_obstacle(nn.LayerNorm(2)) == 'torch.nn.modules.normalization.LayerNorm is not torch.nn.Linear'
    assert linear_obstacle(carry_linear(nn.Linear(2, 2))) == 'HyperbolicLinear is hyperbolic already'
    assert attention_obstacle(Attention(8, 2)) is None
    assert attention_obstacle(Attention(8, 2, gated=True)) == 'its output is gated'
    assert attention_obstacle(Attention(8, 2, attn_head_dim=3)) == 'its heads are 6 wide together, the stream 8'

"""Hyperbolic layers and models with the weights of Euclidean ones, through timm's own ways to load them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import geoopt
import pytest
import timm
import torch
from timm.layers import Attention
from timm.models import load_checkpoint
from tiny_timm import CLASSES, tiny
from torch import Tensor, nn
from torch.nn.utils import prune

import timm_hyperbolic
from timm_hyperbolic.layers import Centroids, HyperbolicConfig
from timm_hyperbolic.models.from_euclidean import (
    attention_from_euclidean,
    attention_obstacle,
    head_from_euclidean,
    is_euclidean,
    linear_from_euclidean,
    linear_obstacle,
    residual_near_sum,
    state_from_euclidean,
)

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')

FLAT = HyperbolicConfig(curvature=0.0)

TINY = {'img_size': 32, 'patch_size': 8, 'embed_dim': 24, 'depth': 2, 'num_heads': 3, 'num_classes': CLASSES}
SIZE = 'vit_tiny_patch16_224'


@pytest.mark.parametrize('scale', [0.0, 1e-5, 1.0, 1e2])
@pytest.mark.parametrize('bias', [True, False])
@torch.no_grad()
def test_flat_head_has_the_logits_of_the_linear_one(scale: float, bias: bool) -> None:
    linear, x = nn.Linear(48, 9, bias=bias), torch.randn(5, 48)
    linear.weight.mul_(scale)
    expected = linear(x)
    head = head_from_euclidean(linear, FLAT)
    tolerance = 1e-5 * max(1.0, expected.abs().max().item())
    assert (head(x) - expected).abs().max() < tolerance
    assert 0.04 < head.sigma().item() < 6


@torch.no_grad()
def test_long_features_lose_no_digits() -> None:
    linear, x = nn.Linear(48, 9), 1e3 * torch.randn(5, 48)
    assert torch.allclose(head_from_euclidean(linear, FLAT)(x), linear(x), rtol=1e-5, atol=1e-3)


@torch.no_grad()
def test_head_has_the_logits_of_the_linear_one_to_first_order_in_the_curvature() -> None:
    linear, x = nn.Linear(48, 9).double(), torch.randn(5, 48).double()
    configs = [HyperbolicConfig(curvature=c, margin=None) for c in (1e-4, 1e-5)]
    errors = [(head_from_euclidean(linear, config)(x) - linear(x)).norm().item() for config in configs]
    assert errors[0] / errors[1] == pytest.approx(10, rel=1e-2)
    # Whatever the curvature, the origin has the bias for logits.
    for c in (0.0, 0.1, 3.0):
        head = head_from_euclidean(linear, HyperbolicConfig(curvature=c, margin=None))
        assert torch.allclose(head(torch.zeros(48).double()), linear.bias, rtol=1e-9)


@torch.no_grad()
def test_features_and_prototypes_are_about_one_long() -> None:
    linear, x = nn.Linear(400, 50), torch.randn(200, 400)
    head = head_from_euclidean(linear, FLAT)
    assert (head.feature_scale() * x).norm(dim=-1).mean().item() == pytest.approx(1, rel=0.1)
    assert head.weight.square().sum(-1).mean().sqrt().item() == pytest.approx(1, rel=1e-3)
    curved = head_from_euclidean(linear, HyperbolicConfig())
    assert isinstance(curved.weight, geoopt.ManifoldParameter)
    # the same tangent vectors, on the ball
    assert curved.weight.norm(dim=-1).max() < 1
    assert torch.allclose(curved.weight.norm(dim=-1).atanh(), head.weight.norm(dim=-1), rtol=1e-4)


def test_frozen_stays_frozen() -> None:
    linear = nn.Linear(4, 3)
    linear.weight.requires_grad_(False)
    head = head_from_euclidean(linear, HyperbolicConfig())
    assert not head.weight.requires_grad
    assert head.bias.requires_grad
    assert linear_from_euclidean(linear, HyperbolicConfig()).weight is linear.weight


def test_origin_gate_is_one_to_rounding() -> None:
    assert residual_near_sum('res0', HyperbolicConfig()).gate().item() == pytest.approx(1, abs=2e-7)
    assert residual_near_sum('res0', HyperbolicConfig(), dtype=torch.float64).gate().item() == pytest.approx(
        1, abs=1e-15
    )
    assert residual_near_sum('resx', HyperbolicConfig()).gate().item() == pytest.approx(0.5, abs=1e-7)
    res = residual_near_sum('res', HyperbolicConfig(), dtype=torch.float64)
    assert (res.gate().item(), res.center().item()) == pytest.approx((1, 0.5), abs=1e-15)


def test_temperature_is_that_of_the_dot_product() -> None:
    source = Attention(24, 3, qkv_bias=True, attn_drop=0.1, proj_drop=0.2).eval()
    layer = attention_from_euclidean(source, Centroids(3, 0, 8), HyperbolicConfig())
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
    assert linear_obstacle(linear_from_euclidean(nn.Linear(2, 2), FLAT)) == 'HyperbolicLinear is hyperbolic already'
    assert attention_obstacle(Attention(8, 2)) is None
    assert attention_obstacle(Attention(8, 2, gated=True)) == 'its output is gated'
    assert attention_obstacle(Attention(8, 2, attn_head_dim=3)) == 'its heads are 6 wide together, the stream 8'


@pytest.fixture(scope='module')
def source() -> nn.Module:
    return tiny('vit')  # of these sizes, on weights with which every branch matters


@pytest.fixture(scope='module')
def file(source: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp('start') / 'timm.pth'
    torch.save(source.state_dict(), path)
    return str(path)


def start(name: str, file: str, **kwargs: Any) -> Any:
    """A model that starts from timm's weights, as a user gets it."""
    overlay = {'file': file, 'num_classes': TINY['num_classes'], 'input_size': (3, 32, 32)}
    keywords = TINY | {'num_centroids': 0} | kwargs
    return timm.create_model(f'{SIZE}_{name}', pretrained=True, pretrained_cfg_overlay=overlay, **keywords).eval()


@torch.no_grad()
def probabilities(model: nn.Module) -> Tensor:
    return model(torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(2))).softmax(-1)


@pytest.mark.parametrize('modules', ['', 'head', 'pos', 'res0', 'mlp', 'head,pos,res0,mlp'])
def test_flat_model_predicts_what_timm_s_does(modules: str, source: nn.Module, file: str) -> None:
    model = start('euclid', file, hyperbolic=modules, curvature=0.0)
    expected = probabilities(source)
    assert expected.std(0).max() > 0.01  # images differ
    assert torch.allclose(probabilities(model), expected, atol=1e-5)
    near = start('euclid', file, hyperbolic=modules, curvature=1e-5)
    assert torch.allclose(probabilities(near), expected, atol=0.02)
    assert timm_hyperbolic.named_curvatures(near) == pytest.approx(
        dict.fromkeys(timm_hyperbolic.named_curvatures(near), 1e-5)
    )


@pytest.mark.parametrize('name', ['hyp_res', 'hyp_resx', 'hyp_attn', 'hyp_all', 'flat_all'])
def test_start_is_that_of_a_converted_model(name: str, source: nn.Module, file: str) -> None:
    ours = start(name, file)
    twin = start('euclid', file)
    curvature = 0.0 if 'flat' in name else 1.0
    timm_hyperbolic.hyperbolize(twin, ours.options.hyperbolic, curvature, start='carried')
    assert ours.state_dict().keys() == twin.state_dict().keys()
    for key, value in twin.state_dict().items():
        assert torch.equal(ours.state_dict()[key], value), key
    assert torch.allclose(probabilities(ours), probabilities(twin), atol=1e-6)


def test_sizes_and_channels_are_adapted(source: nn.Module, file: str) -> None:
    model = start('hyp_all', file, img_size=48, in_chans=1, num_classes=3)
    assert model.pos_embed.shape == (1, 37, 24)
    # timm sums the weights of the channels
    weight = source.patch_embed.proj.weight.sum(1, keepdim=True)
    assert torch.allclose(model.patch_embed.proj.weight, weight, atol=1e-6)
    assert torch.equal(model.blocks[1].mlp.fc1.weight, source.blocks[1].mlp.fc1.weight)
    fresh = timm.create_model(f'{SIZE}_hyp_all', **TINY | {'num_classes': 3})
    # a classifier for other classes is new altogether
    for key in ('scale_raw', 'sigma_raw', 'bias'):
        assert torch.equal(getattr(model.head, key), getattr(fresh.head, key)), key
    assert model.head.weight.std() < 0.03
    assert model(torch.randn(2, 1, 48, 48)).shape == (2, 3)


def test_centroids_keep_a_random_start(file: str) -> None:
    model = start('hyp_attn', file, num_centroids=50)
    assert model.centroids.weight.std().item() == pytest.approx(0.02, rel=0.2)


def test_load_checkpoint_takes_them(source: nn.Module, file: str) -> None:
    model = timm.create_model(f'{SIZE}_flat_head_pos', **TINY).eval()
    load_checkpoint(model, file, filter_fn=timm_hyperbolic.checkpoint_filter_fn)
    assert torch.allclose(probabilities(model), probabilities(source), atol=1e-5)


def test_another_depth_is_an_error_that_names_what_is_missing(file: str) -> None:
    with pytest.raises(RuntimeError, match=r'blocks\.2\.mlp\.fc1\.weight'):
        start('hyp_mlp', file, depth=3)


def test_a_classifier_with_an_extra_row_is_carried(source: nn.Module, tmp_path: Path) -> None:
    state = source.state_dict()
    for key in ('head.weight', 'head.bias'):
        state[key] = torch.cat([torch.ones_like(state[key][:1]), state[key]])
    torch.save(state, tmp_path / 'offset.pth')
    overlay = {'file': str(tmp_path / 'offset.pth'), 'num_classes': 7, 'label_offset': 1}
    keywords = {'pretrained': True, 'pretrained_cfg_overlay': overlay, **TINY}
    model = timm.create_model(f'{SIZE}_flat_head', **keywords).eval()
    assert torch.allclose(probabilities(model), probabilities(source), atol=1e-5)


def test_what_counts_as_euclidean(source: nn.Module) -> None:
    state = source.state_dict()
    hyperbolic, euclid = (timm.create_model(f'{SIZE}_{name}', **TINY) for name in ('hyp_attn', 'euclid'))
    assert is_euclidean(state, hyperbolic)
    assert not is_euclidean(state, euclid)  # nothing to add
    assert not is_euclidean(hyperbolic.state_dict(), hyperbolic)
    # one tensor of ours is enough: what a partial checkpoint of ours lacks is not made up
    assert not is_euclidean(state | {'centroids.weight': torch.zeros(3, 0, 8)}, hyperbolic)
    assert state_from_euclidean(state, euclid).keys() == state.keys()
    for base in (f'{SIZE}_euclid', SIZE):
        converted = timm_hyperbolic.hyperbolize(timm.create_model(base, **TINY), 'res0')
        assert not is_euclidean(state, converted)
        assert timm_hyperbolic.checkpoint_filter_fn(state, converted).keys() == state.keys()

"""Euclidean ViTs' weights as the start of hyperbolic models, through timm's own ways to load them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from timm.models import load_checkpoint
from tiny_timm import CLASSES, tiny
from torch import Tensor, nn

import timm_hyperbolic
from timm_hyperbolic.models.start import euclidean_start, is_euclidean

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')

TINY = {'img_size': 32, 'patch_size': 8, 'embed_dim': 24, 'depth': 2, 'num_heads': 3, 'num_classes': CLASSES}
SIZE = 'vit_tiny_patch16_224'


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
    assert euclidean_start(state, euclid).keys() == state.keys()
    for base in (f'{SIZE}_euclid', SIZE):
        converted = timm_hyperbolic.hyperbolize(timm.create_model(base, **TINY), 'res0')
        assert not is_euclidean(state, converted)
        assert timm_hyperbolic.checkpoint_filter_fn(state, converted).keys() == state.keys()

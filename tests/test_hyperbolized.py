"""Converted models that are saved by timm, and loaded by it again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from test_pretrained import rewrite
from timm.models._hub import save_for_hf
from tiny_timm import SWAPS, images, tiny
from torch import nn

from timm_hyperbolic import hyperbolize
from timm_hyperbolic.layers import HyperbolicHead
from timm_hyperbolic.models.config_checks import CONVERSION

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')

# timm does not save a model whose class of blocks was given by the user
SAVED = [name for name in SWAPS if name not in ('vit-postnorm', 'vit-fused', 'vit-fused-diff')]


def load(folder: Path, pretrained: bool = True, **kwargs: Any) -> nn.Module:
    return timm.create_model(f'local-dir:{folder}', pretrained=pretrained, **kwargs).eval()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = hyperbolize(
        hyperbolize(tiny('vit'), 'head', 0.5), 'res,pos,attn', 0.3, num_centroids=2, margin={'pos': 0.9}
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.01)
    save_for_hf(model, str(tmp_path / 'saved'), safe_serialization=True)
    torch.save(model, tmp_path / 'model.pt')
    return tmp_path / 'saved'


def original(folder: Path) -> nn.Module:
    return torch.load(folder.parent / 'model.pt', weights_only=False)


@pytest.mark.parametrize('name', SAVED)
@torch.no_grad()
def test_every_family_comes_back(name: str, tmp_path: Path) -> None:
    model = hyperbolize(tiny(name), SWAPS[name], 0.3)
    save_for_hf(model, str(tmp_path), safe_serialization=True)
    loaded = load(tmp_path)
    assert type(loaded) is type(model)
    assert torch.equal(loaded(images()), model(images()))
    other = load(tmp_path, num_classes=4, in_chans=1)
    assert other(images()[:, :1]).shape == (2, 4)


@torch.no_grad()
def test_conversions_one_after_the_other_come_back_and_are_saved_again(folder: Path) -> None:
    loaded = load(folder)
    assert torch.equal(loaded(images()), original(folder)(images()))
    assert [str(module) for module in loaded.modules()] == [str(module) for module in original(folder).modules()]
    assert (loaded.pretrained_cfg['source'], loaded.pretrained_cfg['file']) == ('local-dir', str(folder))
    save_for_hf(hyperbolize(loaded, 'mlp', 0.1), str(folder.parent / 'again'), safe_serialization=True)
    assert torch.equal(load(folder.parent / 'again')(images()), loaded(images()))


@torch.no_grad()
def test_keywords_of_the_user_adapt_it_as_in_timm(folder: Path) -> None:
    other, saved = load(folder, num_classes=4, img_size=64), original(folder)
    own, theirs = other.state_dict(), saved.state_dict()
    alike = [name for name in own if torch.equal(own[name], theirs[name])]
    assert {name.split('.')[0] for name in own.keys() - set(alike)} == {'head', 'pos_embed'}
    # all of the head is new, its curvature and scale too
    assert not [name for name in alike if name.startswith('head.')]
    assert other(images(size=64)).shape == (2, 4)
    expected = timm.layers.resample_abs_pos_embed(saved.pos_embed, (8, 8), (4, 4))
    assert torch.allclose(other.pos_embed, expected, atol=1e-6)
    headless = load(folder, num_classes=0)
    assert torch.equal(headless(images()), saved.forward_head(saved.forward_features(images()), pre_logits=True))
    save_for_hf(headless, str(folder.parent / 'headless'), safe_serialization=True)
    again = load(folder.parent / 'headless')
    assert torch.equal(again(images()), headless(images()))
    again.reset_classifier(3)
    assert isinstance(again.head, HyperbolicHead)
    features = load(folder, features_only=True, out_indices=1)
    assert torch.equal(features(images())[0], saved.forward_intermediates(images(), 1, intermediates_only=True)[0])


def test_without_weights_the_plan_is_carried_out(folder: Path) -> None:
    (folder / 'model.safetensors').unlink()
    assert load(folder, pretrained=False).state_dict().keys() == original(folder).state_dict().keys()
    with pytest.raises(ValueError, match=r'no model\.safetensors'):
        load(folder)


@torch.no_grad()
def test_it_can_be_made_by_name() -> None:
    keywords = {'img_size': 32, 'patch_size': 8, 'embed_dim': 24, 'depth': 2, 'num_heads': 3, 'num_classes': 7}
    weights = tiny('vit').state_dict()
    conversions = [{'modules': 'head,res0', 'curvature': 0.0}]
    model = timm.create_model(
        'hyperbolized',
        base='vit_tiny_patch16_224',
        conversions=conversions,
        pretrained=True,
        pretrained_cfg_overlay={'state_dict': weights, 'num_classes': 7},
        **keywords,
    ).eval()
    assert torch.allclose(model(images()), tiny('vit')(images()), atol=1e-5)
    with pytest.raises(ValueError, match='hyperbolized: give base=, a model of timm, and conversions='):
        timm.create_model('hyperbolized', base='vit_tiny_patch16_224')


def test_the_conversion_that_is_saved_has_every_keyword(folder: Path) -> None:
    config = json.loads((folder / 'config.json').read_text())
    assert config['architecture'] == 'hyperbolized'
    assert config['model_args']['base'] == 'vit_tiny_patch16_224'
    assert [set(conversion) for conversion in config['model_args']['conversions']] == [set(CONVERSION)] * 2


def test_what_timm_did_not_make_is_converted_without_a_record() -> None:
    block = nn.Sequential(timm.models.vision_transformer.Block(8, 2))
    assert not hasattr(hyperbolize(block, 'mlp'), 'pretrained_cfg')


GOOD = {'modules': ['head'], 'curvature': 0.5}


@pytest.mark.parametrize(
    ('part', 'field', 'value', 'message'),
    [
        ('model_args', 'base', 'hyperbolized', 'model_args.base=hyperbolized is of a wrong type'),
        ('model_args', 'base', 'hf-hub:owner/name', 'model_args.base=hf-hub:owner/name is of a wrong type'),
        ('model_args', 'base', 'resnet18', 'describes no hyperbolized'),
        ('model_args', 'conversions', [], r'model_args.conversions=\[\] is of a wrong type'),
        ('model_args', 'conversions', [GOOD], 'does not fit hyperbolized as config.json describes it: missing|unknown'),
        ('model_args', 'conversions', [GOOD] * 17, 'of a wrong type or out of range'),
        (
            'model_args',
            'conversions',
            [GOOD] * 2,
            r"describes no hyperbolized: .*'head' at head: HyperbolicHead is hyper",
        ),
        ('model_args', 'conversions', [GOOD | {'dry_run': True}], 'model_args.conversions=.* is of a wrong type'),
        ('model_args', 'conversions', [GOOD | {'curvature': -1}], 'model_args.conversions=.* is of a wrong type'),
        ('model_args', 'conversions', [GOOD | {'modules': 'neck'}], "unknown 'neck'"),
        ('model_args', 'depth', 10**5, 'model_args.depth=100000 is of a wrong type or out of range'),
        ('model_args', 'embed_dim', 10**9, 'model_args.embed_dim=1000000000 is of a wrong type or out of range'),
        ('model_args', 'checkpoint_path', '/etc/passwd', r'unknown field model_args\.checkpoint_path'),
        ('pretrained_cfg', 'url', 'https://example.org/w.bin', 'url=https://example.org/w.bin'),
        ('pretrained_cfg', 'custom_load', True, 'custom_load=True'),
    ],
)
def test_a_hostile_configuration(folder: Path, part: str, field: str, value: Any, message: str) -> None:
    rewrite(folder, **{part: {field: value}})
    with pytest.raises(ValueError, match=f'^local-dir:{folder}: .*{message}'):
        load(folder)


def test_a_configuration_without_its_plan(folder: Path) -> None:
    config = json.loads((folder / 'config.json').read_text())
    del config['model_args']['conversions']
    (folder / 'config.json').write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r'config\.json has no model_args\.conversions'):
        load(folder)

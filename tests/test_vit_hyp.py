"""The models as timm models: names, keywords, training, copies, and graphs."""

from __future__ import annotations

import copy
import io
import itertools
import math
import pickle
from functools import partial
from pathlib import Path
from typing import Any

import geoopt
import pytest
import safetensors.torch
import timm
import torch
from layer_cases import hyperbolic_modules, relative
from timm.layers import LayerNorm
from timm.models import group_parameters
from timm.models.vision_transformer import Block, ResPostBlock, VisionTransformer
from timm.optim import create_optimizer_v2, param_groups_layer_decay
from tiny_hyp import ALL, FLAT, HYPERBOLIC, NAMES, PRESETS, SIZE, TINY, create, images, modules_of, moved
from torch import Tensor, nn

import timm_hyperbolic
from timm_hyperbolic.layers import (
    CenteredResidual,
    HyperbolicAttention,
    HyperbolicHead,
    HyperbolicLinear,
    HyperbolicMlp,
    HyperbolicPosEmbed,
    OriginResidual,
    PointResidual,
)
from timm_hyperbolic.models import HyperbolicBlock, HyperbolicVisionTransformer
from timm_hyperbolic.models.options import HyperbolicOptions

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')

# --- names ------------------------------------------------------------------------------------------------------------


#: Sizes by name, with width, heads and timm's model of that size.
SIZES = {
    'vit_tiny_patch4': (192, 3, None),
    'vit_small_patch4': (384, 6, None),
    'vit_base_patch4': (768, 12, None),
    'vit_tiny_patch16_224': (192, 3, 'vit_tiny_patch16_224'),
    'vit_small_patch16_224': (384, 6, 'vit_small_patch16_224'),
    'vit_base_patch16_224': (768, 12, 'vit_base_patch16_224'),
}


def test_registered_names_are_those_that_are_documented() -> None:
    assert len(NAMES) == 23
    every = {name.replace('vit_tiny_patch4', size) for name in NAMES for size in SIZES}
    assert set(timm.list_models(module='vit_hyp')) == every
    assert len(every) == 138
    assert set(timm.list_models('*hyp*')) >= {name for name in every if '_hyp_' in name}


@pytest.mark.parametrize('size', SIZES)
def test_sizes_are_those_of_timm_s_models(size: str) -> None:
    dim, heads, theirs = SIZES[size]
    model = timm.create_model(f'{size}_euclid', device='meta')
    assert (model.embed_dim, len(model.blocks), model.blocks[0].attn.num_heads) == (dim, 12, heads)
    cfg = model.pretrained_cfg
    assert model.num_classes == cfg['num_classes']
    assert model.patch_embed.img_size == cfg['input_size'][1:]
    if theirs:
        theirs = timm.create_model(theirs, device='meta')
        shapes = {name: t.shape for name, t in theirs.state_dict().items()}
        assert {name: t.shape for name, t in model.state_dict().items()} == shapes
        assert model.norm.eps == theirs.norm.eps
        keys = ('input_size', 'mean', 'std', 'interpolation', 'crop_pct', 'num_classes', 'first_conv', 'classifier')
        assert {key: cfg[key] for key in keys} == {key: theirs.pretrained_cfg[key] for key in keys}
    every = timm.create_model(f'{size}_hyp_all', device='meta')
    assert every.centroids.weight.shape == (heads, 100, 64)
    assert every.options.hyperbolic == ('head', 'pos', 'res', 'mlp', 'attn')
    assert timm.create_model(f'{size}_flat_all', device='meta').options.config.curvature == 0


@pytest.mark.parametrize('name', NAMES)
def test_default_configuration_is_that_of_cifar(name: str) -> None:
    for cfg in (timm.get_pretrained_cfg(name).to_dict(), create(name, device='meta').pretrained_cfg):
        assert cfg['input_size'] == (3, 32, 32)
        assert cfg['mean'] == (0.5071, 0.4865, 0.4409)
        assert cfg['std'] == (0.2673, 0.2564, 0.2762)
        assert cfg['interpolation'] == 'bicubic'
        assert cfg['crop_pct'] == 1.0
        assert cfg['first_conv'] == 'patch_embed.proj'
        assert cfg['classifier'] == 'head'
    assert timm.get_pretrained_cfg(name).num_classes == 100
    assert not timm.is_model_pretrained(name)


def test_size_is_the_study_s_tiny() -> None:
    model = timm.create_model('vit_tiny_patch4_hyp_res', device='meta')
    assert model.patch_embed.img_size == (32, 32)
    assert model.patch_embed.patch_size == (4, 4)
    assert (model.embed_dim, len(model.blocks), model.blocks[0].attn.num_heads) == (192, 12, 3)
    assert model.num_classes == 100
    assert model.norm.eps == 1e-5
    assert timm.create_model(ALL, device='meta').centroids.weight.shape == (3, 100, 64)
    # The attention does not change with the classifier.
    assert timm.create_model(ALL, num_classes=10, device='meta').centroids.weight.shape == (3, 100, 64)


@pytest.mark.parametrize('name', NAMES)
def test_modules_are_swapped_where_the_name_says(name: str) -> None:
    model, modules = create(name), modules_of(name)
    assert isinstance(model, VisionTransformer)
    assert isinstance(model, HyperbolicVisionTransformer)
    assert isinstance(model.head, HyperbolicHead) == ('head' in modules)
    assert isinstance(model.pos_join, HyperbolicPosEmbed) == ('pos' in modules)
    assert (model.centroids is not None) == ('attn' in modules)
    residual = {'res': CenteredResidual, 'res0': OriginResidual, 'resx': PointResidual}
    (residual,) = [cls for key, cls in residual.items() if key in modules] or [None]
    for block in model.blocks:
        assert isinstance(block, Block)
        assert isinstance(block.attn, HyperbolicAttention) == ('attn' in modules)
        assert isinstance(block.mlp, HyperbolicMlp) == ('mlp' in modules)
        if residual:
            assert type(block.residual1) is type(block.residual2) is residual
            assert block.residual1 is not block.residual2
        assert isinstance(block, HyperbolicBlock) == bool(modules - {'head', 'pos'})
    curvatures = timm_hyperbolic.named_curvatures(model)
    expected = 0.0 if 'flat' in name else 1.0
    assert list(curvatures.values()) == pytest.approx([expected] * len(curvatures), abs=1e-6)
    # A block has q, k, v, projection and scores; two maps; two residuals.
    per_block = {'attn': 5, 'mlp': 2, 'res': 2, 'res0': 2, 'resx': 2}
    assert len(curvatures) == sum(1 if m in ('head', 'pos') else 2 * per_block[m] for m in modules)
    learnt = [n for n, _ in model.named_parameters() if n.endswith('curvature.raw')]
    assert bool(learnt) == (bool(modules) and 'flat' not in name)


@pytest.mark.parametrize('preset', PRESETS)
def test_variant_is_only_a_preset(preset: str) -> None:
    named = create(f'vit_tiny_patch4_hyp_{preset}')
    generic = create('vit_tiny_patch4_euclid', hyperbolic=','.join(modules_of(f'vit_tiny_patch4_hyp_{preset}')))
    generic.load_state_dict(named.state_dict())
    assert torch.equal(named(images()), generic(images()))
    flat = create(f'vit_tiny_patch4_hyp_{preset}', curvature=0.0)
    assert flat.state_dict().keys() == create(f'vit_tiny_patch4_flat_{preset}').state_dict().keys()


@pytest.mark.parametrize('name', [ALL, 'vit_tiny_patch4_hyp_head_pos_res_mlp'])
def test_margins_reach_the_layers(name: str) -> None:
    def margins(model: Any) -> dict[str, float | None]:
        block = model.blocks[-1]
        layers = {'head': model.head, 'pos': model.pos_join, 'res': block.residual1, 'mlp': block.mlp.fc1}
        layers['attn'] = block.attn
        return {key: layers[key].limits.margin for key in modules_of(name)}

    study = {'head': 0.98, 'pos': 0.98, 'res': 0.985, 'mlp': 0.985, 'attn': 0.985}
    assert margins(create(name)) == {key: study[key] for key in modules_of(name)}
    assert margins(create(name, margin=0.7)) == dict.fromkeys(modules_of(name), 0.7)
    # timm's factory drops keywords that are None.
    assert margins(create(name, margin='none')) == dict.fromkeys(modules_of(name))
    direct = HyperbolicVisionTransformer(
        hyperbolic=tuple(modules_of(name)), margin=None, img_size=16, patch_size=4, embed_dim=12, depth=1, num_heads=3
    )
    assert margins(direct) == dict.fromkeys(modules_of(name))
    assert margins(create(name, margin={'head': 0.5})) == {key: study[key] for key in modules_of(name)} | {'head': 0.5}


def test_head_alone_has_a_margin_of_its_own() -> None:
    assert create('vit_tiny_patch4_hyp_head').head.limits.margin == 0.96


def test_keywords_reach_every_layer() -> None:
    model = create(curvature=0.3, learn_curvature=False, hamp=True, num_centroids=7)
    layers = [module for module in hyperbolic_modules(model) if hasattr(module, 'hamp')]
    assert len(layers) == 2 + 2 * (3 + 2 + 2)
    for layer in layers:
        assert layer.curvature().tolist() == pytest.approx([0.3] * len(layer.curvature()))
        assert not layer.curvature.learnt
        assert layer.hamp
    assert model.centroids.weight.shape == (3, 7, 4)
    control = create('vit_tiny_patch4_flat_all', max_norm=2.44)
    assert {layer.limits.max_norm for layer in hyperbolic_modules(control) if hasattr(layer, 'hamp')} == {2.44}


# --- training ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('name', NAMES)
def test_every_parameter_gets_a_gradient(name: str) -> None:
    model = create(name)
    logits = model(images())
    assert logits.shape == (2, 5)
    assert logits.dtype == torch.float32
    logits.square().sum().backward()
    zero = set()
    for parameter_name, p in model.named_parameters():
        assert p.grad is not None, parameter_name
        assert p.grad.isfinite().all(), parameter_name
        if not p.grad.any():
            zero.add(parameter_name)
    # Behind a gate that is closed at the start there is nothing to learn yet but the gate, and the curvature of a
    # linear layer does not enter while its centres and its bias are at the origin.
    assert not any(n.endswith('gamma_raw') for n in zero)
    if modules_of(name) <= {'head', 'pos'}:
        assert not zero
    if not {'res', 'res0', 'resx'} & modules_of(name):
        assert all(n.endswith('curvature.raw') for n in zero)
    model = moved(name)
    model(images()).square().sum().backward()
    assert [n for n, p in model.named_parameters() if not p.grad.any()] == []


#: Images that a model may meet: black, almost black, far too bright, of one colour.
def hard_images() -> Tensor:
    plain = images(4)
    plain[0] *= 0
    plain[1] *= 1e-20
    plain[2] *= 1e4
    plain[3] = plain[3, :, :1, :1]
    return plain.requires_grad_()


@pytest.mark.parametrize('autocast', [None, torch.bfloat16, torch.float16], ids=['float32', 'bfloat16', 'float16'])
@pytest.mark.parametrize('name', NAMES)
def test_nothing_is_nan_or_infinite(name: str, autocast: torch.dtype | None) -> None:
    for hamp, margin in itertools.product([False, True], ['study', 'none']):
        if not modules_of(name) and (hamp, margin) != (False, 'study'):
            continue
        model = moved(name, hamp=hamp, margin=margin)
        x = hard_images()
        with torch.autocast('cpu', dtype=autocast, enabled=autocast is not None):
            logits = model(x)
        assert logits.isfinite().all()
        logits.float().cos().sum().backward()
        for parameter_name, p in [('image', x), *model.named_parameters()]:
            assert p.grad.isfinite().all(), (hamp, margin, parameter_name)


@pytest.mark.parametrize('hamp', [False, True], ids=['', 'hamp'])
def test_backward_pass_within_autocast(hamp: bool) -> None:
    grads = []
    for within in (False, True):
        model = moved(hamp=hamp)
        with torch.autocast('cpu', dtype=torch.bfloat16):
            loss = model(images()).float().cos().sum()
            if within:
                loss.backward()
        if not within:
            loss.backward()
        grads.append([p.grad for p in model.parameters()])
    for a, b in zip(*grads, strict=True):
        assert relative(b, a, floor=1e-3) < 4e-2


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize('name', ['vit_tiny_patch4_euclid', *HYPERBOLIC[-2:], FLAT[-1]])
def test_type_out_is_type_in(name: str, dtype: torch.dtype) -> None:
    for model in (create(name).to(dtype), create(name, dtype=dtype)):
        logits = model(images(dtype=dtype))
        assert logits.dtype == dtype
        logits.sum().backward()
        assert {p.grad.dtype for p in model.parameters()} == {dtype}
    # float16 has 11 bits, bfloat16 8
    reference = create(name).double()(images(dtype=torch.float64))
    assert relative(create(name).to(dtype)(images(dtype=dtype)).double(), reference) < 0.1


def test_stochastic_depth_drops_the_branch_not_the_stream() -> None:
    model = moved('vit_tiny_patch4_hyp_res', drop_path_rate=0.5).train()
    block = model.blocks[1]  # the first keeps its branch
    block.drop_path1.drop_prob = block.drop_path2.drop_prob = 1.0
    x = torch.randn(2, 17, 12, generator=torch.Generator().manual_seed(3))
    nothing = torch.zeros_like(x)
    assert torch.equal(block(x), block.residual2(block.residual1(x, nothing), nothing))
    model.eval()
    assert not torch.allclose(block(x), block.residual2(block.residual1(x, nothing), nothing))


# --- optimizers -------------------------------------------------------------------------------------------------------

#: The matrices of Euclidean maps: all that weight decay is for.
DECAYED = ('patch_embed.proj.weight', 'attn.qkv.weight', 'attn.proj.weight', 'mlp.fc1.weight', 'mlp.fc2.weight')


def decays(name: str, parameter: str) -> bool:
    return parameter.endswith(DECAYED) or (parameter == 'head.weight' and 'head' not in modules_of(name))


@pytest.mark.parametrize('name', NAMES)
def test_only_weights_of_linear_maps_decay(name: str) -> None:
    model = create(name)
    optimizer = create_optimizer_v2(model, 'adamw', lr=1e-3, weight_decay=0.05)
    decay = {id(p): group['weight_decay'] for group in optimizer.param_groups for p in group['params']}
    for parameter_name, p in model.named_parameters():
        assert decay[id(p)] == (0.05 if decays(name, parameter_name) else 0.0), parameter_name


def test_no_weight_decay_names_what_the_geometry_owns() -> None:
    # By name, not by being one-dimensional, which an optimizer need not look at.
    model = create()
    named = model.no_weight_decay()
    geometric = ('curvature.raw', 'gamma_raw', 'gamma_scale', 'center_logit', 'sigma_raw', 'scale_raw', 'p_in', 'p_out')
    for name, _ in model.named_parameters():
        if name.endswith(geometric) or name in ('centroids.weight', 'head.weight', 'pos_embed', 'cls_token'):
            assert name in named, name
        if name.endswith(DECAYED):
            assert name not in named, name
    for name, p in model.named_parameters():
        if isinstance(p, geoopt.ManifoldParameter):
            assert name in named


@pytest.mark.parametrize('name', NAMES)
def test_layer_decay_reaches_every_parameter(name: str) -> None:
    model = create(name)
    for coarse in (False, True):
        layers = group_parameters(model, model.group_matcher(coarse=coarse), reverse=True)
        assert layers.keys() == {n for n, _ in model.named_parameters()}
        for parameter_name, layer in layers.items():
            if parameter_name.startswith(('pos_join', 'centroids', 'pos_embed', 'cls_token', 'patch_embed')):
                assert layer == 0, parameter_name
            elif parameter_name.startswith('blocks.'):
                assert layer == 1 + int(parameter_name.split('.')[1]), parameter_name
            elif parameter_name.startswith('head'):
                assert layer == 3, parameter_name
    groups = param_groups_layer_decay(model, 0.05, model.no_weight_decay(), layer_decay=0.5)
    names = {id(p): n for n, p in model.named_parameters()}
    assert sum(len(group['params']) for group in groups) == len(names)
    for group in groups:
        for p in group['params']:
            assert (group['weight_decay'] > 0) == decays(name, names[id(p)])
            assert group['lr_scale'] == 0.5 ** (3 - layers[names[id(p)]])


def test_riemannian_adam_trains_the_points_on_their_balls() -> None:
    model = create(curvature=2.0)
    points = {n: p for n, p in model.named_parameters() if isinstance(p, geoopt.ManifoldParameter)}
    # head; p_in and p_out of qkv, projection, fc1, fc2 in each of two blocks
    assert len(points) == 1 + 2 * 4 * 2
    before = {n: p.detach().clone() for n, p in points.items()}
    raw = model.head.curvature.raw.detach().clone()
    # the Adam of points is also an Adam of everything else
    optimizer = geoopt.optim.RiemannianAdam(model.parameters(), lr=0.02)
    x, losses = images(10), []
    for _ in range(8):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), torch.arange(10) % 5)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert not torch.equal(model.head.curvature.raw, raw)
    for name, p in points.items():
        assert not torch.equal(p, before[name]), name
        assert (p.manifold.c * p.detach().square().sum(-1, keepdim=True) < 1).all(), name


# --- timm's keywords --------------------------------------------------------------------------------------------------

KEYWORDS: dict[str, dict[str, Any]] = {
    'img_size': {'img_size': (16, 24)},
    'patch_size': {'patch_size': 8},
    'num_classes': {'num_classes': 17},
    'no classes': {'num_classes': 0},
    'in_chans': {'in_chans': 3},
    'embed_dim': {'embed_dim': 24},
    'depth': {'depth': 1},
    'num_heads': {'num_heads': 2},
    'mlp_ratio': {'mlp_ratio': 2.0},
    'no qkv_bias': {'qkv_bias': False},
    'no proj_bias': {'proj_bias': False},
    'qk_norm': {'qk_norm': True},
    'scale norms': {'scale_attn_norm': True, 'scale_mlp_norm': True},
    'init_values': {'init_values': 0.1},
    'avg': {'global_pool': 'avg'},
    'max': {'global_pool': 'max'},
    'no pooling': {'global_pool': ''},
    'map': {'global_pool': 'map'},
    'no class token': {'class_token': False, 'global_pool': 'avg'},
    'registers': {'reg_tokens': 2},
    'no_embed_class': {'no_embed_class': True, 'reg_tokens': 1},
    'no positions': {'pos_embed': 'none'},
    'pre_norm': {'pre_norm': True},
    'fc_norm': {'fc_norm': True},
    'no final norm': {'final_norm': False},
    'drop_rate': {'drop_rate': 0.5},
    'pos_drop_rate': {'pos_drop_rate': 0.5},
    'patch_drop_rate': {'patch_drop_rate': 0.5},
    'proj_drop_rate': {'proj_drop_rate': 0.5},
    'attn_drop_rate': {'attn_drop_rate': 0.5},
    'drop_path_rate': {'drop_path_rate': 0.5},
    'dynamic': {'dynamic_img_size': True},
    'dynamic, no_embed_class': {'dynamic_img_size': True, 'no_embed_class': True},
    'act_layer': {'act_layer': 'relu'},
    'norm_layer': {'norm_layer': 'rmsnorm'},
    'fix_init': {'fix_init': True},
    'jax': {'weight_init': 'jax'},
    'jax_nlhb': {'weight_init': 'jax_nlhb'},
    'moco': {'weight_init': 'moco'},
    'reset': {'weight_init': 'reset'},
    'skip': {'weight_init': 'skip'},
}


@pytest.mark.parametrize('keywords', KEYWORDS.values(), ids=KEYWORDS)
def test_keyword_of_timm_s_does_what_it_does_there(keywords: dict[str, Any]) -> None:
    ours = create(**keywords)
    if 'skip' in keywords.values():  # which leaves tokens and positions to whoever loads a checkpoint
        ours.init_weights(needs_reset=True)
    own = {'patch_size': 4, **TINY, **keywords}
    del own['num_centroids']
    theirs = timm.create_model('vit_tiny_patch16_224', **own)
    height, width = ours.patch_embed.img_size
    x = torch.randn(2, 3, height, width)
    logits = ours(x)
    assert logits.shape == theirs(x).shape
    assert logits.isfinite().all()
    (1e-3 * logits.square().sum() + logits.sum()).backward()
    for parameter_name, p in ours.named_parameters():
        assert p.grad is not None, parameter_name
        assert p.grad.isfinite().all(), parameter_name
    # What is timm's has timm's shape.
    shapes = {n: p.shape for n, p in ours.named_parameters()}
    for parameter_name, p in theirs.named_parameters():
        assert shapes[parameter_name] == p.shape


def test_channels_are_free() -> None:
    assert create(in_chans=1)(torch.randn(2, 1, SIZE, SIZE)).shape == (2, 5)


def test_dropout_of_timm_s_keywords_acts_in_training_only() -> None:
    for key in ('drop_rate', 'pos_drop_rate', 'patch_drop_rate', 'proj_drop_rate', 'attn_drop_rate', 'drop_path_rate'):
        model = moved(**{key: 0.5}).train()
        plain = moved()
        assert not torch.allclose(model(images()), plain(images())), key
        model.eval()
        assert torch.equal(model(images()), plain(images())), key


def test_layer_scale_acts_on_the_branch() -> None:
    model = moved('vit_tiny_patch4_hyp_res', init_values=0.1)
    block, x = model.blocks[0], torch.randn(2, 17, 12)
    y = block.attn(block.norm1(x)) * block.ls1.gamma
    x1 = block.residual1(x, y)
    expected = block.residual2(x1, block.mlp(block.norm2(x1)) * block.ls2.gamma)
    assert torch.equal(block(x), expected)


@pytest.mark.parametrize('no_embed_class', [False, True])
@pytest.mark.parametrize('class_token', [False, True])
@pytest.mark.parametrize('dynamic', [False, True])
def test_positions_join_the_tokens_that_timm_adds_them_to(no_embed_class, class_token, dynamic) -> None:
    keywords = {
        'no_embed_class': no_embed_class,
        'class_token': class_token,
        'global_pool': 'avg',
        'reg_tokens': 2,
        'dynamic_img_size': dynamic,
    }
    # At curvature zero the join is timm's sum.
    ours = create('vit_tiny_patch4_flat_pos', **keywords)
    theirs = create('vit_tiny_patch4_euclid', **keywords)
    theirs.load_state_dict({k: v for k, v in ours.state_dict().items() if 'pos_join' not in k})
    for size in (SIZE, 24) if dynamic else (SIZE,):
        assert torch.allclose(ours(images(size=size)), theirs(images(size=size)), atol=1e-6)
    # and away from it, the layer's own
    curved = create('vit_tiny_patch4_hyp_pos', **keywords)
    tokens = curved.patch_embed(images())
    joined = curved._pos_embed(tokens)
    tokens = tokens.flatten(1, 2) if dynamic else tokens
    prefix = [t.expand(2, -1, -1) for t in (curved.cls_token, curved.reg_token) if t is not None]
    if no_embed_class:
        expected = torch.cat([*prefix, curved.pos_join(tokens, curved.pos_embed)], dim=1)
    else:
        expected = curved.pos_join(torch.cat([*prefix, tokens], dim=1), curved.pos_embed)
    assert torch.equal(joined, expected)


def test_dynamic_size_resamples_the_positions() -> None:
    model = create(dynamic_img_size=True)
    assert model(images(size=24)).shape == (2, 5)
    assert torch.allclose(model(images()), create()(images()), atol=1e-6)


@pytest.mark.parametrize('name', [ALL, 'vit_tiny_patch4_hyp_resx', 'vit_tiny_patch4_flat_all'])
def test_masks_reach_the_attention(name: str) -> None:
    model = moved(name).eval()
    mask = torch.ones(17, 17, dtype=torch.bool).tril()
    causal = model(images(), is_causal=True)
    assert relative(causal, model(images(), attn_mask=mask)) < 1e-6
    assert relative(causal, model(images())) > 1e-4


def test_euclid_is_timm_s_model_bit_for_bit() -> None:
    ours = create('vit_tiny_patch4_euclid')
    config = {key: value for key, value in TINY.items() if key != 'num_centroids'}
    theirs = VisionTransformer(patch_size=4, norm_layer=partial(nn.LayerNorm, eps=1e-5), **config)
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    theirs.load_state_dict(ours.state_dict())
    a, b = ours(images()), theirs(images())
    assert torch.equal(a, b)
    a.square().sum().backward()
    b.square().sum().backward()
    assert all(torch.equal(p.grad, q.grad) for p, q in zip(ours.parameters(), theirs.parameters(), strict=True))
    assert type(ours.blocks[0]) is Block


def test_with_an_open_gate_the_residual_at_the_origin_starts_as_timm_s_sum() -> None:
    euclid = create('vit_tiny_patch4_euclid')
    for name, curvature, tolerance in (('flat_res0', 0.0, 2e-6), ('hyp_res0', 1e-6, 1e-4)):
        model = create(f'vit_tiny_patch4_{name}', gate=1, curvature=curvature)
        missing = model.load_state_dict(euclid.state_dict(), strict=False)
        assert missing.unexpected_keys == []
        assert all('.residual' in key for key in missing.missing_keys)
        assert torch.allclose(model(images()), euclid(images()), atol=tolerance)


def test_starting_values_are_timm_s_where_the_modules_are() -> None:
    wide = {'embed_dim': 96, 'depth': 1}
    model = create(**wide)
    for name, p in model.named_parameters():
        if name.endswith(DECAYED[1:]) or name in ('pos_embed', 'head.weight', 'centroids.weight'):
            assert p.std().item() == pytest.approx(0.02, rel=0.15), name
    assert model.cls_token.abs().max() < 1e-4
    # With its gates closed a hyperbolic residual lets nothing through: patches and positions only.
    still = create('vit_tiny_patch4_hyp_res')
    tokens = still._pos_embed(still.patch_embed(0.5 * images()))
    assert tokens.norm(dim=-1).max() < math.atanh(0.985)
    assert torch.allclose(still.blocks(tokens), tokens, atol=1e-5)


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('keywords', 'parts'),
    [
        ({'hyperbolic': ('residual',)}, ["'residual'", "'head', 'pos', 'res', 'res0', 'resx', 'mlp', 'attn'"]),
        ({'hyperbolic': ('res', 'res0')}, ['res and res0', 'choose one']),
        ({'curvature': -1}, ['curvature=-1', '>= 0']),
        ({'curvature': math.nan}, ['curvature=nan', '>= 0']),
        ({'margin': 1.0}, ['margin=1.0', '(0, 1)', "'none'"]),
        ({'margin': 0}, ['margin=0', '(0, 1)', "'none'"]),
        ({'margin': -1}, ['margin=-1', '(0, 1)', "'none'"]),
        ({'margin': {'residual': 0.9}}, ["'residual'", "'head', 'pos', 'res'"]),
        ({'max_norm': 2.44}, ['max_norm=2.44', 'curvature=0']),
        ({'curvature': 0.0, 'learn_curvature': True}, ['learn_curvature=True', 'curvature > 0']),
        ({'num_centroids': -1}, ['num_centroids=-1', '>= 0']),
        ({'gate': 1.7}, ['gate=1.7', '(-1.6931, 1.6931)']),
        ({'gate': 'open'}, ["gate='open'", 'a number']),
        ({'hyperbolic': ('head', 'pos'), 'gate': 1}, ['gate=1', 'no residual', "'res', 'res0', 'resx'"]),
        ({'embed_dim': 13}, ['embed_dim=13', 'num_heads=3']),
        ({'block_fn': ResPostBlock}, ['block_fn=ResPostBlock', 'standard pre-norm block']),
    ],
    ids=str,
)
def test_impossible_keyword_is_named_with_its_remedy(keywords: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(ValueError) as caught:
        create(**keywords)
    assert all(part in str(caught.value) for part in parts), str(caught.value)


@pytest.mark.parametrize('name', ['vit_tiny_patch4_euclid', ALL])
def test_unknown_keyword_is_named(name: str) -> None:
    with pytest.raises(TypeError, match='curvatur'):
        create(name, curvatur=1.0)


def test_impossible_keyword_is_named_before_there_is_anything_to_swap() -> None:
    for keywords in ({'curvature': -1}, {'margin': 1.0}, {'num_centroids': -1}, {'max_norm': 1.0}):
        with pytest.raises(ValueError, match=next(iter(keywords))):
            create('vit_tiny_patch4_euclid', **keywords)


def test_block_of_another_kind_is_fine_where_no_block_is_swapped() -> None:
    assert create('vit_tiny_patch4_hyp_head_pos', block_fn=ResPostBlock)(images()).shape == (2, 5)


# --- copies -----------------------------------------------------------------------------------------------------------


def assert_whole(model: nn.Module) -> None:
    """Points on the balls of their own modules, centroids shared by the model's own blocks."""
    for module in hyperbolic_modules(model):
        for name in getattr(module, 'manifold_names', ()):
            p = getattr(module, name)
            assert isinstance(p, geoopt.ManifoldParameter)
            if module.curvature.is_flat:
                assert isinstance(p.manifold, geoopt.Euclidean)
            else:
                assert p.manifold.curvature is module.curvature
    if model.centroids is not None:
        assert {id(block.attn._shared[0]) for block in model.blocks} == {id(model.centroids)}
    names = [name for name in model.state_dict() if 'centroids' in name]
    assert names == ([] if model.centroids is None else ['centroids.weight'])


def through_file(model: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


def through_state(model: nn.Module, name: str, assign: bool) -> nn.Module:
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other = create(name)
    other.load_state_dict(torch.load(file, weights_only=True), assign=assign)
    return other


def through_safetensors(model: nn.Module, name: str, path: Path) -> nn.Module:
    # `save_model` and `save_file` both refuse or drop aliased tensors.
    safetensors.torch.save_file(model.state_dict(), path)
    return create(name, checkpoint_path=str(path))


# Every model by the ways that are quick; through files, to which the layers go one by one, those that have them all.
COPIES = [(name, way) for name in NAMES for way in ('deepcopy', 'pickle', 'state_dict')]
COPIES += [(name, way) for name in (ALL, FLAT[-1]) for way in ('torch.save', 'assign', 'safetensors')]


@pytest.mark.parametrize(('name', 'way'), COPIES)
def test_copy_is_the_same_bit_for_bit(name: str, way: str, tmp_path: Path) -> None:
    model = moved(name)
    copied = {
        'deepcopy': lambda: copy.deepcopy(model),
        'pickle': lambda: pickle.loads(pickle.dumps(model)),
        'torch.save': lambda: through_file(model),
        'state_dict': lambda: through_state(model, name, assign=False),
        'assign': lambda: through_state(model, name, assign=True),
        'safetensors': lambda: through_safetensors(model, name, tmp_path / 'model.safetensors'),
    }[way]()
    a, b = model(images()), copied(images())
    assert torch.equal(a, b)
    a.square().sum().backward()
    b.square().sum().backward()
    for (parameter_name, p), q in zip(model.named_parameters(), copied.named_parameters(), strict=True):
        assert parameter_name == q[0]
        assert torch.equal(p.grad, q[1].grad), parameter_name
    assert_whole(copied)


@pytest.mark.parametrize('name', [ALL, 'vit_tiny_patch4_flat_all'])
@pytest.mark.parametrize('dtype', [torch.float64, torch.float16, torch.bfloat16])
def test_copy_may_move_to_another_type(name: str, dtype: torch.dtype) -> None:
    model = create(name)
    twin = copy.deepcopy(model).to(device='cpu', dtype=dtype)
    assert_whole(twin)
    assert_whole(model)
    assert {p.dtype for p in twin.parameters()} == {dtype}
    if name == ALL:
        twin.head.curvature.raw.data.fill_(2.0)
        assert twin.head.weight.manifold.c.item() == pytest.approx(math.log1p(math.exp(2)), rel=0.01)
        assert model.head.weight.manifold.c.item() == pytest.approx(1)
    twin.centroids.weight.data.add_(1)
    assert model.centroids.weight.abs().max() < 0.5


@pytest.mark.parametrize('name', NAMES)
def test_model_on_the_meta_device_is_materialised(name: str) -> None:
    model = create(name, device='meta')
    assert all(t.is_meta for t in model.state_dict().values())
    repr(model)
    # Memory that was never written to is NaN under this setting: what is not reset is seen.
    torch.use_deterministic_algorithms(True)
    try:
        model.to_empty(device='cpu')
    finally:
        torch.use_deterministic_algorithms(False)
    model.init_weights(needs_reset=True)
    assert_whole(model)
    reference = create(name)
    for key, value in reference.state_dict().items():
        ours = model.state_dict()[key]
        assert ours.shape == value.shape
        if value.numel() > 1 and value.std() > 1e-3:
            assert 0.5 < ours.std() / value.std() < 2, key  # drawn at random
        else:
            assert torch.allclose(ours, value, atol=1e-5), key
    assert model(images()).isfinite().all()


@pytest.mark.parametrize('name', [ALL, 'vit_tiny_patch4_flat_all'])
def test_meta_model_takes_a_checkpoint_in_place(name: str) -> None:
    source, model = moved(name), create(name, device='meta')
    model.load_state_dict(source.state_dict(), assign=True)
    assert_whole(model)
    assert torch.equal(model(images()), source(images()))


@pytest.mark.parametrize('modules', ['attn', 'mlp', 'res', ()])
def test_a_block_is_built_alone_with_timm_s_defaults(modules: str) -> None:
    options = HyperbolicOptions(modules, num_centroids=5)
    block = HyperbolicBlock(12, 3, options, qk_norm=True)
    plain = Block(12, 3, qk_norm=True)
    x = torch.randn(2, 7, 12)
    block(x).square().sum().backward()
    assert all(p.grad.isfinite().all() for p in block.parameters())
    assert (block.attn.qkv.bias is None) == (plain.attn.qkv.bias is None)
    assert (block.attn.proj.bias is None) == (plain.attn.proj.bias is None)
    assert type(block.attn.q_norm) is type(plain.attn.q_norm) is LayerNorm
    if modules == 'attn':
        assert block.attn.centroids.weight.shape == (3, 5, 4)


# --- graphs -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_compiles_as_one_graph_forward_and_backward() -> None:
    # In float64, which tells a formula from rounding: eager mode computes by other means than the compiler.
    torch.compiler.reset()
    model, plain = moved(depth=1).double(), moved(depth=1).double()
    compiled = torch.compile(model, fullgraph=True, backend='aot_eager')
    a, b = compiled(images().double()), plain(images().double())
    assert torch.allclose(a, b, rtol=1e-10, atol=1e-10)
    a.square().sum().backward()
    b.square().sum().backward()
    for (name, p), q in zip(plain.named_parameters(), model.parameters(), strict=True):
        assert relative(q.grad, p.grad) < 1e-8, name
    torch.compiler.reset()


def test_linear_layers_are_found_by_their_type() -> None:
    # What an analysis walks: every hyperbolic map of a model with its name.
    maps = [name for name, module in create().named_modules() if isinstance(module, HyperbolicLinear)]
    assert maps == [f'blocks.{i}.{n}' for i in (0, 1) for n in ('attn.qkv', 'attn.proj', 'mlp.fc1', 'mlp.fc2')]

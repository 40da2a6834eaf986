"""Checkpoints of the reference study: its weights give its logits and its gradients, under our names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

import timm_hyperbolic
from timm_hyperbolic import checkpoint_filter_fn

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')

GOLDEN = Path(__file__).resolve().parent.parent / '../shared/golden'
TINY = {'img_size': 16, 'embed_dim': 24, 'depth': 2, 'num_heads': 3, 'num_classes': 10, 'num_centroids': 10}
VARIANTS = ['euclid', 'head', 'pos', 'res', 'res0', 'resx', 'mlp', 'attn']
VARIANTS += ['head_pos', 'head_pos_res', 'head_pos_res_mlp', 'all']
# What the study's table says of ViT-Tiny.
PARAMETERS = {
    'euclid': 5_380_132,
    'head': 5_380_132 + 3,
    'pos': 5_380_132 + 1,
    'res': 5_380_132 + 96,
    'res0': 5_380_132 + 72,
    'resx': 5_380_132 + 72,
    'mlp': 5_380_132 + 23_064,
    'attn': 5_380_132 + 37_728,
    'all': 5_441_024,
    # the sums of their modules
    'head_pos': 5_380_132 + 4,
    'head_pos_res': 5_380_132 + 4 + 96,
    'head_pos_res_mlp': 5_380_132 + 4 + 96 + 23_064,
}

needs_goldens = pytest.mark.skipif(
    not (GOLDEN / 'index.json').is_file(), reason='../shared/golden is absent: the reference weights are not published'
)


def create(variant: str, **kwargs: Any) -> nn.Module:
    kind = '' if variant == 'euclid' else 'hyp_'
    return timm.create_model(f'vit_tiny_patch4_{kind}{variant}', **kwargs)


class Golden:
    """A stored variant: its configuration, weights, input, logits and gradients."""

    def __init__(self, variant: str) -> None:
        self.config = json.loads((GOLDEN / 'index.json').read_text())[variant]
        tensors = load_file(GOLDEN / f'{variant}.safetensors')
        self.input, self.logits = tensors['input'], tensors['logits']
        self.state = {k.removeprefix('state.'): v for k, v in tensors.items() if k.startswith('state.')}
        self.grad = {k.removeprefix('grad.'): v for k, v in tensors.items() if k.startswith('grad.')}
        self.variant = variant

    def model(self, dtype: torch.dtype = torch.float64, **kwargs: Any) -> nn.Module:
        names = ('img_size', 'patch_size', 'embed_dim', 'depth', 'num_heads', 'mlp_ratio', 'num_classes')
        config = {name: self.config[name] for name in names}
        config |= {'margin': self.config['margin'], 'num_centroids': self.config['num_classes'], **kwargs}
        model = create(self.variant, **config, dtype=dtype)
        assert model.norm.eps == self.config['layer_norm_eps']
        return model.eval()


@needs_goldens
def test_index_is_what_is_tested() -> None:
    assert sorted(json.loads((GOLDEN / 'index.json').read_text())) == sorted(VARIANTS)


@needs_goldens
@pytest.mark.parametrize('variant', VARIANTS)
def test_logits_and_gradients_are_the_reference_s(variant: str) -> None:
    golden = Golden(variant)
    model = golden.model()
    assert sum(p.numel() for p in model.parameters()) == golden.config['params']
    model.load_state_dict(checkpoint_filter_fn(golden.state, model))
    logits = model(golden.input)
    assert (logits - golden.logits).norm() < 1e-5 * golden.logits.norm()
    assert (logits - golden.logits).abs().max() < 1e-5 * golden.logits.abs().max()

    F.cross_entropy(logits, torch.arange(4)).backward()
    # The filter is linear, so that it gives the gradients our names.
    expected = checkpoint_filter_fn(golden.grad, model)
    ours = {name: p.grad for name, p in model.named_parameters()}
    assert ours.keys() == expected.keys()
    for name, gradient in expected.items():
        assert (ours[name] - gradient).norm() < 1e-3 * gradient.norm(), name


@needs_goldens
@pytest.mark.parametrize('variant', VARIANTS)
@pytest.mark.parametrize('hamp', [False, True], ids=['', 'hamp'])
def test_float32_logits_are_the_reference_s(variant: str, hamp: bool) -> None:
    golden = Golden(variant)
    model = golden.model(torch.float32, hamp=hamp)
    model.load_state_dict(checkpoint_filter_fn(golden.state, model))
    logits = model(golden.input.float()).double()
    assert (logits - golden.logits).norm() < 1e-3 * golden.logits.norm()


@needs_goldens
def test_goldens_tell_margins_apart() -> None:
    # What the agreement above is worth: another margin is seen.
    golden = Golden('pos')
    model = golden.model(margin='study')
    model.load_state_dict(checkpoint_filter_fn(golden.state, model))
    assert (model(golden.input) - golden.logits).norm() > 1e-3 * golden.logits.norm()


@needs_goldens
@pytest.mark.parametrize('wrap', [('model',), ('state_dict',), ('model', 'state_dict')])
def test_wrapped_checkpoint_is_unwrapped(wrap: tuple[str, ...]) -> None:
    golden = Golden('all')
    model = golden.model()
    wrapped: Any = golden.state
    for name in reversed(wrap):
        wrapped = {name: wrapped, 'epoch': 3}
    bare = checkpoint_filter_fn(golden.state, model)
    converted = checkpoint_filter_fn(wrapped, model)
    assert converted.keys() == bare.keys() == model.state_dict().keys()
    assert all(torch.equal(converted[name], bare[name]) for name in bare)


@needs_goldens
def test_reference_checkpoint_loads_through_create_model(tmp_path: Path) -> None:
    golden = Golden('all')
    path = tmp_path / 'reference.pth'
    torch.save({'model': golden.state}, path)
    # timm's loader reads the file, picks the dictionary, and hands it to the filter of the registered model.
    model = golden.model(pretrained=True, pretrained_cfg_overlay={'file': str(path), 'num_classes': 10})
    assert (model(golden.input) - golden.logits).norm() < 1e-5 * golden.logits.norm()


@needs_goldens
def test_checkpoint_is_left_as_it_was() -> None:
    golden, again = Golden('all'), Golden('all')
    checkpoint_filter_fn(golden.state, golden.model())
    assert golden.state.keys() == again.state.keys()
    assert all(torch.equal(golden.state[name], again.state[name]) for name in again.state)


# --- the study's table ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('variant', VARIANTS)
def test_parameter_count_is_the_study_s(variant: str) -> None:
    assert sum(p.numel() for p in create(variant, device='meta').parameters()) == PARAMETERS[variant]


# --- what a reference checkpoint may look like ------------------------------------------------------------------------


def reference(modules: str = 'head,pos,res,mlp,attn') -> dict[str, Tensor]:
    """A checkpoint with the reference's keys, its numbers random: 24 features, two blocks, three heads, 16 px."""
    generator = torch.Generator().manual_seed(0)
    chosen, D, H = set(modules.split(',')), 24, 3
    shapes: dict[str, tuple[int, ...]] = {
        'patch.proj.weight': (D, 3, 4, 4),
        'patch.proj.bias': (D,),
        'cls': (1, 1, D),
        'pos.pos': (1, 17, D),
        'norm.ln.weight': (D,),
        'norm.ln.bias': (D,),
        'head.bias': (10,),
    }
    if 'pos' in chosen:
        shapes |= {'pos.curv_pe': (), 'pos.pball.isp_c': ()}
    if 'head' in chosen:
        shapes |= {'head.proto': (10, D)} | {f'head.{k}': () for k in ('cls_scale', 'sigma', 'curv_rho', 'ball.isp_c')}
    else:
        shapes['head.weight'] = (10, D)
    for i in range(2):
        b = f'blocks.{i}.'
        shapes |= {f'{b}norm{n}.ln.{k}': (D,) for n in (1, 2) for k in ('weight', 'bias')}
        maps = {f'{b}attn.{k}': (D, D) for k in ('q_proj', 'k_proj', 'v_proj', 'out')}
        maps |= {f'{b}mlp.fc1': (4 * D, D), f'{b}mlp.fc2': (D, 4 * D)}
        for name, (out, into) in maps.items():
            if ('attn' if '.attn.' in name else 'mlp') in chosen:
                shapes |= {f'{name}.lin.weight': (out, into), f'{name}.lin.bias': (out,), f'{name}.curv_hlin': ()}
                shapes |= {f'{name}.p_in': (1, 1, into), f'{name}.p_out': (1, 1, out), f'{name}.hlball.isp_c': ()}
            else:
                shapes |= {f'{name}.weight': (out, into), f'{name}.bias': (out,)}
        if 'attn' in chosen:
            shapes |= {f'{b}attn.sigma_raw': (H,), f'{b}attn.curv_attn': (), f'{b}attn.shared.centroids': (H, 10, 8)}
        for n in (1, 2):
            if 'res' in chosen:
                names = ('curv_hra', 'gamma_raw', 'gamma_scale', 'scale_center', 'hrball.isp_c')
                shapes |= {f'{b}res{n}.{k}': () for k in names}
            else:
                shapes[f'{b}res{n}.scale'] = ()
    state = {name: 0.1 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    for name in state:
        if name.endswith('.scale'):
            state[name] = torch.ones(())
        elif name.endswith('shared.centroids'):
            state[name] = state['blocks.0.attn.shared.centroids']
    return state


@pytest.mark.parametrize('modules', ['head,pos,res,mlp,attn', 'res', 'attn', 'head,pos', 'mlp'])
def test_every_key_finds_its_place(modules: str) -> None:
    model = timm.create_model('vit_tiny_patch4_euclid', hyperbolic=modules, **TINY)
    state = reference(modules)
    ours = checkpoint_filter_fn(state, model)
    model.load_state_dict(ours)
    b = 'blocks.1.'
    same = {
        'patch_embed.proj.weight': 'patch.proj.weight',
        'cls_token': 'cls',
        'pos_embed': 'pos.pos',
        'norm.weight': 'norm.ln.weight',
        f'{b}norm2.bias': f'{b}norm2.ln.bias',
        'head.bias': 'head.bias',
    }
    if 'res' in modules:
        same |= {f'{b}residual1.curvature.raw': f'{b}res1.curv_hra', f'{b}residual1.gamma_raw': f'{b}res1.gamma_raw'}
        same |= {f'{b}residual2.center_logit': f'{b}res2.scale_center'}
        same |= {f'{b}residual2.gamma_scale': f'{b}res2.gamma_scale'}
    if 'attn' in modules:
        same |= {'centroids.weight': f'{b}attn.shared.centroids', f'{b}attn.curvature.raw': f'{b}attn.curv_attn'}
        same |= {f'{b}attn.proj.p_out': f'{b}attn.out.p_out'}
    if 'mlp' in modules:
        same |= {f'{b}mlp.fc1.weight': f'{b}mlp.fc1.lin.weight', f'{b}mlp.fc2.p_in': f'{b}mlp.fc2.p_in'}
    if 'head' in modules:
        same |= {'head.weight': 'head.proto', 'head.scale_raw': 'head.cls_scale', 'head.sigma_raw': 'head.sigma'}
        same |= {'head.curvature.raw': 'head.curv_rho'}
    if 'pos' in modules:
        same |= {'pos_join.curvature.raw': 'pos.curv_pe'}
    for name, theirs in same.items():
        assert torch.equal(ours[name].flatten(), state[theirs].flatten()), name
    lin = 'lin.' if 'attn' in modules else ''
    for kind in ('weight', 'bias'):
        parts = [state[f'{b}attn.{part}_proj.{lin}{kind}'] for part in 'qkv']
        assert torch.equal(ours[f'{b}attn.qkv.{kind}'], torch.cat(parts))
    if 'attn' in modules:
        for kind, key in (('curvature.raw', 'curv_hlin'), ('p_in', 'p_in'), ('p_out', 'p_out')):
            parts = torch.stack([state[f'{b}attn.{part}_proj.{key}'].flatten() for part in 'qkv'])
            assert torch.equal(ours[f'{b}attn.qkv.{kind}'].flatten(), parts.flatten())


def test_unknown_keys_are_all_listed() -> None:
    state = reference() | {'blocks.0.mlp.fc3.weight': torch.zeros(1), 'extra': torch.zeros(1)}
    with pytest.raises(ValueError, match=r'does not know 2 of the keys: blocks\.0\.mlp\.fc3\.weight, extra') as caught:
        checkpoint_filter_fn(state, create('all', **TINY))
    assert 'reference' in str(caught.value)


def test_checkpoint_of_another_variant_is_an_error() -> None:
    with pytest.raises(ValueError, match=r'blocks\.0\.residual1\.gamma_raw'):
        checkpoint_filter_fn(reference('res'), create('mlp', **TINY))
    ours = create('res', **TINY).state_dict()
    with pytest.raises(ValueError, match=r'blocks\.0\.residual1\.gamma_raw'):
        checkpoint_filter_fn(ours, create('euclid', **TINY))


@pytest.mark.parametrize('part', ['q', 'k', 'v'])
@pytest.mark.parametrize('kind', ['lin.weight', 'p_in', 'curv_hlin'])
def test_missing_part_of_a_packed_tensor_is_named(part: str, kind: str) -> None:
    state = reference()
    del state[f'blocks.1.attn.{part}_proj.{kind}']
    name = {'lin.weight': 'weight', 'p_in': 'p_in', 'curv_hlin': 'curvature.raw'}[kind]
    with pytest.raises(ValueError, match=rf'blocks\.1\.attn\.qkv\.{name}.* no {part}$'):
        checkpoint_filter_fn(state, create('all', **TINY))


def test_residual_of_another_scale_has_no_counterpart() -> None:
    state = reference('head')
    state['blocks.1.res2.scale'] = torch.tensor(0.5)
    with pytest.raises(ValueError, match=r'blocks\.1\.res2\.scale=0\.5.*scale of 1'):
        checkpoint_filter_fn(state, create('head', **TINY))


def test_centroids_are_kept_once() -> None:
    ours = checkpoint_filter_fn(reference(), create('all', **TINY))
    assert [name for name in ours if 'centroids' in name] == ['centroids.weight']


@pytest.mark.parametrize('variant', VARIANTS)
def test_our_own_checkpoint_passes_unchanged(variant: str) -> None:
    model = create(variant, **TINY)
    state = model.state_dict()
    for wrapped in (state, {'state_dict': state}, {'model': state}):
        filtered = checkpoint_filter_fn(wrapped, model)
        assert filtered.keys() == state.keys()
        assert all(torch.equal(filtered[name], state[name]) for name in state)


def test_plain_timm_checkpoint_passes() -> None:
    keywords = {name: value for name, value in TINY.items() if name != 'num_centroids'}
    theirs = timm.create_model('vit_tiny_patch16_224', patch_size=4, **keywords)
    filtered = checkpoint_filter_fn(theirs.state_dict(), create('euclid', **TINY))
    assert filtered.keys() == theirs.state_dict().keys()


def test_fixed_curvature_takes_the_checkpoint_s_value() -> None:
    model = create('all', learn_curvature=False, **TINY)
    state = reference()
    model.load_state_dict(checkpoint_filter_fn(state, model))
    expected = F.softplus(state['blocks.1.res2.curv_hra'])
    assert model.blocks[1].residual2.curvature().item() == pytest.approx(expected.item(), rel=1e-6)
    qkv = torch.stack([F.softplus(state[f'blocks.0.attn.{part}_proj.curv_hlin']) for part in 'qkv'])
    assert torch.allclose(model.blocks[0].attn.qkv.curvature(), qkv)


def test_flat_control_stays_flat() -> None:
    model = timm.create_model('vit_tiny_patch4_flat_all', **TINY)
    model.load_state_dict(checkpoint_filter_fn(reference(), model))
    assert set(timm_hyperbolic.named_curvatures(model).values()) == {0.0}
    assert model(torch.randn(2, 3, 16, 16)).isfinite().all()


@pytest.mark.parametrize('make', [reference, lambda: create('all', **TINY).state_dict()], ids=['reference', 'ours'])
def test_positional_embedding_is_resampled_to_another_size(make) -> None:
    state = make()
    model = create('all', **TINY | {'img_size': 24})
    ours = checkpoint_filter_fn(state, model)
    assert ours['pos_embed'].shape == (1, 37, 24)
    before = state.get('pos.pos', state.get('pos_embed'))
    assert torch.equal(ours['pos_embed'][:, 0], before[:, 0])  # the class token's is not resampled
    corners = ours['pos_embed'][0, 1:].reshape(6, 6, 24)[::5, ::5]
    assert torch.allclose(corners, before[0, 1:].reshape(4, 4, 24)[::3, ::3], atol=0.1)
    model.load_state_dict(ours)
    assert model(torch.randn(1, 3, 24, 24)).isfinite().all()


def test_other_number_of_classes_is_left_to_timm(tmp_path: Path) -> None:
    path = tmp_path / 'ours.pth'
    source = create('head', **TINY)
    torch.save(source.state_dict(), path)
    model = create('head', checkpoint_path=str(path), **TINY)
    assert torch.equal(model.head.weight, source.head.weight)
    # Pretrained weights with another classifier: timm drops the classifier and loads the rest.
    overlay = {'file': str(path), 'num_classes': 10}
    model = create('head', pretrained=True, pretrained_cfg_overlay=overlay, **TINY | {'num_classes': 7})
    assert model.head.weight.shape == (7, 24)
    assert torch.equal(model.blocks[0].mlp.fc1.weight, source.blocks[0].mlp.fc1.weight)

"""What timm does with a model, done with every variant of ours: written from timm's documented behaviour.

Names, keywords, gradients, parameter groups, copies and the meta device are in `test_vit_hyp.py`, exports and compilers
in `test_graphs.py`.
"""

from __future__ import annotations

import copy
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import timm
import torch
from timm.data import resolve_data_config, resolve_input_data_config
from timm.layers import resample_abs_pos_embed
from timm.models import GraphExtractNet, load_checkpoint
from timm.models._manipulate import reinit_non_persistent_buffers
from timm.utils import ModelEmaV3
from tiny_hyp import ALL, FLAT, HYPERBOLIC, NAMES, SIZE, create, images, modules_of, moved
from torch import Tensor, nn
from torchvision.models.feature_extraction import create_feature_extractor

import timm_hyperbolic
from timm_hyperbolic.layers import HyperbolicHead

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')

#: The twelve variants and the control with everything.
VARIANTS = ['vit_tiny_patch4_euclid', *HYPERBOLIC, FLAT[-1]]
#: Enough where a variant can only differ by its kind of module.
SOME = ['vit_tiny_patch4_hyp_head_pos', 'vit_tiny_patch4_hyp_res', ALL]


def gradients(model: nn.Module, loss: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(loss, list(model.parameters()), allow_unused=True))


# --- calls ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('name', VARIANTS)
def test_forward_in_both_modes(name: str) -> None:
    model = moved(name, drop_rate=0.3, drop_path_rate=0.3, attn_drop_rate=0.3, proj_drop_rate=0.3)
    assert model.training
    outputs = [model(images()) for _ in range(2)]
    assert outputs[0].shape == (2, 5)
    assert all(out.isfinite().all() for out in outputs)
    assert not torch.equal(*outputs)  # dropout acts
    model.eval()
    with torch.inference_mode():
        outputs = [model(images()) for _ in range(2)]
    assert outputs[0].shape == (2, 5)
    assert torch.equal(*outputs)
    # of one image what it is of several: nothing looks across the batch
    with torch.inference_mode():
        assert torch.allclose(model(images()[:1]), outputs[0][:1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('name', VARIANTS)
def test_forward_is_features_and_head(name: str) -> None:
    model = moved(name).eval()
    features = model.forward_features(images())
    assert features.shape == (2, 17, 12)
    assert torch.equal(model.forward_head(features), model(images()))
    before_logits = model.forward_head(features, pre_logits=True)
    assert before_logits.shape == (2, model.num_features) == (2, model.head_hidden_size)
    assert torch.equal(model.get_classifier()(before_logits), model(images()))
    model.reset_classifier(0)
    assert torch.equal(model(images()), before_logits)


# --- configurations ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('name', timm.list_models(module='vit_hyp'))
def test_default_configuration_is_that_of_the_model(name: str) -> None:
    model = timm.create_model(name, device='meta', depth=1)
    cfg, state = model.default_cfg, model.state_dict()
    assert cfg['architecture'] == name
    assert cfg['num_classes'] == model.num_classes
    # timm looks at these two by name, to adapt pretrained weights
    assert state[f'{cfg["classifier"]}.weight'].shape == (model.num_classes, model.num_features)
    assert state[f'{cfg["classifier"]}.bias'].shape == (model.num_classes,)
    assert model.get_submodule(cfg['classifier']) is model.get_classifier()
    assert state[f'{cfg["first_conv"]}.weight'].shape[:2] == (model.num_features, 3)
    assert isinstance(model.get_submodule(cfg['first_conv']), nn.Conv2d)
    assert cfg['input_size'] == (3, *model.patch_embed.img_size)
    assert cfg['fixed_input_size']
    assert resolve_data_config(model=model)['input_size'] == cfg['input_size']
    height, width = cfg['input_size'][1:]
    with pytest.raises(AssertionError, match=str(height)):  # fixed, as the configuration says
        model(torch.empty(1, 3, height + 32, width, device='meta'))


def test_distillation_tokens_are_absent_as_in_timm_s_model() -> None:
    theirs = timm.create_model('vit_tiny_patch16_224', device='meta')
    assert not hasattr(theirs, 'set_distilled_training')
    assert not hasattr(create(device='meta'), 'set_distilled_training')


@pytest.mark.parametrize('name', NAMES)
def test_device_and_type_reach_every_tensor(name: str) -> None:
    model = create(name, device='meta', dtype=torch.bfloat16)
    assert {(t.device.type, t.dtype) for t in model.state_dict().values()} == {('meta', torch.bfloat16)}
    model.reset_classifier(3)
    assert {(t.device.type, t.dtype) for t in model.state_dict().values()} == {('meta', torch.bfloat16)}


def test_no_buffer_is_lost_by_a_state() -> None:
    # timm makes non-persistent buffers anew after a model was materialised; there is none to be made.
    for name in (ALL, FLAT[-1]):
        model = create(name)
        assert {key for key, _ in model.named_buffers()} <= model.state_dict().keys()
        assert reinit_non_persistent_buffers(model) == []


# --- the classifier ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('name', ['vit_tiny_patch4_hyp_head', FLAT[-1], 'vit_tiny_patch4_hyp_res'])
def test_classifier_is_replaced_by_one_of_its_kind(name: str) -> None:
    keywords = {} if name in FLAT else {'curvature': 0.5, 'margin': 0.9}
    model = create(name, **keywords).double().eval()
    kind = type(model.get_classifier())
    assert kind is (HyperbolicHead if 'head' in modules_of(name) else nn.Linear)
    x = images(dtype=torch.float64)
    for pool in ('avg', 'max', 'token', ''):
        model.reset_classifier(7, pool)
        assert type(model.head) is kind
        assert model.num_classes == 7
        assert model.global_pool == pool
        assert model.head.weight.shape == (7, 12)
        assert model.head.weight.dtype == torch.float64
        assert not model.head.training
        if kind is HyperbolicHead:
            assert model.head.limits.margin == keywords.get('margin', 0.98)
            assert model.head.curvature().item() == pytest.approx(keywords.get('curvature', 0.0))
        assert model(x).shape == ((2, 7) if pool else (2, 17, 7))
    model.reset_classifier(0, 'avg')
    assert isinstance(model.head, nn.Identity)
    assert torch.equal(model(x), model.forward_features(x)[:, 1:].mean(1))
    model.reset_classifier(0, '')
    assert torch.equal(model(x), model.forward_features(x))
    model.train().reset_classifier(3, 'token')
    assert type(model.head) is kind
    assert model.head.training
    model(x).sum().backward()
    assert model.head.weight.grad.any()


# --- features ---------------------------------------------------------------------------------------------------------


def block_outputs(model: Any, x: Tensor, **kwargs: Any) -> tuple[list[Tensor], Tensor]:
    """What each block returns, `[B, 1 + N, D]`, and the features behind them all."""
    outputs: list[Tensor] = []
    hooks = [block.register_forward_hook(lambda *args: outputs.append(args[-1])) for block in model.blocks]
    features = model.forward_features(x, **kwargs)
    for hook in hooks:
        hook.remove()
    return outputs, features


@torch.no_grad()
@pytest.mark.parametrize('name', SOME)
def test_intermediates_in_every_option(name: str) -> None:
    model, x = moved(name, depth=3, img_size=(16, 24)).eval(), torch.randn(2, 3, 16, 24)
    blocks, features = block_outputs(model, x)
    tokens = [t[:, 1:] for t in blocks]
    maps = [t.reshape(2, 4, 6, 12).permute(0, 3, 1, 2) for t in tokens]

    def same(a: list[Tensor], b: list[Tensor]) -> bool:
        return len(a) == len(b) and all(torch.equal(*pair) for pair in zip(a, b, strict=True))

    final, got = model.forward_intermediates(x)
    assert torch.equal(final, features)
    assert same(got, maps)
    only = partial(model.forward_intermediates, x, intermediates_only=True)
    assert same(only(2), maps[1:])
    assert same(only([0, 2]), [maps[0], maps[2]])
    assert same(only([-1]), maps[2:])
    assert same(only(output_fmt='NLC'), tokens)
    normed = [model.norm(t) for t in blocks]
    assert same(only(output_fmt='NLC', norm=True), [t[:, 1:] for t in normed])
    for (spatial, prefix), expected in zip(only(output_fmt='NLC', return_prefix_tokens=True), blocks, strict=True):
        assert torch.equal(torch.cat([prefix, spatial], 1), expected)
    final, got = model.forward_intermediates(x, [1], stop_early=True)
    assert same(got, [maps[1]])
    assert torch.equal(final, normed[1])
    out = model.forward_intermediates(x, output_dict=True, return_prefix_tokens=True)
    assert torch.equal(out['image_features'], features)
    assert same(out['image_intermediates'], maps)
    assert same(out['image_intermediates_prefix'], [t[:, :1] for t in blocks])
    assert model.forward_intermediates(x, output_dict=True, intermediates_only=True).keys() == {'image_intermediates'}
    causal, _ = block_outputs(model, x, is_causal=True)
    assert same(only(output_fmt='NLC', is_causal=True), [t[:, 1:] for t in causal])
    mask = torch.ones(25, 25, dtype=torch.bool).tril()
    assert torch.allclose(only([2], output_fmt='NLC', attn_mask=mask)[0], causal[2][:, 1:], atol=1e-5)
    assert not torch.allclose(causal[2], blocks[2], atol=1e-3)
    assert same(model.get_intermediate_layers(x, 2), tokens[1:])


@torch.no_grad()
@pytest.mark.parametrize('name', SOME)
def test_pruned_model_has_the_same_intermediates(name: str) -> None:
    model = moved(name, depth=3).eval()
    expected = model.forward_intermediates(images(), [0, 1], intermediates_only=True)
    assert model.prune_intermediate_layers([0, 1], prune_norm=True) == [0, 1]
    assert len(model.blocks) == 2
    assert isinstance(model.norm, nn.Identity)
    assert isinstance(model.get_classifier(), nn.Identity)
    final, got = model.forward_intermediates(images(), [0, 1])
    assert all(torch.equal(*pair) for pair in zip(got, expected, strict=True))
    assert torch.equal(final[:, 1:].mT.reshape(2, 12, 4, 4), got[1])
    kept = moved(name, depth=3).eval()
    kept.prune_intermediate_layers(3, prune_head=False)
    assert torch.equal(kept(images()), moved(name, depth=3).eval()(images()))


@torch.no_grad()
@pytest.mark.parametrize('feature_cls', ['getter', 'fx', 'hook'])
@pytest.mark.parametrize('name', SOME)
def test_model_of_features_only(name: str, feature_cls: str) -> None:
    extractor = create(name, features_only=True, out_indices=(0, 1), feature_cls=feature_cls).eval()
    assert extractor.feature_info.channels() == [12, 12]
    assert extractor.feature_info.reduction() == [4, 4]
    assert extractor.feature_info.module_name() == ['blocks.0', 'blocks.1']
    got = extractor(images())
    blocks, _ = block_outputs(create(name).eval(), images())
    maps = [t[:, 1:].mT.reshape(2, 12, 4, 4) for t in blocks]
    expected = maps if feature_cls == 'getter' else blocks
    assert all(torch.allclose(*pair, atol=1e-6) for pair in zip(got, expected, strict=True))


def test_features_are_by_default_maps_of_the_last_blocks() -> None:
    extractor = create(depth=4, features_only=True).eval()
    assert extractor.feature_info.module_name() == ['blocks.1', 'blocks.2', 'blocks.3']
    with torch.no_grad():
        assert [t.shape for t in extractor(images())] == [(2, 12, 4, 4)] * 3


@pytest.mark.parametrize('name', VARIANTS)
def test_traced_graph_is_the_model_forward_and_backward(name: str) -> None:
    model = moved(name)
    graph = GraphExtractNet(model, ['blocks.0', 'head'])
    # nothing of the model is left out of the graph, so that it moves and trains as a whole
    assert {id(p) for p in graph.parameters()} == {id(p) for p in model.parameters()}
    features, logits = graph(images())
    assert features.shape == (2, 17, 12)
    assert torch.equal(logits, model(images()))
    expected = gradients(model, model(images()).square().sum())
    assert all(torch.equal(*pair) for pair in zip(gradients(model, logits.square().sum()), expected, strict=True))
    assert all(g is not None and g.any() for g in expected)


@pytest.mark.parametrize('name', VARIANTS)
def test_other_tracers_of_torch_fx_take_the_model(name: str) -> None:
    model = moved(name)
    expected = model(images())
    assert torch.equal(torch.fx.symbolic_trace(copy.deepcopy(model))(images()), expected)
    graph = create_feature_extractor(model, ['blocks.0', 'head'])
    assert torch.equal(graph(images())['head'], expected)
    assert graph(images()[:1])['blocks.0'].shape == (1, 17, 12)


@pytest.mark.parametrize('name', VARIANTS)
def test_gradient_checkpointing_changes_nothing(name: str) -> None:
    model = moved(name, drop_path_rate=0.5, attn_drop_rate=0.3)

    def run(enable: bool) -> tuple[Tensor, list[Tensor]]:
        model.set_grad_checkpointing(enable)
        torch.manual_seed(3)
        out = model(images())
        return out.detach(), gradients(model, out.square().sum())

    (a, g), (b, h) = run(False), run(True)
    assert torch.equal(a, b)
    for (parameter_name, _), p, q in zip(model.named_parameters(), g, h, strict=True):
        assert torch.equal(p, q), parameter_name


# --- sizes ------------------------------------------------------------------------------------------------------------


def resampled(pos: Tensor, grid: tuple[int, int]) -> Tensor:
    """A positional embedding of a model of `SIZE` by timm, on another grid."""
    return resample_abs_pos_embed(pos, grid, (4, 4), num_prefix_tokens=1)


@torch.no_grad()
@pytest.mark.parametrize('name', [ALL, 'vit_tiny_patch4_euclid'])
def test_input_size_can_be_set_later(name: str) -> None:
    model = moved(name).eval()
    before, same = model.pos_embed.clone(), model(images())
    model.set_input_size((24, 16))
    assert torch.equal(model.pos_embed, resampled(before, (6, 4)))
    assert model(torch.randn(2, 3, 24, 16)).shape == (2, 5)
    assert resolve_input_data_config(model, {})['input_size'] == (3, 24, 16)
    model = moved(name).eval()
    model.set_input_size(SIZE, patch_size=4)
    assert torch.equal(model(images()), same)
    model.set_input_size(32, patch_size=8)
    assert model.patch_embed.proj.weight.shape == (12, 3, 8, 8)
    assert torch.equal(model.pos_embed, before)
    assert model(images(size=32)).isfinite().all()


@torch.no_grad()
def test_hyperbolic_embedding_is_resampled_in_the_tangent_space_at_the_origin(tmp_path: Path) -> None:
    source = moved(ALL)
    path = tmp_path / 'model.pth'
    torch.save(source.state_dict(), path)
    overlay = {'file': str(path), 'num_classes': 5}
    model = create(ALL, img_size=24, pretrained=True, pretrained_cfg_overlay=overlay)
    c = source.pos_join.curvature().double()
    points = timm_hyperbolic.geometry.exp0(source.pos_embed.double(), c)
    tangent = timm_hyperbolic.geometry.log0(points, c)
    expected = timm_hyperbolic.geometry.exp0(resampled(tangent, (6, 6)), c)
    got = timm_hyperbolic.geometry.exp0(model.pos_embed.double(), model.pos_join.curvature().double())
    assert torch.allclose(got, expected, atol=1e-6)
    # and not by the points' coordinates
    assert not torch.allclose(got, resampled(points, (6, 6)), atol=1e-3)


# --- weights ----------------------------------------------------------------------------------------------------------


@torch.no_grad()
@pytest.mark.parametrize('name', VARIANTS)
def test_pretrained_weights_are_adapted_to_channels_and_classes(name: str) -> None:
    source = moved(name).eval()
    overlay = {'state_dict': source.state_dict(), 'num_classes': 5, 'input_size': (3, SIZE, SIZE)}
    load = partial(create, name, pretrained=True, pretrained_cfg_overlay=overlay)
    assert torch.equal(load().eval()(images()), source(images()))
    gray = images()[:, :1]
    assert torch.allclose(load(in_chans=1).eval()(gray), source(gray.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-4)
    other, start = load(num_classes=7), create(name, num_classes=7)
    for key, value in other.state_dict().items():
        if not key.startswith('head'):
            assert torch.equal(value, source.state_dict()[key]), key
        elif key != 'head.weight':  # drawn at random
            assert torch.equal(value, start.state_dict()[key]), key
    assert other.head.weight.shape == (7, 12)
    assert other.head.weight.abs().max() < 0.5
    assert other(images()).shape == (2, 7)
    # a model without a classifier, and one of features
    assert torch.equal(
        load(num_classes=0).eval()(images()), source.forward_head(source.forward_features(images()), pre_logits=True)
    )
    features = load(features_only=True, out_indices=(1,)).eval()(images())[0]
    assert torch.equal(features, source.forward_intermediates(images(), [1], intermediates_only=True)[0])


@torch.no_grad()
@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_load_checkpoint(suffix: str, tmp_path: Path) -> None:
    source, path = moved().eval(), tmp_path / f'model{suffix}'
    if suffix == '.pth':
        ema = ModelEmaV3(create())
        ema.set(source)
        torch.save({'state_dict': create().state_dict(), 'state_dict_ema': ema.module.state_dict()}, path)
    else:
        safetensors.torch.save_file(source.state_dict(), path)
    model = create().eval()
    assert not torch.equal(model(images()), source(images()))
    result = load_checkpoint(model, str(path), filter_fn=timm_hyperbolic.checkpoint_filter_fn)
    assert not result.missing_keys
    assert not result.unexpected_keys
    assert torch.equal(model(images()), source(images()))
    with pytest.raises(RuntimeError, match=r'size mismatch for head\.weight'):
        load_checkpoint(create(num_classes=7), str(path))

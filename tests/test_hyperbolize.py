"""Euclidean models made hyperbolic: the function that they start from, and what cannot be swapped."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import timm
import torch
from layer_cases import hyperbolic_modules
from tiny_timm import SWAPS, images, tiny
from torch import nn
from torch.nn.utils import prune

import timm_hyperbolic
from timm_hyperbolic import hyperbolize
from timm_hyperbolic.layers import Gated, HyperbolicAttention, HyperbolicHead, HyperbolicLinear
from timm_hyperbolic.models.convert import Plan

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')

every_model = pytest.mark.parametrize('name', SWAPS)


@every_model
@torch.no_grad()
def test_starts_from_the_function_of_the_euclidean_model(name: str) -> None:
    model = tiny(name)
    before, weights = model(images()), {k: v.clone() for k, v in model.state_dict().items()}
    assert hyperbolize(model, SWAPS[name], curvature=0.0) is model
    assert (model(images()) - before).abs().max() < 1e-5 * max(1.0, before.abs().max().item())
    # What was not swapped has its name and value, and so have the linear maps.
    after = model.state_dict()
    changed = {k for k, v in weights.items() if k not in after or not torch.equal(v, after[k])}
    classifier = model.pretrained_cfg['classifier']
    heads = (classifier,) if isinstance(classifier, str) else classifier
    assert changed == {f'{head}.{kind}' for head in heads for kind in ('weight', 'bias')}


@every_model
@torch.no_grad()
def test_differs_by_as_much_as_the_curvature(name: str) -> None:
    before = tiny(name).double()(images().double())

    def difference(curvature: float) -> float:
        model = hyperbolize(tiny(name).double(), SWAPS[name], curvature, margin=None)
        return (model(images().double()) - before).norm().item()

    small, smaller = difference(1e-5), difference(1e-6)
    assert small > 0
    assert small / smaller == pytest.approx(10, rel=0.02)


@pytest.mark.parametrize('name', ['vit', 'swin', 'eva02', 'beit', 'relpos-postnorm'])
@pytest.mark.parametrize('residual', ['res', 'resx'])
@torch.no_grad()
def test_gated_residuals_start_from_the_same_function_at_any_curvature(name: str, residual: str) -> None:
    before = tiny(name)(images())
    model = hyperbolize(tiny(name), residual, curvature=1.0)
    assert torch.equal(model(images()), before)
    gates = [module for module in model.modules() if isinstance(module, Gated)]
    for gate in gates:
        gate.gate.fill_(0.1)
    assert not torch.allclose(model(images()), before, rtol=1e-2)


@pytest.mark.parametrize('name', ['vit-postnorm', 'vit-parallel', 'dinov2', 'deit-distilled'])
@torch.no_grad()
def test_gated_attention_keeps_the_function_of_every_vit(name: str) -> None:
    before = tiny(name)(images())
    model = hyperbolize(tiny(name), 'attn', curvature=1.0)
    assert sum(isinstance(module, HyperbolicAttention) for module in model.modules()) >= 2
    assert torch.equal(model(images()), before)


@torch.no_grad()
def test_gated_attention_starts_from_the_same_function_and_learns() -> None:
    before = tiny('vit')(images())
    model = hyperbolize(tiny('vit'), 'attn', curvature=1.0, num_centroids=3)
    assert torch.equal(model(images()), before)
    assert model.centroids.weight.shape == (3, 3, 8)
    with torch.enable_grad():
        model(images()).square().sum().backward()
    assert all(block.attn.gate.grad.abs() > 0 for block in model.blocks)
    pointers = [p.data_ptr() for _, p in model.named_parameters(remove_duplicate=False)]
    assert len(set(pointers)) == len(pointers)  # an aliased parameter would be saved twice


@torch.no_grad()
def test_carried_attention_is_the_dot_product_where_keys_have_one_length() -> None:
    # RMS norms without a weight leave the keys of a head with the same length.
    model = tiny('vit-rmsnorm')
    for block in model.blocks:
        block.attn.k_norm.weight.fill_(1.0)
    before = model(images())
    model = hyperbolize(model, 'attn', curvature=0.0, start='carried')
    assert isinstance(model.blocks[0].attn, HyperbolicAttention)
    assert torch.allclose(model(images()), before, rtol=1e-4, atol=1e-5)
    other = tiny('vit')
    before = other(images())
    assert not torch.allclose(hyperbolize(other, 'attn', 0.0, start='carried')(images()), before, rtol=1e-3)


@pytest.mark.parametrize('residual', ['res', 'resx'])
@torch.no_grad()
def test_carried_residuals_start_at_the_midpoint(residual: str) -> None:
    model = hyperbolize(tiny('vit'), residual, curvature=0.0, start='carried')
    x, y = torch.randn(2, 3, 4, 24)
    assert torch.allclose(model.blocks[1].residual2(x, y), (x + y) / 2, rtol=1e-5, atol=1e-6)


def test_every_module_at_once_trains() -> None:
    model = hyperbolize(tiny('vit', drop_path_rate=0.5), 'head,pos,res,mlp,attn', num_centroids=2).train()
    for module in model.modules():
        if isinstance(module, Gated):
            module.gate.data.fill_(0.5)
    assert all(module.training for module in model.modules())
    model(images()).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_keywords_reach_every_layer() -> None:
    model = hyperbolize(tiny('vit'), 'head,pos,res0,mlp', 0.3, learn_curvature=False, margin={'mlp': 0.5}, hamp=True)
    layers = hyperbolic_modules(model)
    assert len(layers) == 2 + 2 * (2 + 2)
    for layer in layers:
        assert layer.curvature().tolist() == pytest.approx([0.3] * len(layer.curvature()))
        assert not layer.curvature.learnt
        assert layer.hamp
        if isinstance(layer, HyperbolicLinear):
            assert layer.limits.margin == 0.5
    assert list(timm_hyperbolic.named_curvatures(hyperbolize(tiny('vit'), 'pos')).values()) == pytest.approx([1e-4])


def test_packed_maps_have_a_curvature_each() -> None:
    model = hyperbolize(tiny('dinov2-giant'), 'mlp')
    assert {len(block.mlp.fc1.curvature()) for block in model.blocks} == {2}


def test_parameters_of_linear_maps_stay_the_same_objects() -> None:
    model = tiny('vit')
    model.blocks[0].mlp.fc1.weight.requires_grad_(False)
    before = {name: p for name, p in model.named_parameters() if '.mlp.' in name}
    after = dict(hyperbolize(model, 'mlp').named_parameters())
    assert all(after[name] is p for name, p in before.items())
    assert not after['blocks.0.mlp.fc1.weight'].requires_grad


def test_type_and_mode_are_the_model_s() -> None:
    model = hyperbolize(tiny('vit').double(), 'head,pos,res,mlp,attn')
    assert {p.dtype for p in model.parameters()} == {torch.float64}
    assert not any(module.training for module in model.modules())


def test_model_without_values_is_converted_too() -> None:
    with torch.device('meta'):
        model = timm.create_model('vit_tiny_patch16_224')
    hyperbolize(model, 'head,pos,res,mlp,attn')
    assert all(p.is_meta for p in model.parameters())


def test_second_conversion_adds_to_the_first() -> None:
    both = hyperbolize(tiny('vit'), 'head,pos,res0', 0.5)
    model = hyperbolize(hyperbolize(tiny('vit'), 'res0', 0.5), 'head,pos', 0.5)
    assert type(model).__name__ == type(both).__name__ == 'HyperbolicVisionTransformer'
    assert torch.allclose(model(images()), both(images()), rtol=1e-5, atol=1e-6)


# --- plan -------------------------------------------------------------------------------------------------------------


def test_dry_run_prints_a_table_and_changes_nothing(capsys: pytest.CaptureFixture) -> None:
    model = tiny('vit')
    before = copy.deepcopy(model.state_dict())
    plan = hyperbolize(model, 'head,res,mlp', dry_run=True)
    assert capsys.readouterr().out == f'{plan}\n'
    assert type(model) is timm.models.VisionTransformer
    assert model.state_dict().keys() == before.keys()
    assert isinstance(model.head, nn.Linear)
    lines = str(plan).splitlines()
    assert len(lines) == 1 + len(plan) == 1 + 1 + 2 * (2 + 2)
    row = next(line for line in lines if line.startswith('blocks.1.mlp.fc2 '))
    assert [cell.strip() for cell in row.split('  ') if cell] == [
        *('blocks.1.mlp.fc2', 'mlp', 'Linear', 'HyperbolicLinear', 'equal at curvature 0')
    ]
    # What the plan names is what the conversion makes.
    hyperbolize(model, 'head,res,mlp')
    for swap in plan:
        after = swap.after.removeprefix('Gated(').removesuffix(')')
        module = model.get_submodule(swap.path)
        module = module.hyperbolic if isinstance(module, Gated) else module
        assert type(module).__name__ == after
    assert isinstance(plan, Plan)


# --- what cannot be swapped -------------------------------------------------------------------------------------------

REFUSED = {
    ('resnet', 'res0'): r"'res0' at layer1\.0: how timm\.models\.resnet\.BasicBlock adds is not known here",
    ('resnet', 'pos'): r"'pos' at pos_embed: timm\.models\.resnet\.ResNet has no absolute positional embedding",
    ('resnet', 'mlp'): r"'mlp' at layer1\.0: timm\.models\.resnet\.BasicBlock has no MLP",
    ('resnet', 'attn'): r"'attn' at layer1\.0: timm\.models\.resnet\.BasicBlock has no attention",
    ('efficientnet', 'res0'): r"'res0' at blocks\.3\.0: how timm\.models\._efficientnet_blocks\.InvertedResidual adds",
    ('convnext', 'res'): r"'res' at stages\.0\.blocks\.0: it adds maps whose channels are not the last axis",
    ('convnext-conv', 'mlp'): r"'mlp' at stages\.0\.blocks\.0\.mlp\.fc1: a convolution",
    ('vit-fused', 'res'): r"'res' at blocks\.1: it adds attention and MLP at once",
    ('vit-fused', 'mlp'): r"'mlp' at blocks\.0: timm\.models\.vision_transformer\.ParallelScalingBlock has no MLP",
    ('beit', 'attn'): r"'attn' at blocks\.0\.attn: timm\.models\.beit\.Attention is not timm\.layers\.Attention",
    ('beit-absolute', 'pos'): r"'pos' at pos_embed: where timm\.models\.beit\.Beit adds its embedding",
    ('dinov3', 'pos'): r"'pos' at pos_embed: timm\.models\.eva\.Eva has no absolute positional embedding",
    ('eva02', 'attn'): r"'attn' at blocks\.0\.attn: timm\.models\.eva\.EvaAttention is not",
    ('swin', 'attn'): r"'attn' at layers\.0\.blocks\.0\.attn: timm\.models\.swin_transformer\.WindowAttention is not",
}


@pytest.mark.parametrize(('name', 'module'), REFUSED)
def test_refuses_what_it_does_not_know_and_changes_nothing(name: str, module: str) -> None:
    model = tiny(name)
    cls, keys = type(model), model.state_dict().keys()
    message = f'{cls.__name__} was left as it is; it cannot take(?s:.*)\n  {REFUSED[name, module]}'
    for modules in (module, f'head,{module}'):
        with pytest.raises(ValueError, match=message):
            hyperbolize(model, modules)
    assert type(model) is cls
    assert model.state_dict().keys() == keys
    assert not hyperbolic_modules(model)


def test_every_obstacle_is_named() -> None:
    with pytest.raises(ValueError, match='cannot take') as error:
        hyperbolize(tiny('resnet'), 'pos,mlp')
    _, *obstacles = str(error.value).splitlines()
    where = [line.split(' at ')[1].split(':')[0] for line in obstacles]
    assert where == ['pos_embed', 'layer1.0', 'layer2.0', 'layer3.0', 'layer4.0']


def test_refuses_what_is_hyperbolic_already() -> None:
    for modules in ('head', 'pos', 'res', 'mlp', 'attn'):
        model = hyperbolize(tiny('vit'), modules)
        with pytest.raises(ValueError, match=f"'{modules}' at"):
            hyperbolize(model, modules)
    ours = timm.create_model('vit_tiny_patch4_hyp_all', embed_dim=12, depth=1, num_heads=3)
    for modules in ('head', 'pos', 'res', 'mlp', 'attn'):
        with pytest.raises(ValueError, match=f"'{modules}' at"):
            hyperbolize(ours, modules)


@pytest.mark.parametrize('modules', ['head', 'mlp', 'attn'])
def test_refuses_pruned_layers_before_it_changes_anything(modules: str) -> None:
    model = tiny('vit')
    for layer in (model.head, model.blocks[-1].mlp.fc2, model.blocks[-1].attn.proj):
        prune.l1_unstructured(layer, 'weight', 0.5)
    with pytest.raises(ValueError, match=rf"'{modules}' at .*: its weight is computed, as by pruning"):
        hyperbolize(model, modules)
    assert type(model) is timm.models.VisionTransformer
    assert not hyperbolic_modules(model)


def test_refuses_a_model_without_a_classifier_or_without_pooling() -> None:
    with pytest.raises(ValueError, match=r"'head' at head: there is no classifier \(num_classes=0\)"):
        hyperbolize(tiny('vit', num_classes=0), 'head')
    with pytest.raises(ValueError, match=r"'head' at the model: torch\..*\.Linear has no get_classifier"):
        hyperbolize(nn.Linear(2, 2), 'head')
    model = tiny('convnext')
    model.reset_classifier(7, '')
    with pytest.raises(ValueError, match=r"'head' at head\.fc: a convolution"):
        hyperbolize(model, 'head')


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'modules': ()}, r'modules=\(\) swaps nothing'),
        ({'modules': 'head,neck'}, r"modules=.*unknown 'neck'; choose from"),
        ({'modules': 'res,res0'}, 'are two residuals'),
        ({'modules': 'res', 'start': 'open'}, r"start='open': unknown; choose 'gated' or 'carried'"),
        ({'modules': 'res', 'curvature': -1.0}, 'curvature=-1.0 must be'),
        ({'modules': 'res', 'margin': 2.0}, 'margin=2.0'),
        ({'modules': 'attn', 'num_centroids': -1}, 'num_centroids=-1'),
        ({'modules': 'res', 'curvature': 0.0, 'learn_curvature': True}, 'needs curvature > 0'),
    ],
)
def test_wrong_values_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        hyperbolize(tiny('vit'), **arguments)


def test_refuses_a_wrapped_model() -> None:
    with pytest.raises(TypeError, match='convert the model before it is wrapped'):
        hyperbolize(torch.compile(tiny('vit')), 'head')


def test_head_is_the_one_of_the_distilled_model_twice() -> None:
    model = hyperbolize(tiny('deit-distilled'), 'head')
    assert isinstance(model.head, HyperbolicHead)
    assert isinstance(model.head_dist, HyperbolicHead)

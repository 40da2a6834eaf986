"""A converted model as a timm model: copies, classifiers, parameter groups, features, graphs."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import geoopt
import pytest
import torch
from timm.models import group_parameters
from timm.models.vision_transformer import VisionTransformer
from timm.optim import create_optimizer_v2, param_groups_layer_decay, param_groups_weight_decay
from tiny_timm import images, tiny
from torch import nn

from timm_hyperbolic import hyperbolize
from timm_hyperbolic.layers import HyperbolicHead
from timm_hyperbolic.models.hyperbolic_model import HyperbolicModel

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')

ALL = {'vit': 'head,pos,res,mlp,attn', 'eva02': 'head,pos,res0,mlp', 'swin': 'head,res0,mlp', 'resnet': 'head'}
every_family = pytest.mark.parametrize('name', ALL)


def converted(name: str, **kwargs: Any) -> nn.Module:
    return hyperbolize(tiny(name), ALL[name], num_centroids=2, **kwargs)


@every_family
def test_copies_and_pickles_keep_everything(name: str) -> None:
    model = converted(name, curvature=0.5)
    before = model(images())
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), torch.load(file, weights_only=False)):
        assert type(other) is type(model)
        assert torch.equal(other(images()), before)
        assert other.state_dict().keys() == model.state_dict().keys()
        points = [p for p in other.parameters() if isinstance(p, geoopt.ManifoldParameter)]
        assert len(points) == sum(isinstance(p, geoopt.ManifoldParameter) for p in model.parameters()) > 0
        # A copy is a model of its own.
        with torch.no_grad():
            for p in other.parameters():
                p.mul_(1.5)
        assert torch.equal(model(images()), before)
        assert not torch.allclose(other(images()), before)
        other.reset_classifier(3)
        assert isinstance(dict(other.named_modules())[model.pretrained_cfg['classifier']], HyperbolicHead)


@every_family
def test_weights_load_into_another_conversion(name: str) -> None:
    model = converted(name, curvature=0.5)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.01)
    other = hyperbolize(tiny(name), ALL[name], num_centroids=2)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(images()), model(images()))


@every_family
def test_is_still_a_model_of_its_class(name: str) -> None:
    model, before = converted(name), tiny(name)
    assert isinstance(model, type(before))
    assert isinstance(model, HyperbolicModel)
    assert model.pretrained_cfg is not None
    assert model.get_classifier() is dict(model.named_modules())[model.pretrained_cfg['classifier']]


@every_family
def test_new_classifier_is_hyperbolic_and_keeps_the_options(name: str) -> None:
    model = converted(name, curvature=0.25, margin=0.9)
    model.reset_classifier(4)
    head = model.get_classifier()
    assert isinstance(head, HyperbolicHead)
    assert (head.num_classes, head.limits.margin) == (4, 0.9)
    assert head.curvature().item() == pytest.approx(0.25)
    assert not head.training
    assert model(images()).shape == (2, 4)
    model.reset_classifier(0)
    assert isinstance(model.get_classifier(), nn.Identity)
    assert model(images()).shape == (2, model.num_features)
    model.reset_classifier(5)
    assert isinstance(model.get_classifier(), HyperbolicHead)


def test_euclidean_classifier_stays_euclidean() -> None:
    model = hyperbolize(tiny('vit'), 'res0')
    model.reset_classifier(4)
    assert type(model.get_classifier()) is nn.Linear


def test_classifier_without_pooling_is_refused() -> None:
    model = hyperbolize(tiny('convnext'), 'head')
    with pytest.raises(ValueError, match=r'the classifier head\.fc stays Euclidean: a convolution'):
        model.reset_classifier(4, '')


@every_family
def test_decay_is_for_weights_of_linear_maps_only(name: str) -> None:
    model, before = converted(name), tiny(name)
    names = model.no_weight_decay()
    assert names >= getattr(before, 'no_weight_decay', set)()
    groups = param_groups_weight_decay(model, 0.1, no_weight_decay_list=names)
    decayed = {id(p) for group in groups if group['weight_decay'] for p in group['params']}
    kept = {id(p) for group in groups if not group['weight_decay'] for p in group['params']}
    assert len(decayed) + len(kept) == len(list(model.parameters()))
    for parameter_name, p in model.named_parameters():
        if isinstance(p, geoopt.ManifoldParameter) or 'curvature' in parameter_name or 'centroids' in parameter_name:
            assert id(p) in kept, parameter_name
    assert not any(isinstance(p, geoopt.ManifoldParameter) and id(p) in decayed for p in model.parameters())


@every_family
def test_every_parameter_has_a_layer(name: str) -> None:
    model, before = converted(name), tiny(name)
    layers = group_parameters(model, model.group_matcher(), reverse=True)
    assert layers.keys() == dict(model.named_parameters()).keys()
    assert max(layers.values()) == max(group_parameters(before, before.group_matcher(), reverse=True).values())
    for parameter_name in layers:
        if parameter_name.startswith(('pos_join', 'centroids')):
            assert layers[parameter_name] == 0
    groups = param_groups_layer_decay(model, 0.05, no_weight_decay_list=model.no_weight_decay(), layer_decay=0.5)
    assert sum(len(group['params']) for group in groups) == len(list(model.parameters()))


@every_family
def test_a_step_of_our_optimizer_moves_every_parameter_with_a_gradient(name: str) -> None:
    model = converted(name)
    optimizer = create_optimizer_v2(model, 'hypadamw', lr=1e-3)
    model(images()).square().sum().backward()
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    optimizer.step()
    still = {n for n, p in model.named_parameters() if p.grad.any() and torch.equal(p, before[n])}
    assert not still


@pytest.mark.parametrize('name', ['vit', 'eva02', 'swin'])
def test_intermediates_and_checkpointing(name: str) -> None:
    model = converted(name)
    features, intermediates = model.forward_intermediates(images())
    assert torch.allclose(features, model.forward_features(images()), rtol=1e-5, atol=1e-6)
    assert len(intermediates) == 2
    model.zero_grad()
    model(images()).square().sum().backward()
    expected = {n: p.grad.clone() for n, p in model.named_parameters()}
    model.zero_grad()
    model.set_grad_checkpointing()
    model(images()).square().sum().backward()
    for n, p in model.named_parameters():
        assert torch.allclose(p.grad, expected[n], rtol=1e-4, atol=1e-6), n
    model.prune_intermediate_layers(1, prune_norm=True, prune_head=True)
    assert isinstance(model.get_classifier(), nn.Identity)


@pytest.mark.parametrize('name', ['vit-dynamic', 'eva02-dynamic'])
@torch.no_grad()
def test_embedding_is_resampled_for_other_sizes(name: str) -> None:
    before = tiny(name)(images(size=48))
    after = hyperbolize(tiny(name), 'pos', 0.0)(images(size=48))
    assert torch.allclose(after, before, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_patches_are_dropped_with_their_rotary_embedding() -> None:
    outputs = []
    for model in (tiny('eva02-dynamic'), hyperbolize(tiny('eva02-dynamic'), 'pos', 0.0)):
        model.patch_drop.train()
        torch.manual_seed(3)
        outputs.append(model(images()))
    assert torch.allclose(*outputs, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(outputs[0], tiny('eva02-dynamic')(images()), rtol=1e-2)


@torch.no_grad()
def test_input_size_can_be_set() -> None:
    model, before = hyperbolize(tiny('vit'), 'pos,res0', 0.0), tiny('vit')
    for each in (model, before):
        each.set_input_size(img_size=48)
    assert torch.allclose(model(images(size=48)), before(images(size=48)), rtol=1e-4, atol=1e-5)


def test_masks_reach_the_attention() -> None:
    model, before = hyperbolize(tiny('vit'), 'res0', 0.0), tiny('vit')
    mask = torch.ones(17, 17).tril().bool()
    with torch.no_grad():
        assert torch.allclose(model(images(), attn_mask=mask), before(images(), attn_mask=mask), rtol=1e-4, atol=1e-5)
        assert not torch.allclose(model(images(), attn_mask=mask), model(images()), rtol=1e-2)


@pytest.mark.slow
def test_compiles_whole() -> None:
    model = hyperbolize(tiny('vit', depth=1), 'head,pos,resx')
    compiled = torch.compile(model, fullgraph=True, backend='aot_eager')
    assert isinstance(model, VisionTransformer)
    assert torch.allclose(compiled(images()), model(images()), rtol=1e-4, atol=1e-5)

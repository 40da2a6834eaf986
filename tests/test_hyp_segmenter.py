"""The segmenter, through timm's own factories."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
import torch.nn.functional as F
from test_pretrained import rewrite
from timm.models._hub import save_for_hf
from timm.optim import create_optimizer_v2
from torch import Tensor, nn

from timm_hyperbolic.config.optim import OptimizerConfig
from timm_hyperbolic.layers import HierarchicalSoftmax2d, HyperbolicMLR2d
from timm_hyperbolic.models import HyperbolicSegmenter
from timm_hyperbolic.train.optimizer import create_optimizer

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')

TEXT = 'things\n  animal\n    cat\n    dog\n    fox\n  vehicle\n    bus\n    car\n'


def make(backbone: str = 'test_resnet', **keywords: Any) -> HyperbolicSegmenter:
    return timm.create_model('hyp_segmenter', backbone=backbone, **({'dim': 3, 'hierarchy': TEXT} | keywords))


def images(height: int = 48, width: int = 64) -> Tensor:
    return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize(
    ('backbone', 'keywords', 'stride'),
    [('test_resnet', {}, 4), ('test_convnext', {}, 4), ('test_vit', {'img_size': (48, 64)}, 16)],
)
def test_any_backbone_classifies_every_pixel(backbone, keywords, stride) -> None:
    model = make(backbone, **keywords).eval()
    logits, points, norm = model(images(), return_embedding=True)
    assert logits.shape == (2, 5, 48, 64)
    assert points.shape == (2, 3, 48 // stride, 64 // stride)
    c = model.head.scores.curvature()
    assert torch.allclose(norm, 2 / c.sqrt() * (c.sqrt() * points.norm(dim=1)).atanh(), rtol=1e-4)
    assert torch.equal(model(images()), logits)


def test_channels_last_backbone_gives_the_same_kind_of_maps() -> None:
    model = make(
        'swin_tiny_patch4_window7_224',
        img_size=32, patch_size=2, embed_dim=12, depths=(2, 1), num_heads=(2, 2), window_size=4, out_indices=(0, 1),
    )  # fmt: skip
    assert [each.shape[1] for each in model.forward_maps(images(32, 32))] == [12, 24]
    assert model(images(32, 32)).shape == (2, 5, 32, 32)


def test_projection_of_each_map_is_that_of_the_joined_maps() -> None:
    model = make().eval()
    maps = model.forward_maps(images(50, 70))
    size = maps[0].shape[-2:]
    joined = torch.cat([F.interpolate(n(m), size, mode='bilinear') for n, m in zip(model.norms, maps, strict=True)], 1)
    assert [info['reduction'] for info in model.feature_info] == [4, 8, 16, 32]
    assert torch.allclose(model.join(maps), model.project(joined), atol=1e-5)


def test_twin_has_the_same_parameters_but_the_curvature() -> None:
    curved, flat = make(), make(geometry='euclidean')
    shapes = {name: p.shape for name, p in curved.named_parameters()}
    shapes.pop('head.scores.curvature.raw')
    assert {name: p.shape for name, p in flat.named_parameters()} == shapes
    v = torch.randn(1, 3, 2, 2)
    mlr = flat.head.scores
    expected = 4 * torch.einsum('bdkhw,kd->bkhw', v.unsqueeze(2) - mlr.offset.T[None, :, :, None, None], mlr.weight)
    assert torch.allclose(mlr(v), expected, atol=1e-6)
    with pytest.raises(ValueError, match='contradict'):
        make(geometry='euclidean', curvature=1.0)


def test_frozen_backbone_neither_learns_nor_counts(tmp_path) -> None:
    model = make(frozen=True).train()
    before = {name: t.clone() for name, t in model.state_dict().items() if name.startswith('backbone')}
    optimizer = create_optimizer_v2(model, 'adamw', lr=0.1)
    F.cross_entropy(model(images()), torch.zeros(2, 48, 64, dtype=torch.long)).backward()
    optimizer.step()
    after = model.state_dict()
    assert all(torch.equal(t, after[name]) for name, t in before.items())
    assert model.project.weight.grad.abs().sum() > 0


def test_stock_optimizer_keeps_hyperplanes_in_the_ball() -> None:
    model = make(backbone='test_convnext', num_classes=5, hierarchy=None)
    optimizer = create_optimizer_v2(model, 'sgd', lr=100.0, weight_decay=0.0)
    target = torch.randint(5, (2, 48, 64))
    for _ in range(3):
        optimizer.zero_grad()
        F.cross_entropy(model(images()), target).backward()
        optimizer.step()
    assert isinstance(model.head, HyperbolicMLR2d)
    assert model.head.offset.norm(dim=1).max() > 1  # beyond the ball, were it no tangent vector
    assert model.eval()(images()).isfinite().all()


@pytest.mark.parametrize(('dim', 'factor'), [(3, ((32 + 48 + 192 + 96) / 3) ** 0.5), (1024, 1.0)])
def test_classifier_learns_faster_than_the_projection(dim, factor) -> None:
    model = make(dim=dim)
    optimizer = create_optimizer(model, OptimizerConfig(opt='adamw', lr=0.1))
    rates = {id(p): group['lr'] for group in optimizer.param_groups for p in group['params']}
    for name, p in model.named_parameters():
        assert rates[id(p)] == pytest.approx(0.1 * factor if name.startswith('head.') else 0.1), name


def test_classifier_is_replaced_by_one_of_the_same_kind() -> None:
    model = make()
    assert isinstance(model.get_classifier(), HierarchicalSoftmax2d)
    with pytest.raises(ValueError, match='num_classes=4 differs from the 5 classes of hierarchy'):
        model.reset_classifier(4)
    assert model(images()).shape[1] == 5
    model.reset_classifier(2, hierarchy='all\n  x\n  y\n')
    assert model(images()).shape[1] == model.num_classes == 2
    model.reset_classifier(0)
    assert isinstance(model.head, nn.Identity)
    assert model(images()).shape[1] == 3


def test_saved_model_comes_back_with_its_tree(tmp_path) -> None:
    model = make(curvature=0.3, out_indices=(1, 3)).eval()
    model.reset_classifier(3, hierarchy='all\n  x\n  y\n    z\n    w\n')
    save_for_hf(model, tmp_path, safe_serialization=True)
    again = timm.create_model(f'local-dir:{tmp_path}', pretrained=True).eval()
    assert torch.equal(again(images()), model(images()))
    assert again.hierarchy.names == model.hierarchy.names
    other = timm.create_model(f'local-dir:{tmp_path}', pretrained=True, num_classes=5, hierarchy=TEXT).eval()
    assert torch.equal(other.project.weight, model.project.weight)
    assert other(images()).shape[1] == 5


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'backbone': 'no_such_model'}, r'model_args\.backbone'),
        ({'hierarchy': '/etc/passwd'}, r'model_args\.hierarchy'),
        ({'dim': 10**9}, r'model_args\.dim'),
    ],
)
def test_foreign_configuration_is_checked(change, message, tmp_path) -> None:
    save_for_hf(make(), tmp_path)
    rewrite(tmp_path, model_args=change)
    with pytest.raises(ValueError, match=message):
        timm.create_model(f'local-dir:{tmp_path}', pretrained=True)


@pytest.mark.parametrize(
    ('keywords', 'message'),
    [
        ({'backbone': 'resnet19'}, 'is no timm model'),
        ({'backbone': ''}, 'must be the name of a timm model'),
        ({'dim': 1}, 'dim=1 must be'),
        ({'geometry': 'flat'}, "geometry='flat' is unknown"),
        ({'num_classes': 7}, 'differs from the 5 classes'),
        ({'out_indices': (3, 1)}, 'out_indices'),
    ],
)
def test_wrong_keyword_is_refused(keywords, message) -> None:
    with pytest.raises(ValueError, match=message):
        make(**keywords)


def test_exported_program_takes_other_batches() -> None:
    model = make().eval()
    batch = torch.export.Dim('batch', min=2, max=8)
    program = torch.export.export(model, (images(),), dynamic_shapes={'x': {0: batch}})
    three = torch.randn(3, 3, 48, 64)
    assert torch.allclose(program.module()(three), model(three), atol=1e-5)

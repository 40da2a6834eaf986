"""Which parameters are what, and the groups that the optimizers make of timm's."""

from __future__ import annotations

import copy
import pickle

import geoopt
import pytest
import torch
from optim_helpers import Net
from torch import nn

from timm_hyperbolic.layers import Curvature, is_curvature
from timm_hyperbolic.optim import learning_rate, manifold_parameters
from timm_hyperbolic.optim.groups import CURVATURE, EUCLIDEAN, MANIFOLD, clamp_curvatures, kind_of, split_group

KINDS = {
    'norm.weight': EUCLIDEAN,
    'norm.bias': EUCLIDEAN,
    'fc.weight': EUCLIDEAN,
    'fc.bias': EUCLIDEAN,
    'fc.p_in': MANIFOLD,
    'fc.p_out': MANIFOLD,
    'fc.curvature.raw': CURVATURE,
    'head.weight': MANIFOLD,
    'head.bias': EUCLIDEAN,
    'head.scale_raw': EUCLIDEAN,
    'head.sigma_raw': EUCLIDEAN,
    'head.curvature.raw': CURVATURE,
}


def kinds(model: nn.Module) -> dict[str, str]:
    return {name: kind_of(p) for name, p in model.named_parameters()}


def assigned(model: nn.Module) -> nn.Module:
    model.load_state_dict({key: value.clone() for key, value in model.state_dict().items()}, assign=True)
    return model


@pytest.mark.parametrize(
    'make',
    [
        lambda: Net(),
        lambda: copy.deepcopy(Net()),
        lambda: pickle.loads(pickle.dumps(Net())),
        lambda: Net().to(torch.float32).to(torch.float64),
        lambda: Net().to('meta').to_empty(device='cpu'),
        lambda: assigned(Net()),
    ],
    ids=['new', 'deepcopy', 'pickle', 'to', 'to_empty', 'assign'],
)
def test_kinds_are_known_however_a_model_came_to_be(make) -> None:
    assert kinds(make()) == KINDS


def test_a_fixed_curvature_is_no_parameter() -> None:
    assert not list(Curvature(0.5, learn=False).parameters())
    assert not is_curvature(Curvature(0.5, learn=False).value)


def test_trainable_points_are_listed_once() -> None:
    model = Net()
    model.alias = model.head
    model.fc.p_in.requires_grad_(False)
    assert [id(p) for p in manifold_parameters(model)] == [id(model.fc.p_out), id(model.head.weight)]


def test_a_group_is_split_with_its_options() -> None:
    model = Net()
    group = {'params': model.named_parameters(), 'lr': 2.0, 'weight_decay': 0.1, 'lr_scale': 0.5, 'other': 1}
    flat, curvatures, points = split_group({**group, 'man_lr_scale': 0.25, 'curv_lr_scale': 3.0})
    assert [g['kind'] for g in (flat, curvatures, points)] == [EUCLIDEAN, CURVATURE, MANIFOLD]
    for g in (flat, curvatures, points):
        assert [name for name, _ in g['params']] == [name for name, kind in KINDS.items() if kind == g['kind']]
        assert (g['other'], g['lr_factor']) == (1, 0.5)
        assert 'lr_scale' not in g  # timm's schedulers would multiply the learning rate by it
    assert [g['weight_decay'] for g in (flat, curvatures, points)] == [0.1, 0, 0]
    assert [learning_rate(g) for g in (flat, curvatures, points)] == [1, 3, 0.25]
    again = [g for group in (flat, curvatures, points) for g in split_group(group)]
    assert [learning_rate(g) for g in again] == [1, 3, 0.25]


def test_what_is_missing_makes_no_group() -> None:
    plain = {'params': nn.Linear(2, 2).parameters(), 'lr': 1.0, 'man_lr_scale': 1.0, 'curv_lr_scale': 1.0}
    (group,) = split_group(plain)
    assert group['kind'] == EUCLIDEAN
    p = geoopt.ManifoldParameter(torch.tensor([1.0, 0.0]), manifold=geoopt.Sphere())
    (group,) = split_group({**plain, 'params': [p]})
    assert group['kind'] == MANIFOLD


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_clamped_curvatures_are_within_their_bounds(dtype: torch.dtype) -> None:
    curvatures = [Curvature(c, copies=2, dtype=dtype) for c in (1e-8, 1e-3, 1.0, 90.0, 1e4)]
    clamp_curvatures([c.raw for c in curvatures], (1e-6, 100.0))
    values = torch.stack([c()[0] for c in curvatures]).tolist()
    assert values == pytest.approx([1e-6, 1e-3, 1, 90, 100], rel=1e-5)

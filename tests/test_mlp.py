"""The MLP."""

from __future__ import annotations

import pytest
import torch
from layer_cases import relative, scramble
from timm.layers import LayerNorm, Mlp
from torch import nn

from timm_hyperbolic.layers import HyperbolicLinear, HyperbolicMlp

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')


def test_is_timm_s_with_its_names() -> None:
    layer = HyperbolicMlp(4, 16, 8)
    assert isinstance(layer, Mlp)
    assert [name for name, _ in layer.named_children()] == [name for name, _ in Mlp(4, 16, 8).named_children()]
    for fc, shape in ((layer.fc1, (16, 4)), (layer.fc2, (8, 16))):
        assert isinstance(fc, HyperbolicLinear)
        assert tuple(fc.weight.shape) == shape


def test_features_default_to_those_that_come_in() -> None:
    layer = HyperbolicMlp(4)
    assert tuple(layer.fc1.weight.shape) == tuple(layer.fc2.weight.shape) == (4, 4)


@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('norm_layer', [None, LayerNorm])
@pytest.mark.parametrize('act_layer', [nn.GELU, nn.ReLU])
def test_flat_with_centres_at_zero_it_is_timm_s(bias, norm_layer, act_layer, generator: torch.Generator) -> None:
    kwargs = {'bias': bias, 'norm_layer': norm_layer, 'act_layer': act_layer, 'dtype': torch.float64}
    theirs = Mlp(6, 10, **kwargs)
    ours = HyperbolicMlp(6, 10, curvature=0.0, **kwargs)
    assert ours.load_state_dict(theirs.state_dict(), strict=False).unexpected_keys == []
    assert (ours.fc1.bias is not None, ours.fc2.bias is not None) == (bias, bias)
    x = torch.randn(3, 6, generator=generator, dtype=torch.float64)
    assert relative(ours(x), theirs(x)) < 1e-14


def test_both_layers_have_the_space_that_is_asked_for() -> None:
    layer = HyperbolicMlp(6, curvature=0.3, margin=0.9, hamp=True, learn_curvature=False)
    for fc in (layer.fc1, layer.fc2):
        assert fc.curvature().item() == pytest.approx(0.3)
        assert fc.limits.margin == 0.9
        assert fc.hamp
        assert not fc.curvature.learnt
    assert layer.fc1.curvature is not layer.fc2.curvature


def test_drops_after_activation_and_at_the_end(generator: torch.Generator) -> None:
    layer = scramble(HyperbolicMlp(64, drop=0.5), generator)
    x = torch.randn(8, 64, generator=generator)
    assert 0.3 < (layer(x) == 0).float().mean() < 0.7
    layer.eval()
    assert (layer(x) == 0).sum() == 0
    layer.drop1.p = 1.0
    layer.drop1.train()
    constant = layer(x)
    assert torch.equal(constant, constant[:1].expand_as(constant))  # nothing of x is left


def test_unknown_keyword_is_named() -> None:
    with pytest.raises(TypeError, match='curvatur'):
        HyperbolicMlp(4, curvatur=1.0)

import math

import pytest
import timm
import torch
from layer_cases import Both, rows
from torch import nn

import timm_hyperbolic  # noqa: F401
from timm_hyperbolic.analysis import clip_ratios, margin_shares, row_lengths
from timm_hyperbolic.layers import (
    CenteredResidual,
    HyperbolicAttention,
    HyperbolicHead,
    HyperbolicLinear,
    HyperbolicPosEmbed,
)

LIMIT = math.atanh(0.9)


def shares(layer: nn.Module, x: torch.Tensor) -> list[float]:
    return list(margin_shares(nn.Sequential(layer), x).values())


@pytest.mark.parametrize('layer', [CenteredResidual, HyperbolicPosEmbed])
def test_a_row_counts_where_either_vector_is_clipped(layer):
    y = rows(0.1, 3.0, 0.1, 3.0)
    x = rows(3.0, 0.1, 0.1, 0.99 * LIMIT)
    assert shares(Both(layer(margin=0.9), y), x) == [0.75]
    assert shares(Both(layer(margin=0.9), y * 0.1), x * 0.1) == [0]


def test_a_row_at_the_margin_up_to_rounding_counts():
    """A stream that a residual has clipped lies there."""
    assert shares(Both(CenteredResidual(margin=0.9), rows(0.0)), rows(LIMIT * (1 - 1e-6))) == [1]
    assert shares(Both(CenteredResidual(margin=0.9), rows(0.0)), rows(LIMIT * (1 - 1e-4))) == [0]


def test_the_curvature_sets_the_length():
    x = rows(0.4 * LIMIT, 0.6 * LIMIT)
    assert shares(HyperbolicLinear(4, 6, margin=0.9), x) == [0]
    assert shares(HyperbolicLinear(4, 6, margin=0.9, curvature=4.0), x) == [0.5]
    packed = HyperbolicLinear(4, 6, margin=0.9, parts=2)
    with torch.no_grad():
        packed.curvature.raw[0] = math.log(math.expm1(4.0))
    assert shares(packed, x) == [0.25]  # one of two rows, in one of two parts


def test_a_head_counts_its_scaled_features():
    head = HyperbolicHead(4, 3, margin=0.9)
    scale = head.feature_scale().item()
    assert scale == pytest.approx(0.3, abs=1e-5)
    assert shares(head, rows(1.01 * LIMIT / scale, 0.99 * LIMIT / scale)[0]) == [0.5]


def test_an_attention_counts_queries_keys_and_values():
    layer = HyperbolicAttention(4, num_heads=2, margin=0.9, num_centroids=0)
    with torch.no_grad():
        for p in (layer.qkv.weight, layer.qkv.p_out):
            p.zero_()
        layer.qkv.p_out[2, 0] = 0.999  # the values of the first head leave the margin, whatever comes in
    found = margin_shares(nn.Sequential(layer), rows(0.1, 0.2))
    assert found == {'0': 0.5, '0.qkv': 0.0, '0.proj': pytest.approx(found['0.proj'])}


def test_flat_controls_count_max_norm_and_layers_without_a_clip_are_left_out():
    x = rows(0.5, 2.0)
    assert shares(HyperbolicLinear(4, 6, curvature=0.0, max_norm=1.0), x) == [0.5]
    assert shares(HyperbolicLinear(4, 6, curvature=0.0), x) == []
    assert shares(HyperbolicLinear(4, 6, margin=None), x) == []


def test_lengths_are_those_of_the_longest_vector_of_a_row():
    x, y = rows(*(0.1 * i for i in range(1, 41))), rows(1.0)
    layer = Both(CenteredResidual(margin=0.9), y)
    assert row_lengths(nn.Sequential(layer), x) == {'0.layer': pytest.approx(3.805)}  # of 40 rows, between 38 and 39
    assert row_lengths(nn.Sequential(layer), x, 0.5) == {'0.layer': pytest.approx(2.05)}
    assert row_lengths(nn.Sequential(layer), x, 0.1) == {'0.layer': pytest.approx(1.0)}
    head = HyperbolicHead(4, 3, margin=0.9)
    assert row_lengths(head, rows(2.0)[0]) == {'': pytest.approx(2 * head.feature_scale().item())}
    assert row_lengths(nn.Sequential(HyperbolicLinear(4, 6, margin=None)), x) == {}


@pytest.mark.parametrize(
    ('layer', 'limit'),
    [
        (HyperbolicLinear(4, 6, margin=0.9), LIMIT),
        (HyperbolicLinear(4, 6, margin=0.9, curvature=4.0), LIMIT / 2),
        (HyperbolicLinear(4, 6, curvature=0.0, max_norm=1.5), 1.5),
    ],
)
def test_a_ratio_above_one_means_that_most_rows_are_clipped(layer, limit):
    model = nn.Sequential(layer)
    for ratio in (0.2, 0.99, 1.01, 7.0):
        x = rows(0.1 * limit, *[ratio * limit] * 3, 20 * limit)
        assert clip_ratios(model, x) == {'0': pytest.approx(ratio, rel=1e-4)}
        assert (margin_shares(model, x)['0'] > 0.5) == (ratio > 1)


def test_a_model_is_left_as_it_was():
    model = timm.create_model('vit_tiny_patch4_hyp_all', embed_dim=12, depth=2, num_heads=3, img_size=8).train()
    found = margin_shares(model, torch.randn(2, 3, 8, 8))
    assert set(found) == {
        name for name, module in model.named_modules() if hasattr(module, 'limits')
    }  # every hyperbolic module has a share
    assert all(0 <= share <= 1 for share in found.values())
    assert model.training
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())

import math

import geoopt
import pytest
import torch
from layer_cases import Both, rows
from torch import nn

from timm_hyperbolic.analysis import origin_distances
from timm_hyperbolic.analysis.norms import QUANTILES
from timm_hyperbolic.layers import CenteredResidual, HyperbolicAttention, HyperbolicHead, HyperbolicLinear


@pytest.mark.parametrize('c', [0.3, 1.0, 2.5])
def test_the_distance_is_geoopts(c):
    x, y = rows(*torch.linspace(0, 1.5, 21).tolist()), rows(0.2)
    found = origin_distances(Both(CenteredResidual(curvature=c), y), x)['layer']
    ball = geoopt.PoincareBall(c=c)
    expected = ball.dist0(ball.expmap0(x.double())).flatten().quantile(torch.tensor(QUANTILES).double())
    assert found.quantiles['stream'] == pytest.approx(expected.tolist(), rel=1e-5)
    assert found.quantiles['branch'] == pytest.approx([0.4] * 5, rel=1e-5)


def test_the_clip_is_where_the_module_shortens():
    layer = CenteredResidual(curvature=2.0, margin=0.9)
    clip = origin_distances(Both(layer, rows(0.0)), rows(9.0))['layer'].clip
    ball = geoopt.PoincareBall(c=2.0)
    with torch.no_grad():
        out = layer(rows(9.0).double(), rows(0.0).double())
    assert clip == pytest.approx(ball.dist0(ball.expmap0(out)).item(), rel=1e-5)  # the gate is closed
    packed = HyperbolicLinear(4, 6, margin=0.9, parts=2)
    with torch.no_grad():
        packed.curvature.raw[0] = math.log(math.expm1(4.0))
    assert origin_distances(nn.Sequential(packed), rows(1.0))['0'].clip == pytest.approx(math.atanh(0.9), rel=1e-5)
    flat = {'curvature': 0.0, 'margin': None}
    assert origin_distances(nn.Sequential(HyperbolicHead(4, 3, **flat)), rows(1.0))['0'].clip is None
    assert origin_distances(nn.Sequential(HyperbolicHead(4, 3, max_norm=1.5, **flat)), rows(1.0))['0'].clip == 3


def test_what_enters_has_its_name():
    layer = HyperbolicAttention(4, num_heads=2, num_centroids=0)
    found = origin_distances(nn.Sequential(layer, HyperbolicHead(4, 3)), rows(1.0, 2.0))
    assert {name: list(own.quantiles) for name, own in found.items()} == {
        '0.qkv': ['input'],
        '0': ['q', 'k', 'v'],
        '0.proj': ['input'],
        '1': ['features'],
    }
    head = origin_distances(nn.Sequential(HyperbolicHead(4, 3)), rows(1.0))['0']
    assert head.quantiles['features'] == pytest.approx([0.6] * 5, rel=1e-4)  # scaled by 0.3


def test_a_euclidean_model_has_none_and_is_not_run():
    model = nn.Sequential(nn.Linear(4, 4))
    model.register_forward_pre_hook(lambda *_: pytest.fail('run for nothing'))
    assert origin_distances(model, rows(1.0)) == {}

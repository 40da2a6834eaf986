import pytest
import timm
import torch

from timm_hyperbolic import named_curvatures
from timm_hyperbolic.analysis import curvature_ratios, named_gates

TINY = {'embed_dim': 12, 'depth': 2, 'num_heads': 3, 'img_size': 8}


@pytest.mark.parametrize(('residual', 'keys'), [('res', {'gamma', 's'}), ('res0', {'gamma'}), ('resx', {'gamma'})])
def test_gates_are_those_of_the_formula(residual, keys):
    model = timm.create_model(f'vit_tiny_patch4_hyp_{residual}', **TINY)
    gates = named_gates(model)
    assert list(gates) == [f'blocks.{i}.residual{j}' for i in (0, 1) for j in (1, 2)]
    assert all(g == {'gamma': 0.0, 's': 0.5} if 's' in keys else {'gamma': 0.0} for g in gates.values())
    layer = model.blocks[1].residual2
    with torch.no_grad():
        layer.gamma_raw.fill_(0.6)
        layer.gamma_scale.fill_(-1.2)
        if 's' in keys:
            layer.center_logit.fill_(-0.5)
    gate = named_gates(model)['blocks.1.residual2']
    # (1 + softplus(-1.2))·tanh(0.6) and σ(-0.5), by hand
    assert gate['gamma'] == pytest.approx(0.6784, abs=1e-4)
    assert gate.get('s') == (pytest.approx(0.3775, abs=1e-4) if 's' in keys else None)


def test_a_model_without_gates_has_none():
    assert named_gates(timm.create_model('vit_tiny_patch4_hyp_head', **TINY)) == {}


def test_curvatures_are_compared_with_their_starts():
    model = timm.create_model('vit_tiny_patch4_hyp_attn', curvature=0.25, **TINY)
    ratios = curvature_ratios(model)
    assert set(ratios) == set(named_curvatures(model))
    assert list(ratios.values()) == pytest.approx([1] * len(ratios))
    with torch.no_grad():
        raw = model.blocks[1].attn.qkv.curvature.raw
        raw[2] = torch.log(torch.expm1(torch.tensor(0.75)))
    changed = {name for name, ratio in curvature_ratios(model).items() if ratio != pytest.approx(1)}
    assert changed == {'blocks.1.attn.qkv.2'}
    assert curvature_ratios(model)['blocks.1.attn.qkv.2'] == pytest.approx(3)
    assert curvature_ratios(timm.create_model('vit_tiny_patch4_hyp_attn', learn_curvature=False, **TINY)) == {}

import pytest
import timm
import torch

import timm_hyperbolic  # noqa: F401
from timm_hyperbolic.analysis import named_gates

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

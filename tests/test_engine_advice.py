import pytest
import timm
import torch
from timm.optim import create_optimizer_v2

import timm_hyperbolic  # noqa: F401
from timm_hyperbolic.engine.advice import Advice


@pytest.fixture
def model():
    return timm.create_model('vit_tiny_patch4_hyp_res', embed_dim=24, depth=2, num_heads=3, img_size=8)


def advice_of(model, bounds=(0.5, 2.0), opt: str = 'hypadamw') -> Advice:
    kwargs = {'curv_bounds': bounds} if opt == 'hypadamw' else {}
    return Advice(model, create_optimizer_v2(model, opt, lr=1e-3, **kwargs))


@pytest.mark.parametrize(('curvature', 'value'), [(-9.0, '0.5'), (9.0, '2')])
def test_a_curvature_on_its_bound_is_told_once(model, capsys, curvature, value):
    advice = advice_of(model)
    advice.check({})
    assert capsys.readouterr().out == ''
    raw = model.blocks[1].residual2.curvature.raw
    torch.nn.init.constant_(raw, curvature)
    raw.grad = torch.zeros_like(raw)
    advice.optimizer.step()  # which brings it back to within the bounds
    advice.check({})
    (line,) = capsys.readouterr().out.splitlines()
    assert f'curvature at its bound: blocks.1.residual2 {value}.' in line
    assert '--curv-bounds' in line
    advice.check({})
    assert capsys.readouterr().out == ''


def test_rows_at_the_margin_are_told_once(model, capsys):
    advice = advice_of(model)
    advice.check({'margin/head': 0.2, 'eval_loss': 3.0})
    assert capsys.readouterr().out == ''
    advice.check({'margin/head': 0.21, 'margin/blocks.0.attn': 0.1})
    advice.check({'margin/head': 0.9})
    (line,) = capsys.readouterr().out.splitlines()
    assert 'more than 20% of the rows are at the margin: head 21%.' in line


def test_an_optimizer_without_bounds(model):
    assert advice_of(model, opt='adamw').bounded() == {}

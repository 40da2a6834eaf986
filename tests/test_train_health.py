import re

import pytest
import timm
import torch
from timm.optim import create_optimizer_v2

from timm_hyperbolic.analysis import track
from timm_hyperbolic.train.health import Advice

TINY = {'embed_dim': 24, 'depth': 2, 'num_heads': 3, 'img_size': 8}
IMAGES = torch.randn(16, 3, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def model():
    return timm.create_model('vit_tiny_patch4_hyp_res', **TINY)


def advice_of(model, bounds=(0.5, 2.0), opt: str = 'hypadamw') -> Advice:
    kwargs = {'curv_bounds': bounds} if opt == 'hypadamw' else {}
    return Advice(model, create_optimizer_v2(model, opt, lr=1e-3, **kwargs))


@pytest.mark.parametrize(('curvature', 'value'), [(-9.0, '0.5'), (9.0, '2')])
def test_a_curvature_on_its_bound_is_printed_once(model, capsys, curvature, value):
    advice = advice_of(model)
    assert advice.check({}, model) == []
    raw = model.blocks[1].residual2.curvature.raw
    torch.nn.init.constant_(raw, curvature)
    raw.grad = torch.zeros_like(raw)
    advice.optimizer.step()  # which brings it back to within the bounds
    (told,) = advice.check({}, model)
    assert capsys.readouterr().out == f'advice: {told}\n'
    assert f'curvature at its bound: blocks.1.residual2 {value}.' in told
    assert '--curv-bounds' in told
    assert advice.check({}, model) == [told]
    assert capsys.readouterr().out == ''


def test_rows_at_the_margin_are_printed_once(model, capsys):
    advice = advice_of(model)
    assert advice.check({'margin/head': 0.2, 'eval_loss': 3.0}, model, IMAGES) == []
    row = {'margin/blocks.0.residual1': 0.21, 'margin/blocks.0.residual2': 0.1}
    (told,) = advice.check(row, model, IMAGES)
    assert 'more than 20% of the tokens are at the margin: blocks.0.residual1 21%.' in told
    assert capsys.readouterr().out == f'advice: {told}\n'
    assert len(advice.check({'margin/blocks.1.residual1': 0.9}, model, IMAGES)) == 1
    assert capsys.readouterr().out == ''


@pytest.mark.parametrize('curvature', [0.05, 1.0, 40.0])
@pytest.mark.parametrize('modules', ['mlp', 'head', 'res'])
def test_the_curvature_that_is_proposed_leaves_the_rows_inside(modules, curvature):
    torch.manual_seed(0)
    model = timm.create_model(f'vit_tiny_patch4_hyp_{modules}', curvature=curvature, **TINY)
    if modules == 'head':  # whose features start short
        torch.nn.init.constant_(model.head.scale_raw, 5.0)
    row = track(model, IMAGES)
    told = advice_of(model, (1e-3, 1e3)).check(row, model, IMAGES)
    inside = all(value <= 0.2 for key, value in row.items() if key.startswith('margin/'))
    assert inside == (told == [])
    assert inside == (curvature == 0.05 and modules != 'head')
    if inside:
        return
    proposed = float(re.search(r'--model-kwargs curvature=(\S+)', told[0])[1])
    assert proposed < curvature
    state = {name: value for name, value in model.state_dict().items() if not name.endswith('curvature.raw')}
    other = timm.create_model(f'vit_tiny_patch4_hyp_{modules}', curvature=proposed, **TINY)
    other.load_state_dict(state, strict=False)
    assert max(value for key, value in track(other, IMAGES).items() if key.startswith('margin/')) <= 0.2


def test_flat_controls_are_told_of_their_norm():
    torch.manual_seed(0)
    keywords = {'max_norm': 2.44, **TINY}
    model = timm.create_model('vit_tiny_patch4_flat_mlp', **keywords)
    (told,) = advice_of(model).check(track(model, IMAGES), model, IMAGES)
    # behind a layer norm every row is as long as the root of its 24 features; a quarter more, rounded up
    assert 'compare with --model-kwargs max_norm=6.2 (' in told
    assert 'curvature=' not in told


def test_an_optimizer_without_bounds(model):
    assert advice_of(model, opt='adamw').bounded() == {}

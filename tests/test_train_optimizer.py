import pytest
import timm
import torch
from config_helpers import options
from torch import nn

import timm_hyperbolic
from timm_hyperbolic.errors import UserError
from timm_hyperbolic.optim import learning_rate
from timm_hyperbolic.train.optimizer import create_clip, create_optimizer


def tiny(name: str, **kwargs) -> nn.Module:
    return timm.create_model(name, img_size=8, embed_dim=12, depth=1, num_heads=3, num_classes=5, **kwargs)


def create(model: nn.Module, *argv: str) -> torch.optim.Optimizer:
    config = options(*argv)
    return create_optimizer(model, config.optimizer, config.model.model)


def test_the_default_is_hypadamw_with_its_flags():
    flags = ['--lr', '0.1', '--man-lr-scale', '0.5', '--curv-lr-scale', '2', '--curv-bounds', '0.5', '2']
    optimizer = create(tiny('vit_tiny_patch4_hyp_all'), *flags, '--opt-betas', '0.8', '0.9', '--opt-eps', '1e-6')
    assert isinstance(optimizer, timm_hyperbolic.HyperbolicAdamW)
    rates = {group['kind']: learning_rate(group) for group in optimizer.param_groups}
    assert rates == pytest.approx({'euclidean': 0.1, 'curvature': 0.2, 'manifold': 0.05})
    for group in optimizer.param_groups:
        assert (group['betas'], group['eps'], group['curv_bounds']) == ((0.8, 0.9), 1e-6, (0.5, 2))


def test_hypsgd_and_lookahead():
    model = tiny('vit_tiny_patch4_hyp_head')
    assert create(model, '--opt', 'hypsgd', '--momentum', '0.7').param_groups[0]['momentum'] == 0.7
    lookahead = create(model, '--opt', 'lookahead_hypadamw', '--man-lr-scale', '0.5', '--lr', '1')
    rates = {group['kind']: learning_rate(group) for group in lookahead.param_groups}
    assert rates == {'euclidean': 1, 'curvature': 1, 'manifold': 0.5}


@pytest.mark.parametrize('name', ['hyp_res', 'euclid', 'flat_all'])
def test_other_optimizers_take_models_without_curved_points(name):
    optimizer = create(tiny(f'vit_tiny_patch4_{name}'), '--opt', 'sgd', '--momentum', '0.5')
    assert type(optimizer) is torch.optim.SGD
    assert optimizer.param_groups[0]['momentum'] == 0.5


@pytest.mark.parametrize('opt', ['adamw', 'lookahead_sgd'])
def test_other_optimizers_are_refused_where_points_would_leave_their_ball(opt):
    message = rf'--opt {opt}: --model vit_tiny_patch4_hyp_all has points on a ball \(blocks\.0\.attn\.qkv\.p_in, .*'
    with pytest.raises(UserError, match=message + 'choose hypadamw or hypsgd'):
        create(tiny('vit_tiny_patch4_hyp_all'), '--opt', opt, '--model', 'vit_tiny_patch4_hyp_all')


def test_rates_of_layers_hold_without_a_schedule():
    for opt, rate in (('adamw', lambda group: group['lr']), ('hypadamw', learning_rate)):
        optimizer = create(tiny('vit_tiny_patch4_euclid'), '--opt', opt, '--lr', '1', '--layer-decay', '0.5')
        assert {rate(group) for group in optimizer.param_groups} == {1, 0.5, 0.25}
        assert {group.get('initial_lr', group['lr']) for group in optimizer.param_groups} == {1}


@pytest.mark.parametrize(
    ('argv', 'message'),
    [
        (['--opt-betas', '0.9', '1'], r'--opt hypadamw with --opt-betas 0\.9 1\.0: betas=\(0\.9, 1\.0\) must be'),
        (['--curv-bounds', '2', '3'], r'--opt hypadamw: curv_bounds=\(2\.0, 3\.0\): a curvature starts at 1; give'),
    ],
)
def test_a_refused_value_is_named(argv, message):
    with pytest.raises(UserError, match=message):
        create(tiny('vit_tiny_patch4_hyp_res'), *argv)


def test_the_clip_has_its_flags():
    flags = ['--clip-grad', '1', '--man-clip-grad', '2', '--man-clip-norm', 'euclidean', '--clip-mode', 'agc']
    clip = create_clip(nn.Linear(2, 2), options(*flags).optimizer)
    assert (clip.clip_grad, clip.man_clip_grad, clip.man_norm, clip.mode) == (1, 2, 'euclidean', 'agc')
    clip = create_clip(nn.Linear(2, 2), options('--clip-grad', '0').optimizer)
    assert (clip.clip_grad, clip.man_clip_grad, clip.man_norm, clip.mode) == (None, None, 'riemannian', 'norm')

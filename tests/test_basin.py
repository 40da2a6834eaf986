"""The basin head: its formula, its staircase, and that a score depends on its own sample alone."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch
from dense_oracle import DENSE, FLAT_LIMIT
from layer_cases import gradients, relative, rows, scramble
from timm.optim import create_optimizer_v2
from torch import Tensor, nn

from timm_hyperbolic.layers import BasinHead, CantorStaircase, HyperbolicConfig
from timm_hyperbolic.layers.basin import COMPATIBILITIES
from timm_hyperbolic.layers.staircase import cantor_digits, soft_staircase
from timm_hyperbolic.losses import BasinLoss
from timm_hyperbolic.optim import HyperbolicAdamW, learning_rate, param_groups_lr_scale

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')


def basin(vertices: str = 'ball', dtype: torch.dtype = torch.float64, **keywords) -> BasinHead:
    return BasinHead(6, 5, (3, 4), 2, vertices, dtype=dtype, **keywords)


def features(generator: torch.Generator, count: int = 7, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(count, 6, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()


# --- the formula ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('vertices', 'curvature', 'margin'), [('ball', 1.3, 'study'), ('ball', 0.5, None), ('euclid', 1.0, None)]
)
def test_value_and_gradients_are_those_of_the_dense_formula(vertices, curvature, margin, generator) -> None:
    layer = scramble(basin(vertices, curvature=curvature, margin=margin), generator)
    x = features(generator)
    formula = DENSE if vertices == 'ball' else FLAT_LIMIT
    value, reference = layer(x), formula['BasinHead'](layer, x)
    assert relative(value, reference) < 1e-10
    ours, theirs = gradients(layer, (x,), value), gradients(layer, (x,), reference)
    # the last levels of the staircase multiply a rounding error by 3^12
    assert max(relative(ours[name], theirs[name], 1e-6) for name in theirs) < 1e-6


def test_flat_limit_of_the_ball_is_the_euclidean_head_and_is_reached_linearly(generator) -> None:
    flat = scramble(basin('euclid'), generator)
    x = features(generator)
    gaps = []
    for c in (0.0, 1e-3, 1e-4):
        ball = basin('ball', curvature=c, learn_curvature=False, margin=None)
        ball.load_state_dict(flat.state_dict() | {'curvature.value': torch.tensor([c], dtype=torch.float64)})
        gaps.append(relative(ball(x), flat(x)))
    assert gaps[0] < 1e-12
    assert gaps[1] / gaps[2] == pytest.approx(10, rel=0.02)
    assert 1e-7 < gaps[2] < 1e-3


@pytest.mark.parametrize('vertices', ['euclid', 'ball'])
def test_every_component_has_a_right_gradient(vertices: str, generator) -> None:
    layer = scramble(BasinHead(6, 3, (2, 3), 2, vertices, dtype=torch.float64), generator)
    x = features(generator, 2)
    target = torch.tensor([1, 2])
    loss = BasinLoss()

    def objective(*tensors: Tensor) -> Tensor:
        state = dict(zip(names, tensors[1:], strict=True))
        scores = torch.func.functional_call(_Scores(layer), {f'layer.{k}': v for k, v in state.items()}, tensors[0])
        return loss(scores, target)

    names, parameters = zip(*layer.named_parameters(), strict=True)
    assert torch.autograd.gradcheck(objective, (x, *parameters), eps=1e-8, atol=1e-4, rtol=1e-3, fast_mode=True)
    objective(x, *parameters).backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad.abs().max() > 1e-8, name


class _Scores(nn.Module):
    def __init__(self, layer: BasinHead) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor):
        return self.layer.scores(x)


# --- what the published code got wrong --------------------------------------------------------------------------------


@pytest.mark.parametrize('vertices', ['euclid', 'ball'])
def test_scores_do_not_depend_on_order_or_size_of_the_batch(vertices: str, generator) -> None:
    layer = BasinHead(64, 20, vertices=vertices).eval()
    x = torch.randn(12, 64, generator=generator)
    scores = layer.scores(x)
    order = torch.randperm(12, generator=generator)
    for size in (1, 5, 12):
        parts = [layer.scores(part) for part in x[order].split(size)]
        assert (torch.cat([part.scale_logits for part in parts], 1) - scores.scale_logits[:, order]).abs().max() < 1e-6
        assert (torch.cat([part.position for part in parts]) - scores.position[order]).abs().max() < 1e-6
        logits = torch.cat([part.logits for part in parts])
        assert (logits.softmax(-1) - scores.logits[order].softmax(-1)).abs().max() < 1e-6


def test_means_of_vertices_have_a_direction_and_simplices_are_regular() -> None:
    layer = BasinHead(8, 50)
    for vertices in (v.detach() for v in layer.vertices):
        assert vertices.mean(1).norm(dim=-1).min() > 0.9
        edges = torch.cdist(vertices, vertices)[:, ~torch.eye(13, dtype=torch.bool)]
        assert torch.allclose(edges, edges.mean().expand_as(edges), rtol=1e-4)
        assert edges.mean().item() == pytest.approx(0.5 * (2 * 13 / 12) ** 0.5, rel=1e-4)


# --- the staircase ----------------------------------------------------------------------------------------------------


def test_cold_staircase_is_cantors_function_where_there_is_no_digit_1() -> None:
    # All 4096 points whose first twelve ternary digits are 0 or 2, followed by 0202...: 1/4, where the function is 1/3.
    digits = torch.tensor(list(itertools.product((0.0, 2.0), repeat=12)), dtype=torch.float64)
    levels = torch.arange(1, 13, dtype=torch.float64)
    t = (digits * 3.0**-levels).sum(-1) + 3.0**-12 / 4
    cantor = (digits / 2 * 2.0**-levels).sum(-1) + 2.0**-12 / 3
    for alpha in (0.5, -0.08):
        value = soft_staircase(cantor_digits(t, tau=1e-9), alpha)
        assert (cantor - value - 2.0**-12 / 3).abs().max() < 1e-12
    warm = soft_staircase(cantor_digits(t, tau=0.25), 0.5)
    assert 1e-2 < (warm - cantor).abs().max() < 0.5


def test_positions_are_in_float64_and_spread_over_the_interval(generator) -> None:
    staircase = CantorStaircase(64, 3)
    x = nn.functional.normalize(torch.randn(2000, 64, generator=generator), dim=-1)
    position = staircase(x)
    assert position.dtype == torch.float64
    assert position.shape == (2000, 3)
    spread = position.quantile(torch.tensor([0.1, 0.9], dtype=torch.float64), 0)
    assert (spread[0] < 0.25).all()
    assert (spread[1] > 0.75).all()


# --- what can be read off it ------------------------------------------------------------------------------------------


def test_weights_intervals_and_scales_can_be_read(generator) -> None:
    layer = scramble(basin(), generator)
    x = features(generator, 4)
    weights = layer.get_geometric_weights()
    assert torch.allclose(weights['compatibility'].sum(-1), torch.ones(2, dtype=torch.float64))
    logits = layer.get_scale_logits(x)
    assert logits.shape == (2, 4, 5)
    fused = (weights['scale'][:, None, None] * logits).sum(0) / layer.log_temperature.exp()
    assert torch.allclose(fused, layer(x))
    scores = layer.scores(x)
    assert scores.compatibility.shape == (2, 4, 5, len(COMPATIBILITIES))
    assert (scores.compatibility[..., 1:] <= 0).all()
    shares = layer.get_cantor_interval_distribution(x)
    assert shares.shape == (2, 12, 3)
    assert torch.allclose(shares.sum(-1), torch.ones(2, 12, dtype=torch.float64))
    one_by_one = torch.stack([layer.get_cantor_interval_distribution(row[None]) for row in x]).mean(0)
    assert torch.allclose(shares, one_by_one)


def test_learning_rates_of_the_parts(generator) -> None:
    model = nn.Sequential(nn.Linear(6, 6), basin(dtype=torch.float32))
    optimizer = create_optimizer_v2(model, 'adamw', lr=1e-2, param_group_fn=param_groups_lr_scale)
    names = {id(p): name for name, p in model.named_parameters()}
    scales = {names[id(p)]: group.get('lr_scale', 1) for group in optimizer.param_groups for p in group['params']}
    assert scales.keys() == dict(model.named_parameters()).keys()
    assert {name for name, scale in scales.items() if scale == 0.1} == {'1.staircase.weight', '1.staircase.alpha'}
    assert {name for name, scale in scales.items() if scale == 0.5} == {'1.gates', '1.fusion', '1.log_temperature'}
    ours = create_optimizer_v2(model, 'hypadamw', lr=1e-2, param_group_fn=param_groups_lr_scale)
    assert isinstance(ours, HyperbolicAdamW)
    rates = {names[id(p)]: learning_rate(group) for group in ours.param_groups for p in group['params']}
    assert rates == {name: pytest.approx(1e-2 * scale) for name, scale in scales.items()}


# --- types and errors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('vertices', ['euclid', 'ball'])
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16, torch.float16])
def test_nothing_is_nan_or_infinite_and_the_type_is_kept(vertices: str, dtype: torch.dtype, generator) -> None:
    layer = basin(vertices, dtype)
    base = rows(1.0, 1.0, dim=6)[0]
    x = torch.cat([scale * base for scale in (0.0, 1e-20, 1.0, 1e4)]).to(dtype).requires_grad_()
    for module in (layer, copy.deepcopy(layer)):
        value = module(x)
        assert value.dtype == dtype
        assert value.isfinite().all()
        for name, gradient in gradients(module, (x,), value.float()).items():
            assert gradient.isfinite().all(), name


@pytest.mark.parametrize(
    ('keywords', 'message'),
    [
        ({'vertices': 'sphere'}, "vertices='sphere' must be 'euclid' or 'ball'"),
        ({'scales': (8, 32)}, r'k=12 and scales=\(8, 32\): a simplex of dimension k .* smaller k or larger scales'),
        ({'tau': 0.0}, 'tau=0.0 must be positive'),
    ],
)
def test_impossible_value_is_named(keywords, message) -> None:
    with pytest.raises(ValueError, match=message):
        BasinHead(6, 5, **keywords)


def test_loss_is_the_sum_of_its_parts(generator) -> None:
    layer = scramble(basin(config=HyperbolicConfig(curvature=0.5)), generator)
    scores, target = layer.scores(features(generator, 3)), torch.tensor([0, 3, 3])
    ce = nn.functional.cross_entropy
    contrast = [
        ce(scores.compatibility[s, :, :, i] / layer.log_temperature.exp(), target) for s in range(2) for i in range(3)
    ]
    position = (scores.position.T - layer.positions[:, target]).square().mean()
    agreement = scores.position.var(-1, correction=0).mean()
    expected = ce(scores.logits, target) + 2 * sum(contrast) / 6 + 3 * position + 5 * agreement
    assert torch.allclose(BasinLoss(2, 3, 5)(scores, target), expected, rtol=1e-12)
    with pytest.raises(ValueError, match='position=-1 must be a number >= 0'):
        BasinLoss(position=-1)

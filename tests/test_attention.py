"""Attention: masks, centroids, dropout, and timm's interface."""

from __future__ import annotations

import copy
import inspect
import math

import pytest
import timm
import torch
from dense_oracle import attention as dense_attention
from layer_cases import gradients, relative, scramble
from timm.layers import Attention, set_fused_attn
from timm.utils import AttentionExtract
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from timm_hyperbolic.layers import Centroids, HyperbolicAttention

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')

BATCH, TOKENS, DIM, HEADS = 2, 5, 6, 2


def layer_and_input(generator: torch.Generator, length: float = 1.0, **kwargs) -> tuple[HyperbolicAttention, Tensor]:
    kwargs = {'num_centroids': 3, 'qkv_bias': True, 'dtype': torch.float64} | kwargs
    layer = scramble(HyperbolicAttention(DIM, HEADS, **kwargs), generator)
    x = torch.randn(BATCH, TOKENS, DIM, generator=generator, dtype=torch.float64)
    return layer, (length * x).requires_grad_()


def boolean_mask(generator: torch.Generator, *shape: int) -> Tensor:
    mask = torch.rand(*shape, generator=generator) < 0.6
    return mask | torch.eye(TOKENS, dtype=torch.bool)  # nobody is left with nothing


MASKS = {
    'none': lambda g: {},
    'boolean': lambda g: {'attn_mask': boolean_mask(g, TOKENS, TOKENS)},
    'boolean of a batch': lambda g: {'attn_mask': boolean_mask(g, BATCH, 1, TOKENS, TOKENS)},
    'additive': lambda g: {'attn_mask': torch.randn(TOKENS, TOKENS, generator=g, dtype=torch.float64)},
    'additive of heads': lambda g: {'attn_mask': torch.randn(HEADS, TOKENS, TOKENS, generator=g, dtype=torch.float64)},
    'causal': lambda g: {'is_causal': True},
}


@pytest.mark.parametrize('mask', MASKS)
@pytest.mark.parametrize('num_centroids', [0, 3])
@pytest.mark.parametrize('curvature', [0.0, 0.8])
def test_masks_hold_between_tokens(mask: str, num_centroids: int, curvature: float, generator) -> None:
    layer, x = layer_and_input(generator, num_centroids=num_centroids, curvature=curvature)
    keywords = MASKS[mask](generator)
    value, dense = layer(x, **keywords), dense_attention(layer, x, **keywords)
    assert relative(value, dense) < 1e-10
    ours, theirs = gradients(layer, (x,), value), gradients(layer, (x,), dense)
    floor = 1e-6 * max(g.norm().item() for g in theirs.values())
    assert max(relative(ours[name], theirs[name], floor) for name in ours) < 1e-8
    if keywords:
        assert relative(value, layer(x)) > 1e-3


def test_causal_token_does_not_see_the_future(generator: torch.Generator) -> None:
    layer, x = layer_and_input(generator)
    changed = x.detach().clone()
    changed[:, 3:] += 1
    assert torch.equal(layer(x, is_causal=True)[:, :3], layer(changed, is_causal=True)[:, :3])
    assert not torch.allclose(layer(x)[:, :3], layer(changed)[:, :3])


def test_token_that_may_attend_to_none_attends_to_centroids(generator: torch.Generator) -> None:
    layer, x = layer_and_input(generator)
    nobody = torch.zeros(TOKENS, TOKENS, dtype=torch.bool)
    out = layer(x, attn_mask=nobody)
    assert out.isfinite().all()
    assert relative(out, dense_attention(layer, x, attn_mask=nobody)) < 1e-10


def test_order_of_tokens_does_not_matter(generator: torch.Generator) -> None:
    layer, x = layer_and_input(generator)
    order = torch.tensor([3, 0, 4, 1, 2])
    assert torch.allclose(layer(x[:, order]), layer(x)[:, order], rtol=1e-12)


def test_centroids_are_attended(generator: torch.Generator) -> None:
    layer, x = layer_and_input(generator)
    before = layer(x)
    layer.centroids.weight.data.add_(0.5)
    assert relative(layer(x), before) > 1e-3


def test_without_centroids_there_is_nothing_to_attend_but_tokens(generator: torch.Generator) -> None:
    layer, x = layer_and_input(generator, num_centroids=0)
    assert layer.centroids.weight.shape == (HEADS, 0, DIM // HEADS)
    x = x[:, :1].expand(BATCH, TOKENS, DIM)  # equal tokens: the midpoint of equal values is the value
    value = layer.qkv(x)[..., 2 * DIM :]
    assert torch.allclose(layer(x), layer.proj(value), rtol=1e-10)


def test_temperature_is_softplus_of_its_parameter_and_per_head(generator: torch.Generator) -> None:
    layer = HyperbolicAttention(DIM, HEADS, dtype=torch.float64)
    assert layer.sigma().tolist() == pytest.approx([1.0] * HEADS, rel=1e-14)
    layer, x = layer_and_input(generator)
    layer.proj.weight.data = torch.eye(DIM, dtype=torch.float64)
    layer.proj.p_in.data.zero_()
    layer.proj.p_out.data.zero_()
    layer.proj.bias.data.zero_()
    before = layer(x)
    layer.sigma_raw.data[1] += 2
    changed = (layer(x) - before).abs().amax((0, 1))
    assert (changed[: DIM // HEADS] < 1e-12).all()
    assert (changed[DIM // HEADS :] > 1e-3).all()


def test_parameters_and_their_start() -> None:
    layer = HyperbolicAttention(DIM, HEADS, qkv_bias=True, num_centroids=40)
    assert layer.centroids.weight.shape == (HEADS, 40, DIM // HEADS)
    assert layer.centroids.weight.std().item() == pytest.approx(0.02, rel=0.2)
    assert layer.qkv.parts == 3
    assert HyperbolicAttention(DIM, HEADS).qkv.bias is None
    assert HyperbolicAttention(DIM, HEADS, proj_bias=False).proj.bias is None


def test_takes_what_timm_s_attention_takes() -> None:
    theirs = inspect.signature(Attention.__init__).parameters
    ours = inspect.signature(HyperbolicAttention.__init__).parameters
    # timm's `attn_head_dim` and the like, if any, have no counterpart in the study's layer.
    shared = ['dim', 'num_heads', 'qkv_bias', 'qk_norm', 'scale_norm', 'proj_bias', 'attn_drop', 'proj_drop']
    assert [name for name in ours if name in shared] == shared
    assert all(name in theirs for name in shared)
    assert {name: ours[name].default for name in shared[1:]} == {name: theirs[name].default for name in shared[1:]}


# --- shared centroids -------------------------------------------------------------------------------------------------


def test_shared_centroids_stay_the_model_s(generator: torch.Generator) -> None:
    shared = Centroids(HEADS, 3, DIM // HEADS, dtype=torch.float64)
    layer, x = layer_and_input(generator, centroids=shared)
    assert not any('centroids' in name for name in layer.state_dict())
    assert not any(p is shared.weight for p in layer.parameters())
    shared.weight.data = torch.randn(shared.weight.shape, generator=generator, dtype=torch.float64)
    value = layer(x)
    assert relative(value, dense_attention(layer, x, centroids=shared.weight)) < 1e-10
    value.sum().backward()
    assert shared.weight.grad.count_nonzero() == shared.weight.numel()


def test_copy_of_a_model_shares_its_own_centroids(generator: torch.Generator) -> None:
    shared = Centroids(HEADS, 3, DIM // HEADS, dtype=torch.float64)
    layers = [scramble(HyperbolicAttention(DIM, HEADS, centroids=shared, dtype=torch.float64), generator)]
    layers.append(copy.copy(layers[0]))
    model = nn.ModuleDict({'centroids': shared, 'blocks': nn.ModuleList(layers)})
    twin = copy.deepcopy(model)
    x = torch.randn(1, 2, DIM, generator=generator, dtype=torch.float64)
    for block in twin['blocks']:
        block(x).sum().backward()
    assert twin['centroids'].weight.grad is not None
    assert shared.weight.grad is None


def test_start_of_centroids_and_their_print() -> None:
    centroids = Centroids(3, 100, 16)
    assert centroids().std().item() == pytest.approx(0.02, rel=0.05)
    assert centroids.no_weight_decay() == {'weight'}
    assert repr(centroids) == 'Centroids(num_heads=3, num_centroids=100, head_dim=16)'
    centroids.weight.data.fill_(9.0)
    centroids.reset_parameters()
    assert centroids().std().item() == pytest.approx(0.02, rel=0.05)


# --- dropout, norms, errors -------------------------------------------------------------------------------------------


def test_dropout_acts_in_training_only(generator: torch.Generator) -> None:
    layer, x = layer_and_input(generator, attn_drop=0.5, proj_drop=0.25)
    plain, _ = layer_and_input(generator)
    plain.load_state_dict(layer.state_dict())
    torch.manual_seed(0)
    assert not torch.allclose(layer(x), plain(x))
    assert 0 < (layer(x) == 0).double().mean() < 0.6
    layer.eval()
    assert torch.equal(layer(x), plain(x))


@pytest.mark.parametrize('margin', [0.985, None])
def test_dropping_every_weight_leaves_the_origin(margin: float | None, generator: torch.Generator) -> None:
    layer, x = layer_and_input(generator, attn_drop=1.0, margin=margin)
    out = layer(x)
    nothing = layer.proj(torch.zeros_like(x))
    assert torch.allclose(out, nothing, rtol=1e-12)
    for gradient in torch.autograd.grad(out.sum(), [x, *layer.parameters()], allow_unused=True):
        assert gradient is None or gradient.isfinite().all()


def test_norms_are_where_timm_has_them(generator: torch.Generator) -> None:
    layer, x = layer_and_input(generator, qk_norm=True, scale_norm=True, norm_layer=nn.LayerNorm)
    assert layer.q_norm.normalized_shape == layer.k_norm.normalized_shape == (DIM // HEADS,)
    assert layer.norm.normalized_shape == (DIM,)
    plain, _ = layer_and_input(generator)
    assert isinstance(plain.q_norm, nn.Identity)
    assert isinstance(plain.norm, nn.Identity)
    assert relative(layer(x), dense_attention(layer, x)) < 1e-10


@pytest.mark.parametrize('norm', ['qk_norm', 'scale_norm'])
def test_norm_needs_its_layer(norm: str) -> None:
    with pytest.raises(ValueError, match=rf'{norm}.*norm_layer'):
        HyperbolicAttention(DIM, HEADS, **{norm: True})


def test_heads_divide_the_features() -> None:
    with pytest.raises(ValueError, match=r'dim=6 is not divisible by num_heads=4'):
        HyperbolicAttention(6, 4)


def test_number_of_centroids_is_not_negative() -> None:
    for build in (lambda: Centroids(2, -1, 3), lambda: HyperbolicAttention(DIM, HEADS, num_centroids=-1)):
        with pytest.raises(ValueError, match=r'num_centroids=-1 must be >= 0'):
            build()


def test_long_sequence_in_half_precision_is_a_mean(generator: torch.Generator) -> None:
    # The mass of a thousand values near the margin is beyond float16; it is a row scalar and stays in float32.
    layer = HyperbolicAttention(DIM, HEADS, num_centroids=0, hamp=True)
    layer.qkv.weight.data.normal_(std=2, generator=generator)
    x = torch.randn(1, 1, DIM, generator=generator).expand(1, 1500, DIM)
    with torch.autocast('cpu', dtype=torch.float16):
        value = layer.qkv(x)[..., 2 * DIM :]
        out = layer(x)
        expected = layer.proj(value)
    assert relative(out.float(), expected.float()) < 2e-2


def test_prints_heads_and_space() -> None:
    assert HyperbolicAttention(DIM, HEADS).extra_repr() == 'num_heads=2, curvature=1, margin=0.985, hamp=False'
    assert math.isclose(HyperbolicAttention(DIM, HEADS, curvature=0.5).curvature().item(), 0.5, rel_tol=1e-6)


# --- what is seen from outside ----------------------------------------------------------------------------------------


def explicit(layer: HyperbolicAttention) -> None:
    layer.fused_attn = False


def hooked(layer: HyperbolicAttention) -> None:
    layer.attn_drop.register_forward_hook(lambda *_: None)


class Seen(nn.Module):
    def forward(self, weights: Tensor) -> Tensor:
        self.weights = weights
        return weights


@pytest.mark.parametrize('ask', [explicit, hooked, lambda layer: setattr(layer, 'attn_drop', Seen())])
def test_weights_pass_through_the_dropout_where_they_are_asked_for(ask, generator: torch.Generator) -> None:
    layer, x = layer_and_input(generator)
    before, seen = layer(x), []
    ask(layer)
    with torch.nn.modules.module.register_module_forward_hook(
        lambda module, _, out: seen.append(out) if module is layer.attn_drop else None
    ):
        after = layer(x)
    (weights,) = seen
    assert weights.shape == (BATCH, HEADS, TOKENS, 3 + TOKENS)
    assert torch.allclose(weights.sum(-1), torch.ones(BATCH, HEADS, TOKENS, dtype=x.dtype))
    assert relative(after, before) < 1e-12


@pytest.mark.parametrize('fused', [True, False])
def test_attention_maps_come_out_of_a_model_as_of_timm_s(fused: bool) -> None:
    model = timm.create_model('vit_tiny_patch4_hyp_attn', depth=2, embed_dim=12).eval()
    for block in model.blocks:
        block.attn.fused_attn = fused
    maps = AttentionExtract(model, method='hook')(torch.randn(1, 3, 32, 32))
    assert {name: m.shape for name, m in maps.items()} == {
        f'blocks.{i}.attn.attn_drop': (1, 3, 65, 165) for i in range(2)
    }


def test_timm_s_own_attention_between_hyperbolic_residuals_can_be_traced_for_its_maps() -> None:
    set_fused_attn(False)
    try:
        model = timm.create_model('vit_tiny_patch4_hyp_res', depth=2, embed_dim=12).eval()
    finally:
        set_fused_attn(True)
    maps = AttentionExtract(model, method='fx')(torch.randn(1, 3, 32, 32))
    assert {name: m.shape for name, m in maps.items()} == {f'blocks.{i}.attn.softmax': (1, 3, 65, 65) for i in range(2)}


def test_weights_are_explicit_where_timm_s_are() -> None:
    set_fused_attn(False)
    try:
        assert not HyperbolicAttention(DIM, HEADS).fused_attn
    finally:
        set_fused_attn(True)
    assert HyperbolicAttention(DIM, HEADS).fused_attn


@pytest.mark.parametrize('variant', ['attn', 'all'])
def test_model_of_an_empty_batch(variant: str) -> None:
    model = timm.create_model(f'vit_tiny_patch4_hyp_{variant}', depth=1, embed_dim=12)
    out = model(torch.randn(0, 3, 32, 32))
    assert out.shape == (0, 100)
    out.sum().backward()
    assert all(p.grad is not None and not p.grad.any() for p in model.parameters())


def test_counters_count_it() -> None:
    model = timm.create_model('vit_tiny_patch4_hyp_attn', depth=2, embed_dim=12).eval()
    x = torch.randn(1, 3, 32, 32)
    products = 2 * 2 * 3 * 65 * 165 * 4  # layers, products, heads, queries, keys, features
    with FlopCounterMode(display=False) as counter:
        model(x)
    attention = counter.get_flop_counts()['Global'][torch.ops.timm_hyperbolic.attention]
    assert attention == 2 * products
    fvcore = pytest.importorskip('fvcore.nn')
    found = fvcore.FlopCountAnalysis(model, x).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    assert found.by_operator()['matmul'] >= products
    torchinfo = pytest.importorskip('torchinfo')
    summary = torchinfo.summary(model, input_data=x, verbose=0)
    assert summary.total_params == sum(p.numel() for p in model.parameters())

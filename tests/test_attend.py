"""Attention by distance as one node, against its definition."""

import pytest
import torch

from timm_hyperbolic.geometry import Limits, attend, attention_rows, distance_attention, exp0, mobius_add


def inputs(samples: int = 3, shared: int = 2, scale: float = 0.7) -> list[torch.Tensor]:
    """Tangent vectors of queries, keys and values, of shared points, temperatures and curvature."""
    generator = torch.Generator().manual_seed(0)
    v = scale * torch.randn(3, samples, 2, 4, 5, generator=generator, dtype=torch.float64)
    s = scale * torch.randn(2, shared, 5, generator=generator, dtype=torch.float64)
    sigma, c = torch.tensor([0.8, 1.7], dtype=torch.float64), torch.tensor([0.6], dtype=torch.float64)
    return [t.requires_grad_() for t in (v, s, sigma, c)]


def sums(v, s, sigma, c, keep=None, probability: float = 1.0) -> torch.Tensor:
    limits = Limits(0.985)
    rows, shared = attention_rows(v, 'qkv', c, limits), attention_rows(torch.stack([s, s]), 'kv', c, limits)
    return distance_attention(rows, shared, sigma, c, keep, probability)


def mask() -> torch.Tensor:
    return torch.rand(3, 2, 4, 6, generator=torch.Generator().manual_seed(1)) < 0.7


def dense(v, s, sigma, c) -> torch.Tensor:
    """The same pair by pair, from the distance's textbook formula."""
    q, k, x = exp0(v, c)
    k, x = (torch.cat([exp0(s, c).expand(len(t), -1, -1, -1), t], -2) for t in (k, x))
    difference = mobius_add(-q.unsqueeze(-2), k.unsqueeze(-3), c)
    d = 2 / c.sqrt() * torch.atanh(c.sqrt() * difference.norm(dim=-1))
    weights = (-(d**2) / (2 * sigma.view(-1, 1, 1) ** 2)).softmax(-1)
    factor = 2 / (1 - c * x.square().sum(-1, keepdim=True))
    return weights @ torch.cat([factor * x, factor - 1], -1)


def test_it_is_softmax_attention_by_distance() -> None:
    arguments = inputs()
    out, expected = sums(*arguments), dense(*arguments)
    torch.testing.assert_close(out[..., :-1], expected, rtol=1e-10, atol=1e-10)
    weights = torch.randn(expected.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    got = torch.autograd.grad((out[..., :-1] * weights).sum(), arguments)
    exact = torch.autograd.grad((expected * weights).sum(), arguments)
    for g, e in zip(got, exact, strict=True):
        torch.testing.assert_close(g, e, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize('dropped', [False, True])
@pytest.mark.parametrize('shared', [0, 2])
def test_derivatives(shared: int, dropped: bool) -> None:
    keep = mask()[..., : 4 + shared] if dropped else None
    arguments = inputs(shared=shared)
    assert torch.autograd.gradcheck(lambda *t: sums(*t, keep, 0.7), arguments)


def test_second_derivatives() -> None:
    arguments = inputs(samples=1, shared=1, scale=0.4)
    arguments = [arguments[0][..., :2, :2].detach().requires_grad_(), *arguments[1:]]
    arguments[1] = arguments[1][..., :2].detach().requires_grad_()
    assert torch.autograd.gradgradcheck(sums, arguments)


@pytest.mark.parametrize('dropped', [False, True])
def test_a_few_samples_at_a_time_give_the_same(monkeypatch: pytest.MonkeyPatch, dropped: bool) -> None:
    keep, arguments, results = mask() if dropped else None, inputs(), []
    for chunk in (1, 2 * 2 * 4 * 6, 2**18):  # one, two and all samples
        monkeypatch.setattr(attend, '_CHUNK', chunk)
        out = sums(*arguments, keep, 0.7)
        results.append([out, *torch.autograd.grad(out.square().sum(), arguments)])
    for other in results[:2]:
        for a, b in zip(other, results[2], strict=True):
            torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_dropped_weights_are_left_out() -> None:
    v, s, sigma, c = inputs(samples=1)
    keep = torch.zeros(1, 2, 4, 6, dtype=torch.bool)
    assert sums(v, s, sigma, c, keep).abs().max() == 0
    keep[..., 3] = True  # the second token's value alone, up to its weight
    out = sums(v, s, sigma, c, keep, 0.5)
    only = attention_rows(v, 'qkv', c, Limits(0.985))[2, :, :, 1:2]
    torch.testing.assert_close(
        out / out.norm(dim=-1, keepdim=True), (only / only.norm(dim=-1, keepdim=True)).expand_as(out)
    )


def test_only_the_inputs_are_kept() -> None:
    v, s, sigma, c = inputs()
    rows = attention_rows(v, 'qkv', c, Limits(0.985)).detach().requires_grad_()
    shared = attention_rows(torch.stack([s, s]), 'kv', c, Limits(0.985)).detach().requires_grad_()
    kept = {}
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: kept.setdefault(t.untyped_storage().data_ptr(), t.untyped_storage().nbytes()) and t, lambda t: t
    ):
        distance_attention(rows, shared, sigma.detach(), c.detach())
    assert sum(kept.values()) <= 8 * (rows.numel() + shared.numel() + 8)


def test_at_curvature_zero_it_is_euclidean() -> None:
    v, s, sigma, _ = (t.detach() for t in inputs())
    out = sums(v, s, sigma, torch.zeros(1, dtype=torch.float64))
    k, x = (torch.cat([s.expand(3, -1, -1, -1), t], -2) for t in (v[1], v[2]))
    d = 2 * torch.cdist(v[0], k)
    weights = (-(d**2) / (2 * sigma.view(-1, 1, 1) ** 2)).softmax(-1)
    torch.testing.assert_close(out[..., :-2], 2 * weights @ x, rtol=1e-10, atol=1e-10)

"""The positional join."""

from __future__ import annotations

import math

import pytest
import torch

from timm_hyperbolic.geometry import exp0, log0, mobius_add
from timm_hyperbolic.layers import HyperbolicPosEmbed

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')


def rows(generator: torch.Generator, batch: int, length: float) -> torch.Tensor:
    v = torch.randn(batch, 5, 8, generator=generator, dtype=torch.float64)
    return length * v / v.norm(dim=-1, keepdim=True)


def test_joins_by_mobius_addition_tokens_first(generator: torch.Generator) -> None:
    x, pos, c = rows(generator, 3, 0.8), rows(generator, 1, 0.4), 0.6
    layer = HyperbolicPosEmbed(curvature=c, dtype=torch.float64)
    expected = log0(mobius_add(exp0(x, c), exp0(pos, c).expand_as(x), c), c)
    assert torch.allclose(layer(x, pos), expected, rtol=1e-10)
    assert not torch.allclose(log0(mobius_add(exp0(pos, c).expand_as(x), exp0(x, c), c), c), expected, rtol=1e-3)


def test_without_an_embedding_tokens_are_only_clipped(generator: torch.Generator) -> None:
    layer, zero = HyperbolicPosEmbed(dtype=torch.float64), torch.zeros(1, 5, 8, dtype=torch.float64)
    short, long = rows(generator, 2, 1.0), rows(generator, 2, 9.0)
    assert torch.allclose(layer(short, zero), short, rtol=1e-12)
    assert torch.allclose(layer(long, zero), long / 9 * math.atanh(0.98), rtol=1e-12)


def test_embedding_is_clipped_too(generator: torch.Generator) -> None:
    layer, zero = HyperbolicPosEmbed(dtype=torch.float64), torch.zeros(2, 5, 8, dtype=torch.float64)
    pos = rows(generator, 1, 9.0)
    assert torch.allclose(layer(zero, pos), (pos / 9 * math.atanh(0.98)).expand_as(zero), rtol=1e-12)


def test_has_no_parameter_but_its_curvature() -> None:
    assert [name for name, _ in HyperbolicPosEmbed().named_parameters()] == ['curvature.raw']
    assert list(HyperbolicPosEmbed(curvature=0.0).parameters()) == []


def test_result_has_the_type_of_the_tokens(generator: torch.Generator) -> None:
    layer = HyperbolicPosEmbed()
    x, pos = rows(generator, 2, 1.0), rows(generator, 1, 1.0).float()
    assert layer(x.bfloat16(), pos).dtype == torch.bfloat16
    assert layer(x.float(), pos).dtype == torch.float32

"""Curvature: what goes in comes out, learnt or fixed, zero included."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from timm_hyperbolic import named_curvatures
from timm_hyperbolic.layers import CenteredResidual, Curvature, HyperbolicLinear


@pytest.mark.parametrize('value', [1e-8, 1e-3, 0.5, 1.0, 1, 7.3, 40.0, 1e4])
@pytest.mark.parametrize('learn', [True, False])
@pytest.mark.parametrize(('dtype', 'tolerance'), [(torch.float32, 2e-6), (torch.float64, 1e-14)])
def test_value_in_is_curvature_out(value: float, learn: bool, dtype: torch.dtype, tolerance: float) -> None:
    c = Curvature(value, learn, dtype=dtype)()
    assert c.shape == (1,)
    assert c.dtype == dtype
    assert c.item() == pytest.approx(value, rel=tolerance if learn else 1e-7)


def test_one_starts_where_the_study_s_does() -> None:
    # Its checkpoints store the same number.
    assert Curvature(1.0, dtype=torch.float64).raw.item() == pytest.approx(math.log(math.e - 1), rel=1e-15)


def test_positive_curvature_is_learnt_through_a_softplus() -> None:
    curvature = Curvature(2.0, dtype=torch.float64)
    assert isinstance(curvature.raw, nn.Parameter)
    assert list(curvature.state_dict()) == ['raw']
    curvature().sum().backward()
    assert curvature.raw.grad.item() == pytest.approx(1 / (1 + math.exp(-curvature.raw.item())), rel=1e-14)
    curvature.raw.data.fill_(-0.7)
    assert curvature().item() == pytest.approx(math.log1p(math.exp(-0.7)), rel=1e-14)


@pytest.mark.parametrize('value', [0.0, 0, 0.4])
def test_fixed_curvature_is_stored_but_not_learnt(value: float) -> None:
    curvature = Curvature(value, learn=False)
    assert list(curvature.parameters()) == []
    assert list(curvature.state_dict()) == ['value']
    other = Curvature(0.9, learn=False)
    other.load_state_dict(curvature.state_dict())
    assert other().item() == pytest.approx(value)


def test_zero_is_fixed_and_exact() -> None:
    curvature = Curvature(0.0)
    assert curvature.is_flat
    assert curvature().item() == 0
    assert not curvature.learnt
    assert not Curvature(1.0).is_flat
    assert not Curvature(1.0, learn=False).is_flat


def test_copies_are_independent() -> None:
    curvature = Curvature(0.5, copies=3, dtype=torch.float64)
    assert curvature().tolist() == pytest.approx([0.5] * 3, rel=1e-14)
    curvature()[1].backward()
    assert curvature.raw.grad.count_nonzero() == 1


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_type_is_read_in_float32(dtype: torch.dtype) -> None:
    for learn in (True, False):
        c = Curvature(1.0, learn).to(dtype)()
        assert c.dtype == torch.float32
        assert c.item() == pytest.approx(1, rel=0.01)


def test_reset_brings_the_start_back() -> None:
    for learn in (True, False):
        curvature = Curvature(0.7, learn, dtype=torch.float64)
        next(iter(curvature.state_dict().values())).fill_(3.0)
        assert curvature().item() > 2.9
        curvature.reset_parameters()
        assert curvature().item() == pytest.approx(0.7, rel=1e-14)


def test_meta_curvature_prints_and_is_reset() -> None:
    curvature = Curvature(0.7, device='meta')
    assert f'{curvature:.3g}' == 'meta'
    curvature.to_empty(device='cpu').reset_parameters()
    assert f'{curvature:.3g}' == '0.7'


def test_prints_its_start_its_kind_and_its_present_value() -> None:
    assert repr(Curvature(0.25)) == 'Curvature(initial=0.25, learnt)'
    assert repr(Curvature(0.0)) == 'Curvature(initial=0, fixed)'
    curvature = Curvature(0.25, copies=2)
    curvature.raw.data[1] = 0.0
    assert f'{curvature:.4g}' == f'0.25/{math.log(2):.4g}'


@pytest.mark.parametrize('value', [-1, -1e-9, math.nan, math.inf, -math.inf, None, '1', [1.0]])
def test_impossible_value_is_named(value: object) -> None:
    with pytest.raises(ValueError, match=r'must be a number >= 0') as caught:
        Curvature(value)
    assert f'curvature={value!r}' in str(caught.value)


def test_flat_space_has_nothing_to_learn() -> None:
    with pytest.raises(ValueError, match=r'learn_curvature=True needs curvature > 0.*such as 1e-3'):
        Curvature(0.0, learn=True)


def test_named_curvatures_are_by_the_name_of_the_layer() -> None:
    model = nn.ModuleDict(
        {
            'a': CenteredResidual(curvature=0.5),
            'b': HyperbolicLinear(4, 6, parts=3),
            'c': CenteredResidual(curvature=0.0),
            'd': nn.Linear(2, 2),
        }
    )
    model['b'].curvature.raw.data[2] = 0.0
    curvatures = named_curvatures(model)
    assert list(curvatures) == ['a', 'b.0', 'b.1', 'b.2', 'c']
    assert list(curvatures.values()) == pytest.approx([0.5, 1, 1, math.log(2), 0])
    assert named_curvatures(nn.Linear(2, 2)) == {}

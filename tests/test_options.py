"""The hyperbolic keywords of a model, checked before anything is built."""

from __future__ import annotations

import dataclasses
import math

import pytest

from timm_hyperbolic.models import MODULES
from timm_hyperbolic.models.options import HyperbolicOptions

STUDY = {'head': 0.96, 'pos': 0.98, 'res': 0.985, 'res0': 0.985, 'resx': 0.985, 'mlp': 0.985, 'attn': 0.985}


def test_choices_are_the_study_s() -> None:
    assert MODULES == ('head', 'pos', 'res', 'res0', 'resx', 'mlp', 'attn')


@pytest.mark.parametrize(
    ('given', 'expected'),
    [
        ((), ()),
        ('', ()),
        ('head', ('head',)),
        ('res, head', ('head', 'res')),
        (['attn', 'pos'], ('pos', 'attn')),
        (('mlp', 'mlp'), ('mlp',)),
    ],
)
def test_modules_come_as_a_sequence_or_a_string(given: object, expected: tuple[str, ...]) -> None:
    options = HyperbolicOptions(given)
    assert options.hyperbolic == expected
    assert all(name in options for name in expected)
    assert not any(name in options for name in MODULES if name not in expected)


@pytest.mark.parametrize('given', [('residual',), ('head', 'residual'), 'residual', 'head;res'])
def test_unknown_module_is_named_with_the_choices(given: object) -> None:
    with pytest.raises(ValueError, match=r'hyperbolic=.*unknown') as caught:
        HyperbolicOptions(given)
    assert all(repr(name) in str(caught.value) for name in MODULES)
    assert ("'residual'" if 'residual' in given else "'head;res'") in str(caught.value)


@pytest.mark.parametrize('pair', [('res', 'res0'), ('res', 'resx'), ('resx', 'res0')])
def test_two_residuals_are_one_too_many(pair: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=r'two residuals; choose one') as caught:
        HyperbolicOptions(('head', *pair))
    assert all(name in str(caught.value) for name in pair)


@pytest.mark.parametrize(('modules', 'residual'), [((), None), (('head',), None), (('head', 'res0'), 'res0')])
def test_residual_is_the_one_chosen(modules: tuple[str, ...], residual: str | None) -> None:
    assert HyperbolicOptions(modules).residual == residual


@pytest.mark.parametrize('modules', [(), ('head',), ('pos', 'res'), ('mlp', 'attn')])
def test_margins_are_the_study_s(modules: tuple[str, ...]) -> None:
    assert HyperbolicOptions(modules).margins == STUDY


def test_head_and_positional_embedding_together_share_a_margin() -> None:
    assert HyperbolicOptions(('head', 'pos', 'res')).margins == STUDY | {'head': 0.98}


def test_one_margin_is_every_module_s() -> None:
    assert HyperbolicOptions('head,pos', margin=0.9).margins == dict.fromkeys(MODULES, 0.9)
    for no_clip in (None, 'none'):
        assert HyperbolicOptions('head,pos', margin=no_clip).margins == dict.fromkeys(MODULES, None)


def test_mapping_changes_the_margins_that_it_names() -> None:
    options = HyperbolicOptions('head,res,mlp', margin={'res': None, 'mlp': 'none', 'head': 0.5})
    assert options.margins == STUDY | {'res': None, 'mlp': None, 'head': 0.5}


@pytest.mark.parametrize('value', [1.0, 1, 0, 0.0, -0.5, 2, math.nan, 'x', (0.5,)])
@pytest.mark.parametrize('mapping', [True, False])
def test_impossible_margin_is_named_with_its_remedy(value: object, mapping: bool) -> None:
    with pytest.raises(ValueError, match=r'outside \(0, 1\)') as caught:
        HyperbolicOptions('res', margin={'res': value} if mapping else value)
    message = str(caught.value)
    assert f'margin={value!r}' in message
    for remedy in ('None', "'none'", "'study'"):
        assert remedy in message


def test_margin_of_an_unknown_module_is_named() -> None:
    with pytest.raises(ValueError, match=r"unknown 'residual'; the modules are \('head', 'pos', 'res'"):
        HyperbolicOptions('res', margin={'residual': 0.5, 'head': 0.9})


@pytest.mark.parametrize(
    ('keywords', 'parts'),
    [
        ({'curvature': -1}, ['curvature=-1', '>= 0']),
        ({'curvature': math.nan}, ['curvature=nan', '>= 0']),
        ({'curvature': 0.0, 'learn_curvature': True}, ['learn_curvature=True', 'curvature > 0']),
        ({'max_norm': 2.44}, ['max_norm=2.44', 'curvature=0']),
        ({'curvature': 0.0, 'max_norm': 0.0}, ['max_norm=0.0', 'positive']),
        ({'num_centroids': -1}, ['num_centroids=-1', 'whole number >= 0']),
        ({'num_centroids': 2.5}, ['num_centroids=2.5', 'whole number >= 0']),
    ],
)
@pytest.mark.parametrize('modules', [(), ('res', 'attn')])
def test_impossible_value_is_named_even_if_no_module_would_use_it(modules, keywords, parts) -> None:
    with pytest.raises(ValueError) as caught:
        HyperbolicOptions(modules, **keywords)
    assert all(part in str(caught.value) for part in parts)


def test_layers_get_their_keywords() -> None:
    options = HyperbolicOptions(
        'head,res', curvature=0.0, learn_curvature=False, margin={'res': 0.7}, max_norm=2.44, hamp=True
    )
    common = {'curvature': 0.0, 'learn_curvature': False, 'max_norm': 2.44, 'hamp': True}
    assert options.layer('res') == common | {'margin': 0.7}
    assert options.layer('head') == common | {'margin': 0.96}


def test_options_do_not_change() -> None:
    options = HyperbolicOptions('res')
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.curvature = 2.0
    assert options == HyperbolicOptions(('res',))

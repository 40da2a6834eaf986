"""The hyperbolic modules of a model and the configuration of each, checked before anything is built."""

from __future__ import annotations

import pytest

from timm_hyperbolic.layers import (
    CenteredResidual,
    HyperbolicAttention,
    HyperbolicConfig,
    HyperbolicHead,
    HyperbolicMlp,
    HyperbolicModule,
    HyperbolicPosEmbed,
)
from timm_hyperbolic.models import MODULES
from timm_hyperbolic.models.options import RESIDUALS, HyperbolicOptions

LAYERS = {
    'head': lambda config: HyperbolicHead(6, 3, config),
    'pos': HyperbolicPosEmbed,
    **RESIDUALS,
    'mlp': lambda config: HyperbolicMlp(6, config=config).fc1,
    'attn': lambda config: HyperbolicAttention(6, 2, config=config),
}
STUDY = {'head': 0.96, 'pos': 0.98, 'res': 0.985, 'res0': 0.985, 'resx': 0.985, 'mlp': 0.985, 'attn': 0.985}


def margins(modules: object, **keywords: object) -> dict[str, float | None]:
    """The margin of a layer of each kind, as a model with these modules makes it."""
    options = HyperbolicOptions(modules, config=HyperbolicConfig(**keywords))
    layers: dict[str, HyperbolicModule] = {name: make(options.layer(name)) for name, make in LAYERS.items()}
    return {name: layer.limits.margin for name, layer in layers.items()}


def test_choices_are_the_study_s() -> None:
    assert MODULES == ('head', 'pos', 'res', 'res0', 'resx', 'mlp', 'attn') == tuple(LAYERS)
    assert RESIDUALS['res'] is CenteredResidual


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
    assert margins(modules) == STUDY


def test_head_and_positional_embedding_together_share_a_margin() -> None:
    assert margins(('head', 'pos', 'res')) == STUDY | {'head': 0.98}
    assert margins('head,pos', margin={'head': 0.5}) == STUDY | {'head': 0.5}


def test_one_margin_is_every_module_s() -> None:
    assert margins('head,pos', margin=0.9) == dict.fromkeys(MODULES, 0.9)
    for no_clip in (None, 'none'):
        assert margins('head,pos', margin=no_clip) == dict.fromkeys(MODULES, None)


def test_mapping_changes_the_margins_that_it_names() -> None:
    changed = {'res': None, 'mlp': 'none', 'head': 0.5}
    assert margins('head,res,mlp', margin=changed) == STUDY | {'res': None, 'mlp': None, 'head': 0.5}


def test_margin_of_an_unknown_module_is_named() -> None:
    with pytest.raises(ValueError, match=r"unknown 'residual'; the modules are \('head', 'pos', 'res'"):
        margins('res', margin={'residual': 0.5, 'head': 0.9})


@pytest.mark.parametrize('number', [-1, 2.5])
@pytest.mark.parametrize('modules', [(), ('res', 'attn')])
def test_impossible_number_of_centroids_is_named(modules: tuple[str, ...], number: float) -> None:
    with pytest.raises(ValueError, match=rf'num_centroids={number} must be a whole number >= 0'):
        HyperbolicOptions(modules, number)


def test_layers_get_the_other_keywords_as_they_are() -> None:
    config = HyperbolicConfig(curvature=0.0, learn_curvature=False, margin={'res': 0.7}, max_norm=2.44, hamp=True)
    options = HyperbolicOptions('head,res', config=config)
    assert options.layer('res') == HyperbolicConfig.of(config, margin=0.7)
    assert options.layer('head') == HyperbolicConfig.of(config, margin='study')

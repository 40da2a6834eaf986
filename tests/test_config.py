"""The keywords of hyperbolic layers, which are checked and declared once for layers, models, conversions and files."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType

import pytest

import timm_hyperbolic
from timm_hyperbolic.layers import CenteredResidual, HyperbolicConfig, HyperbolicMlp

PACKAGE = Path(timm_hyperbolic.__file__).parent


@pytest.mark.parametrize('value', [1.0, 1, 0, 0.0, -0.5, 2, math.nan, 'x', (0.5,), True])
@pytest.mark.parametrize('mapping', [True, False])
def test_impossible_margin_is_named_with_its_remedy(value: object, mapping: bool) -> None:
    with pytest.raises(ValueError, match=r'outside \(0, 1\)') as caught:
        HyperbolicConfig(margin={'res': value} if mapping else value)
    message = str(caught.value)
    assert f'margin={value!r}' in message
    assert ("for 'res'" in message) == mapping
    for remedy in ('None', "'none'", "'study'"):
        assert remedy in message


@pytest.mark.parametrize(
    ('keywords', 'parts'),
    [
        ({'curvature': -1}, ['curvature=-1', '>= 0']),
        ({'curvature': math.nan}, ['curvature=nan', '>= 0']),
        ({'curvature': math.inf}, ['curvature=inf', '>= 0']),
        ({'curvature': True}, ['curvature=True', '>= 0']),
        ({'curvature': '1'}, ["curvature='1'", '>= 0']),
        ({'learn_curvature': 'no'}, ["learn_curvature='no'", 'True, False']),
        ({'curvature': 0.0, 'learn_curvature': True}, ['learn_curvature=True', 'curvature > 0', 'leave']),
        ({'max_norm': 2.44}, ['max_norm=2.44', 'curvature=0']),
        ({'curvature': 0.0, 'max_norm': 0.0}, ['max_norm=0.0', 'positive', 'None']),
        ({'curvature': 0.0, 'max_norm': -1.0}, ['max_norm=-1.0', 'positive', 'None']),
        ({'hamp': 'false'}, ["hamp='false'", 'True or False']),
    ],
)
def test_impossible_value_is_named(keywords: dict[str, object], parts: list[str]) -> None:
    with pytest.raises(ValueError) as caught:
        HyperbolicConfig(**keywords)
    assert all(part in str(caught.value) for part in parts)


def test_a_configuration_does_not_change() -> None:
    margins = {'res': 0.5}
    config = HyperbolicConfig(margin=MappingProxyType(margins))
    margins['res'] = 0.9
    assert config == HyperbolicConfig(margin={'res': 0.5})
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.curvature = 2.0


def test_every_keyword_is_explained() -> None:
    explained = HyperbolicConfig.__doc__.partition('Args:')[2].partition('Raises:')[0]
    assert all(f'\n        {name}: ' in explained for name in HyperbolicConfig.names())


def test_keywords_of_a_layer_replace_those_of_its_configuration() -> None:
    config = HyperbolicConfig(curvature=0.5, learn_curvature=False, margin=0.9)
    layer = CenteredResidual(config, curvature=0.25)
    assert layer.config == HyperbolicConfig(curvature=0.25, learn_curvature=False, margin=0.9)
    mlp = HyperbolicMlp(4, config=config)
    assert mlp.fc1.config == mlp.fc2.config == config


def test_what_is_no_keyword_of_a_layer_is_named() -> None:
    with pytest.raises(TypeError, match=r"unknown keyword 'curvatur'\. Nearest: curvature, learn_curvature\."):
        CenteredResidual(curvatur=0.5)
    with pytest.raises(TypeError, match=r'config=0.5 must be a HyperbolicConfig.*curvature=0.5'):
        CenteredResidual(0.5)
    with pytest.raises(ValueError, match=r"margin=\{'res': 0.5\}: a layer takes one margin"):
        CenteredResidual(margin={'res': 0.5})


# Run on a copy of the package to whose `layers/config.py` one field was added, and nothing else.
ONE_FIELD_MORE = """
import json, sys
from pathlib import Path

import timm
from timm.models import save_for_hf

import timm_hyperbolic
from timm_hyperbolic.hub.card import _HYPERBOLIC
from timm_hyperbolic.layers import CenteredResidual, HyperbolicModule

assert Path(timm_hyperbolic.__file__).is_relative_to(sys.argv[1]), timm_hyperbolic.__file__
TINY = {'img_size': 16, 'patch_size': 8, 'embed_dim': 12, 'depth': 1, 'num_heads': 3, 'num_classes': 5}


def arrived(model):
    return sorted({m.config.twist for m in model.modules() if isinstance(m, HyperbolicModule)})


def saved(model, name):
    folder = Path(sys.argv[1]) / name
    save_for_hf(model, str(folder), safe_serialization=True)
    return arrived(timm.create_model(f'local-dir:{folder}', pretrained=True))


layer = CenteredResidual(twist=0.5)
model = timm.create_model('vit_tiny_patch4_hyp_all', twist=0.25, **TINY)
converted = timm_hyperbolic.hyperbolize(
    timm.create_model('vit_tiny_patch16_224', **TINY), 'head,pos,res,mlp,attn', twist=0.125
)
print(json.dumps({
    'layer': arrived(layer),
    'model': arrived(model),
    'saved model': saved(model, 'model'),
    'converted': arrived(converted),
    'saved converted': saved(converted, 'converted'),
    'card': 'twist' in _HYPERBOLIC,
}))
"""


def test_a_keyword_is_one_field(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / PACKAGE.name, ignore=shutil.ignore_patterns('__pycache__'))
    config = tmp_path / PACKAGE.name / 'layers' / 'config.py'
    text = config.read_text(encoding='utf-8')
    field = f'    {HyperbolicConfig.names()[-1]}: '
    added = text[: text.rindex(field)] + '    twist: float = 0.0\n' + text[text.rindex(field) :]
    config.write_text(added, encoding='utf-8')
    run = subprocess.run(
        [sys.executable, '-c', ONE_FIELD_MORE, str(tmp_path)],
        env={**os.environ, 'PYTHONPATH': str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout.splitlines()[-1]) == {
        'layer': [0.5],
        'model': [0.25],
        'saved model': [0.25],
        'converted': [0.125],
        'saved converted': [0.125],
        'card': True,
    }

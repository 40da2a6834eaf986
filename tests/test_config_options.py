"""The mechanism of options, and what holds for every configuration."""

import ast
import dataclasses
from pathlib import Path

import pytest

from timm_hyperbolic.config.features import DeltaConfig, ExtractConfig, FewshotConfig
from timm_hyperbolic.config.hub import CardConfig, PushConfig
from timm_hyperbolic.config.options import from_values, option, options_of, to_values, with_values
from timm_hyperbolic.config.train import TrainConfig
from timm_hyperbolic.config.trained import ReportConfig, ValidateConfig
from timm_hyperbolic.errors import UserError

PACKAGE = Path(__file__).resolve().parent.parent / 'timm_hyperbolic'


CONFIGS = [TrainConfig, ValidateConfig, ReportConfig, ExtractConfig, FewshotConfig, DeltaConfig, PushConfig, CardConfig]


@pytest.mark.parametrize('config', [each() for each in CONFIGS])
def test_an_option_belongs_to_one_component_and_survives_the_flat_form(config):
    values = to_values(config)
    assert list(values) == list(options_of(type(config)))  # which refuses a name that stands twice
    assert from_values(type(config), values) == config
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.run = None


def test_two_options_of_one_name_are_refused():
    @dataclasses.dataclass(frozen=True)
    class A:
        lr: float = option(1.0, help='')

    @dataclasses.dataclass(frozen=True)
    class Both:
        a: A = dataclasses.field(default_factory=A)
        b: A = dataclasses.field(default_factory=A)

    with pytest.raises(TypeError, match='Both has two options called lr'):
        options_of(Both)


def test_other_values_make_another_configuration():
    before = TrainConfig()
    after = with_values(before, lr=0.5, scale=[0.1, 1.0])
    assert (after.optimizer.lr, after.augment.scale) == (0.5, (0.1, 1.0))
    assert (before.optimizer.lr, before.augment.scale) == (5e-4, None)
    assert after.data is before.data
    with pytest.raises(UserError, match=r"unknown option 'epoch'\. Nearest: epochs"):
        with_values(before, epoch=3)


def test_no_function_takes_a_namespace():
    """Options are read by argparse and handed on as dataclasses."""
    found = []
    for path in PACKAGE.rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.arg) and node.annotation is not None and path.name != 'argtypes.py':
                found += [f'{path.name}: {node.arg}'] if 'Namespace' in ast.unparse(node.annotation) else []
    assert found == []

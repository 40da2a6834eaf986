import importlib.util
import socket

import blocks
import pytest
import torch
from demo_helpers import NAMES, model_folder
from prediction import Classifier
from serving import main, open_classifiers, parse_options, warm_up

from timm_hyperbolic.errors import UserError

pytestmark = pytest.mark.usefixtures('one_thread')


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for name in ('MODEL', 'AGAINST'):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return model_folder(tmp_path_factory.mktemp('run') / 'hyp', 'vit_tiny_patch4_hyp_head')


@pytest.fixture(scope='module')
def euclid(tmp_path_factory):
    return model_folder(tmp_path_factory.mktemp('run') / 'euclid', 'vit_tiny_patch4_euclid')


def test_a_space_names_the_models_by_variables(monkeypatch):
    monkeypatch.setenv('MODEL', 'hf_hub:me/one')
    monkeypatch.setenv('AGAINST', 'hf_hub:me/two')
    args = parse_options([])
    assert (args.model, args.against, args.port) == ('hf_hub:me/one', 'hf_hub:me/two', None)
    args = parse_options(['mine', '--against', 'other', '--port', '7900'])
    assert (args.model, args.against, args.port) == ('mine', 'other', 7900)


def test_the_models_of_the_command_line_are_served_and_warm(folder, euclid, monkeypatch):
    served, warmed = [], []
    predict = Classifier.predict
    monkeypatch.setattr(Classifier, 'predict', lambda self, image: warmed.append(self.name) or predict(self, image))

    def launch(page, **kwargs):
        columns = [block for block in page.blocks.values() if isinstance(block, blocks.gr.HTML)]
        served.append((list(warmed), len(columns), kwargs))

    monkeypatch.setattr(blocks.gr.Blocks, 'launch', launch)
    assert main([str(folder), '--against', str(euclid), '--port', '7900']) == 0
    ((before, columns, kwargs),) = served
    assert before == ['vit_tiny_patch4_hyp_head', 'vit_tiny_patch4_euclid']
    assert columns == 2
    assert kwargs == {'server_port': 7900, 'show_error': True}


def test_a_port_that_is_taken_is_named(folder, capsys):
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main([str(folder), '--port', str(port)]) == 2
    assert f'error: --port {port}: ' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('argv', 'said'),
    [
        ([], 'give MODEL'),
        (['nowhere'], 'MODEL nowhere: there is no such folder'),
        (['{folder}', '--against', 'nowhere'], '--against nowhere: there is no such folder'),
    ],
)
def test_bad_input_is_one_line_and_status_2(argv, said, folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([arg.format(folder=folder) for arg in argv]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith('app.py: error: ')
    assert said in line


@pytest.mark.parametrize('package', ['gradio', 'matplotlib'])
def test_a_missing_package_is_named_with_its_remedy(package, monkeypatch, capsys):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None if name == package else found(name))
    assert main(['nowhere']) == 2
    assert f'the demo needs {package}: pip install timm_hyperbolic[app]' in capsys.readouterr().err


def test_models_of_other_classes_are_not_set_against_each_other(folder, tmp_path):
    other = model_folder(tmp_path / 'other', 'vit_tiny_patch4_euclid', num_classes=7, names=None)
    with pytest.raises(UserError, match=r'--against .*other: it has 7 classes and .* has 10'):
        open_classifiers(parse_options([str(folder), '--against', str(other)]))


def test_models_of_classes_of_other_names_are_not_set_against_each_other(folder, tmp_path):
    other = model_folder(tmp_path / 'other', 'vit_tiny_patch4_euclid', names=[*NAMES[:-1], 'ten'])
    with pytest.raises(
        UserError, match=r'--against .*other: it has other classes than .*, among them nine; give equals'
    ):
        open_classifiers(parse_options([str(folder), '--against', str(other)]))
    turned = model_folder(tmp_path / 'turned', 'vit_tiny_patch4_euclid', names=NAMES[::-1])
    assert len(open_classifiers(parse_options([str(folder), '--against', str(turned)]))) == 2


def test_a_broken_model_is_found_before_it_is_served(folder):
    classifier = Classifier.load(str(folder), 'MODEL')
    with torch.no_grad():
        classifier.head.bias.fill_(torch.nan)
    with pytest.raises(UserError, match='no finite answer'):
        warm_up([classifier])

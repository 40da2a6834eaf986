import importlib.util
import socket

import blocks
import pytest
import torch
from demo_helpers import NAMES, model_folder
from PIL import Image
from prediction import Classifier
from serving import find_examples, main, open_classifiers, parse_options, warm_up

from timm_hyperbolic.data.digits import Digits
from timm_hyperbolic.errors import UserError

pytestmark = pytest.mark.usefixtures('one_thread')


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for name in ('MODEL', 'AGAINST', 'EXAMPLES'):
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


def test_examples_are_one_image_of_each_class_of_the_run(tmp_path, capsys):
    args = tmp_path / 'run'
    args.mkdir()
    for name in ('config.json', 'args.yaml'):
        (args / name).write_text('{}' if name == 'config.json' else 'dataset: digits\n')
    out = tmp_path / 'out'
    out.mkdir()
    files = find_examples(parse_options([str(args)]), out)
    assert [path.parent for path in files] == [out] * 10
    held_out = Digits('validation')
    for label, path in enumerate(files):
        shown = [image for image, target in held_out if target == label]
        with Image.open(path) as image:
            assert image.tobytes() == shown[0].tobytes()
    (args / 'args.yaml').write_text(f'dataset: hfds/{tmp_path}/nowhere\ndata_dir: null\n')
    assert find_examples(parse_options([str(args)]), out) == []
    assert capsys.readouterr().err.startswith('no examples: ')
    assert find_examples(parse_options(['hf_hub:me/one']), out) == []


def test_examples_of_a_folder_are_its_images(tmp_path, monkeypatch):
    for name in ('b.png', 'a.jpg'):
        Image.new('RGB', (8, 8)).save(tmp_path / name)
    (tmp_path / 'notes.txt').write_text('none')
    monkeypatch.setenv('EXAMPLES', str(tmp_path))
    found = find_examples(parse_options(['hf_hub:me/one']), tmp_path)
    assert [path.name for path in found] == ['a.jpg', 'b.png']
    with pytest.raises(UserError, match=r'--examples .*nowhere: no such folder'):
        find_examples(parse_options(['hf_hub:me/one', '--examples', str(tmp_path / 'nowhere')]), tmp_path)


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

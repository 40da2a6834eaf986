"""Files of features: what they hold, of what they are, and that a file of something else is refused."""

import json
from pathlib import Path

import pytest
import timm
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from timm.data import create_loader, resolve_model_data_config

from timm_hyperbolic import cli
from timm_hyperbolic.commands.extract import extract
from timm_hyperbolic.config.features import read_extract_options
from timm_hyperbolic.data.digits import Digits
from timm_hyperbolic.errors import UserError
from timm_hyperbolic.evaluate import features as module
from timm_hyperbolic.evaluate.features import Features, read_features, write_features

NAME = 'test_efficientnet'


@pytest.fixture(scope='module')
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('weights') / 'w.pth'
    torch.save(timm.create_model(NAME).state_dict(), path)
    return path


def extracted(weights: Path, output: Path, *more: str) -> Features:
    argv = ['--model', NAME, '--pretrained-file', weights, '--img-size', '32', '--crop-pct', '1', '--output', output]
    return extract(read_extract_options([*map(str, argv), *more]))


def test_features_are_those_that_enter_the_classifier(weights: Path, tmp_path: Path) -> None:
    path = tmp_path / 'f.safetensors'
    made = extracted(weights, path, '-b', '100')
    read = read_features(path)
    model = timm.create_model(NAME, checkpoint_path=str(weights)).eval()
    config = resolve_model_data_config(model) | {'input_size': (3, 32, 32), 'crop_pct': 1.0}
    loader = create_loader(Digits('validation'), batch_size=360, device=torch.device('cpu'), **config)
    images, target = next(iter(loader))
    with torch.no_grad():
        wanted = model.global_pool(model.forward_features(images))
        logits = model(images)
    assert read.features.shape == (360, model.num_features)
    torch.testing.assert_close(read.features, wanted)
    torch.testing.assert_close(model.classifier(read.features), logits)
    assert torch.equal(read.labels, target)
    assert read.class_names == [str(digit) for digit in range(10)]
    assert torch.equal(read.features, made.features)
    assert (read.identity, read.about) == (made.identity, made.about)
    assert (read.about['model'], read.about['dataset'], read.about['split']) == (NAME, 'digits', 'validation')
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_of_the_same_is_kept_and_a_stale_one_is_refused(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / 'f.safetensors'
    extracted(weights, path)
    before = path.stat().st_mtime_ns
    compute = module.FeatureSource.compute
    monkeypatch.setattr(module.FeatureSource, 'compute', lambda self: pytest.fail('the backbone is run again'))
    elsewhere = tmp_path / 'the same weights.pth'
    state = torch.load(weights)
    torch.save(state | {'classifier.bias': torch.ones(1000)}, elsewhere)  # no feature depends on it
    extracted(elsewhere, path)
    assert 'up to date' in capsys.readouterr().out
    assert path.stat().st_mtime_ns == before

    torch.save(state | {'bn2.running_mean': state['bn2.running_mean'] + 1e-6}, tmp_path / 'other.pth')
    for message, source, more in (
        ('weights', tmp_path / 'other.pth', ()),
        ('mean', weights, ('--mean', '0.4')),
        ('crop_pct', weights, ('--crop-pct', '0.9')),
        ('images 360 for 1437', weights, ('--split', 'train')),
    ):
        with pytest.raises(UserError, match=f'--output .*stale: it holds features of .*{message}.*--overwrite'):
            extracted(source, path, *more)
    monkeypatch.setattr(Digits, '__getitem__', lambda self, row, get=Digits.__getitem__: get(self, (row + 1) % 360))
    with pytest.raises(UserError, match=r'stale: .* with pixels'):  # labels and number are the same
        extracted(weights, path)
    assert path.stat().st_mtime_ns == before
    monkeypatch.undo()
    monkeypatch.setattr(module.FeatureSource, 'compute', compute)
    extracted(weights, path, '--split', 'train', '--overwrite')
    assert read_features(path).about['split'] == 'train'


def test_what_is_no_file_of_features(tmp_path: Path) -> None:
    path = tmp_path / 'f.safetensors'
    good = Features(torch.randn(6, 4), torch.arange(6) % 2, ['a', 'b'], {'data': {'images': 6}}, {})
    write_features(path, good)
    whole = path.read_bytes()
    with safe_open(path, 'pt') as file:
        about = json.loads(file.metadata()['timm_hyperbolic'])
    tensors = {'features': good.features, 'labels': good.labels}

    def damaged(**changes: object) -> None:
        save_file(tensors, path, {'timm_hyperbolic': json.dumps(about | changes)})

    with pytest.raises(UserError, match='no such file of features; timm-hyperbolic extract'):
        read_features(tmp_path / 'none.safetensors')
    for write, message in (
        (lambda: path.write_bytes(whole[:-8]), 'damaged'),
        (lambda: path.write_bytes(b'text'), 'damaged'),
        (lambda: save_file(tensors, path), 'no file of features'),
        (lambda: save_file({'x': torch.zeros(2)}, path, {'timm_hyperbolic': json.dumps(about)}), 'no file of feat'),
        (lambda: damaged(format=2), 'a newer timm_hyperbolic has written it'),
        (lambda: damaged(class_names=['a']), r'label 1 of 1 class names'),
        (lambda: tensors.update(labels=torch.arange(5)) or damaged(), r'labels of shape \[5\]'),
    ):
        write()
        with pytest.raises(UserError, match=message):
            read_features(path)
    path.write_bytes(whole)
    assert torch.equal(read_features(path, {'data': {'images': 6}}).features, good.features)
    with pytest.raises(UserError, match=r'stale: .* images 6 for 7'):
        read_features(path, {'data': {'images': 7}})


@pytest.mark.parametrize(
    ('argv', 'message'),
    [
        (['--model', NAME, '--pretrained-file', 'w.pth'], 'give --output'),
        (['--model', NAME, '--pretrained-file', 'w.pth', '--output', 'f.pth'], 'must end in .safetensors'),
        (['--model', NAME, '--output', 'f.safetensors'], 'give its weights by --checkpoint or --pretrained-file'),
        (['--model', NAME, '--pretrained-file', 'w.pth', '--pretrained', '--output', 'f.safetensors'], 'no effect'),
    ],
)
def test_what_cannot_be_extracted(argv: list[str], message: str, capsys: pytest.CaptureFixture) -> None:
    assert cli.run('extract', argv, 'p') == 2
    assert message in capsys.readouterr().err

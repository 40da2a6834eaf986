"""`timm-hyperbolic fewshot` and `timm-hyperbolic delta` on files of features and on models."""

import csv
import json
from pathlib import Path

import pytest
import timm
import torch

from timm_hyperbolic import cli
from timm_hyperbolic.analysis import relative_deltas, suggested_curvature
from timm_hyperbolic.commands.delta import delta
from timm_hyperbolic.commands.fewshot import fewshot
from timm_hyperbolic.config.features import read_delta_options, read_fewshot_options
from timm_hyperbolic.evaluate.features import Features, read_features, write_features


@pytest.fixture(scope='module')
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten classes of twelve, which overlap a little."""
    path = tmp_path_factory.mktemp('features') / 'f.safetensors'
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(10).repeat(12)
    features = torch.randn(120, 16, generator=generator) + 1.5 * torch.randn(10, 16, generator=generator)[labels]
    write_features(path, Features(features, labels, None, {}, {'model': 'm', 'dataset': 'd', 'split': 's'}))
    return path


def test_all_spaces_on_the_same_episodes(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    table = tmp_path / 'r.csv'
    argv = ['--features', str(file), '--way', '3', '--query', '5', '--novel', '5', '--episodes', '200']
    found = fewshot(read_fewshot_options([*argv, '--results-file', str(table)]))
    assert list(found) == ['euclidean', 'cosine', 'hyperbolic']
    assert all(80 < accuracy.mean < 100 for accuracy in found.values())
    assert '3-way 1-shot on 5 classes: accuracy of 200 episodes' in capsys.readouterr().out
    rows = list(csv.DictReader(table.open()))
    assert [float(row['accuracy']) for row in rows] == [accuracy.mean for accuracy in found.values()]
    assert {row['dim'] for row in rows} == {'16'}
    alone = fewshot(read_fewshot_options([*argv, '--geometry', 'hyperbolic']))
    assert alone == {'hyperbolic': found['hyperbolic']}
    flat = fewshot(read_fewshot_options([*argv, '--geometry', 'hyperbolic', '--curvature', '0', '--max-norm', '99']))
    assert flat['hyperbolic'] == found['euclidean']
    low = fewshot(read_fewshot_options([*argv, '--dim', '3', '--steps', '5']))
    assert 'projected to 3 dimensions learnt on the other 5' in capsys.readouterr().out
    assert low != found


def test_delta_of_a_file(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    table = tmp_path / 'r.json'
    argv = ['--features', str(file), '--samples', '60', '--draws', '3', '--results-file', str(table)]
    results = delta(read_delta_options(argv))
    draws = relative_deltas(read_features(file).features, 60, 3)
    assert results['points'] == pytest.approx(sum(draws.points) / 3)
    assert (results['gaussian_low'], results['isotropic_high']) == (min(draws.gaussian), max(draws.isotropic))
    assert results['curvature'] == pytest.approx((0.144 / results['points']) ** 2)
    assert json.loads(table.read_text()) == results
    out = capsys.readouterr().out
    assert f'suggested curvature c = (0.144/δ_rel)² = {results["curvature"]:.3g}' in out
    assert 'an isotropic Gaussian of their dimension' in out
    with pytest.raises(ValueError, match='delta=0 must be greater than 0'):
        suggested_curvature(0)


def test_a_model_fills_the_file_and_then_reads_it(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    torch.manual_seed(0)
    torch.save(timm.create_model('test_efficientnet').state_dict(), tmp_path / 'w.pth')
    file = tmp_path / 'f.safetensors'
    model = ['--model', 'test_efficientnet', '--pretrained-file', str(tmp_path / 'w.pth'), '--img-size', '32']
    argv = ['--features', str(file), '--samples', '40', '--draws', '1']
    first = delta(read_delta_options([*model, *argv]))
    time = file.stat().st_mtime_ns
    assert delta(read_delta_options([*model, *argv])) == first
    assert delta(read_delta_options(argv)) == first
    assert delta(read_delta_options([*model, *argv[2:]])) == first
    assert file.stat().st_mtime_ns == time
    assert cli.run('delta', [*model, '--mean', '0.4', *argv], 'p') == 2
    assert 'stale' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('command', 'argv', 'message'),
    [
        ('fewshot', [], 'give CHECKPOINT, the folder of a run, or --model'),
        ('fewshot', ['--features', 'none'], 'none: no such file of features'),
        ('fewshot', ['--features', 'FILE', '--split', 'train'], '--split: has no effect beside --features'),
        ('fewshot', ['--features', 'FILE', '--steps', '3'], '--steps 3: has no effect without --dim'),
        ('fewshot', ['--features', 'FILE', '--geometry', 'spherical'], 'Choose from: euclidean, cosine, hyperbolic'),
        ('fewshot', ['--features', 'FILE', '--way', '1'], 'at least 2'),
        ('fewshot', ['--features', 'FILE'], '0 classes have at least 16 images'),
        ('fewshot', ['--features', 'FILE', '--novel', '9'], '9 novel classes of 10'),
        ('fewshot', ['--features', 'FILE', '--query', '2'], 'an episode needs 5'),
        ('delta', ['--features', 'FILE'], '--samples 1000: there are 120 images'),
        ('delta', ['--features', 'FILE', '--results-file', 'x.txt'], 'must end in .csv or .json'),
    ],
)
def test_what_cannot_be_measured(
    command: str, argv: list[str], message: str, file: Path, capsys: pytest.CaptureFixture
) -> None:
    assert cli.run(command, [str(file) if word == 'FILE' else word for word in argv], 'p') == 2
    assert message in capsys.readouterr().err

"""The program in `benchmarks/` about the δ of real features, on a tiny data set with an untrained model."""

import json
import sys
from pathlib import Path

import pytest
import timm
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / 'benchmarks'))

import delta  # noqa: E402

pytestmark = pytest.mark.usefixtures('one_thread')


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights of a small model under other names in the same order."""
    monkeypatch.setattr(delta, 'MODEL', 'test_efficientnet')
    torch.manual_seed(1)
    state = timm.create_model(delta.MODEL).state_dict()
    path = tmp_path / 'weights.pth'
    torch.save({f'_{i}.{key.rpartition(".")[2]}': value for i, (key, value) in enumerate(state.items())}, path)
    return path


def test_weights_arrive_under_other_names(weights: Path) -> None:
    torch.manual_seed(1)
    trained, model = timm.create_model(delta.MODEL), timm.create_model(delta.MODEL)
    delta.load_weights(model, weights)
    assert all(torch.equal(value, trained.state_dict()[key]) for key, value in model.state_dict().items())
    state = torch.load(weights)
    state[next(iter(state))] = torch.zeros(3)
    torch.save(state, weights)
    with pytest.raises(ValueError, match=r'_0.weight \[3\] for conv_stem.weight'):
        delta.load_weights(model, weights)


def test_nearest_mean_of_separate_clouds() -> None:
    targets = torch.arange(3).repeat_interleave(10)
    features = torch.randn(30, 4) + 100 * targets.unsqueeze(1)
    assert delta.nearest_mean_accuracy(features, targets) == 100
    assert delta.nearest_mean_accuracy(features, targets.flip(0)) == 100
    assert delta.nearest_mean_accuracy(features, torch.arange(30) // 2 % 3) < 100


def test_program(weights: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip('datasets')
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (24, 8, 8, 3), generator=generator, dtype=torch.uint8).numpy()
    columns = {'img': [Image.fromarray(p) for p in pixels], 'fine_label': [i // 2 % 3 for i in range(24)]}
    data = datasets.Dataset.from_dict(columns).cast_column('img', datasets.Image())
    data.to_parquet(tmp_path / 'set' / 'test-00000-of-00001.parquet')
    out = tmp_path / 'delta.json'
    flags = ['--data-dir', str(tmp_path / 'set'), '--img-size', '32', '--samples', '10', '12', '--draws', '2']
    delta.main(['--weights', str(weights), *flags, '--json', str(out), '--device', 'cpu'])
    written = json.loads(out.read_text())
    assert [(row['training'], row['samples']) for row in written['rows']] == [
        ('ImageNet', 10),
        ('ImageNet', 12),
        ('none', 10),
        ('none', 12),
    ]
    assert all(0 < value < 1 for row in written['rows'] for value in row['points'] + row['gaussian'] + row['isotropic'])
    assert written['rows'][0]['points'] != written['rows'][2]['points']
    assert written['header']['setting']['weights'] == weights.name
    with pytest.raises(SystemExit, match='--weights nowhere: not there'):
        delta.main(['--weights', 'nowhere'])

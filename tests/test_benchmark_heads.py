"""The programs about heads on cached features, at a tiny size."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pytest
import torch

from timm_hyperbolic.evaluate.features import Features, write_features
from timm_hyperbolic.taxonomy.cifar100 import SUPERCLASSES

sys.path.append(str(Path(__file__).resolve().parent.parent / 'benchmarks'))

import heads
import report
import unseen

pytestmark = pytest.mark.usefixtures('one_thread')


@pytest.fixture(scope='module')
def features(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Flags with features in which every class of CIFAR-100 has a direction of its own, near that of its siblings."""
    folder = tmp_path_factory.mktemp('features')
    generator = torch.Generator().manual_seed(0)
    superclass = torch.tensor([list(SUPERCLASSES).index(over) for _, over in sorted(
        (name, over) for over, names in SUPERCLASSES.items() for name in names
    )])  # fmt: skip
    above, own = torch.randn(20, 24, generator=generator), torch.randn(100, 24, generator=generator)
    flags = []
    for split, count in (('train', 20), ('test', 4)):
        labels = torch.arange(100).repeat(count)
        noise = torch.randn(len(labels), 24, generator=generator)
        path = folder / f'{split}.safetensors'
        write_features(path, Features(above[superclass[labels]] + own[labels] + 1.2 * noise, labels))
        flags += [f'--{split}', str(path)]
    return flags


def rows_of(path: Path) -> list[dict[str, str]]:
    return report.read_csv(path)[1]


def test_heads_are_chosen_on_held_out_images_and_measured_once(
    features: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, choice = tmp_path / 'heads.csv', tmp_path / 'choice.csv'
    argv = [*features, '--csv', str(table), '--choice', str(choice), '--dims', '3', '--lrs', '1e-5', '3e-2']
    argv += [
        '--epochs',
        '3',
        '--choice-epochs',
        '3',
        '--batch-size',
        '100',
        '--heads',
        'linear',
        'mlp-basin',
        'hsoftmax',
    ]
    heads.main([*argv, '--seeds', '0'])
    chosen, rows = rows_of(choice), rows_of(table)
    assert [(row['head'], row['geometry'], row['dim']) for row in rows] == [
        ('linear', '', '0'),
        ('mlp-basin', '', '3'),
        ('hsoftmax', 'hyperbolic', '3'),
        ('hsoftmax', 'euclid', '3'),
    ]
    assert len(chosen) == 2 * len(rows)
    best = {(row['head'], row['geometry']): row['lr'] for row in chosen if float(row['held_out_top1']) > 5}
    assert {(row['head'], row['geometry']): row['lr'] for row in rows} == best  # 1e-5 learns nothing
    linear = rows[0]
    assert 30 < float(linear['fine_top1']) < 100
    assert float(linear['coarse_top1']) > float(linear['fine_top1'])
    assert float(linear['height']) == pytest.approx(2 - float(linear['inside_superclass']) / 100, abs=1e-3)
    basin = heads.Contender('basin', 'euclid', 3).build(24, heads.hierarchy_of('cifar100'))
    assert isinstance(heads.loss_of(basin), partial)
    assert int(rows[1]['parameters']) == pytest.approx(sum(p.numel() for p in basin.parameters()), rel=0.05)
    # A second seed is added; what is there is not trained again.
    made: list[int] = []
    original = heads.trained
    monkeypatch.setattr(heads, 'trained', lambda *args: (made.append(args[-1]), original(*args))[1])
    heads.main([*argv, '--seeds', '0', '1'])
    assert made == [1] * len(rows)
    assert rows_of(table)[: len(rows)] == rows


def test_held_out_images_are_a_tenth_of_each_class() -> None:
    labels = torch.tensor([0, 1, 1, 0] * 10)
    out = heads.held_out(labels)
    assert labels[out].bincount().tolist() == [2, 2]


def test_unseen_classes_are_named_and_retrieved(features: list[str], tmp_path: Path) -> None:
    argv = [*features, '--dims', '8', '--seeds', '0', '--lrs', '1e-2', '--epochs', '4', '--batch-size', '100']
    unseen.main(['zero-shot', *argv, '--edges', '1', '--trees', 'cifar100', '--csv', str(tmp_path / 'zero-shot.csv')])
    for row in rows_of(tmp_path / 'zero-shot.csv'):
        assert float(row['unseen_top1']) > 12, row  # chance is 5
    unseen.main(['recall', *argv, '--csv', str(tmp_path / 'recall.csv')])
    for row in rows_of(tmp_path / 'recall.csv'):
        found = [float(row[f'recall_at_{k}']) for k in (1, 2, 4, 8)]
        assert 20 < found[0] < found[1] <= found[2] <= found[3]


def test_a_class_of_each_superclass_is_left_out() -> None:
    places = [unseen.left_out(place) for place in range(5)]
    assert torch.cat(places).unique().tolist() == list(range(100))
    data = heads.Data(torch.arange(6.0).unsqueeze(1), torch.tensor([5, 1, 7, 1, 5, 0]))
    part = unseen.of_classes(data, torch.tensor([5, 1]))
    assert (part.x.flatten().tolist(), part.y.tolist()) == ([0, 1, 3, 4], [0, 1, 1, 0])

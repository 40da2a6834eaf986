"""The program that compares geometries of the segmenter, on a few made-up feature maps."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).resolve().parent.parent / 'benchmarks'))

import report
import segmentation

from timm_hyperbolic.data.masks import IGNORED

pytestmark = pytest.mark.usefixtures('one_thread')


def test_rate_is_chosen_on_training_images_and_each_row_measured_once(tmp_path, monkeypatch, generator) -> None:
    monkeypatch.setattr(segmentation, 'BACKBONE', 'test_convnext')  # of maps with 24, 32, 48 and 64 channels
    color = torch.randn(4, 24, generator=generator)
    cache = {}
    for split, count in (('train', 50), ('val', 3), ('test', 2)):
        small = torch.randint(4, (count, 4, 6), generator=generator)
        fine = color[small].movedim(3, 1)  # the finest map shows the classes, the others nothing
        masks = small.repeat_interleave(8, 1).repeat_interleave(8, 2).byte()
        others = [torch.randn(count, c, 4 // s, 6 // s, generator=generator) for c, s in ((32, 2), (48, 2), (64, 4))]
        masks[masks == 3] = IGNORED
        cache[split] = {'maps': [each.half() for each in (fine, *others)], 'masks': masks}
    torch.save(cache, tmp_path / 'cache.pt')
    table, choice = tmp_path / 'table.csv', tmp_path / 'choice.csv'
    argv = ['--data', 'none', '--cache', str(tmp_path / 'cache.pt'), '--csv', str(table), '--choice', str(choice)]
    argv += ['--dims', '3', '--seeds', '0', '--lrs', '1e-6', '3e-2', '--epochs', '20', '--batch-size', '200']
    monkeypatch.setattr(segmentation, 'choice_dim', lambda dim: dim)
    segmentation.main([*argv, '--pixels', '20'])
    rows = report.read_csv(table)[1]
    assert [(row['geometry'], row['tree'], row['lr']) for row in rows] == [
        ('euclidean', 'flat', '0.03'),
        ('hyperbolic', 'tree', '0.03'),
    ]
    assert all(min(float(row['miou']), float(row['test_miou'])) > 50 for row in rows)
    assert {row['seed'] for row in rows} == {'0'}
    assert len(report.read_csv(choice)[1]) == 4
    before = table.read_text()
    monkeypatch.setattr(segmentation, 'train', None)  # nothing is left to train
    segmentation.main([*argv, '--pixels', '20'])
    assert table.read_text() == before

import sys

import pytest
import timm
from torch import nn

import timm_hyperbolic
from timm_hyperbolic.train.progress import Progress, curvature_summary, final_table, format_table

METRICS = {'loss': 0.25, 'top1': 97.5, 'top5': 100.0}


def tiny(name: str, **kwargs):
    return timm.create_model(name, embed_dim=24, depth=2, num_heads=3, **kwargs)


def test_table_has_a_row_for_every_module_with_a_curvature():
    model = tiny('vit_tiny_patch4_hyp_all', curvature=0.5)
    table = final_table(model, METRICS, 123.4)
    rows = [line.split() for line in table.splitlines()]
    assert ['Top-1', '97.50', '%'] in rows
    assert ['Top-5', '100.00', '%'] in rows
    assert ['images/s', '123'] in rows
    for name in timm_hyperbolic.named_curvatures(model):
        assert [name, '0.5000'] in rows
    assert 'blocks.1.residual2' in table


def test_table_of_a_flat_model_and_few_classes():
    table = final_table(tiny('vit_tiny_patch4_euclid', num_classes=3), METRICS, 1.0)
    assert 'curvature' not in table
    assert 'Top-5' not in table


def test_columns_are_aligned():
    assert format_table([('a', '1.00'), ('longer', '2')]) == '  a       1.00\n  longer     2'


def test_curvature_summary():
    model = tiny('vit_tiny_patch4_hyp_res', curvature=0.5)
    nn.init.constant_(model.blocks[0].residual1.curvature.raw, 1.0)
    values = list(timm_hyperbolic.named_curvatures(model).values())
    assert curvature_summary(model) == pytest.approx(
        {'curvature_min': 0.5, 'curvature_mean': sum(values) / 4, 'curvature_max': max(values)}
    )
    assert max(values) == pytest.approx(1.3133, abs=1e-4)
    assert curvature_summary(nn.Linear(1, 1)) == {}


def progress_of_four_batches():
    with Progress(0, 3, 4, log_interval=2) as progress:
        for batch in range(1, 5):
            progress.update(batch, 0.5, 1e-3, 99.6)


def test_progress_in_a_file_is_a_line_each_interval(capsys):
    progress_of_four_batches()
    output = capsys.readouterr()
    assert output.err == ''
    assert output.out.splitlines() == [
        'epoch 1/3  batch 2/4  loss 0.5000  lr 1.00e-03  100 images/s',
        'epoch 1/3  batch 4/4  loss 0.5000  lr 1.00e-03  100 images/s',
    ]


def test_progress_on_a_terminal_is_a_bar_with_loss_rate_and_speed(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, 'isatty', lambda: True)
    progress_of_four_batches()
    output = capsys.readouterr()
    assert output.out == ''
    assert 'epoch 1/3' in output.err

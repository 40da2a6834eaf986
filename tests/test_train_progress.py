import re
import sys

import pytest
import timm
from torch import nn

import timm_hyperbolic
from timm_hyperbolic.train.progress import Progress, curvature_summary, final_summary, format_table

METRICS = {'loss': 0.25, 'top1': 97.5, 'top5': 100.0}


def tiny(name: str, **kwargs):
    return timm.create_model(name, embed_dim=24, depth=2, num_heads=3, **kwargs)


def test_the_summary_has_the_accuracy_first_and_one_line_of_each_kind():
    row = {'curvature/head': 0.5, 'curvature/pos': 1.5, 'gamma/res': 0.25, 'margin/head': 0.5, 's/res': 1.0}
    text = final_summary(row, METRICS | {'epoch': 2, 'chosen_by': 'top1 on split validation'}, 10, '42 s')
    lines = [re.sub(' +', ' ', line.strip()) for line in text.splitlines()]
    assert lines == [
        'Top-1 97.50 %',
        'Top-5 100.00 %',
        'loss 0.2500',
        'epoch 3 (the best by top1 on split validation)',
        'time 42 s',
        'curvature 0.5000 / 1.0000 / 1.5000 min / mean / max',
        'gate 0.2500 / 0.2500 / 0.2500 min / mean / max',
        'share at the margin 50.00% / 50.00% / 50.00% min / mean / max',
    ]
    flat = final_summary({}, METRICS | {'epoch': 2}, 3, '42 s').splitlines()
    assert [line.split()[0] for line in flat] == ['Top-1', 'loss', 'epoch', 'time']
    assert flat[2].endswith('3 (the last)')


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
    return progress


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
    progress = progress_of_four_batches()
    output = capsys.readouterr()
    assert output.out == ''
    assert 'epoch 1/3' in output.err
    assert progress.bar.postfix == 'loss 0.5000  lr 1.00e-03  100 images/s  run done in 0 s'

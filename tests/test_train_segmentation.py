"""Training and measuring a segmentation from the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from mask_helpers import TREE, write, write_folder
from PIL import Image
from safetensors.torch import load_file
from train_helpers import run, stop_at, summary

from timm_hyperbolic.cli import run as run_command

pytestmark = pytest.mark.usefixtures('one_thread')


@pytest.fixture
def data(tmp_path):
    """A folder of images with masks, and the file of a tree of its classes."""
    (tmp_path / 'tree.txt').write_text(TREE)
    return write_folder(tmp_path / 'streets')


def segment(data, *argv: str, **keywords):
    """Train the smallest segmenter."""
    flags = ['--task', 'segmentation', '--ignore-index', '3', '-b', '2', '--workers', '0', '--opt', 'adamw']
    model = [
        '--model-kwargs',
        'backbone=test_convnext',
        f'hierarchy={data.parent / "tree.txt"}',
        'dim=2',
        'out_indices=[0, 1]',
    ]
    keywords = {'tiny': False, 'steps': None, **keywords}
    return run(data.parent, str(data), *flags, *model, '--epochs', '2', *argv, **keywords)


def test_run_stopped_in_an_epoch_goes_on_to_the_same_weights(data, monkeypatch) -> None:
    status, whole = segment(data, name='whole')
    assert status == 0
    with monkeypatch.context() as patch:
        stop_at(patch, '_make_step', 6)
        assert segment(data, name='part')[0] == 128 + 15
    assert segment(data, '--resume', 'auto', name='part')[0] == 0
    one, two = (load_file(data.parent / name / 'model.safetensors') for name in ('whole', 'part'))
    assert all(torch.equal(tensor, two[key]) for key, tensor in one.items())
    rows = summary(whole)
    assert rows[-1]['eval_loss'] < rows[0]['eval_loss']
    assert 0 < rows[-1]['eval_miou'] <= 100
    assert rows[0]['lr'] > rows[1]['lr']  # poly
    assert 0 <= rows[0]['margin/head.scores'] < 1


def test_trained_run_is_measured_with_pictures(data, capsys) -> None:
    status, folder = segment(data, '--leave-out', 'car', '--test-split', 'train', '--val-split', 'val')
    assert status == 0
    assert json.loads((folder / 'config.json').read_text())['label_names'] == ['sky', 'road', 'car']
    test = json.loads((folder / 'test.json').read_text())
    file = data.parent / 'results.json'
    argv = [str(folder), '--split', 'train', '--uncertainty', '--unseen', 'car', '--workers', '0', '-b', '3']
    assert run_command('evaluate', [*argv, '--results-file', str(file)]) == 0
    found = json.loads(file.read_text())
    # The pixels of cars are left out of the training alone: the same images are a test split with all their pixels.
    assert found['miou'] == pytest.approx(test['miou'])
    assert found['class_accuracy'] < 70
    assert found['unseen_pixel_accuracy'] == 100  # the only unseen class
    assert found['cousin_miou'] >= found['sibling_miou'] >= found['miou']
    names = {'norm_boundary_correlation', 'error_auroc_norm', 'error_auroc_entropy', 'zero_label_harmonic_mean'}
    assert names < found.keys()
    pictures = sorted((folder / 'segmentation').iterdir())
    assert [path.name for path in pictures] == ['sheet.png', *(f'train{row:02}.png' for row in range(8))]
    with Image.open(pictures[0]) as sheet:
        assert sheet.height > 8 * sheet.width / 5 * 20 / 28
    assert 'error AUROC of the entropy' in capsys.readouterr().out
    assert run_command('validate', [str(folder)]) == 2
    assert 'was trained with --task segmentation' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('argv', 'message'),
    [
        (['--mixup', '0.1'], '--mixup 0.1: not with --task segmentation'),
        (['--eval-metric', 'top1'], '--eval-metric top1: not measured with --task segmentation'),
        (['--leave-out', 'boat'], '--leave-out: no such class: boat'),
        (['--crop-size', '1', '2', '3'], '--crop-size 1 2 3: give one side, or height and width'),
        (['--model', 'test_resnet', '--model-kwargs'], 'classifies images; --task segmentation trains hyp_segmenter'),
        (['--ignore-index', '255'], 'class 3 is beyond the 3 classes'),
        (['-b', '9'], '--batch-size 9: more than the 8 images'),
    ],
)
def test_option_that_does_not_fit_is_one_line(argv, message, data, capsys) -> None:
    assert segment(data, *argv)[0] == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count('\n') == 1
    assert not (data.parent / 'run').exists()


def test_options_of_segmentation_need_the_task(data, capsys) -> None:
    assert run_command('train', [str(data), '--crop-size', '8']) == 2
    assert '--crop-size 8: has no effect without --task segmentation' in capsys.readouterr().err


def test_batch_without_a_class_has_no_loss(data) -> None:
    for row in range(8):
        write(data / 'train', f'train{row:02}', 0 * _pixels(data) + 3)
    write(data / 'train', 'train00', _pixels(data))
    status, folder = segment(data)
    assert status == 0
    assert summary(folder)[-1]['skipped_steps'] == 0


def _pixels(data):
    with Image.open(data / 'val/masks/val00.png') as image:
        return np.array(image)

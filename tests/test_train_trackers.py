import csv
import importlib
import io
import json
import struct
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from train_helpers import run

from timm_hyperbolic.commands.train import _show_images
from timm_hyperbolic.config.run import TrackerConfig
from timm_hyperbolic.config.train import read_train_options
from timm_hyperbolic.errors import UserError
from timm_hyperbolic.train.trackers import create_trackers


def scalars(folder):
    """Every scalar of the event files in a folder: by tag, the value by step."""
    accumulator = pytest.importorskip('tensorboard.backend.event_processing.event_accumulator')
    events = accumulator.EventAccumulator(str(folder)).Reload()
    return {tag: {e.step: e.value for e in events.Scalars(tag)} for tag in events.Tags()['scalars']}


def test_tensorboard_has_the_numbers_of_the_summary(tmp_path):
    status, folder = run(tmp_path, '--log-tensorboard', '--val-split', '0.2', '--test-split', 'validation', steps=10)
    assert status == 0
    with (folder / 'summary.csv').open() as file:
        rows = list(csv.DictReader(file))
    found = scalars(folder / 'tensorboard')
    test = json.loads((folder / 'test.json').read_text())
    for name in ('loss', 'top1', 'top5'):
        assert found.pop(f'test/{name}') == {test['epoch']: pytest.approx(test[name])}
    assert len(found) == len(rows[0])
    for tag, column in (('train/loss', 'train_loss'), ('eval/top1', 'eval_top1')):
        assert found[tag] == {i: pytest.approx(float(row[column])) for i, row in enumerate(rows)}
    for column in ('curvature/blocks.0.residual1', 'gamma/blocks.1.residual2', 's/blocks.0.residual1', 'margin/head'):
        assert (column in found) is (column in rows[0]) is ('head' not in column)
    assert found['gamma/blocks.1.residual2'][1] == pytest.approx(float(rows[1]['gamma/blocks.1.residual2']))
    check_steps(folder, rows)


def check_steps(folder, rows):
    """Step by step there are loss and learning rate, and the first batch is there as it was before normalisation."""
    steps = scalars(folder / 'tensorboard' / 'steps')
    assert list(steps['step/loss']) == list(steps['step/lr']) == list(range(1, 11))
    # Epochs of four whole batches, and half an epoch.
    for row, own in zip(rows, (range(1, 5), range(5, 9), range(9, 11)), strict=True):
        losses = [steps['step/loss'][step] for step in own]
        assert sum(losses) / len(losses) == pytest.approx(float(row['train_loss']), rel=1e-5)
        assert steps['step/lr'][own[-1]] == pytest.approx(float(row['lr']))
    accumulator = importlib.import_module('tensorboard.backend.event_processing.event_accumulator')
    events = accumulator.EventAccumulator(str(folder / 'tensorboard' / 'steps')).Reload()
    (image,) = events.Images('first batch')
    pixels = np.asarray(Image.open(io.BytesIO(image.encoded_image_string)))
    assert pixels.shape == (8 * 10 + 2, 8 * 10 + 2, 3)  # 8 rows of 8 images of 8 pixels, and lines between them
    assert pixels.max() > 250
    assert pixels.min() == 0


def test_the_first_batch_is_shown_as_it_was_before_normalisation():
    images, shown = torch.rand(2, 3, 4, 4), []
    mean, std = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.4, 0.5, 0.6])
    normalised = (images - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    config = {'mean': mean.tolist(), 'std': std.tolist()}
    _show_images([SimpleNamespace(log_images=shown.append)], normalised, config)
    assert torch.allclose(shown[0], images, atol=1e-6)


def test_a_run_that_goes_on_takes_the_place_of_what_was_written_after_its_checkpoint(tmp_path):
    config = TrackerConfig(log_tensorboard=True)
    (tracker,) = create_trackers(tmp_path, config, {})
    for epoch in range(3):
        tracker.log_step({'lr': epoch}, 2 * epoch + 1)
        tracker.log_step({'lr': epoch}, 2 * epoch + 2)
        tracker.log({'lr': epoch}, epoch)
    tracker.close()
    (tracker,) = create_trackers(tmp_path, config, {}, first_epoch=2, first_step=5)
    tracker.log_step({'lr': 20}, 6)
    tracker.log({'lr': 20}, 2)
    tracker.close()
    assert scalars(tmp_path / 'tensorboard') == {'lr': {0: 0, 1: 1, 2: 20}}
    assert scalars(tmp_path / 'tensorboard' / 'steps') == {'step/lr': {1: 0, 2: 0, 3: 1, 4: 1, 5: 2, 6: 20}}


def records(path):
    """The records of a file that Weights & Biases keeps offline: those of LevelDB's log, each one a message."""
    pb = pytest.importorskip('wandb.proto.wandb_internal_pb2')
    data, block, place, parts = path.read_bytes(), 32768, 7, []
    while place + 7 <= len(data):
        if block - place % block < 7:  # no room for a header: the block was filled up
            place += block - place % block
            continue
        length, kind = struct.unpack_from('<HB', data, place + 4)
        parts.append(data[place + 7 : place + 7 + length])
        place += 7 + length
        if kind in (1, 4):  # a whole record, or the last part of one
            record = pb.Record()
            record.ParseFromString(b''.join(parts))
            parts = []
            yield record


def wait_for_records(path):
    """The records, once the service of wandb, a process of its own, has written the last one."""
    end = time.monotonic() + 60
    while True:
        found = list(records(path))
        if any(record.HasField('exit') for record in found) or time.monotonic() > end:
            return found
        time.sleep(0.2)


def test_wandb_offline_keeps_the_numbers_in_the_folder(tmp_path, monkeypatch):
    pytest.importorskip('wandb')
    for name, value in (('WANDB_MODE', 'offline'), ('WANDB_DATA_DIR', str(tmp_path / 'd'))):
        monkeypatch.setenv(name, value)
    test = ['--val-split', '0.2', '--test-split', 'validation']
    status, folder = run(tmp_path, '--log-wandb', '--wandb-project', 'p', '--wandb-tags', 'a', 'b', *test, steps=10)
    assert status == 0
    (file,) = folder.glob('wandb/offline-run-*/run-*.wandb')
    assert file.stem == f'run-{(folder / "wandb-id.txt").read_text().strip()}'
    found = wait_for_records(file)
    started = next(record.run for record in found if record.HasField('run'))
    assert (started.project, started.display_name, sorted(started.tags)) == ('p', 'run', ['a', 'b'])
    history = [
        {'.'.join(item.nested_key) or item.key: item.value_json for item in record.history.item}
        for record in found
        if record.HasField('history')
    ]
    with (folder / 'summary.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert [int(h['_step']) for h in history] == list(range(11))
    assert 'first batch' in ' '.join(history[0])
    assert [h for h in history[1:] if not {'step/loss', 'step/lr'} <= h.keys()] == []
    result = {
        '.'.join(item.nested_key) or item.key: item.value_json
        for record in found
        if record.HasField('summary')
        for item in record.summary.update
    }
    assert float(result['test_top1']) == pytest.approx(json.loads((folder / 'test.json').read_text())['top1'])
    history = [h for h in history if 'train_loss' in h]
    assert [int(h['_step']) for h in history] == [4, 8, 10]
    assert len(rows) == 3
    for name in ('train_loss', 'curvature/blocks.0.residual1', 'gamma/blocks.0.residual1'):
        assert [float(h[name]) for h in history] == pytest.approx([float(row[name]) for row in rows])


@pytest.mark.parametrize(('flag', 'module'), [('--log-tensorboard', 'tensorboard'), ('--log-wandb', 'wandb')])
def test_a_package_that_is_missing_is_said_before_anything_is_done(tmp_path, monkeypatch, capsys, flag, module):
    for name in [name for name in sys.modules if name.startswith('torch.utils.tensorboard')]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    status, folder = run(tmp_path, flag)
    assert (status, folder.exists()) == (2, False)
    assert f'{flag} needs the {module} package: pip install timm_hyperbolic[track]' in capsys.readouterr().err


@pytest.mark.parametrize('argv', [['--wandb-project', 'x'], ['--wandb-tags', 'x', 'y']])
def test_flags_of_a_tracker_that_is_not_asked_for(argv):
    with pytest.raises(UserError, match=f'{" ".join(argv)}: give --log-wandb too'):
        read_train_options(argv)


def test_without_flags_there_are_no_trackers(tmp_path):
    assert create_trackers(tmp_path, TrackerConfig(), {}) == []

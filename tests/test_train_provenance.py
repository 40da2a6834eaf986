import json
from types import SimpleNamespace

import pytest
import torch
from train_helpers import run, summary

from timm_hyperbolic.errors import TrainingError
from timm_hyperbolic.train.loop import State
from timm_hyperbolic.train.provenance import Provenance
from timm_hyperbolic.train.run_folder import OutputFolder

STATE = State(epoch=1, step=12, images=100, seconds=2.0, run_images=300, run_seconds=6.0)
RESULT = {'split': 'test', 'epoch': 1, 'top1': 50.0}


@pytest.fixture
def folder(tmp_path) -> OutputFolder:
    folder = OutputFolder(tmp_path)
    folder.rows = [{'epoch': 0}, {'epoch': 1}]
    return folder


def provenance(folder: OutputFolder, command: list[str] | None = None) -> Provenance:
    processes = SimpleNamespace(device=torch.device('cpu'), count=2)
    return Provenance(folder, SimpleNamespace(train=range(70)), 1234, processes, command)


def written(folder: OutputFolder) -> dict:
    return json.loads((folder.path / 'run.json').read_text())


def test_what_is_written(folder):
    provenance(folder, ['train_hyp.py', '-c', 'some/where.yaml', '--seed', '7']).write(STATE, RESULT)
    about = written(folder)
    assert about['command'] == ['train_hyp.py', '-c', 'some/where.yaml', '--seed', '7']
    assert (about['recipe'], about['parameters'], about['train_images']) == ('where.yaml', 1234, 70)
    assert (about['epochs'], about['steps'], about['seconds'], about['images_per_second']) == (2, 12, 8.0, 50.0)
    assert about['result'] == RESULT
    assert about['hardware']['processes'] == 2
    assert about['versions']['torch'] == torch.__version__
    assert {'timm', 'geoopt', 'Python', 'timm_hyperbolic'} < set(about['versions'])


@pytest.mark.parametrize(
    ('command', 'recipe'),
    [
        (None, None),
        (['train_hyp.py'], None),
        (['x', '--config', 'a/b.yaml'], 'b.yaml'),
        (['x', '--config=a/b.yaml', '--lr', '1'], 'b.yaml'),
    ],
)
def test_the_recipe_is_that_of_the_command(folder, command, recipe):
    provenance(folder, command).write(STATE, RESULT)
    assert written(folder)['recipe'] == recipe


def test_a_run_that_goes_on_is_the_one_that_was_begun(folder):
    provenance(folder, ['first', '-c', 'r.yaml']).write(STATE, RESULT)
    before = written(folder)
    before['started'] = '2001-02-03T04:05:06+00:00'
    (folder.path / 'run.json').write_text(json.dumps(before))
    provenance(folder, ['second', '--resume', 'auto']).write(STATE, RESULT)
    assert written(folder) == before
    (folder.path / 'run.json').write_text('{')
    provenance(folder, ['third']).write(STATE, RESULT)
    assert written(folder)['command'] == ['third']


def test_a_disk_that_is_full_stops_only_the_end(folder, monkeypatch, capsys):
    def full(self, about):
        raise TrainingError('no space left')

    monkeypatch.setattr(OutputFolder, 'save_about', full)
    own = provenance(folder)
    own.write(STATE, RESULT)
    assert 'no space left; tried again after the next epoch' in capsys.readouterr().err
    with pytest.raises(TrainingError, match='no space left'):
        own.write(STATE, RESULT, last=True)


def test_a_run_tells_its_result(tmp_path):
    status, path = run(tmp_path, '--val-split', '0.2', '--test-split', 'test', '--epochs', '2', '-b', '480', steps=None)
    assert status == 0
    about, rows = json.loads((path / 'run.json').read_text()), summary(path)
    test = json.loads((path / 'test.json').read_text())
    assert about['result'] == test | {'chosen_here': False}
    assert about['result']['epoch'] == max(rows, key=lambda row: row['eval_top1'])['epoch']
    assert about['command'][:2] == ['train_hyp.py', '--model-kwargs']
    assert (about['epochs'], about['result']['images'], about['train_images']) == (2, 360, 1150)


def test_advice_is_that_on_the_model_that_was_kept(folder):
    own = provenance(folder)
    own.write(STATE, RESULT, ['of the last epoch'])
    own.write(STATE, RESULT | {'epoch': 0}, ['of another'])
    own.write(STATE, RESULT, last=True)
    assert written(folder)['advice'] == ['of the last epoch']
    assert provenance(folder).advice == ['of the last epoch']  # a run that goes on

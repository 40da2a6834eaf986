"""The way to the Hub from training and by the commands `push` and `card`, with the statuses that they leave with."""

import json
import shlex

import pytest
from hub_helpers import made_run
from huggingface_hub import ModelCard
from local_hub import TOKEN, LocalHub, connect
from train_helpers import run

from timm_hyperbolic import cli
from timm_hyperbolic.config.options import from_values
from timm_hyperbolic.config.run import PublishConfig
from timm_hyperbolic.config.train import TrainConfig
from timm_hyperbolic.errors import UserError
from timm_hyperbolic.hub.publish import Publisher, check_publish, write_card

PUSHED = {'.gitattributes', 'README.md', 'config.json', 'model.safetensors', 'summary.csv'}


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with LocalHub() as hub:
        connect(monkeypatch, hub, tmp_path / 'cache')
        yield hub


@pytest.fixture
def folder(tmp_path):
    return made_run(tmp_path / 'run', 'vit_tiny_patch4_hyp_res')


# --- in training ------------------------------------------------------------------------------------------------------


def test_training_pushes_as_it_goes_and_at_its_end(hub, tmp_path):
    flags = ['--epochs', '3', '-b', '1437', '--push-to-hub', 'me/run', '--push-every', '2', '--private']
    status, folder = run(tmp_path, *flags, '--hub-revision', 'first', steps=None)
    assert status == 0
    repository = hub.repositories['me/run']
    assert repository.private
    assert [commit.message for commit in repository.branches['first'][1:]] == ['After epoch 2', 'Result of training']
    assert len(repository.branches['main']) == 1
    files = repository.files('first')
    assert set(files) == PUSHED
    assert all(files[name] == (folder / name).read_bytes() for name in PUSHED - {'.gitattributes'})
    card = ModelCard((folder / 'README.md').read_text())
    result = json.loads((folder / 'run.json').read_text())['result']
    assert card.data.eval_results[0].metric_value == round(result['top1'], 4)
    assert "hf_hub:me/run'" in card.text


def test_a_push_that_fails_leaves_the_result_and_says_how_to_push_it(hub, tmp_path, capsys):
    hub.fail('POST', '/commit/', status=500)
    flags = ['--epochs', '2', '-b', '1437', '--push-to-hub', 'me/run', '--push-every', '1', '--hub-revision', 'v1']
    status, folder = run(tmp_path, *flags, steps=None)
    assert status == 3
    told = capsys.readouterr().err
    assert 'not pushed to me/run: the Hub failed (500)' in told
    assert 'training goes on' in told
    last = told.strip().splitlines()[-1]
    assert last.startswith('train_hyp.py: error: not pushed to me/run')
    assert TOKEN not in told
    assert len((folder / 'summary.csv').read_text().splitlines()) == 3
    assert set(hub.repositories['me/run'].files('v1')) == {'.gitattributes'}

    hub.faults.clear()
    program, *words = shlex.split(last.rpartition('to push it again: ')[2])
    assert program == 'timm-hyperbolic'
    assert cli.main(words) == 0
    assert set(hub.repositories['me/run'].files('v1')) == PUSHED


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'push_to_hub': 'run'}, '--push-to-hub run is no OWNER/NAME'),
        ({'push_to_hub': 'me/r un'}, '--push-to-hub me/r un is no OWNER/NAME'),
        ({'push_every': 3}, '--push-every 3: give --push-to-hub too'),
        ({'private': True}, '--private: give --push-to-hub too'),
        ({'hub_revision': 'x'}, '--hub-revision x: give --push-to-hub too'),
    ],
)
def test_what_cannot_end_on_the_hub_is_refused_at_the_start(hub, options, message):
    with pytest.raises(UserError, match=message):
        check_publish(from_values(TrainConfig, options).hub)
    assert hub.requests == []


def test_without_a_token_training_does_not_begin(hub, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv('HF_TOKEN')
    monkeypatch.setattr('huggingface_hub.constants.HF_TOKEN_PATH', str(tmp_path / 'no-token'))
    monkeypatch.setattr('huggingface_hub.utils._auth._get_token_from_google_colab', lambda: None)
    status, folder = run(tmp_path, '--push-to-hub', 'me/run')
    assert status == 2
    assert 'there is no token; log in with `hf auth login`, or set HF_TOKEN' in capsys.readouterr().err
    assert not folder.exists()


def test_nothing_is_pushed_that_was_not_asked_for(hub, folder):
    publisher = Publisher(folder, PublishConfig())
    publisher.after_epoch(1)
    publisher.finish()
    Publisher(folder, PublishConfig(push_to_hub='me/run', push_every=2)).after_epoch(3)
    assert hub.requests == []


# --- the commands -----------------------------------------------------------------------------------------------------


def test_push_writes_the_card_that_is_not_there(hub, folder, capsys):
    assert cli.main(['push', str(folder), 'me/model', '--private']) == 0
    assert hub.repositories['me/model'].private
    assert hub.files('me/model')['README.md'] == (folder / 'README.md').read_bytes()
    assert f'pushed: {hub.endpoint}/me/model/commit/' in capsys.readouterr().out


def test_push_leaves_a_card_as_it_stands(hub, folder):
    (folder / 'README.md').write_text('---\nlicense: mit\n---\nby hand')
    assert cli.main(['push', str(folder), 'me/model']) == 0
    assert hub.files('me/model')['README.md'].endswith(b'by hand')


@pytest.mark.parametrize('fault', [{'status': 401}, {'status': 413}, {'cut': True}])
def test_push_that_fails(hub, folder, capsys, fault):
    hub.fail('POST', '/commit/', **fault)
    assert cli.main(['push', str(folder), 'me/model']) == 3
    assert f'to push it again: timm-hyperbolic push {folder} me/model\n' in capsys.readouterr().err
    assert set(hub.files('me/model')) == {'.gitattributes'}


@pytest.mark.parametrize(
    ('command', 'message'),
    [
        (['push', 'no/such', 'me/model'], 'no/such: no such folder; give the folder of a run'),
        (['push', 'RUN/config.json', 'me/model'], 'config.json: is a file; give the folder of a run'),
        (['push', 'RUN/..', 'me/model'], 'has no model.safetensors, config.json'),
        (['push', 'RUN', 'model'], 'OWNER/NAME model is no OWNER/NAME'),
        (['push', 'RUN'], 'OWNER/NAME'),
        (['push', 'RUN', 'me/model', '--privat'], 'unknown argument --privat'),
        (['card', 'no/such'], 'no/such: no such folder; give the folder of a run'),
        (['card', 'RUN/..'], 'has no args.yaml, run.json, config.json, summary.csv'),
        (['card', 'RUN', '--repo-id', 'model'], '--repo-id model is no OWNER/NAME'),
        (['card', 'RUN', '--against', 'no/such'], 'no/such: no such folder'),
    ],
)
def test_commands_that_cannot_be_followed(hub, folder, capsys, command, message):
    assert cli.main([word.replace('RUN', str(folder)) for word in command]) == 2
    assert message in capsys.readouterr().err
    assert hub.requests == []


def test_what_cannot_be_pushed_is_said_before_the_token_is_asked_for(hub, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv('HF_TOKEN')
    monkeypatch.setattr('huggingface_hub.constants.HF_TOKEN_PATH', str(tmp_path / 'no-token'))
    monkeypatch.setattr('huggingface_hub.utils._auth._get_token_from_google_colab', lambda: None)
    assert cli.main(['push', 'MISSING', 'me/model']) == 2
    assert 'MISSING: no such folder' in capsys.readouterr().err


def test_card_tells_what_its_controls_differ_in(folder, tmp_path, capsys):
    other = made_run(tmp_path / 'euclid', 'vit_tiny_patch4_euclid', 60.0, epochs=300)
    assert cli.main(['card', str(folder), '--against', str(other)]) == 0
    said = capsys.readouterr()
    assert said.err == 'warning: euclid differs in more than the model: epochs 300 (here 3)\n'
    assert said.out == f'written: {folder / "README.md"}\n'


def test_card_is_made_from_the_folders(folder, tmp_path, capsys):
    other = made_run(tmp_path / 'euclid', 'vit_tiny_patch4_euclid', 60.0)
    assert cli.main(['card', str(folder), '--repo-id', 'me/model', '--against', str(other)]) == 0
    assert capsys.readouterr().out == f'written: {folder / "README.md"}\n'
    text = (folder / 'README.md').read_text()
    assert '| vit_tiny_patch4_euclid | ' in text
    assert "hf_hub:me/model'" in text
    assert list(folder.glob('.unfinished-*')) == []


def test_a_card_that_cannot_be_written(folder):
    (folder / 'README.md').mkdir()
    with pytest.raises(Exception, match='cannot write') as error:
        write_card(folder)
    assert error.value.exit_status == 1

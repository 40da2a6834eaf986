import hashlib
import logging

import huggingface_hub
import pytest
from hub_helpers import made_run
from local_hub import TOKEN, LocalHub, connect

from timm_hyperbolic.hub import PushError, push_run
from timm_hyperbolic.hub.push import check_repo_id, contents

PUSHED = {'README.md', 'config.json', 'figures/curvature.png', 'model.safetensors', 'summary.csv'}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = made_run(tmp_path_factory.mktemp('runs') / 'run')
    (folder / 'README.md').write_text('---\nlicense: mit\n---\n\n# A card\n')
    (folder / 'figures').mkdir()
    (folder / 'figures' / 'curvature.png').write_bytes(b'\x89PNG not really')
    (folder / 'checkpoint-00000001.pt').write_bytes(b'optimizer state')
    return folder


@pytest.fixture
def hub():
    with LocalHub() as hub:
        yield hub


@pytest.fixture
def waits(hub, monkeypatch, tmp_path):
    return connect(monkeypatch, hub, tmp_path / 'cache')


def snapshot(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def test_a_push_is_one_commit_of_the_run_and_of_nothing_else(hub, waits, folder):
    url = push_run(folder, 'me/model', message='Say what it is')
    first, commit = hub.repositories['me/model'].branches['main']
    assert url == f'{hub.endpoint}/me/model/commit/{commit.oid}'
    assert commit.message == 'Say what it is'
    assert set(commit.files) - set(first.files) == PUSHED
    assert all(commit.files[name] == (folder / name).read_bytes() for name in PUSHED)
    assert waits == []


def test_a_second_push_goes_on_from_the_first(hub, waits, folder, tmp_path):
    push_run(folder, 'me/model')
    other = made_run(tmp_path / 'other', 'vit_tiny_patch4_hyp_res')
    push_run(other, 'me/model')
    commits = hub.repositories['me/model'].branches['main']
    assert [len(commit.files) for commit in commits] == [1, 6, 6]
    assert commits[-1].files['model.safetensors'] == (other / 'model.safetensors').read_bytes()


def test_private_and_revision(hub, waits, folder):
    push_run(folder, 'me/secret', private=True, revision='epoch-3')
    repository = hub.repositories['me/secret']
    assert repository.private
    assert set(repository.files('epoch-3')) > PUSHED
    assert set(repository.files('main')).isdisjoint(PUSHED)
    push_run(folder, 'me/secret', private=True, revision='epoch-3')  # the branch is there now


def test_what_is_private_is_not_pushed_to_a_public_repository(hub, waits, folder):
    push_run(folder, 'me/open', revision='other')
    with pytest.raises(PushError, match='me/open is public already'):
        push_run(folder, 'me/open', private=True)
    assert set(hub.files('me/open')).isdisjoint(PUSHED)


@pytest.mark.parametrize('name', ['model', 'a/b/c', 'me/two words', 'me/..', '../model', '/model', 'me/'])
def test_a_name_that_is_none(hub, waits, folder, name):
    with pytest.raises(ValueError, match='is no OWNER/NAME'):
        check_repo_id(name)
    with pytest.raises(ValueError, match='is no OWNER/NAME'):
        push_run(folder, name)
    assert hub.requests == []


def test_a_folder_without_a_model(hub, waits, tmp_path):
    (tmp_path / 'config.json').write_text('{}')
    with pytest.raises(ValueError, match=r'has no model\.safetensors: give the folder'):
        contents(tmp_path)
    with pytest.raises(ValueError, match=r'has no model\.safetensors'):
        push_run(tmp_path, 'me/model')
    assert hub.requests == []


CREATE, PREUPLOAD, PUT, COMMIT = r'/api/repos/create', r'/preupload/', r'^/lfs/', r'/commit/'


@pytest.mark.parametrize(
    ('method', 'path', 'fault', 'message'),
    [
        ('POST', CREATE, {'status': 401}, r'the Hub refused the token \(401\): log in with `hf auth login`'),
        ('POST', CREATE, {'status': 403}, r'the token may not do that \(403\): take one that may write to me,'),
        ('POST', PREUPLOAD, {'status': 404}, r'does not find me/model or me \(404\)'),
        ('PUT', PUT, {'status': 413}, r'the storage of me is full \(413\)'),
        ('POST', PREUPLOAD, {'status': 429, 'headers': {'Retry-After': '7'}}, r'\(429\): wait 7 s'),
        ('POST', COMMIT, {'status': 429}, r'\(429\): wait a while'),
        (
            'POST',
            COMMIT,
            {'status': 500, 'headers': {'X-Error-Message': 'no disk'}},
            r'failed \(500\)\. It says: no disk',
        ),
        ('PUT', PUT, {'status': 500}, r'the Hub failed \(500\)'),
        ('PUT', PUT, {'cut': True}, 'Error'),
        ('POST', COMMIT, {'cut': True}, 'Error'),
        ('PUT', PUT, {'corrupt': True}, r'refused \(400\)\. It says: checksum mismatch'),
        ('POST', COMMIT, {'delay': 1.5}, 'Timeout'),
        ('PUT', PUT, {'delay': 1.5}, 'Timeout'),
    ],
)
def test_a_fault_is_told_and_leaves_both_sides_whole(hub, waits, folder, monkeypatch, method, path, fault, message):
    monkeypatch.setattr('timm_hyperbolic.hub.push.PATIENCE', 0.1)
    before = snapshot(folder)
    hub.fail(method, path, **fault)
    with pytest.raises(PushError, match=message):
        push_run(folder, 'me/model')
    assert snapshot(folder) == before
    if 'me/model' in hub.repositories:
        assert set(hub.files('me/model')) == {'.gitattributes'}
    # The same call puts it right.
    hub.faults.clear()
    push_run(folder, 'me/model')
    assert set(hub.files('me/model')) > PUSHED


def test_a_passing_fault_is_waited_out(hub, waits, folder):
    hub.fail('POST', PREUPLOAD, status=429, headers={'Retry-After': '7'}, times=1)
    hub.fail('PUT', PUT, cut=True, times=1)
    push_run(folder, 'me/model')
    assert set(hub.files('me/model')) > PUSHED
    assert waits[0] >= 7


def test_no_hub_at_all(hub, waits, folder, monkeypatch):
    with LocalHub() as gone:
        endpoint = gone.endpoint
    monkeypatch.setattr('huggingface_hub.constants.ENDPOINT', endpoint)
    with pytest.raises(PushError, match=f'{endpoint}: ConnectError'):
        push_run(folder, 'me/model')


def test_patience_ends_with_the_push(hub, waits, folder, monkeypatch):
    session = huggingface_hub.get_session()
    monkeypatch.setattr(session, 'timeout', 17.0)
    push_run(folder, 'me/model')
    assert huggingface_hub.get_session() is session
    assert session.timeout.read == 17.0


def test_the_token_is_never_told(hub, waits, folder, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    push_run(folder, 'me/model')
    told = caplog.text + ''.join(capfd.readouterr())
    assert '/api/models/me/model/commit/main' in told
    assert TOKEN not in told
    assert all(TOKEN.encode() not in content for content in (snapshot(folder) | hub.files('me/model')).values())


def test_a_token_that_the_hub_echoes_is_left_out(hub, waits, folder):
    hub.fail('POST', COMMIT, status=403, headers={'X-Error-Message': f'{TOKEN} and hf_{"a" * 30} may not'})
    with pytest.raises(PushError, match=r'It says: \*\*\* and \*\*\* may not$'):
        push_run(folder, 'me/model')


def test_the_wrong_token_is_refused(hub, waits, folder, monkeypatch):
    monkeypatch.setenv('HF_TOKEN', 'hf_somebodyelsestoken')
    with pytest.raises(PushError, match='401'):
        push_run(folder, 'me/model')
    assert hub.repositories == {}


def test_the_local_hub_takes_an_object_only_by_its_checksum(hub, waits, folder):
    push_run(folder, 'me/model')
    for oid, content in hub.objects.items():
        assert hashlib.sha256(content).hexdigest() == oid

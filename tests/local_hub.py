"""A Hugging Face Hub on loopback: the part of its protocol that huggingface_hub speaks to push and pull a model.

    with LocalHub() as hub:
        subprocess.run([...], env=hub.environment(cache))
        waits = connect(monkeypatch, hub, cache)  # this process

Files ending in .safetensors or .png travel as LFS objects (basic transfer, one PUT), all others inside the commit. The
faults of `LocalHub.fail` come before, or in the middle of, what a request would have done.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import yaml
from huggingface_hub import constants

__all__ = ['TOKEN', 'Fault', 'LocalHub', 'Repository', 'connect']

TOKEN = 'hf_' + 'tokenofthelocalhub' * 2
_LFS = ('.safetensors', '.png')


@dataclass
class Commit:
    """What a branch holds: the files by name, and how it came to that."""

    oid: str
    files: dict[str, bytes]
    message: str


@dataclass
class Repository:
    """A model repository; each branch is a list of commits."""

    private: bool = False
    branches: dict[str, list[Commit]] = field(default_factory=dict)

    def files(self, branch: str = 'main') -> dict[str, bytes]:
        return self.branches[branch][-1].files


@dataclass
class Fault:
    """How requests go wrong.

    Args:
        method: Of the requests.
        path: Pattern that is searched for in their paths.
        status: Answer with this status and do nothing else.
        headers: Of that answer.
        message: Its text.
        cut: Break the connection half way through the body of the request, or of the answer to a GET.
        corrupt: Change a byte of what a PUT brings or a GET takes.
        delay: Seconds to wait first.
        times: How many requests.
    """

    method: str
    path: str
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = ''
    cut: bool = False
    corrupt: bool = False
    delay: float = 0.0
    times: float = float('inf')


class LocalHub:
    """The server, on a free port of loopback; one token may write, and read what is private."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.objects: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str, int]] = []
        self.lock = threading.Lock()
        hub = self

        class Handler(_Handler):
            pass

        Handler.hub = hub
        self.server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    @property
    def endpoint(self) -> str:
        return f'http://127.0.0.1:{self.server.server_address[1]}'

    def environment(self, cache: Path, token: str | None = TOKEN) -> dict[str, str]:
        """The environment of a program that is to speak to this Hub and to no other, with a cache of its own."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(('HF_', 'HUGGING'))}
        own = {'HF_ENDPOINT': self.endpoint, 'HF_HUB_DISABLE_XET': '1', 'HF_HOME': str(cache)}
        return kept | own | ({} if token is None else {'HF_TOKEN': token})

    def fail(self, method: str, path: str, **kwargs) -> Fault:
        """Have requests go wrong from now on; see `Fault`."""
        fault = Fault(method, path, **kwargs)
        self.faults.append(fault)
        return fault

    def files(self, repo_id: str, branch: str = 'main') -> dict[str, bytes]:
        return self.repositories[repo_id].files(branch)

    def __enter__(self) -> LocalHub:
        self.thread.start()
        return self

    def __exit__(self, *exc_info) -> None:
        self.server.shutdown()
        self.server.server_close()


def connect(monkeypatch, hub: LocalHub, cache: Path) -> list[float]:
    """Have this process, in which huggingface_hub is imported already, speak to `hub` and wait for nothing.

    Returns:
        The seconds that huggingface_hub would have waited between its tries, as they come.
    """
    waits: list[float] = []
    clock = SimpleNamespace(sleep=waits.append, time=time.time)
    monkeypatch.setattr(constants, 'ENDPOINT', hub.endpoint)
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE
    monkeypatch.setattr(constants, 'HUGGINGFACE_CO_URL_TEMPLATE', hub.endpoint + urlsplit(template).path)
    monkeypatch.setattr(constants, 'HF_HUB_DISABLE_XET', True)
    monkeypatch.setattr(constants, 'HF_HUB_CACHE', str(cache))
    monkeypatch.setattr('huggingface_hub.utils._http.time', clock)
    monkeypatch.setattr('huggingface_hub.file_download.time', clock)
    monkeypatch.setenv('HF_TOKEN', TOKEN)
    return waits


class _Cut(Exception):
    """The connection is broken on purpose."""


class _Answer(Exception):
    """What a request is answered, from wherever that becomes clear."""

    def __init__(self, status: int, body: bytes | dict | list = b'', headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.headers = dict(headers or {})


def _error(status: int, message: str, code: str = '') -> _Answer:
    headers = {'X-Error-Message': message} | ({'X-Error-Code': code} if code else {})
    return _Answer(status, {'error': message}, headers)


def _git_hash(content: bytes) -> str:
    return hashlib.sha1(b'blob %d\0' % len(content) + content).hexdigest()


def _oid(path: str, content: bytes) -> str:
    return hashlib.sha256(content).hexdigest() if path.endswith(_LFS) else _git_hash(content)


class _Handler(BaseHTTPRequestHandler):
    hub: LocalHub
    protocol_version = 'HTTP/1.1'
    # The answer's headers and body in one packet: the client does not wait for the second.
    wbufsize = -1

    def log_message(self, *args) -> None:
        pass

    def _serve(self) -> None:
        self.path = unquote(urlsplit(self.path).path)
        status, fault = 0, None
        try:
            with self.hub.lock:
                fault = next((f for f in self.hub.faults if self._meets(f)), None)
                if fault is not None:
                    fault.times -= 1
            if fault is not None and fault.delay:
                time.sleep(fault.delay)
            body = self._body(fault)
            if fault is not None and fault.status is not None:
                raise _Answer(fault.status, {'error': fault.message}, fault.headers)
            with self.hub.lock:
                self._route(body)
            raise _error(404, f'no route {self.command} {self.path}')
        except _Answer as answer:
            status = answer.status
            self._send(answer, fault)
        except (_Cut, OSError):  # the client may have hung up first
            self.close_connection = True
        finally:
            self.hub.requests.append((self.command, self.path, status))

    do_GET = do_HEAD = do_POST = do_PUT = _serve

    def _meets(self, fault: Fault) -> bool:
        return fault.times > 0 and fault.method == self.command and re.search(fault.path, self.path) is not None

    def _body(self, fault: Fault | None) -> bytes:
        if self.headers.get('Transfer-Encoding') == 'chunked':
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            body = b''.join(parts)
        else:
            length = int(self.headers.get('Content-Length', 0))
            if fault is not None and fault.cut and self.command != 'GET':
                self.rfile.read(length // 2)
                raise _Cut
            body = self.rfile.read(length)
        if fault is not None and fault.cut and self.command != 'GET':
            raise _Cut
        return bytes([body[0] ^ 1]) + body[1:] if fault is not None and fault.corrupt and body else body

    def _send(self, answer: _Answer, fault: Fault | None) -> None:
        body = answer.body
        if fault is not None and fault.corrupt and self.command == 'GET':
            body = body[:-1] + bytes([body[-1] ^ 1])
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if 'Content-Length' not in answer.headers:
            self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            cut = fault is not None and fault.cut and fault.status is None
            self.wfile.write(body[: len(body) // 2] if cut else body)
            self.close_connection |= cut
        self.wfile.flush()

    # --- what is asked for ------------------------------------------------------------------------------------------

    def _route(self, body: bytes) -> None:
        routes: list[tuple[str, str, Callable[..., None]]] = [
            ('POST', r'/api/repos/create', self._create),
            ('POST', r'/api/validate-yaml', self._validate),
            ('POST', r'/api/models/([^/]+/[^/]+)/branch/(.+)', self._branch),
            ('POST', r'/api/models/([^/]+/[^/]+)/preupload/(.+)', self._preupload),
            ('POST', r'/([^/]+/[^/]+)\.git/info/lfs/objects/batch', self._batch),
            ('PUT', r'/lfs/([0-9a-f]{64})', self._put),
            ('POST', r'/lfs/verify', self._verify),
            ('POST', r'/api/models/([^/]+/[^/]+)/commit/(.+)', self._commit),
            ('GET', r'/api/models/([^/]+/[^/]+?)(?:/revision/(.+))?', self._info),
            ('GET|HEAD', r'/([^/]+/[^/]+)/resolve/([^/]+)/(.+)', self._resolve),
        ]
        for methods, pattern, action in routes:
            match = re.fullmatch(pattern, self.path)
            if match and self.command in methods.split('|'):
                action(*match.groups(), **({'body': body} if self.command in ('POST', 'PUT') else {}))

    @property
    def _authorized(self) -> bool:
        return self.headers.get('Authorization') == f'Bearer {TOKEN}'

    def _writes(self) -> None:
        if not self._authorized:
            raise _error(401, 'Invalid credentials in Authorization header')

    def _repository(self, repo_id: str) -> Repository:
        repository = self.hub.repositories.get(repo_id)
        if repository is None or (repository.private and not self._authorized):
            raise _error(401 if not self._authorized else 404, 'Repository not found', 'RepoNotFound')
        return repository

    def _head(self, repo_id: str, revision: str) -> Commit:
        branches = self._repository(repo_id).branches
        commits = {commit.oid: commit for commits in branches.values() for commit in commits}
        if revision not in branches and revision not in commits:
            raise _error(404, f'Invalid rev id: {revision}', 'RevisionNotFound')
        return branches[revision][-1] if revision in branches else commits[revision]

    def _create(self, body: bytes) -> None:
        self._writes()
        request = json.loads(body)
        repo_id = f'{request.get("organization") or "me"}/{request["name"]}'
        url = {'url': f'{self.hub.endpoint}/{repo_id}'}
        if repo_id in self.hub.repositories:
            raise _Answer(409, url | {'error': 'You already created this model repo'})
        private = request.get('visibility') == 'private' or bool(request.get('private'))
        first = Commit(hashlib.sha1(repo_id.encode()).hexdigest(), {'.gitattributes': b''}, 'initial commit')
        self.hub.repositories[repo_id] = Repository(private, {'main': [first]})
        raise _Answer(200, url)

    def _validate(self, body: bytes) -> None:
        card = json.loads(body)['content']
        metadata = yaml.safe_load(card.split('---\n')[1]) if card.startswith('---\n') else None
        if not isinstance(metadata, dict):
            raise _Answer(400, {'errors': [{'message': 'no metadata'}], 'warnings': []})
        raise _Answer(200, {'errors': [], 'warnings': []})

    def _branch(self, repo_id: str, branch: str, body: bytes) -> None:
        self._writes()
        branches = self._repository(repo_id).branches
        if branch in branches:
            raise _error(409, 'Reference already exists')
        branches[branch] = [self._head(repo_id, json.loads(body or b'{}').get('startingPoint', 'main'))]
        raise _Answer(200, {})

    def _preupload(self, repo_id: str, revision: str, body: bytes) -> None:
        self._writes()
        present = self._head(repo_id, revision).files
        answer = []
        for file in json.loads(body)['files']:
            path = file['path']
            oid = _oid(path, present[path]) if path in present else None
            mode = 'lfs' if path.endswith(_LFS) else 'regular'
            answer.append({'path': path, 'uploadMode': mode, 'shouldIgnore': False, 'oid': oid})
        raise _Answer(200, {'files': answer})

    def _batch(self, repo_id: str, body: bytes) -> None:
        self._writes()
        self._repository(repo_id)
        objects = []
        for each in json.loads(body)['objects']:
            links = {
                'upload': {'href': f'{self.hub.endpoint}/lfs/{each["oid"]}'},
                'verify': {'href': f'{self.hub.endpoint}/lfs/verify'},
            }
            objects.append(each | ({} if each['oid'] in self.hub.objects else {'actions': links}))
        raise _Answer(200, {'transfer': 'basic', 'objects': objects})

    def _put(self, oid: str, body: bytes) -> None:
        if hashlib.sha256(body).hexdigest() != oid:
            raise _error(400, 'checksum mismatch')
        self.hub.objects[oid] = body
        raise _Answer(200)

    def _verify(self, body: bytes) -> None:
        request = json.loads(body)
        if len(self.hub.objects.get(request['oid'], b'')) != request['size']:
            raise _error(404, 'no such object')
        raise _Answer(200)

    def _commit(self, repo_id: str, revision: str, body: bytes) -> None:
        self._writes()
        commits = self._repository(repo_id).branches.get(revision)
        if commits is None:
            raise _error(404, f'Invalid rev id: {revision}', 'RevisionNotFound')
        files, message = dict(commits[-1].files), ''
        for line in body.splitlines():
            entry = json.loads(line)
            value = entry['value']
            if entry['key'] == 'header':
                message = value['summary']
            elif entry['key'] == 'file':
                files[value['path']] = base64.b64decode(value['content'])
            elif entry['key'] == 'lfsFile':
                if value['oid'] not in self.hub.objects:
                    raise _error(400, f'{value["path"]}: its object was never uploaded')
                files[value['path']] = self.hub.objects[value['oid']]
            else:
                raise _error(400, f'unknown entry {entry["key"]}')
        oid = hashlib.sha1(commits[-1].oid.encode() + body).hexdigest()
        commits.append(Commit(oid, files, message))
        raise _Answer(200, {'commitUrl': f'{self.hub.endpoint}/{repo_id}/commit/{oid}', 'commitOid': oid})

    def _info(self, repo_id: str, revision: str | None) -> None:
        repository, commit = self._repository(repo_id), self._head(repo_id, revision or 'main')
        siblings = [{'rfilename': name} for name in commit.files]
        about = {'id': repo_id, 'modelId': repo_id, 'sha': commit.oid, 'private': repository.private}
        raise _Answer(200, about | {'siblings': siblings, 'tags': [], 'downloads': 0, 'likes': 0})

    def _resolve(self, repo_id: str, revision: str, path: str) -> None:
        commit = self._head(repo_id, revision)
        if path not in commit.files:
            answer = _error(404, 'Entry not found', 'EntryNotFound')
            answer.headers['X-Repo-Commit'] = commit.oid
            raise answer
        content = commit.files[path]
        headers = {'X-Repo-Commit': commit.oid, 'ETag': f'"{_oid(path, content)}"', 'Accept-Ranges': 'bytes'}
        if path.endswith(_LFS):
            headers |= {'X-Linked-ETag': headers['ETag'], 'X-Linked-Size': str(len(content))}
        first = re.match(r'bytes=(\d+)-', self.headers.get('Range', ''))
        if first:
            start, size = int(first[1]), len(content)
            headers |= {'Content-Range': f'bytes {start}-{size - 1}/{size}'}
            raise _Answer(206, content[start:], headers)
        headers |= {'Content-Length': str(len(content))}
        raise _Answer(200, content, headers)

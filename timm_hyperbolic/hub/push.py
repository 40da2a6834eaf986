"""Pushing the folder of a run to the Hugging Face Hub in one commit, with the client of huggingface_hub.

Its `upload_folder` may split an upload into several commits. A push that breaks off between them would leave new
weights beside an old configuration; `create_commit` pushes all files or none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi, get_session, get_token
from huggingface_hub.utils import HFValidationError, validate_repo_id

from ..config.run_files import CARD, CONFIG, MODEL, SUMMARY, check_files
from ..version import __version__

__all__ = ['PushError', 'check_repo_id', 'contents', 'push_run']

#: Timeout of a request in seconds; huggingface_hub has no timeout by default.
PATIENCE = 120.0

_FIGURES = ('*.png', '*.svg', 'figures/*.png', 'figures/*.svg')
_ADVICE = {
    401: 'the Hub refused the token (401): log in with `hf auth login`, or set HF_TOKEN to a token that may write',
    403: 'the token may not do that (403): take one that may write to {owner}, and see that its storage is not full',
    404: 'the Hub does not find {repo} or {owner} (404): check the name, and that the token may see it',
    413: 'the upload is larger than the Hub takes, or the storage of {owner} is full (413)',
    429: 'the Hub asks for fewer requests (429): wait {wait}, and push again',
}


class PushError(Exception):
    """A failed push, with the reason and the remedy. No file has been changed on the Hub."""


def check_repo_id(repo_id: str) -> None:
    """Check that a repository name has the form OWNER/NAME.

    Args:
        repo_id: The name of the repository.

    Raises:
        ValueError: it does not. The message has the reason.
    """
    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise ValueError(f'{repo_id} is no OWNER/NAME: {error}') from error
    if repo_id.count('/') != 1:
        raise ValueError(f'{repo_id} is no OWNER/NAME: say whose the repository is')


def contents(folder: Path) -> dict[str, Path]:
    """Return the files of a run to push by their names on the Hub: weights, configuration, card, metrics and figures.

    Args:
        folder: The folder of a run.

    Raises:
        ValueError: the folder has no weights or no configuration.
    """
    check_files(folder, (MODEL, CONFIG))
    found = [folder / name for name in (MODEL, CONFIG, CARD, SUMMARY) if (folder / name).is_file()]
    found += sorted(path for pattern in _FIGURES for path in folder.glob(pattern) if path.is_file())
    return {path.relative_to(folder).as_posix(): path for path in found}


def push_run(
    folder: Path, repo_id: str, private: bool = False, revision: str | None = None, message: str = 'Push a model'
) -> str:
    """Push the model of a run in one commit, and create the repository if it does not exist.

    The token comes from the login of huggingface_hub or from the environment.

    Args:
        folder: Folder of the run.
        repo_id: OWNER/NAME.
        private: Whether to create a private repository. Pushing to an existing public one is then an error.
        revision: Branch, which is created if it does not exist; None for `main`.
        message: Commit message.

    Returns:
        The URL of the commit.

    Raises:
        ValueError: `repo_id` or `folder` is invalid; nothing was sent.
        PushError: the Hub could not be reached, or rejected the push.
    """
    check_repo_id(repo_id)
    files = contents(folder)
    api = HfApi(library_name='timm_hyperbolic', library_version=__version__)
    try:
        with _patience(PATIENCE):
            api.create_repo(repo_id, private=private or None, exist_ok=True)
            if private and not api.model_info(repo_id).private:
                raise PushError(f'{repo_id} is public already: push it without --private, or under another name')
            if revision is not None:
                api.create_branch(repo_id, branch=revision, exist_ok=True)
            operations = [CommitOperationAdd(name, str(path)) for name, path in files.items()]
            commit = api.create_commit(repo_id, operations, commit_message=message, revision=revision)
    except PushError:
        raise
    # huggingface_hub, its HTTP library (which depends on its version) and the JSON parser raise errors without a common
    # base class.
    except Exception as error:
        raise PushError(_reason(error, repo_id, api.endpoint)) from error
    return str(commit.commit_url)


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    session = get_session()
    before = session.timeout
    session.timeout = seconds
    try:
        yield
    finally:
        session.timeout = before


def _reason(error: BaseException, repo_id: str, endpoint: str) -> str:
    """Return the reason of a failure and the remedy in one line, with tokens removed."""
    chain = [error]
    while (inner := chain[-1].__cause__ or chain[-1].__context__) is not None and inner not in chain:
        chain.append(inner)
    response = next((each.response for each in chain if getattr(each, 'response', None) is not None), None)
    if response is None:
        root = chain[-1] if isinstance(error, RuntimeError) else error
        return _without_tokens(f'{endpoint}: {type(root).__name__}: {root}')
    status = response.status_code
    said = response.headers.get('X-Error-Message') or ''
    after = response.headers.get('Retry-After') or ''
    wait = f'{after} s' if after.isdigit() else 'a while'
    advice = _ADVICE.get(status, f'the Hub failed ({status})' if status >= 500 else f'the Hub refused ({status})')
    text = advice.format(repo=repo_id, owner=repo_id.partition('/')[0], wait=wait)
    return _without_tokens(f'{text}. It says: {said}' if said else text)


def _without_tokens(text: str) -> str:
    token = get_token()
    text = text.replace(token, '***') if token else text
    return ' '.join(re.sub(r'\bhf_\w{8,}', '***', text).split())[:500]

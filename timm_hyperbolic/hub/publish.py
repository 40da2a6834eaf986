"""The way of a run to the Hugging Face Hub, by `--push-to-hub`."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import get_token

from ..config.run import PublishConfig
from ..config.run_files import CARD
from ..errors import PublishError, RunError, UserError
from ..train.run_folder import scratch_folder
from . import PushError, model_card, push_run
from .card import differences
from .push import check_repo_id, contents
from .run import Run

__all__ = [
    'Publisher',
    'check_destination',
    'check_folder',
    'check_name',
    'check_publish',
    'publish',
    'write_card',
]

_COMMAND = 'timm-hyperbolic push'


def check_publish(config: PublishConfig) -> None:
    """Refuse, before training, what can be known not to end on the Hub.

    Raises:
        UserError: `--push-to-hub` is not of the form OWNER/NAME, or there is no token.
    """
    if config.push_to_hub is not None:
        check_destination(config.push_to_hub, '--push-to-hub')


def check_destination(repo_id: str, argument: str) -> None:
    """Refuse what is no OWNER/NAME, and any where there is no token.

    Raises:
        UserError: naming the argument and the remedy.
    """
    check_name(repo_id, argument)
    if get_token() is None:
        raise UserError(f'{argument} {repo_id}: there is no token; log in with `hf auth login`, or set HF_TOKEN')


def check_name(repo_id: str, argument: str) -> None:
    """Refuse what is no OWNER/NAME.

    Raises:
        UserError: naming the argument.
    """
    try:
        check_repo_id(repo_id)
    except ValueError as error:
        raise UserError(f'{argument} {error}') from error


def check_folder(folder: Path) -> None:
    """Refuse a folder without a model to push.

    Raises:
        UserError: naming what is missing.
    """
    try:
        contents(folder)
    except ValueError as error:
        raise UserError(str(error)) from error


def write_card(folder: Path, repo_id: str | None = None, against: Sequence[Path] = ()) -> Path:
    """Write the card of the run in a folder into it, whole or not at all, and return its path.

    What its controls differ in besides the model is told on stderr.

    Args:
        folder: of the run.
        repo_id: OWNER/NAME, for the card's example.
        against: folders of its controls.

    Raises:
        UserError: a folder holds no run, or a control was measured on something else.
        TrainingError: the card cannot be written.
    """
    try:
        run, controls = Run.read(folder), [Run.read(other) for other in against]
        text = str(model_card(run, repo_id, controls))
    except ValueError as error:
        raise UserError(str(error)) from error
    for control in controls:
        unequal = differences(run, control)
        if unequal:
            print(f'warning: {control.name} differs in more than the model: {", ".join(unequal)}', file=sys.stderr)
    with scratch_folder(folder) as scratch:
        (scratch / CARD).write_text(text, encoding='utf-8')
    return folder / CARD


def publish(folder: Path, repo_id: str, private: bool = False, revision: str | None = None, message: str = '') -> str:
    """Push the folder of a run as it stands, and return the commit's address.

    Raises:
        UserError: the folder holds no model.
        PublishError: the push failed; the message says how to try again.
    """
    try:
        return push_run(folder, repo_id, private, revision, message or 'Push a model')
    except ValueError as error:
        raise UserError(str(error)) from error
    except PushError as error:
        again = [*_COMMAND.split(), str(folder), repo_id, *(['--private'] if private else [])]
        again += [] if revision is None else ['--hub-revision', revision]
        raise PublishError(
            f'not pushed to {repo_id}: {error}. {folder} is complete; to push it again: {shlex.join(again)}'
        ) from error


class Publisher:
    """Pushes the folder of a run, every `--push-every` epochs and at its end.

    Args:
        folder: of the run.
        config: Whether, where and when to push.
    """

    def __init__(self, folder: Path, config: PublishConfig) -> None:
        self.folder = folder
        self.config = config

    def after_epoch(self, epochs: int) -> None:
        """Push the result of the first `epochs` epochs, where it is time to. A failure is told, and survived."""
        if self.config.push_to_hub and self.config.push_every and epochs % self.config.push_every == 0:
            try:
                self._push(f'After epoch {epochs}')
            except RunError as error:
                print(f'{" ".join(str(error).split())}; training goes on', file=sys.stderr, flush=True)

    def finish(self) -> None:
        """Push the result.

        Raises:
            PublishError: it is not on the Hub; the message says how to try again.
        """
        if self.config.push_to_hub:
            self._push('Result of training')

    def _push(self, message: str) -> None:
        config = self.config
        write_card(self.folder, config.push_to_hub)
        url = publish(self.folder, config.push_to_hub, config.private, config.hub_revision, message)
        print(f'pushed: {url}', flush=True)

"""Publishing a run on the Hugging Face Hub: checks, model card, and pushes during and after training."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import get_token

from ..config.run import PublishConfig
from ..config.run_files import CARD
from ..errors import PublishError, RunError, UserError
from ..files import scratch_folder
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
    """Check before training that a push can work.

    Args:
        config: Options of the push.

    Raises:
        UserError: `--push-to-hub` does not have the form OWNER/NAME, or there is no token.
    """
    if config.push_to_hub is not None:
        check_destination(config.push_to_hub, '--push-to-hub')


def check_destination(repo_id: str, argument: str) -> None:
    """Check that a repository name has the form OWNER/NAME and that a token exists.

    Args:
        repo_id: The name of the repository.
        argument: The flag or argument that gave the name, for messages.

    Raises:
        UserError: one of them is not the case. The message names the argument and the remedy.
    """
    check_name(repo_id, argument)
    if get_token() is None:
        raise UserError(f'{argument} {repo_id}: there is no token; log in with `hf auth login`, or set HF_TOKEN')


def check_name(repo_id: str, argument: str) -> None:
    """Check that a repository name has the form OWNER/NAME.

    Args:
        repo_id: The name of the repository.
        argument: The flag or argument that gave the name, for messages.

    Raises:
        UserError: it does not. The message names the argument.
    """
    try:
        check_repo_id(repo_id)
    except ValueError as error:
        raise UserError(f'{argument} {error}') from error


def check_folder(folder: Path) -> None:
    """Check that a folder contains a model to push.

    Args:
        folder: The folder of a run.

    Raises:
        UserError: a file is missing. The message names it.
    """
    try:
        contents(folder)
    except ValueError as error:
        raise UserError(str(error)) from error


def write_card(folder: Path, repo_id: str | None = None, against: Sequence[Path] = ()) -> Path:
    """Write the model card of a run into its folder, atomically, and return its path.

    A warning is printed if a control differs from the run in more than the model.

    Args:
        folder: Folder of the run.
        repo_id: OWNER/NAME, for the example on the card.
        against: Folders of the controls.

    Raises:
        UserError: a folder does not contain a run, or a control was evaluated on other images.
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
    """Push the folder of a run, and return the URL of the commit.

    Args:
        folder: Folder of the run.
        repo_id: OWNER/NAME.
        private: Whether to create a private repository.
        revision: Branch; None for `main`.
        message: Commit message.

    Raises:
        UserError: the folder does not contain a model.
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
        folder: Folder of the run.
        config: Whether, where and when to push.
    """

    def __init__(self, folder: Path, config: PublishConfig) -> None:
        self.folder = folder
        self.config = config

    def after_epoch(self, epochs: int) -> None:
        """Push after every `--push-every` epochs. If the push fails, a message is printed and training continues.

        Args:
            epochs: Number of epochs that are done.
        """
        if self.config.push_to_hub and self.config.push_every and epochs % self.config.push_every == 0:
            try:
                self._push(f'After epoch {epochs}')
            except RunError as error:
                print(f'{" ".join(str(error).split())}; training goes on', file=sys.stderr, flush=True)

    def finish(self) -> None:
        """Push the result.

        Raises:
            PublishError: the push failed; the message says how to try again.
        """
        if self.config.push_to_hub:
            self._push('Result of training')

    def _push(self, message: str) -> None:
        config = self.config
        write_card(self.folder, config.push_to_hub)
        url = publish(self.folder, config.push_to_hub, config.private, config.hub_revision, message)
        print(f'pushed: {url}', flush=True)

"""The command that pushes the folder of a run to the Hugging Face Hub."""

from ..config.hub import PushConfig
from ..config.run_files import CARD
from ..hub.publish import check_destination, check_folder, publish, write_card

__all__ = ['push']


def push(config: PushConfig) -> None:
    """Push the model of a run, and write its card first where there is none.

    Args:
        config: The options of the command.

    Raises:
        UserError: The folder or the name of the repository cannot be pushed; nothing was sent.
        PublishError: The push failed.
    """
    folder, repo_id = config.run.folder, config.repository.repo_id
    check_folder(folder)
    check_destination(repo_id, 'OWNER/NAME')
    if not (folder / CARD).is_file():
        write_card(folder, repo_id)
    print(f'pushed: {publish(folder, repo_id, config.hub.private, config.hub.hub_revision)}')

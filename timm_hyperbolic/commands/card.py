"""The command that writes the model card of a run, from the numbers in its folder."""

from ..config.hub import CardConfig
from ..hub.publish import check_name, write_card

__all__ = ['card']


def card(config: CardConfig) -> None:
    """Write the card into the folder of the run.

    Args:
        config: The options of the command.

    Raises:
        UserError: The folder holds no run, or a run to compare with was measured on something else.
        TrainingError: The card cannot be written.
    """
    repo_id = config.card.repo_id
    if repo_id is not None:
        check_name(repo_id, '--repo-id')
    print(f'written: {write_card(config.run.folder, repo_id, config.card.against)}')

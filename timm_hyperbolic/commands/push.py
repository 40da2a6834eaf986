"""The command that pushes the folder of a run to the Hugging Face Hub."""

import argparse
import sys
from pathlib import Path

from ..errors import exit_status
from ..hub.publish import check_destination, check_folder, publish, write_card
from ..train.run_files import CARD
from .options import read_command_line
from .parser import create_subparser

__all__ = ['main']


def main(argv: list[str] | None = None, prog: str | None = None) -> int:
    """Run the command and return its exit status: 0; 2 for input that cannot be pushed; 3 where the push failed."""
    prog = prog or Path(sys.argv[0]).name
    return exit_status(lambda: _push(argv, prog), prog)


def _push(argv: list[str] | None, prog: str) -> None:
    parser = create_subparser(
        prog,
        f'Push the model of a run to the Hugging Face Hub in one commit: weights, configuration, {CARD}, the table of '
        f'epochs and figures. A {CARD} that is there goes as it stands; otherwise it is written first.',
        {'Hugging Face Hub': ('private', 'hub_revision')},
    )
    parser.add_argument('folder', metavar='DIR', type=Path, help='folder that a run leaves')
    parser.add_argument('repo_id', metavar='OWNER/NAME', help='the repository, made where there is none')
    args = argparse.Namespace(**{'private': False, 'hub_revision': None, **read_command_line(parser, argv)})
    check_folder(args.folder)
    check_destination(args.repo_id, 'OWNER/NAME')
    if not (args.folder / CARD).is_file():
        write_card(args.folder, args.repo_id)
    print(f'pushed: {publish(args.folder, args.repo_id, args.private, args.hub_revision)}')

"""The command that writes the model card of a run, from the numbers in its folder."""

import argparse
import sys
from pathlib import Path

from ..errors import exit_status
from ..hub.publish import check_name, write_card
from ..train.run_files import CARD
from .options import read_command_line
from .parser import create_subparser

__all__ = ['main']


def main(argv: list[str] | None = None, prog: str | None = None) -> int:
    """Run the command and return its exit status: 0; 2 for a folder that holds no run; 1 where it cannot be written."""
    prog = prog or Path(sys.argv[0]).name
    return exit_status(lambda: _command(argv, prog), prog)


def _command(argv: list[str] | None, prog: str) -> None:
    parser = create_subparser(prog, f'Write {CARD}, the model card of a run, from the numbers in its folder.', {})
    parser.add_argument('folder', metavar='DIR', type=Path, help='folder that a run leaves')
    parser.add_argument('--repo-id', metavar='OWNER/NAME', help='where the model is, or will be, on the Hub')
    parser.add_argument(
        '--against',
        metavar='DIR',
        type=Path,
        nargs='+',
        default=[],
        help='folders of runs to compare with: the Euclidean model, the flat control',
    )
    given = {'repo_id': None, 'against': [], **read_command_line(parser, argv)}
    args = argparse.Namespace(**given)
    if args.repo_id is not None:
        check_name(args.repo_id, '--repo-id')
    print(f'written: {write_card(args.folder, args.repo_id, args.against)}')

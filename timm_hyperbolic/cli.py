"""The `timm-hyperbolic` command. Options are read before torch is imported, so that `--help` is fast."""

import argparse
import importlib
import sys
from collections.abc import Callable
from pathlib import Path

from .errors import exit_status, nearest
from .version import __version__

__all__ = ['main', 'run']


def _reading(room: str, name: str, with_words: bool = False) -> Callable[[list[str], str], None]:
    """Return what runs a command: it reads the options by `config/ROOM.py`, and then imports `commands/NAME.py`.

    Args:
        room: Of `config/`.
        name: The name of the command.
        with_words: Whether the command takes the words of the command line too, which it writes down.
    """

    def command(argv: list[str], prog: str) -> None:
        options = importlib.import_module(f'.config.{room}', __package__)
        config = getattr(options, f'read_{name}_options')(argv, prog)
        words = [[*prog.split(), *argv]] if with_words else []
        getattr(importlib.import_module(f'.commands.{name}', __package__), name)(config, *words)

    return command


def _train(argv: list[str], prog: str) -> None:
    from .config.train import read_train_options

    config = read_train_options(argv, prog)
    from .commands.train import train
    from .train.processes import Processes

    try:
        train(config, [*prog.split(), *argv])
    finally:
        Processes.end()


def _list(argv: list[str], prog: str) -> None:
    from .config.command_line import Parser, read_command_line

    parser = Parser(prog=prog, description='List the models of timm_hyperbolic and what is hyperbolic in them.')
    parser.add_argument(
        'pattern', nargs='?', metavar='PATTERN', help='shell pattern of the names, such as "*_hyp_res*"'
    )
    pattern = read_command_line(parser, argv).get('pattern')
    from .commands.list import list_models

    list_models(pattern)


_COMMANDS: dict[str, tuple[Callable[[list[str], str], None], str]] = {
    'train': (_train, 'train a model on images, the same as train_hyp.py'),
    'list': (_list, 'list the models and what is hyperbolic in them'),
    'validate': (_reading('trained', 'validate'), 'measure a trained model on a split of a data set'),
    'embed': (_reading('embed', 'embed'), 'embed a tree of names in hyperbolic space'),
    'geometry': (_reading('embed', 'geometry'), 'measure precision and speed of the models of hyperbolic space'),
    'evaluate': (_reading('evaluate', 'evaluate'), "read a model's mistakes against a tree of its classes"),
    'extract': (_reading('features', 'extract'), 'write the features of a split into a file'),
    'fewshot': (_reading('features', 'fewshot'), 'classify new classes by a few labelled images of each'),
    'zeroshot': (_reading('image_text', 'zeroshot'), 'classify images by the texts of their classes'),
    'traverse': (_reading('image_text', 'traverse'), 'go from images to the root, past the texts that entail them'),
    'delta': (_reading('features', 'delta'), 'measure how far features are from a tree'),
    'report': (_reading('trained', 'report', with_words=True), 'write a page of pictures of what a model has learned'),
    'study': (_reading('study', 'study', with_words=True), 'train and measure a grid of arms and seeds'),
    'card': (_reading('hub', 'card'), 'write the model card of a run'),
    'push': (_reading('hub', 'push'), 'push a trained model to the Hugging Face Hub'),
}


def main(argv: list[str] | None = None) -> int:
    """Run the command that `argv`, by default the command line, names and return its exit status.

    Args:
        argv: Words of the command line without the name of the program; None for those of this process.
    """
    parser = argparse.ArgumentParser(
        prog='timm-hyperbolic',
        description='Hyperbolic Vision Transformers as ordinary timm models.',
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='commands:\n' + '\n'.join(f'  {name:<10} {text}' for name, (_, text) in _COMMANDS.items()),
    )
    parser.add_argument('--version', action='version', version=f'timm_hyperbolic {__version__}')
    parser.add_argument('command', nargs='?', metavar='COMMAND', help='what to do; COMMAND --help says how')
    parser.add_argument('args', nargs=argparse.REMAINDER, metavar='...', help='arguments of the command')
    args = parser.parse_args(argv)
    if args.command is None:
        parser.print_help()
        return 0
    if args.command not in _COMMANDS:
        near = nearest(args.command, _COMMANDS)
        known = f'The commands are {", ".join(_COMMANDS)}.'
        print(f'timm-hyperbolic: error: unknown command {args.command}.{near or f" {known}"}', file=sys.stderr)
        return 2
    return run(args.command, args.args, f'timm-hyperbolic {args.command}')


def run(command: str, argv: list[str] | None = None, prog: str | None = None) -> int:
    """Run one command and return its exit status.

    Args:
        command: Name of the command, such as `train`.
        argv: Its command line without the program's name, by default `sys.argv[1:]`.
        prog: Name of the program in help and messages, by default that of the running script.

    Returns:
        0; 2 for input that cannot be used; 1 for a failure; 3 for a result that did not reach the Hub; 4 for a run
        that diverged; 5 for a run of a study that another process is training; 130 for a run that was interrupted, 143
        for one that SIGTERM ended.
    """
    prog = prog or Path(sys.argv[0]).name
    words = sys.argv[1:] if argv is None else list(argv)
    return exit_status(lambda: _COMMANDS[command][0](words, prog), prog)


if __name__ == '__main__':
    sys.exit(main())

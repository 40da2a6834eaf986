"""The `timm-hyperbolic` command."""

import argparse
import importlib
import sys

from .version import __version__

__all__ = ['main']

# Each command is a `main(argv, prog) -> exit status`, imported only when it is called.
_COMMANDS = {
    'train': ('timm_hyperbolic.commands.train', 'train a model on images, the same as train_hyp.py'),
    'push': ('timm_hyperbolic.commands.push', 'push a trained model to the Hugging Face Hub'),
    'card': ('timm_hyperbolic.commands.card', 'write the model card of a run'),
    'validate': ('timm_hyperbolic.commands.validate', 'measure a trained model on a split of a data set'),
    'report': ('timm_hyperbolic.commands.report', 'write a page of pictures of what a model has learned'),
}


def main(argv: list[str] | None = None) -> int:
    """Run the command that `argv`, by default the command line, names and return its exit status."""
    parser = argparse.ArgumentParser(
        prog='timm-hyperbolic',
        description='Hyperbolic Vision Transformers as ordinary timm models.',
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='commands:\n' + '\n'.join(f'  {name:<10} {text}' for name, (_, text) in _COMMANDS.items()),
    )
    parser.add_argument('--version', action='version', version=f'timm_hyperbolic {__version__}')
    parser.add_argument('command', choices=_COMMANDS, metavar='COMMAND', help='what to do; COMMAND --help says how')
    parser.add_argument('args', nargs=argparse.REMAINDER, metavar='...', help='arguments of the command')
    args = parser.parse_args(argv)
    module, _ = _COMMANDS[args.command]
    return importlib.import_module(module).main(args.args, prog=f'timm-hyperbolic {args.command}')


if __name__ == '__main__':
    sys.exit(main())

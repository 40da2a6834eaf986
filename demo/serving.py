"""The command line of the demo: opens the models that it names and serves their page."""

import argparse
import importlib.util
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from examples import example_files, examples_of_run
from PIL import Image
from prediction import Classifier

from timm_hyperbolic.errors import UserError, exit_status

__all__ = ['main', 'open_classifiers', 'parse_options', 'serve', 'warm_up']

_PROG = 'app.py'


def main(argv: list[str] | None = None) -> int:
    """Serve the page until it is interrupted and return the exit status.

    Args:
        argv: the command line without the program's name, by default `sys.argv[1:]`.

    Returns:
        2 for input that no page can be made of; 0 or 130 for an interrupt.
    """
    return exit_status(lambda: serve(parse_options(argv)), _PROG)


def parse_options(argv: list[str] | None = None) -> argparse.Namespace:
    """Return `model`, `against`, `examples` and `port`. A Space of the Hub passes no arguments, but variables.

    Raises:
        UserError: no model is named.
    """
    parser = argparse.ArgumentParser(prog=_PROG, description='Show in a browser what a trained model says of an image.')
    parser.add_argument(
        'model',
        nargs='?',
        default=os.environ.get('MODEL'),
        metavar='MODEL',
        help='folder that a run leaves, or hf_hub:OWNER/NAME (default: the environment variable MODEL)',
    )
    parser.add_argument(
        '--against',
        default=os.environ.get('AGAINST'),
        metavar='MODEL',
        help='a second model beside it (default: the environment variable AGAINST, if it is set)',
    )
    parser.add_argument(
        '--examples',
        default=os.environ.get('EXAMPLES'),
        metavar='DIR',
        help='folder of images to choose from (default: the environment variable EXAMPLES; else the data of the run)',
    )
    parser.add_argument(
        '--port', type=int, metavar='N', help='port to listen on (default: the first free one from 7860 on)'
    )
    args = parser.parse_args(argv)
    if not args.model:
        raise UserError('give MODEL, the folder that a run leaves or hf_hub:OWNER/NAME, or set the variable MODEL')
    return args


def serve(args: argparse.Namespace) -> None:
    """Open the models that `args`, from `parse_options`, name and serve their page.

    Raises:
        UserError: an argument names something that does not exist or does not fit.
    """
    for package in ('gradio', 'matplotlib'):
        if importlib.util.find_spec(package) is None:
            raise UserError(f'the demo needs {package}: pip install timm_hyperbolic[app]')
    classifiers = open_classifiers(args)
    warm_up(classifiers)

    from blocks import create_page  # needs gradio

    with tempfile.TemporaryDirectory() as folder:
        try:
            create_page(classifiers, find_examples(args, Path(folder))).launch(server_port=args.port, show_error=True)
        except OSError as error:  # the port
            raise UserError(f'--port {args.port}: {error}') from error


def find_examples(args: argparse.Namespace, folder: Path) -> list[Path]:
    """Return the files of the example images: those of `--examples`, else of the data of the run.

    If the data set of the run cannot be opened, a message says why, and there are no examples.

    Args:
        args: from `parse_options`.
        folder: an empty folder for images of a data set.

    Raises:
        UserError: `--examples` names no folder of images.
    """
    if args.examples:
        return example_files(Path(args.examples))
    try:
        return examples_of_run(args.model, folder)
    except UserError as error:
        sys.stderr.write(f'no examples: {error}\n')
        return []


def open_classifiers(args: argparse.Namespace) -> list[Classifier]:
    """Open the model and, with `--against`, the second one.

    Raises:
        UserError: a model does not exist, or the two have different classes.
    """
    classifiers = [Classifier.load(args.model, 'MODEL')]
    if args.against:
        classifiers.append(Classifier.load(args.against, '--against'))
        mine, theirs = (each.model.num_classes for each in classifiers)
        if mine != theirs:
            raise UserError(
                f'--against {args.against}: it has {theirs} classes and {args.model} has {mine}; give equals'
            )
        names, others = (set(each.labels.classes or ()) for each in classifiers)
        if names and others and names != others:
            raise UserError(
                f'--against {args.against}: it has other classes than {args.model}, among them '
                f'{min(names ^ others)}; give equals'
            )
    return classifiers


def warm_up(classifiers: Sequence[Classifier]) -> None:
    """Make one prediction: the first one loads kernels and fonts, and takes many times as long as the next one.

    Raises:
        UserError: a prediction is not finite.
    """
    from answer import to_html  # needs matplotlib

    for classifier in classifiers:
        to_html(classifier.predict(Image.new(classifier.mode, classifier.size[::-1])))

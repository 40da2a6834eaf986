"""What the tests of README.md, CONTRIBUTING.md and `docs/` share: fenced blocks, and how what they say is run.

A shell block is split into commands, each of which must be of a kind known here and is run in its cheapest form: a
training command is the real program with the same flags and a few appended ones that make it small; an install or a
test command is compared with setup.cfg and pyproject.toml; of a benchmark the arguments are parsed. A command of an
unknown kind fails.
"""

import argparse
import configparser
import dataclasses
import importlib
import os
import re
import runpy
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from local_hub import LocalHub, connect
from PIL import Image
from timm.data import dataset_factory
from torchvision.datasets import FakeData

ROOT = Path(__file__).resolve().parent.parent
# The Hub's CIFAR-100, `hfds/uoft-cs/cifar100`, as a folder: beside the clone, unless the variable says where.
CIFAR100 = Path(os.environ.get('CIFAR100_DIR', ROOT.parent / 'shared' / 'data' / 'cifar100'))

SETUP = configparser.ConfigParser()
SETUP.read(ROOT / 'setup.cfg', encoding='utf-8')


class Block(NamedTuple):
    """A fenced block of a Markdown file."""

    file: str
    line: int
    language: str
    text: str


def blocks_of(file: str) -> list[Block]:
    found, opened = [], None
    for number, line in enumerate((ROOT / file).read_text(encoding='utf-8').splitlines(), 1):
        if line.lstrip().startswith('```'):
            if opened is None:
                opened, language, lines = number, line.strip().removeprefix('```'), []
            else:
                found.append(Block(file, opened, language, '\n'.join(lines) + '\n'))
                opened = None
        elif opened is not None:
            lines.append(line)
    assert opened is None, f'{file}:{opened}: the block does not end'
    return found


def broken_links(file: str) -> list[str]:
    """What a Markdown file links to, from where it stands, and is not there."""
    targets = re.findall(r'\]\((?!https?://|#)([^)#]+)', (ROOT / file).read_text(encoding='utf-8'))
    return [target for target in targets if not (ROOT / file).parent.joinpath(target).exists()]


def commands_of(block: Block) -> list[str]:
    """The single commands of a shell block, without comments."""
    lines = block.text.replace('\\\n', ' ').splitlines()
    parts = [part.strip() for line in lines for part in line.split('#')[0].split('&&')]
    return [part for part in parts if part]


def check_pip(words: list[str]) -> None:
    """`pip install -e '.[extra,...]'`: the package itself, with extras that it has."""
    assert words[:3] == ['pip', 'install', '-e']
    (target,) = words[3:]
    extras = re.fullmatch(r'\.\[([a-z0-9,]+)\]', target)
    assert extras is not None, f'not an install of this package: {target}'
    assert set(extras[1].split(',')) <= set(SETUP['options.extras_require'])


def check_pytest(words: list[str], request: pytest.FixtureRequest) -> None:
    """`python -m pytest [-n N] [-m MARK] [PATH ...]`: options that pytest knows, our markers, files that exist."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument('-n', choices=['auto'])
    parser.add_argument('-m', default='')
    parser.add_argument('paths', nargs='*')
    args = parser.parse_args(words[3:])
    markers = {line.split(':')[0] for line in request.config.getini('markers')}
    assert set(re.findall(r'\w+', args.m)) - {'not', 'and', 'or'} <= markers
    assert [path for path in args.paths if not (ROOT / path).exists()] == []


def check_tool(words: list[str], extra: str) -> None:
    """A tool of the contributors', which an extra installs."""
    assert words in (
        ['pre-commit', 'install'],
        ['ruff', 'check', '.'],
        ['ruff', 'format', '--check', '.'],
        ['mkdocs', 'serve'],
        ['mkdocs', 'build', '--strict'],
    )
    assert any(line.startswith(words[0]) for line in SETUP['options.extras_require'][extra].split())


def check_environment(words: list[str]) -> None:
    """A virtual environment, made and entered."""
    assert words in (['python', '-m', 'venv', '.venv'], ['.', '.venv/bin/activate'])


def run_program(program: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python program as `python PROGRAM ARGUMENTS` runs it, without the seconds of a new interpreter."""
    with monkeypatch.context() as patch:
        patch.setattr(sys, 'argv', [str(program), *arguments])
        patch.syspath_prepend(program.parent)
        try:
            runpy.run_path(str(program), run_name='__main__')
        except SystemExit as stop:
            assert stop.code in (None, 0)  # noqa: PT017


def run_console_script(arguments: list[str]) -> None:
    """The installed `timm-hyperbolic`."""
    from timm_hyperbolic.cli import main

    assert not main(arguments)


class Parsed(BaseException):
    """The arguments of a program are right; it is not run further."""


def parse_only(run: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a program until its arguments are parsed."""
    original = argparse.ArgumentParser.parse_known_args

    def parse(self, args=None, namespace=None):
        namespace, unknown = original(self, args, namespace)
        if any(action.nargs == argparse.REMAINDER for action in self._actions):
            return namespace, unknown  # what it took is the name of a command, whose own parser comes next
        assert unknown == []
        raise Parsed

    with monkeypatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, 'parse_known_args', parse)
        with pytest.raises(Parsed):
            run()


def make_image_folder(root: Path) -> None:
    for split in ('train', 'validation'):
        for label in range(100):
            folder = root / split / f'class{label:02d}'
            folder.mkdir(parents=True)
            Image.new('RGB', (32, 32), (2 * label, 255 - 2 * label, 128)).save(folder / 'image.png')


class DownloadedCIFAR100(FakeData):
    """Stands for torchvision's CIFAR100, which the tests, offline, cannot download."""

    def __init__(self, root: str, train: bool, download: bool) -> None:
        assert root == 'data'
        assert download
        super().__init__(size=128, image_size=(3, 32, 32), num_classes=100)


def make_training_cheap(arguments: list[str]) -> list[str]:
    """The same flags, with the data that this machine has and a model and a run that take a second."""
    cheap = list(arguments)
    if '-c' in cheap:  # a recipe, whose data set and share to carve out are the study's
        recipe = cheap.index('-c') + 1
        cheap[recipe] = str(ROOT / cheap[recipe])
        cheap += ['--dataset', 'hfds/uoft-cs/cifar100', '--val-split', '0.1']
    if 'hfds/uoft-cs/cifar100' in cheap:
        if not CIFAR100.is_dir():
            pytest.skip('needs CIFAR-100: set CIFAR100_DIR to a folder that holds the data set of the Hub')
        cheap[cheap.index('hfds/uoft-cs/cifar100')] = f'hfds/{CIFAR100}'
        carved = ['--train-split', 'train[:2000]', '--test-split', 'test[:256]']
        cheap += carved if '--val-split' in cheap else ['--val-split', 'test[:256]']
    if 'path/to/images' in cheap:
        make_image_folder(Path('path/to/images'))
    if '--model-kwargs' in cheap:
        after = cheap.index('--model-kwargs') + 1
        while after < len(cheap) and not cheap[after].startswith('-'):
            after += 1
    else:
        cheap.append('--model-kwargs')
        after = len(cheap)
    cheap[after:after] = ['embed_dim=24', 'depth=1']
    return [*cheap, '--epochs', '1', '--max-steps', '2', '--batch-size', '16', '--workers', '0']


def make_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of a run, by that run, where no earlier command has made it."""
    if not folder.exists():
        run_program(ROOT / 'train_hyp.py', [*make_training_cheap([]), '--experiment', folder.name], monkeypatch)


def run_training(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = 2 if words[:2] in (['python', 'train_hyp.py'], ['timm-hyperbolic', 'train']) else None
    arguments = words[start:]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(dataset_factory._TORCH_BASIC_DS, 'cifar100', DownloadedCIFAR100)
    cheap = make_training_cheap(arguments)
    with LocalHub() as hub:
        connect(monkeypatch, hub, tmp_path / 'cache')
        if words[0] == 'python':
            run_program(ROOT / 'train_hyp.py', cheap, monkeypatch)
        else:
            run_console_script(['train', *cheap])
        assert list(hub.repositories) == ([words[words.index('--push-to-hub') + 1]] if '--push-to-hub' in words else [])
    assert list((tmp_path / 'output').rglob('model.safetensors')) != []


def run_validation(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A measurement, after the run whose folder it names."""
    monkeypatch.chdir(tmp_path)
    for word in words:
        if word.startswith(('local-dir:', 'output/')):
            make_run(Path(word.removeprefix('local-dir:')), monkeypatch)
    run_console_script(words[1:])


def run_on_the_way_to_the_hub(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command for the folder of a run, after that run."""
    monkeypatch.chdir(tmp_path)
    make_run(Path(words[2]), monkeypatch)
    with LocalHub() as hub:
        connect(monkeypatch, hub, tmp_path / 'cache')
        run_console_script(words[1:])
        assert list(hub.repositories) == (words[3:4] if words[1] == 'push' else [])
    assert (tmp_path / words[2] / 'README.md').is_file()


def run_report(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of pictures, after the run whose folder it names."""
    monkeypatch.chdir(tmp_path)
    make_run(Path(words[2]), monkeypatch)
    run_console_script([*words[1:], '--samples', '20', '--draws', '1', '--images', '1'])
    assert (tmp_path / words[2] / 'report' / 'report.html').is_file()


def run_embedding(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree embedded, by the closed form as it stands, by a training for a few epochs."""
    monkeypatch.chdir(tmp_path)
    if 'wordnet' in words:
        parse_only(lambda: run_console_script(words[1:]), monkeypatch)
        return
    cheap = [] if 'closed' in words else ['--epochs', '3']
    folder = tmp_path / f'embedding-{len(list(tmp_path.iterdir()))}'
    run_console_script([*words[1:], *cheap, '--output', str(folder)])
    assert (folder / 'embedding.safetensors').is_file()


def run_on_features(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command about a file of features, of which a small one stands there."""
    from timm_hyperbolic.evaluate import Features, write_features

    monkeypatch.chdir(tmp_path)
    labels = torch.arange(30).repeat(24)
    features = Features(torch.randn(len(labels), 12), labels, [f'class {i}' for i in range(30)])
    write_features(words[words.index('--features') + 1], features)
    cheap = {'fewshot': ['--episodes', '10'], 'delta': ['--samples', '20', '--draws', '1']}[words[1]]
    run_console_script([*words[1:], *cheap, *(['--steps', '2'] if '--dim' in words else [])])


def run_demo(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo's page, after the runs whose folders it names, up to the moment in which it would wait for visitors."""
    monkeypatch.chdir(tmp_path)
    for word in words:
        if word.startswith('output/'):
            make_run(Path(word), monkeypatch)
    served = []
    monkeypatch.setattr('gradio.Blocks.launch', lambda page, **_: served.append(page))
    run_program(ROOT / words[1], words[2:], monkeypatch)
    assert len(served) == 1


def run_figure(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures, which must be those that are committed."""
    run_program(ROOT / words[1], ['--output', str(tmp_path)], monkeypatch)
    pictures = list(tmp_path.glob('*.svg'))
    assert pictures != []
    for picture in pictures:
        assert picture.read_bytes() == (ROOT / 'docs' / picture.name).read_bytes(), f'{picture.name} is another'


def check_study(words: list[str]) -> None:
    """A study: its flags, its file, and the runs that it asks for."""
    from timm_hyperbolic.config.study import read_study, read_study_options

    config = read_study_options(words[2:])
    study = read_study(dataclasses.replace(config.file, study=ROOT / config.file.study))
    assert study.runs(config.file.arms, config.file.seeds) != []


def parse_benchmark(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that measures: its arguments."""
    parse_only(lambda: run_program(ROOT / words[1], words[2:], monkeypatch), monkeypatch)


def run_command(
    command: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    draw: bool = True,
) -> None:
    """Run a command in its cheapest form, of a report the arguments alone where it is not to be drawn."""
    words = shlex.split(command)
    if words[0] == 'python' and words[1].startswith('benchmarks/'):
        parse_benchmark(words, monkeypatch)
        return
    if words[:2] == ['timm-hyperbolic', 'report'] and not draw:
        parse_only(lambda: run_console_script(words[1:]), monkeypatch)
        return
    # `test_train_contrastive` runs these
    if 'contrastive' in words or (words[0] == 'timm-hyperbolic' and words[1] in ('zeroshot', 'traverse')):
        parse_only(lambda: run_console_script(words[1:]), monkeypatch)
        return
    if words[:2] == ['timm-hyperbolic', 'evaluate']:  # `test_commands_evaluate` runs it
        parse_only(lambda: run_console_script(words[1:]), monkeypatch)
        return
    if words[:2] == ['timm-hyperbolic', 'study']:
        check_study(words)
        return
    if words[:2] == ['python', 'train_hyp.py'] and 'segmentation' in words:  # `test_train_segmentation` runs it
        parse_only(lambda: run_program(ROOT / words[1], words[2:], monkeypatch), monkeypatch)
        return
    kinds: dict[str, Callable[[], None]] = {
        'pip': lambda: check_pip(words),
        'python -m venv': lambda: check_environment(words),
        '. .venv/bin/activate': lambda: check_environment(words),
        'python -m pytest': lambda: check_pytest(words, request),
        'pre-commit': lambda: check_tool(words, 'dev'),
        'ruff': lambda: check_tool(words, 'dev'),
        'mkdocs': lambda: check_tool(words, 'docs'),
        'python train_hyp.py': lambda: run_training(words, tmp_path, monkeypatch),
        'timm-hyperbolic train': lambda: run_training(words, tmp_path, monkeypatch),
        'timm-hyperbolic validate': lambda: run_validation(words, tmp_path, monkeypatch),
        'timm-hyperbolic push': lambda: run_on_the_way_to_the_hub(words, tmp_path, monkeypatch),
        'timm-hyperbolic card': lambda: run_on_the_way_to_the_hub(words, tmp_path, monkeypatch),
        'timm-hyperbolic list': lambda: run_console_script(words[1:]),
        'timm-hyperbolic embed': lambda: run_embedding(words, tmp_path, monkeypatch),
        'timm-hyperbolic geometry': lambda: parse_only(lambda: run_console_script(words[1:]), monkeypatch),
        # The backbone's pass over the images is `test_evaluate_features`'s.
        'timm-hyperbolic extract': lambda: parse_only(lambda: run_console_script(words[1:]), monkeypatch),
        'timm-hyperbolic fewshot': lambda: run_on_features(words, tmp_path, monkeypatch),
        'timm-hyperbolic delta': lambda: run_on_features(words, tmp_path, monkeypatch),
        'timm-hyperbolic report': lambda: run_report(words, tmp_path, monkeypatch),
        'python demo/app.py': lambda: run_demo(words, tmp_path, monkeypatch),
        # Twenty seconds of printing, which `test_kernels` does too.
        'python -m timm_hyperbolic.geometry.kernels': lambda: importlib.import_module(f'{words[2]}.shipped'),
        'python docs/make_idea_figure.py': lambda: run_figure(words, tmp_path, monkeypatch),
        'python docs/make_geometry_figures.py': lambda: run_figure(words, tmp_path, monkeypatch),
    }
    for kind, run in kinds.items():
        if words[: len(kind.split())] == kind.split():
            run()
            return
    pytest.fail(f'no test knows how to run this command: {command}')


def reference_checkpoint(dim: int = 192, depth: int = 12, classes: int = 100) -> dict[str, torch.Tensor]:
    """A checkpoint as the reference code writes it for the centred residual: its keys, its shapes, random numbers."""
    shapes: dict[str, tuple[int, ...]] = {
        'patch.proj.weight': (dim, 3, 4, 4),
        'patch.proj.bias': (dim,),
        'cls': (1, 1, dim),
        'pos.pos': (1, 65, dim),
        'norm.ln.weight': (dim,),
        'norm.ln.bias': (dim,),
        'head.weight': (classes, dim),
        'head.bias': (classes,),
    }
    linear = {f'attn.{name}': (dim, dim) for name in ('q_proj', 'k_proj', 'v_proj', 'out')}
    linear |= {'mlp.fc1': (4 * dim, dim), 'mlp.fc2': (dim, 4 * dim)}
    for i in range(depth):
        for name, shape in linear.items():
            shapes |= {f'blocks.{i}.{name}.weight': shape, f'blocks.{i}.{name}.bias': shape[:1]}
        for k in (1, 2):
            shapes |= {f'blocks.{i}.norm{k}.ln.{name}': (dim,) for name in ('weight', 'bias')}
            scalars = ('curv_hra', 'gamma_raw', 'gamma_scale', 'scale_center')
            shapes |= {f'blocks.{i}.res{k}.{name}': () for name in scalars}
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def prepare_files(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that a Python block reads, made the way a reader would have got them."""
    if "'reference.pt'" in text:
        torch.save({'model': reference_checkpoint()}, tmp_path / 'reference.pt')
    pushed = re.search(r"'hf_hub:(.+?)'", text)
    if pushed is not None:
        run_program(ROOT / 'train_hyp.py', [*make_training_cheap([]), '--push-to-hub', pushed[1]], monkeypatch)
    folder = re.search(r"'local-dir:(.+?)'", text)
    if folder is not None:
        make_run(Path(folder[1]), monkeypatch)

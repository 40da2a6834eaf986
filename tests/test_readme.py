"""Runs what README.md and CONTRIBUTING.md tell a reader to run, and checks what they state.

Every fenced block is accounted for. A Python block is executed as it stands. A shell block is split into commands, each
of which must be of a kind known here and is run in its cheapest form: a training command is the real program with the
same flags and a few appended ones that make it small; an install or a test command is compared with setup.cfg and
pyproject.toml, and `.ci/run` runs the README's own literally. A command of an unknown kind fails.
"""

import argparse
import ast
import configparser
import dataclasses
import os
import re
import runpy
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import timm
import torch
from local_hub import LocalHub, connect
from PIL import Image
from timm.data import dataset_factory
from torchvision.datasets import FakeData

from timm_hyperbolic.models.options import HyperbolicOptions

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


def commands_of(block: Block) -> list[str]:
    """The single commands of a shell block, without comments."""
    lines = block.text.replace('\\\n', ' ').splitlines()
    parts = [part.strip() for line in lines for part in line.split('#')[0].split('&&')]
    return [part for part in parts if part]


def table_after(heading: str) -> list[list[str]]:
    """The cells of the tables under a heading of the README, without the head rows."""
    (section,) = re.findall(rf'^{heading}\n(.*?)(?=^## |\Z)', README, re.MULTILINE | re.DOTALL)
    rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in section.splitlines() if line[:1] == '|']
    return [row for i, row in enumerate(rows) if not re.fullmatch(r'[-: ]+', row[0]) and not _is_head(rows, i)]


def _is_head(rows: list[list[str]], i: int) -> bool:
    return i + 1 < len(rows) and re.fullmatch(r'[-: ]+', rows[i + 1][0]) is not None


README = (ROOT / 'README.md').read_text(encoding='utf-8')
BLOCKS = [block for file in ('README.md', 'CONTRIBUTING.md') for block in blocks_of(file)]
PYTHON = [block for block in BLOCKS if block.language == 'python']
COMMANDS = [(block, command) for block in BLOCKS if block.language == 'sh' for command in commands_of(block)]


def test_every_block_is_of_a_language_that_is_run() -> None:
    assert [block for block in BLOCKS if block.language not in ('python', 'sh')] == []
    assert len(PYTHON) >= 4
    assert len(COMMANDS) >= 12


# --- shell commands -------------------------------------------------------------------------------------------------


def check_pip(words: list[str]) -> None:
    """`pip install -e '.[extra,...]'`: the package itself, with extras that it has."""
    assert words[:3] == ['pip', 'install', '-e']
    (target,) = words[3:]
    extras = re.fullmatch(r'\.\[([a-z,]+)\]', target)
    assert extras is not None, f'not an install of this package: {target}'
    assert set(extras[1].split(',')) <= set(SETUP['options.extras_require'])


def check_pytest(words: list[str], request: pytest.FixtureRequest) -> None:
    """`python -m pytest [-m MARK] [PATH ...]`: options that pytest knows, markers that we declare, files that exist."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument('-m', default='')
    parser.add_argument('paths', nargs='*')
    args = parser.parse_args(words[3:])
    markers = {line.split(':')[0] for line in request.config.getini('markers')}
    assert set(re.findall(r'\w+', args.m)) - {'not', 'and', 'or'} <= markers
    assert [path for path in args.paths if not (ROOT / path).exists()] == []


def check_tool(words: list[str]) -> None:
    """A tool of the contributors', which the extra `dev` installs."""
    assert words in (['pre-commit', 'install'], ['ruff', 'check', '.'], ['ruff', 'format', '--check', '.'])
    assert any(line.startswith(words[0]) for line in SETUP['options.extras_require']['dev'].split())


def check_environment(words: list[str]) -> None:
    """A virtual environment, made and entered."""
    assert words in (['python', '-m', 'venv', '.venv'], ['.', '.venv/bin/activate'])


def run_program(program: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python program as `python PROGRAM ARGUMENTS` runs it, without the seconds of a new interpreter."""
    monkeypatch.setattr(sys, 'argv', [str(program), *arguments])
    try:
        runpy.run_path(str(program), run_name='__main__')
    except SystemExit as stop:
        assert stop.code in (None, 0)  # noqa: PT017


def run_console_script(arguments: list[str]) -> None:
    """The installed `timm-hyperbolic`."""
    from timm_hyperbolic.cli import main

    assert not main(arguments)


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
    small = '--model-kwargs embed_dim=24 depth=1 --epochs 1 --max-steps 2 --batch-size 16 --workers 0'
    return [*cheap, *small.split()]


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
        if word.startswith('local-dir:'):
            arguments = [*make_training_cheap([]), '--experiment', Path(word).name]
            run_program(ROOT / 'train_hyp.py', arguments, monkeypatch)
    run_console_script(words[1:])


def run_on_the_way_to_the_hub(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command for the folder of a run, after that run."""
    monkeypatch.chdir(tmp_path)
    run_program(ROOT / 'train_hyp.py', [*make_training_cheap([]), '--experiment', Path(words[2]).name], monkeypatch)
    with LocalHub() as hub:
        connect(monkeypatch, hub, tmp_path / 'cache')
        run_console_script(words[1:])
        assert list(hub.repositories) == (words[3:4] if words[1] == 'push' else [])
    assert (tmp_path / words[2] / 'README.md').is_file()


def run_report(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of pictures, after the run whose folder it names."""
    monkeypatch.chdir(tmp_path)
    run_program(ROOT / 'train_hyp.py', [*make_training_cheap([]), '--experiment', Path(words[2]).name], monkeypatch)
    run_console_script([*words[1:], '--samples', '20', '--draws', '1', '--images', '1'])
    assert (tmp_path / words[2] / 'report' / 'report.html').is_file()


def run_demo(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo's page, after the runs whose folders it names, up to the moment in which it would wait for visitors."""
    monkeypatch.chdir(tmp_path)
    for word in words:
        if word.startswith('output/'):
            arguments = [*make_training_cheap([]), '--experiment', Path(word).name]
            run_program(ROOT / 'train_hyp.py', arguments, monkeypatch)
    served = []
    monkeypatch.setattr('gradio.Blocks.launch', lambda page, **_: served.append(page))
    run_program(ROOT / words[1], words[2:], monkeypatch)
    assert len(served) == 1


def run_figure(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture of the idea, which must be the one that is committed."""
    run_program(ROOT / words[1], ['--output', str(tmp_path / 'idea.svg')], monkeypatch)
    assert (tmp_path / 'idea.svg').read_bytes() == (ROOT / 'docs' / 'idea.svg').read_bytes()


def run_command(command: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = shlex.split(command)
    kinds: dict[str, Callable[[], None]] = {
        'pip': lambda: check_pip(words),
        'python -m venv': lambda: check_environment(words),
        '. .venv/bin/activate': lambda: check_environment(words),
        'python -m pytest': lambda: check_pytest(words, request),
        'pre-commit': lambda: check_tool(words),
        'ruff': lambda: check_tool(words),
        'python train_hyp.py': lambda: run_training(words, tmp_path, monkeypatch),
        'timm-hyperbolic train': lambda: run_training(words, tmp_path, monkeypatch),
        'timm-hyperbolic validate': lambda: run_validation(words, tmp_path, monkeypatch),
        'timm-hyperbolic push': lambda: run_on_the_way_to_the_hub(words, tmp_path, monkeypatch),
        'timm-hyperbolic card': lambda: run_on_the_way_to_the_hub(words, tmp_path, monkeypatch),
        'timm-hyperbolic report': lambda: run_report(words, tmp_path, monkeypatch),
        'python demo/app.py': lambda: run_demo(words, tmp_path, monkeypatch),
        'python docs/make_idea_figure.py': lambda: run_figure(words, tmp_path, monkeypatch),
    }
    for kind, run in kinds.items():
        if words[: len(kind.split())] == kind.split():
            run()
            return
    pytest.fail(f'no test knows how to run this command: {command}')


@pytest.mark.parametrize(('block', 'command'), COMMANDS, ids=[f'{b.file}:{b.line}: {c}' for b, c in COMMANDS])
def test_command_runs(
    block: Block, command: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_command(command, request, tmp_path, monkeypatch)


@pytest.mark.parametrize(
    'command',
    [
        'rm -rf x',
        "pip install -e '.[nosuch]'",
        'pip install numpy',
        'python -m pytest -m nosuch',
        'python -m pytest tests/nosuch.py',
        'ruff chekc .',
        'python train_hyp.py --no-such-flag',
        'timm-hyperbolic validate --no-such-flag',
        'python train_hyp.py --dataset torch/cifar100 --no-such-flag',
    ],
)
def test_a_wrong_command_fails(
    command: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        run_command(command, request, tmp_path, monkeypatch)


def test_ci_runs_the_commands_of_the_readme() -> None:
    (section,) = re.findall(r'^## Two commands\n(.*?)(?=^## )', README, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks_of('README.md') if block.text in section for line in block.text.splitlines()]
    assert len(lines) == 2
    train, test = lines
    ci = (ROOT / '.ci' / 'run').read_text(encoding='utf-8').splitlines()
    install, _, program = train.partition(' && ')
    assert program == 'python train_hyp.py'
    assert ci.count(install) == 1
    assert ci[-1] == test
    assert os.access(ROOT / '.ci' / 'run', os.X_OK)


# --- Python ---------------------------------------------------------------------------------------------------------


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
        arguments = [*make_training_cheap([]), '--experiment', Path(folder[1]).name]
        run_program(ROOT / 'train_hyp.py', arguments, monkeypatch)


@pytest.mark.parametrize('block', PYTHON, ids=[f'{block.file}:{block.line}' for block in PYTHON])
def test_python_block_runs(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {'__name__': 'block'}
    with LocalHub() as hub:
        connect(monkeypatch, hub, tmp_path / 'cache')
        prepare_files(block.text, tmp_path, monkeypatch)
        exec(compile(block.text, f'{block.file}:{block.line}', 'exec'), names)
    model = names['model']
    assert isinstance(model, torch.nn.Module)
    assert model(torch.randn(1, 3, *model.patch_embed.img_size)).shape == (1, model.num_classes)
    if 'checkpoint' in names:
        weights = names['checkpoint']['model']
        torch.testing.assert_close(model.head.weight, weights['head.weight'], rtol=0, atol=0)
        torch.testing.assert_close(model.pos_embed, weights['pos.pos'], rtol=0, atol=0)


# --- what the reader is told ----------------------------------------------------------------------------------------

VARIANTS = table_after('## The variants')


def variant_rows() -> dict[str, list[str]]:
    return {row[0].strip('`'): row for row in VARIANTS if row[0].startswith('`vit_') and len(row) == 5}


def size_rows() -> dict[str, list[str]]:
    return {row[0].strip('`').removesuffix('_*'): row for row in VARIANTS if row[0].endswith('_*`')}


def count(text: str) -> int:
    return int(text.replace(',', ''))


def parameters_of(name: str) -> int:
    return sum(p.numel() for p in timm.create_model(name, device='meta').parameters())


@pytest.mark.parametrize('name', variant_rows())
def test_parameter_count_of_the_table(name: str) -> None:
    _, total, over, flat, _ = variant_rows()[name]
    assert count(total) == parameters_of(name)
    assert count(over) == parameters_of(name) - parameters_of('vit_tiny_patch4_euclid')
    if name == 'vit_tiny_patch4_euclid':
        assert flat == '–'
    else:
        assert count(flat) == parameters_of(name.replace('_hyp_', '_flat_'))


def test_the_table_has_every_variant() -> None:
    ours = {name for name in timm.list_models() if timm.model_entrypoint(name).__module__.startswith('timm_hyperbolic')}
    documented = set(variant_rows())
    documented |= {name.replace('_hyp_', '_flat_') for name in documented if '_hyp_' in name}
    assert ours == {name.replace('vit_tiny_patch4', size) for name in documented for size in size_rows()}


@pytest.mark.parametrize('size', size_rows())
def test_the_table_of_sizes(size: str) -> None:
    _, _, width, heads, classes, euclid, every = size_rows()[size]
    model = timm.create_model(f'{size}_euclid', device='meta')
    assert (model.embed_dim, model.blocks[0].attn.num_heads, model.num_classes) == tuple(
        map(count, (width, heads, classes))
    )
    assert count(euclid) == parameters_of(f'{size}_euclid')
    assert count(every) == parameters_of(f'{size}_hyp_all')


def test_keywords_of_the_table() -> None:
    keywords = {row[0].strip('`'): row[1] for row in VARIANTS if row[0].startswith('`') and len(row) == 3}
    fields = {field.name: field.default for field in dataclasses.fields(HyperbolicOptions) if field.init}
    assert set(keywords) == set(fields)
    assert keywords.pop('hyperbolic') == "the variant's"
    assert {name: ast.literal_eval(cell.strip('`')) for name, cell in keywords.items()} == {
        name: fields[name] for name in keywords
    }


def test_links_lead_to_files() -> None:
    for file in ('README.md', 'CONTRIBUTING.md'):
        targets = re.findall(r'\]\((?!https?://)([^)#]+)', (ROOT / file).read_text(encoding='utf-8'))
        assert [target for target in targets if not (ROOT / target).exists()] == []


def test_folders_of_contributing_exist() -> None:
    text = (ROOT / 'CONTRIBUTING.md').read_text(encoding='utf-8')
    named = re.findall(r'^\| `([^`]+)` \|(.*)\|$', text, re.MULTILINE)
    assert len(named) >= 8
    assert [name for name, what in named if not (ROOT / name).exists() and '(to come)' not in what] == []

"""Runs what README.md and CONTRIBUTING.md tell a reader to run, and checks what they state.

Every fenced block is accounted for: a Python block is executed as it stands, a shell command as `doc_blocks` knows how.
`.ci/run` runs the README's own install and test commands literally.
"""

import ast
import dataclasses
import functools
import os
import re
from pathlib import Path

import pytest
import timm
import torch
from doc_blocks import ROOT, Block, blocks_of, broken_links, commands_of, prepare_files, run_command
from local_hub import LocalHub, connect

from timm_hyperbolic.geometry import explain
from timm_hyperbolic.layers import HyperbolicConfig
from timm_hyperbolic.models.options import HyperbolicOptions


def table_after(heading: str) -> list[list[str]]:
    """The cells of the tables under a heading of docs/models.md, without the head rows."""
    (section,) = re.findall(rf'^{heading}\n(.*?)(?=^## |\Z)', MODELS, re.MULTILINE | re.DOTALL)
    rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in section.splitlines() if line[:1] == '|']
    return [row for i, row in enumerate(rows) if not re.fullmatch(r'[-: ]+', row[0]) and not _is_head(rows, i)]


def _is_head(rows: list[list[str]], i: int) -> bool:
    return i + 1 < len(rows) and re.fullmatch(r'[-: ]+', rows[i + 1][0]) is not None


README, MODELS = ((ROOT / name).read_text(encoding='utf-8') for name in ('README.md', 'docs/models.md'))
BLOCKS = [block for file in ('README.md', 'CONTRIBUTING.md') for block in blocks_of(file)]
PYTHON = [block for block in BLOCKS if block.language == 'python']
COMMANDS = [(block, command) for block in BLOCKS if block.language == 'sh' for command in commands_of(block)]


def test_every_block_is_of_a_language_that_is_run() -> None:
    assert [block for block in BLOCKS if block.language not in ('python', 'sh')] == []
    assert len(PYTHON) >= 3
    assert len(COMMANDS) >= 10


# --- shell commands -------------------------------------------------------------------------------------------------


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
        'python benchmarks/optimizers.py --no-such-flag',
        'mkdocs biuld',
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


@pytest.mark.parametrize('block', PYTHON, ids=[f'{block.file}:{block.line}' for block in PYTHON])
def test_python_block_runs(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {'__name__': 'block'}
    with LocalHub() as hub:
        connect(monkeypatch, hub, tmp_path / 'cache')
        prepare_files(block.text, tmp_path, monkeypatch)
        exec(compile(block.text, f'{block.file}:{block.line}', 'exec'), names)
    if 'layer' in names:
        assert 'kernels midway_residual' in explain(names['layer'])
        return
    model = names['model']
    assert isinstance(model, torch.nn.Module)
    embed = getattr(model, 'patch_embed', None)
    size = model.pretrained_cfg['input_size'][1:] if embed is None else embed.img_size
    assert model(torch.randn(1, 3, *size)).shape == (1, model.num_classes)
    if 'checkpoint' in names:
        weights = names['checkpoint']['model']
        torch.testing.assert_close(model.head.weight, weights['head.weight'], rtol=0, atol=0)
        torch.testing.assert_close(model.pos_embed, weights['pos.pos'], rtol=0, atol=0)


# --- what the reader is told ----------------------------------------------------------------------------------------

VARIANTS = table_after('## The variants') + table_after('## Keywords') + table_after('## Keywords')


def variant_rows() -> dict[str, list[str]]:
    return {row[0].strip('`'): row for row in VARIANTS if row[0].startswith('`vit_') and '*' not in row[0]}


def size_rows() -> dict[str, list[str]]:
    return {row[0].strip('`').removesuffix('_*'): row for row in VARIANTS if row[0].endswith('_*`')}


def count(text: str) -> int:
    return int(text.replace(',', ''))


@functools.cache
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
    ours = set(timm.list_models(module='vit_hyp'))
    documented = set(variant_rows())
    documented |= {name.replace('_hyp_', '_flat_') for name in documented if '_hyp_' in name}
    assert ours == {name.replace('vit_tiny_patch4', size) for name in documented for size in size_rows()}


@pytest.mark.parametrize('size', size_rows())
def test_the_table_of_sizes(size: str) -> None:
    _, width, heads, euclid, every = size_rows()[size]
    model = timm.create_model(f'{size}_euclid', device='meta')
    assert (model.embed_dim, model.blocks[0].attn.num_heads) == (count(width), count(heads))
    pixels, classes = {'patch4': (32, 100), 'patch16_224': (224, 1000)}[size.split('_', 2)[2]]
    assert (model.patch_embed.img_size, model.num_classes) == ((pixels, pixels), classes)
    assert count(euclid) == parameters_of(f'{size}_euclid')
    assert count(every) == parameters_of(f'{size}_hyp_all')


def test_keywords_of_the_table() -> None:
    keywords = {row[0].strip('`'): row[1] for row in VARIANTS if row[0].startswith('`') and len(row) == 3}
    fields = {
        field.name: field.default
        for owner in (HyperbolicOptions, HyperbolicConfig)
        for field in dataclasses.fields(owner)
        if field.name != 'config'
    }
    assert {'hyperbolic', 'curvature', 'margin'} <= set(keywords) <= set(fields)
    assert keywords.pop('hyperbolic') == "the variant's"
    assert {name: ast.literal_eval(cell.strip('`')) for name, cell in keywords.items()} == {
        name: fields[name] for name in keywords
    }


@pytest.mark.parametrize('file', ['README.md', 'CONTRIBUTING.md'])
def test_links_lead_to_files(file: str) -> None:
    assert broken_links(file) == []


def test_folders_of_contributing_exist() -> None:
    text = (ROOT / 'CONTRIBUTING.md').read_text(encoding='utf-8')
    named = re.findall(r'^\| `([^`]+)` \|(.*)\|$', text, re.MULTILINE)
    assert len(named) >= 8
    assert [name for name, what in named if not (ROOT / name).exists() and '(to come)' not in what] == []

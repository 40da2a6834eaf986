"""Runs what the pages in `docs/` tell a reader to run, page by page, as a reader does: in order and in one folder.

The Python blocks of a page continue each other. What a shell command may be, and how cheaply it is run, is in
`doc_blocks`; the reports, which take seconds each, are drawn by the test of the README.
"""

import re
from pathlib import Path

import pytest
from doc_blocks import ROOT, Block, blocks_of, broken_links, commands_of, prepare_files, run_command
from local_hub import LocalHub, connect

import timm_hyperbolic

PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / 'docs').rglob('*.md'))
WITH_BLOCKS = [page for page in PAGES if blocks_of(page)]


def test_every_block_is_run_or_is_output() -> None:
    blocks = [block for page in PAGES for block in blocks_of(page)]
    assert [block for block in blocks if block.language not in ('python', 'sh', 'text', 'yaml')] == []
    for page in ('docs/tutorial.md', 'docs/migration.md', 'docs/mathematics.md'):
        assert sum(block.file == page and block.language == 'python' for block in blocks) >= 4


@pytest.mark.usefixtures('one_thread')
@pytest.mark.parametrize('page', WITH_BLOCKS)
def test_page_runs(page: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {'__name__': 'page'}
    for block in blocks_of(page):
        if block.language == 'python':
            run_python(block, names, tmp_path, monkeypatch)
        elif block.language == 'sh':
            for command in commands_of(block):
                run_command(command, request, tmp_path, monkeypatch, draw=False)


@pytest.mark.parametrize('program', ['timm-hyperbolic report', 'python benchmarks/optimizers.py'])
def test_a_wrong_flag_fails_where_arguments_alone_are_parsed(
    program: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_command(f'{program} --device cpu', request, tmp_path, monkeypatch, draw=False)
    with pytest.raises(AssertionError):
        run_command(f'{program} --no-such-flag', request, tmp_path, monkeypatch, draw=False)


def run_python(block: Block, names: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block, at its line of the page, so that an error says which."""
    with LocalHub() as hub:
        connect(monkeypatch, hub, tmp_path / 'cache')
        prepare_files(block.text, tmp_path, monkeypatch)
        exec(compile('\n' * block.line + block.text, str(ROOT / block.file), 'exec'), names)


@pytest.mark.parametrize('page', PAGES)
def test_links_lead_to_files(page: str) -> None:
    assert broken_links(page) == []


def test_every_page_is_in_the_navigation() -> None:
    site = (ROOT / 'mkdocs.yml').read_text(encoding='utf-8')
    listed = re.findall(r'^ +- .+: (\S+\.md)$', site, re.MULTILINE)
    assert {page.removeprefix('docs/') for page in PAGES} <= set(listed)


def test_the_reference_has_every_room_and_every_name_at_the_top() -> None:
    files = (ROOT / 'timm_hyperbolic').glob('*/__init__.py')
    rooms = {path.parent.name for path in files if '__all__' in path.read_text(encoding='utf-8')}
    assert rooms == {path.stem for path in (ROOT / 'docs' / 'api').glob('*.md')} - {'index', 'commands'}
    index = (ROOT / 'docs' / 'api' / 'index.md').read_text(encoding='utf-8')
    public = [name for name in timm_hyperbolic.__all__ if name != '__version__']
    assert [name for name in public if f'`{name}`' not in index] == []

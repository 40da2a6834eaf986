"""The program of the graph matrix, in a tiny size."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import timm
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / 'benchmarks'))

import graph_checks  # noqa: E402
import graphs  # noqa: E402
import page  # noqa: E402

pytestmark = pytest.mark.usefixtures('one_thread')

TINY = ['--embed-dim', '12', '--depth', '1']
QUICK = ['--checks', 'fx', 'torch.func', 'grad checkpointing']


def test_matrix_of_some_variants_and_its_sum_with_others(tmp_path: Path, monkeypatch, capsys) -> None:
    a, b, both = (tmp_path / f'{name}.json' for name in ('a', 'b', 'both'))
    assert graphs.main(['--variants', 'head', *TINY, *QUICK, '--json', str(a)]) == 0
    assert graphs.main(['--variants', 'attn', *TINY, *QUICK, '--json', str(b)]) == 0
    assert graphs.main(['--variants', '--add', str(a), str(b), *TINY, '--json', str(both)]) == 0
    written = json.loads(both.read_text())
    assert {row['variant'] for row in written['rows']} == {'head', 'attn'}
    head, _, *rows = written['tables']['graphs/matrix'].splitlines()
    assert head == '| model | fx | torch.func | grad checkpointing |'
    assert [row.split('`')[1] for row in rows] == ['vit_tiny_patch4_hyp_head', 'vit_tiny_patch4_hyp_attn']
    assert rows[0].split(' | ')[1] == '0'  # fx is exact
    # another setting is no part of the same table
    with pytest.raises(SystemExit, match=r'a\.json: a run of another setting; depth: 1 there, 3 here'):
        graphs.main(['--variants', '--add', str(a), '--embed-dim', '12', '--depth', '3'])

    def raises(model, draw):
        raise RuntimeError('no such graph\nand more')

    monkeypatch.setitem(graph_checks.CHECKS, 'fx', raises)
    monkeypatch.setitem(graph_checks.CHECKS, 'torch.func', lambda *_: graph_checks.Found(0.5, 0.1))
    capsys.readouterr()
    assert graphs.main(['--variants', 'euclid', *TINY, *QUICK]) == 1
    assert '**fails**: RuntimeError: no such graph | **differs** 5e-01 | 0 |' in capsys.readouterr().out


def test_what_counts_as_kept() -> None:
    assert graph_checks.Found(0.1, 0.1).is_kept
    assert not graph_checks.Found(0.2, 0.1).is_kept
    assert not graph_checks.Found(float('nan'), 0.1).is_kept
    for counts, kept in {(1, 2, 2, 2, 2): True, (1, 1, 1, 1, 1): True, (1, 2, 3, 3, 3): False, (3,) * 5: False}.items():
        assert graph_checks.Found(0, 0.1, counts).is_kept == kept


def test_every_gate_is_open_and_every_variant_there() -> None:
    args = graphs.parse(['--embed-dim', '12', '--depth', '1'])
    names = {graphs.name_of(variant) for variant in graphs.VARIANTS}
    assert names == {name for name in timm.list_models('vit_tiny_patch4_*') if 'flat' not in name}
    model = graphs.build('all', args)
    loss = model(torch.randn(2, 3, 16, 16)).square().sum()
    assert all(g.any() for g in torch.autograd.grad(loss, list(model.parameters())))


def test_a_check_sees_another_function(monkeypatch: pytest.MonkeyPatch) -> None:
    args = graphs.parse(['--embed-dim', '12', '--depth', '1'])
    extract = graph_checks.GraphExtractNet

    def broken(model, nodes):
        graph = extract(model, nodes)
        return lambda x: 1.001 * graph(x)

    monkeypatch.setattr(graph_checks, 'GraphExtractNet', broken)
    monkeypatch.setattr(graph_checks, '_gradients', lambda *_: [torch.ones(1)])
    assert not graphs.measure('res', 'fx', args)['kept']


@torch.no_grad()
def test_the_code_of_the_page_runs() -> None:
    text = (ROOT / 'docs' / 'graphs.md').read_text(encoding='utf-8')
    names: dict[str, Any] = {}
    exec(text.split('```python\n')[1].split('```')[0], names)
    assert names['logits'].shape == (7, 100)


def test_the_page_names_only_tables_that_the_program_makes() -> None:
    text = (ROOT / 'docs' / 'graphs.md').read_text(encoding='utf-8')
    assert {match['table'] for match in page.MARKER.finditer(text)} == {'graphs/header', 'graphs/matrix'}
    for name in graphs.VARIANTS:
        assert f'| `{graphs.name_of(name)}` |' in text
    for check in graph_checks.CHECKS:
        assert f'| {check} |' in text
    assert '**fails**' not in text
    assert '**differs**' not in text

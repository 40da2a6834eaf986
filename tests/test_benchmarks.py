"""The programs in `benchmarks/` in tiny sizes, what they measure with, and the cost model against torch's counter.

No test looks at a time.
"""

import gc
import importlib
import json
import math
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / 'benchmarks'))

import contenders  # noqa: E402
import cost  # noqa: E402
import cost_model  # noqa: E402
import counters  # noqa: E402
import layers  # noqa: E402
import loaders  # noqa: E402
import models  # noqa: E402
import optimizers  # noqa: E402
import page  # noqa: E402
import report  # noqa: E402
import side_by_side  # noqa: E402

CPU = torch.device('cpu')
TINY = cost_model.Size(batch=2, tokens=5, dim=24, heads=3, classes=7, centroids=4)
TINY_MODEL = [
    *('--batch-size', '2', '--img-size', '8', '--embed-dim', '24', '--depth', '1'),
    *('--rounds', '1', '--modes', 'eager'),
]
TINY_LAYERS = [
    *('--batch-size', '2', '--tokens', '5', '--dim', '24', '--classes', '7', '--centroids', '4', '--copy-mib', '1'),
    *('--growth-batch', '1', '--growth-limit', '17', '--modes', 'eager', '--rounds', '1', '--least', '0'),
]
LAYER_TABLES = {*contenders.GROUPS, 'attn-peers', *(f'growth-{dimension}' for dimension in layers.GROWTH), 'roofline'}

pytestmark = pytest.mark.usefixtures('one_thread')


# --- statistics and rounds --------------------------------------------------------------------------------------------


def test_spread_is_median_and_quartiles() -> None:
    assert side_by_side.spread([3, 1, 2, 5, 4]) == (3, 2, 4)
    assert side_by_side.spread([7.0]) == (7, 7, 7)


def test_ratios_are_formed_within_a_round() -> None:
    # the machine is twice as slow in the second round and four times in the third; the ratio stays
    assert side_by_side.ratios([2, 4, 8], [1, 2, 4]) == (2, 2, 2)
    with pytest.raises(ValueError, match='shorter'):
        side_by_side.ratios([1, 2], [1])


def test_rounds_are_interleaved_in_changing_order() -> None:
    calls = []
    contestants = {name: lambda name=name: calls.append(name) for name in 'abc'}
    times = side_by_side.interleaved(contestants, 6, CPU, warmup=1)
    assert {name: len(own) for name, own in times.items()} == {'a': 6, 'b': 6, 'c': 6}
    rounds = [tuple(calls[i : i + 3]) for i in range(3, len(calls), 3)]  # the first three are the warm-up
    assert len(rounds) == 6
    assert all(sorted(order) == ['a', 'b', 'c'] for order in rounds)
    assert len(set(rounds)) > 1
    assert gc.isenabled()


def test_a_short_call_is_repeated() -> None:
    calls = []
    side_by_side.interleaved({'a': lambda: calls.append(0)}, 1, CPU, warmup=0, least=0.001)
    assert len(calls) > 10


def test_garbage_collection_comes_back_after_an_error() -> None:
    def fail() -> None:
        if not gc.isenabled():
            raise RuntimeError('in a round')

    with pytest.raises(RuntimeError, match='in a round'):
        side_by_side.interleaved({'a': fail}, 1, CPU)
    assert gc.isenabled()


# --- memory -----------------------------------------------------------------------------------------------------------


def test_saved_bytes_counts_each_storage_once_and_leaves_parameters_out() -> None:
    x = torch.randn(10, 8, requires_grad=True)
    w = nn.Parameter(torch.randn(8, 8))
    assert side_by_side.saved_bytes(lambda: x @ w, [w]) == 4 * 80
    assert side_by_side.saved_bytes(lambda: x @ w) == 4 * (80 + 64)
    assert side_by_side.saved_bytes(lambda: x * x[:1]) == 4 * 80  # two views of one storage
    assert side_by_side.saved_bytes(lambda: x + x) == 0


def test_peak_bytes_is_what_was_held_at_once() -> None:
    n = 1 << 16
    kept = torch.empty(n)

    def f() -> None:
        a = torch.empty(n)
        b = torch.empty(2 * n)
        del a
        c = torch.empty(n // 2)
        del b, c
        kept.add_(1)

    assert side_by_side.peak_bytes(f, CPU) == 4 * 3 * n
    with pytest.raises(ValueError, match='no peak memory on meta'):
        side_by_side.peak_bytes(f, torch.device('meta'))


def test_head_builds_no_tensor_of_batch_classes_and_features() -> None:
    size = cost_model.Size(batch=64, dim=256, classes=300)
    numbers = {
        c.name: side_by_side.peak_bytes(c.forward_backward, CPU) / (4 * size.batch * size.classes)
        for c in contenders.contenders('head', size, CPU, peers=True)
    }
    assert numbers[contenders.OURS] < 32
    assert numbers['reference'] > size.dim  # the dense formula does build it, and the measure sees it


# --- the cost model ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('layer', contenders.GROUPS)
def test_products_on_paper_are_those_that_torch_counts(layer: str) -> None:
    for name, (_, model, products, _) in cost.counted(layer, TINY, CPU).items():
        assert cost.disagreement(model, products) <= cost.TOLERANCE, name
    assert cost.disagreement(model, 1.02 * products + 1) > cost.TOLERANCE


@pytest.mark.parametrize('layer', contenders.GROUPS)
def test_torch_counts_our_products_without_help(layer: str) -> None:
    ours, model, _, _ = cost.counted(layer, TINY, CPU)[contenders.OURS]
    assert cost.disagreement(model, counters.products(ours.accumulate, plain=True)) <= cost.TOLERANCE


@pytest.mark.parametrize('layer', ['linear', 'res', 'pos', 'mlp', 'head'])
def test_bytes_on_paper_are_those_of_the_euclidean_twin(layer: str) -> None:
    _, model, _, moved = cost.counted(layer, TINY, CPU)[contenders.EUCLID]
    assert 4 * model.total.elements == moved.bytes


@pytest.mark.parametrize('layer', contenders.GROUPS)
def test_eager_mode_moves_no_less_than_the_paper_says(layer: str) -> None:
    _, model, _, moved = cost.counted(layer, TINY, CPU)[contenders.OURS]
    assert 4 * model.total.elements < moved.bytes


def test_products_added_in_place_are_counted() -> None:
    a, b, c = torch.ones(3, 4), torch.ones(4, 5), torch.ones(3, 5)
    assert counters.products(lambda: c.addmm_(a, b)) == 2 * 3 * 4 * 5
    assert counters.products(lambda: c[None].baddbmm_(a[None], b[None])) == 2 * 3 * 4 * 5


def test_traffic_counts_passes_functions_and_no_views() -> None:
    x = torch.ones(3, 4)
    assert counters.traffic(lambda: x.t()[1:]) == (0, 0, 0, 0)
    assert counters.traffic(lambda: x.exp()) == (2 * 4 * 12, 12, 0, 1)
    assert counters.traffic(lambda: x[:1].expand(3, 4).asinh()) == (4 * (4 + 12), 0, 12, 1)
    assert counters.traffic(lambda: x.clone().add_(x))[0] == 4 * 12 * (2 + 3)


def test_the_factors_of_linear_layers_are_those_of_the_page() -> None:
    rows, dim, out, parts = 40, 24, 72, 3
    forward = 1 + 1 / rows
    backward = 1 + 2 * parts / out + 5 / (2 * rows)
    ours = cost_model.hyperbolic_linear(rows, dim, out, parts)
    twin = cost_model.linear(rows, dim, out)
    assert math.isclose(ours.forward.products, forward * twin.forward.products)
    assert math.isclose(ours.backward.products, backward * twin.backward.products)
    text = (ROOT / 'docs' / 'speed.md').read_text(encoding='utf-8')
    assert 'forward   1 + 1/R\n' in text
    assert 'backward  1 + 2·parts/E + 5/2R\n' in text


def test_geometry_costs_relatively_less_in_a_wider_model() -> None:
    def share(size: cost_model.Size) -> float:
        ours = cost_model.training_step(size, cost_model.VARIANTS['all'])
        return ours.products / cost_model.training_step(size).products

    assert 1 < share(cost_model.VIT_BASE) < share(cost_model.VIT_TINY)


def test_a_model_is_the_sum_of_its_variants() -> None:
    euclid, *variants = (
        cost_model.training_step(TINY, cost_model.VARIANTS[name])
        for name in ('euclid', 'head', 'pos', 'res', 'mlp', 'attn')
    )
    together = cost_model.training_step(TINY, cost_model.VARIANTS['all'])
    added = sum(v.elements - euclid.elements for v in variants)
    assert math.isclose(together.elements, euclid.elements + added)


# --- reports ----------------------------------------------------------------------------------------------------------


def test_targets_are_for_one_size_and_setting() -> None:
    def goals(*flags: str, device: torch.device = CPU, mode: str = 'eager') -> tuple:
        return models.targets(models.parse(list(flags)), device, mode)

    train, infer, activations = goals()
    assert (train['res'], infer['res'], activations['res']) == (0.93, 0.95, 1.1)
    train, _, activations = goals(mode='compiled')
    assert (train['res'], activations) == (0.95, {})
    assert goals('--batch-size', '8') == goals('--depth', '6') == goals('--amp', 'bfloat16') == ({}, {}, {})
    on_gpu = goals('--amp', 'bfloat16', '--batch-size', '512', device=torch.device('cuda'), mode='compiled')
    assert on_gpu == ({'res': 0.95, 'mlp': 0.8, 'attn': 0.6, 'all': 0.5}, {}, {})


def test_a_target_is_met_or_missed() -> None:
    assert models.judged(0.95, 0.95, at_least=True) == '0.95 met'
    assert models.judged(0.94, 0.95, at_least=True) == '0.95 missed'
    assert models.judged(1.2, 1.15, at_least=False) == '1.15 missed'
    assert models.judged(1.2, None, at_least=False) is None


def test_header_names_the_machine_and_the_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    head = report.header(models.parse(['--json', 'out.json']), CPU, ['no_such_package'])
    assert set(head['versions']) == {'torch', 'timm', 'timm_hyperbolic', 'geoopt', 'no_such_package'}
    assert head['versions']['torch'] == torch.__version__.split('+')[0] or torch.__version__
    assert head['versions']['no_such_package'] == 'not installed'
    assert f'{torch.get_num_threads()} threads' in head['hardware']
    assert 'json' not in head['setting']
    monkeypatch.setattr(report.Path, 'read_text', lambda *_, **__: 'no model name here')
    assert report._cpu()


def test_json_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / 'new' / 'out.json'
    report.write_json(path, {'a': 1})

    def fail(*_: object) -> None:
        raise OSError('disk full')

    monkeypatch.setattr(report.Path, 'replace', fail)
    with pytest.raises(OSError, match='disk full'):
        report.write_json(path, {'a': 2})
    assert json.loads(path.read_text()) == {'a': 1}
    assert list(path.parent.iterdir()) == [path]


def test_a_figure_without_matplotlib_is_an_error_before_anything_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, 'import_module', missing)
    with pytest.raises(SystemExit, match=r"extra 'bench'.*pip install -e '\.\[bench\]'"):
        models.main(['--figure', 'out.png'])


def test_page_takes_each_table_from_the_file_that_it_names() -> None:
    text = (
        'a\n<!-- table: models/eager from m.json -->\nold\n<!-- /table -->\nb\n'
        '<!-- table: models/eager from gpu.json -->\nold\n<!-- /table -->\n'
    )
    new, missing = page.filled(text, {'m.json': {'models/eager': '| new |'}})
    assert new == text.replace('old', '\n| new |\n', 1)
    assert missing == ['models/eager from gpu.json']
    assert page.filled(new, {'m.json': {'models/eager': '| new |'}})[0] == new


def test_page_program(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    written = report.Report('p', {'date': 'today'}, tmp_path / 'p.json')
    written.table('t', 'title', ['name', 1], [['a', None]], [{'name': 'a'}])
    path = tmp_path / 'page.md'
    path.write_text(
        '<!-- table: p/t from p.json -->\n<!-- /table -->\n<!-- table: p/u from p.json -->\n<!-- /table -->\n'
    )
    page.main([str(path), str(tmp_path / 'p.json')])
    assert '-->\n\n| name | 1 |\n| --- | ---: |\n| a |  |\n\n<!-- /table' in path.read_text()
    assert 'left as it was: p/u from p.json' in capsys.readouterr().out


def test_the_committed_page_names_only_tables_that_the_programs_make() -> None:
    text = (ROOT / 'docs' / 'speed.md').read_text(encoding='utf-8')
    wanted = {match['table'] for match in page.MARKER.finditer(text)}
    assert text.count('<!-- table:') == text.count('<!-- /table -->') >= len(wanted)
    made = {
        'models': set(models.MODES),
        'layers': LAYER_TABLES,
        'loaders': {'speed'},
        'optimizers': {'steps'},
        'cost': {'machine', 'count', 'time', 'expected', 'paper-ViT-Tiny/4', 'paper-ViT-B/16'},
    }
    assert wanted == {f'{program}/{table}' for program, tables in made.items() for table in (*tables, 'header')}


# --- the programs -----------------------------------------------------------------------------------------------------


def tables(path: Path) -> set[str]:
    """The tables of a program's JSON, without its name."""
    return {name.partition('/')[2] for name in json.loads(path.read_text())['tables']}


def test_models_program(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out, figure = tmp_path / 'm.json', tmp_path / 'm.svg'
    models.main([*TINY_MODEL, '--variants', 'euclid', 'res', '--json', str(out), '--figure', str(figure)])
    printed = capsys.readouterr().out
    assert 'no targets' in printed
    rows = {row['variant']: row for row in json.loads(out.read_text())['rows']}
    assert list(rows) == ['timm', 'euclid', 'res']
    assert rows['timm']['train'] == rows['timm']['infer'] == rows['timm']['activations'] == rows['timm']['peak'] == 1
    assert rows['euclid']['activations_bytes'] == rows['timm']['activations_bytes']
    assert rows['res']['activations'] > 1
    assert rows['res']['compile_s'] is None
    assert tables(out) == {'header', 'eager'}
    assert '| variant | train |' in printed
    assert '<svg' in figure.read_text()


def test_a_variant_that_fails_is_noted_and_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    step = models.Trainer.step

    def fail(self: models.Trainer) -> None:
        if self.variant == 'res':
            raise RuntimeError('no such kernel\nand more')
        step(self)

    monkeypatch.setattr(models.Trainer, 'step', fail)
    out = tmp_path / 'm.json'
    models.main([*TINY_MODEL, '--variants', 'res', 'euclid', '--json', str(out)])
    written = json.loads(out.read_text())
    assert [row['variant'] for row in written['rows']] == ['timm', 'euclid']
    line = 'res, eager fails and is left out: RuntimeError: no such kernel'
    assert f'- {line}' in written['tables']['models/header'].splitlines()
    assert line in capsys.readouterr().out.splitlines()


def test_models_program_with_autocast_and_our_optimizer(capsys: pytest.CaptureFixture) -> None:
    models.main([*TINY_MODEL, '--variants', 'all', '--amp', 'bfloat16', '--optimizer', 'hypadamw'])
    assert '| all |' in capsys.readouterr().out


def test_layers_program(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out, figure = tmp_path / 'l.json', tmp_path / 'l.svg'
    layers.main([*TINY_LAYERS, '--json', str(out), '--figure', str(figure)])
    assert tables(out) == {'header', *LAYER_TABLES}
    rows = json.loads(out.read_text())['rows']
    of_linear = [row['contender'] for row in rows if row['table'] == 'linear']
    assert of_linear[:3] == ['Euclidean', 'ours', 'ours, by definition']
    assert of_linear[3:] == ['reference', 'geoopt', 'HypLL, points', 'HypLL, tangents']
    shares = [row['share'] for row in rows if row['table'] == 'roofline']
    assert all(share > 0 for share in shares)
    assert '<svg' in figure.read_text()


def test_loaders_program(tmp_path: Path) -> None:
    out = tmp_path / 'out.json'
    loaders.main(['--images', '24', '--batch-size', '8', '--workers', '0', '--rounds', '1', '--json', str(out)])
    rows = json.loads(out.read_text())['rows']
    assert [row['augmentation'] for row in rows] == list(loaders.AUGMENTATIONS)
    assert min(row[kind] for row in rows for kind in ('timm', 'memory')) > 0


def test_optimizers_program(tmp_path: Path) -> None:
    out = tmp_path / 'o.json'
    optimizers.main(['--depth', '1', '--rounds', '1', '--json', str(out)])
    rows = json.loads(out.read_text())['rows']
    assert [(row['step'], row['model']) for row in rows] == list(optimizers.STEPS)
    assert [optimizers.judged(row) is None for row in rows].count(False) == 1
    target = {'step': 'hypadamw', 'model': 'hyperbolic'}
    assert optimizers.judged({**target, 'ratio': 1.3}) == '1.30 met'
    assert optimizers.judged({**target, 'ratio': 1.31}) == '1.30 missed'
    assert tables(out) == {'header', 'steps'}


def test_cost_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / 'c.json'
    small = ['--batch-size', '1', '--tokens', '3', '--rounds', '1', '--least', '0']
    assert cost.main([*small, '--json', str(out)]) == 0
    assert tables(out) == {
        *('header', 'machine', 'count', 'time', 'expected'),
        *(f'paper-{name}' for name in ('ViT-Tiny/4', 'ViT-B/16')),
    }
    # a product that the model forgot is seen
    right = cost_model.hyperbolic_head
    monkeypatch.setattr(cost_model, 'hyperbolic_head', lambda b, d, c: cost_model.repeated(2, right(b, d, c)))
    assert cost.main(small) == 1
    assert 'products disagree: head, ours: 50.0%' in capsys.readouterr().err

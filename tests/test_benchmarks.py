"""The programs in `benchmarks/`: what they measure with, each one once at a tiny size, and the pages that show results.

No test looks at a time. `test_precision.py` and `test_number_types.py` run the two programs about accuracy.
"""

import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import nn

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / 'benchmarks'))

import contenders  # noqa: E402
import contrastive  # noqa: E402
import fewshot  # noqa: E402
import finetune  # noqa: E402
import graph_checks  # noqa: E402
import graphs  # noqa: E402
import hyperbolize  # noqa: E402
import image_text  # noqa: E402
import layers  # noqa: E402
import loaders  # noqa: E402
import models  # noqa: E402
import optimizers  # noqa: E402
import page  # noqa: E402
import report  # noqa: E402
import side_by_side  # noqa: E402
import study_piece  # noqa: E402

from timm_hyperbolic.errors import TrainingError  # noqa: E402
from timm_hyperbolic.evaluate.features import Features, write_features  # noqa: E402
from timm_hyperbolic.taxonomy import Taxonomy  # noqa: E402

CPU = torch.device('cpu')

pytestmark = pytest.mark.usefixtures('one_thread')


# --- times ------------------------------------------------------------------------------------------------------------


def test_ratios_are_formed_within_a_round() -> None:
    # The machine is twice as slow in the second round and four times in the third; the ratio stays.
    assert side_by_side.ratios([2, 4, 8], [1, 2, 4]) == (2, 2, 2)
    assert side_by_side.spread([3, 1, 2, 5, 4]) == (3, 2, 4)


def test_rounds_are_interleaved_in_changing_order() -> None:
    calls: list[str] = []

    def fail() -> None:
        assert gc.isenabled(), 'in a round'

    contestants = {name: lambda name=name: calls.append(name) for name in 'abc'}
    times = side_by_side.interleaved(contestants, 6, CPU, warmup=1)
    assert {name: len(own) for name, own in times.items()} == {'a': 6, 'b': 6, 'c': 6}
    rounds = [tuple(calls[i : i + 3]) for i in range(3, len(calls), 3)]  # the first three are the warm-up
    assert all(sorted(order) == ['a', 'b', 'c'] for order in rounds)
    assert len(set(rounds)) > 1
    with pytest.raises(AssertionError, match='in a round'):
        side_by_side.interleaved({'a': fail}, 1, CPU)
    assert gc.isenabled()


# --- memory -----------------------------------------------------------------------------------------------------------


def test_saved_bytes_counts_each_storage_once_and_leaves_parameters_out() -> None:
    x = torch.randn(10, 8, requires_grad=True)
    w = nn.Parameter(torch.randn(8, 8))
    assert side_by_side.saved_bytes(lambda: x @ w, [w]) == 4 * 80
    assert side_by_side.saved_bytes(lambda: x @ w) == 4 * (80 + 64)
    assert side_by_side.saved_bytes(lambda: x * x[:1]) == 4 * 80  # two views of one storage


def test_peak_bytes_is_what_was_held_at_once() -> None:
    n = 1 << 16

    def f() -> None:
        a = torch.empty(n)
        b = torch.empty(2 * n)
        del a
        c = torch.empty(n // 2)
        del b, c

    assert side_by_side.peak_bytes(f, CPU) == 4 * 3 * n


def test_head_builds_no_tensor_of_batch_classes_and_features() -> None:
    size = contenders.Size(batch=64, dim=256, classes=300)
    numbers = {
        c.name: side_by_side.peak_bytes(c.forward_backward, CPU) / (4 * size.batch * size.classes)
        for c in contenders.contenders('head', size, CPU, peers=True)
    }
    assert numbers[contenders.OURS] < 32
    assert numbers['reference'] > size.dim  # the dense formula does build it, and the measure sees it


# --- results ----------------------------------------------------------------------------------------------------------


def test_a_table_is_measured_in_parts_on_one_machine(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / 'new' / 'out.csv'
    head = {'hardware': 'a: b', 'versions': 'torch 1', 'date': 'monday', 'commit': '1'}
    report.Report(dict(head), path, key=('name',)).add([{'name': 'x', 'value': 1.0}, {'name': 'y', 'value': None}])
    second = report.Report({**head, 'date': 'tuesday'}, path, key=('name',))
    second.add([{'name': 'y', 'value': 2 / 3}, {'name': 'z, "z"', 'value': 3}])
    found, rows = report.read_csv(path)
    assert found == {**head, 'date': 'monday, tuesday'}
    assert {row['name']: row['value'] for row in rows} == {'x': '1', 'y': '0.6667', 'z, "z"': '3'}
    assert '| y | 0.6667 |' in capsys.readouterr().out
    with pytest.raises(SystemExit, match='versions: torch 1 there, torch 2 here'):
        report.Report({**head, 'versions': 'torch 2'}, path, key=('name',))


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError('disk full')

    path = tmp_path / 'out.csv'
    report.write_text(path, 'before')
    monkeypatch.setattr(report.Path, 'replace', fail)
    with pytest.raises(TrainingError, match='disk full'):
        report.write_text(path, 'after')
    assert path.read_text() == 'before'
    assert list(tmp_path.iterdir()) == [path]


def test_header_names_the_machine_and_the_setting() -> None:
    args = models.parse(['--csv', 'out.csv', '--variants', 'res', '--batch-size', '3'])
    head = report.header(args, CPU, ('variants', 'modes'), ['no_such_package'])
    assert head['versions'].startswith(f'torch {torch.__version__.split("+")[0]}, timm {timm.__version__}, ')
    assert head['versions'].endswith('no_such_package not installed')
    assert f'{torch.get_num_threads()} threads' in head['hardware']
    assert head['setting'].startswith('rounds 9, batch_size 3, ')


def test_pages_and_figures_show_the_results(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert [str(path) for path in page.stale()] == []  # else run `python benchmarks/page.py`
    files = [ROOT / 'README.md', *(ROOT / 'docs').glob('*.md')]
    pages = ''.join(path.read_text(encoding='utf-8') for path in files)
    assert {match['name'] for match in page.MARKER.finditer(pages)} == set(page.BLOCKS)
    # a number that differs from its file is seen
    path = tmp_path / 'docs' / 'speed.md'
    path.parent.mkdir()
    (tmp_path / 'README.md').write_text('# no results\n')
    speed = (ROOT / 'docs' / 'speed.md').read_text(encoding='utf-8')
    path.write_text(speed.replace('| timm | 1.000 / 1.000 |', '| timm | 2 |'))
    monkeypatch.setattr(page, 'ROOT', tmp_path)
    monkeypatch.setattr(page, 'FIGURES', {})
    assert list(page.stale()) == [path]
    assert page.main(['--check']) == 1
    assert page.main([]) == 0
    assert page.stale() == {}


# --- the programs -----------------------------------------------------------------------------------------------------


def rows_of(program: Any, *flags: str, out: Path) -> list[dict[str, str]]:
    """The rows that a program writes."""
    assert not program.main([*flags, '--csv', str(out)])
    return report.read_csv(out)[1]


def test_models_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    step = models.Trainer.step

    def fail(self: models.Trainer) -> None:
        if self.variant == 'head':
            raise RuntimeError('no such kernel\nand more')
        step(self)

    monkeypatch.setattr(models.Trainer, 'step', fail)
    flags = ['--batch-size', '2', '--img-size', '8', '--embed-dim', '24', '--depth', '1', '--rounds', '1']
    flags += ['--modes', 'eager', '--variants', 'head', 'res', '--amp', 'bfloat16']
    timms, res = rows_of(models, *flags, out=tmp_path / 'm.csv')
    assert (timms['variant'], timms['train'], timms['infer'], timms['activations'], timms['peak']) == ('timm', *4 * '1')
    assert (res['mode'], res['variant']) == ('eager', 'res')
    assert float(res['activations']) > 1
    assert 'head, eager fails and is left out: RuntimeError: no such kernel\n' in capsys.readouterr().err


def test_layers_program(tmp_path: Path) -> None:
    flags = ['--batch', '2', '--tokens', '5', '--dim', '24', '--classes', '7', '--centroids', '4', '--no-compiled']
    groups = ('linear', 'res', 'attn')  # of one, two and many tensors
    rows = rows_of(layers, *flags, '--layers', *groups, '--rounds', '1', '--least', '0', out=tmp_path / 'l.csv')
    groups = (*groups, 'attn-peers')
    names = {layer: [row['contender'] for row in rows if row['layer'] == layer] for layer in groups}
    peers = ['Euclidean', 'ours', 'reference', 'geoopt']
    assert names.pop('attn') == peers[:2]
    assert names.pop('linear') == [*peers, 'HypLL']
    assert all(found == peers for found in names.values())
    kept = {row['layer']: float(row['kept_mib']) for row in rows if row['contender'] == 'Euclidean'}
    assert kept['attn-peers'] < kept['attn']  # of a smaller batch


def test_loaders_program(tmp_path: Path) -> None:
    flags = ['--images', '24', '--batch-size', '8', '--workers', '0', '--rounds', '1']
    rows = rows_of(loaders, *flags, out=tmp_path / 'out.csv')
    assert [row['augmentation'] for row in rows] == list(loaders.AUGMENTATIONS)
    assert min(float(row[kind]) for row in rows for kind in ('timm', 'memory')) > 0


def test_optimizers_program(tmp_path: Path) -> None:
    rows = rows_of(optimizers, '--depth', '1', '--rounds', '1', out=tmp_path / 'o.csv')
    assert [(row['step'], row['model']) for row in rows] == list(optimizers.STEPS)


def test_contrastive_program(tmp_path: Path) -> None:
    flags = ['--batch', '512', '--dim', '4', '--chunk', '32', '--rounds', '1']
    rows = {row['loss']: row for row in rows_of(contrastive, *flags, out=tmp_path / 'c.csv')}
    assert rows['CLIP']['ratio'] == '1'
    assert float(rows['MERU, chunks of 32']['memory']) < float(rows['MERU']['memory']) / 2


def test_a_chain_of_nouns_rises_by_hypernyms_alone() -> None:
    tree = Taxonomy.from_text('root\n  animal\n    dog\n      terrier\n  car')
    chains = {'terrier animal root': True, 'terrier dog animal root': True}
    chains |= {'dog root': False, 'animal dog root': False, 'car animal root': False, 'root': False}
    assert {chain: image_text.is_rising(chain.split(), tree) for chain in chains} == chains


def test_graphs_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flags = ['--variants', 'res', '--embed-dim', '12', '--checks', 'fx', 'torch.func']
    rows = rows_of(graphs, *flags, out=tmp_path / 'g.csv')
    found = [(row['check'], row['kept'], row['reason']) for row in rows]
    assert found == [('fx', 'True', ''), ('torch.func', 'True', '')]
    assert rows[0]['difference'] == '0'

    def raises(*_: object) -> None:
        raise RuntimeError('no such graph\nand more')

    monkeypatch.setitem(graph_checks.CHECKS, 'fx', raises)
    monkeypatch.setitem(graph_checks.CHECKS, 'torch.func', lambda *_: graph_checks.Found(0.5, 0.1, (1, 3)))
    assert graphs.main([*flags, '--csv', str(tmp_path / 'g.csv')]) == 1
    (fx, func) = report.read_csv(tmp_path / 'g.csv')[1]
    assert (fx['kept'], fx['reason']) == ('False', 'RuntimeError: no such graph')
    assert (func['kept'], func['difference'], func['graphs']) == ('False', '0.5', '1/3')
    for counts, kept in {(1, 2, 2, 2, 2): True, (1, 1, 1, 1, 1): True, (1, 2, 3, 3, 3): False, (3,) * 5: False}.items():
        assert graph_checks.Found(0, 0.1, counts).is_kept == kept
    assert not graph_checks.Found(float('nan'), 0.1).is_kept


def test_graphs_program_takes_every_variant_with_open_gates() -> None:
    names = {graphs.name_of(variant) for variant in graphs.VARIANTS}
    assert names == {name for name in timm.list_models('vit_tiny_patch4_*') if 'flat' not in name}
    model = graphs.build('all', graphs.parse(['--embed-dim', '12']))
    loss = model(torch.randn(2, 3, 16, 16)).square().sum()
    assert all(g.any() for g in torch.autograd.grad(loss, list(model.parameters())))


def test_hyperbolize_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    small = {'img_size': 32, 'patch_size': 16, 'embed_dim': 12, 'depth': 1, 'num_classes': 5}
    monkeypatch.setitem(hyperbolize.MODELS, hyperbolize.ONE_MODEL, (small, 'head,pos,res0,mlp'))
    flags = ['--models', hyperbolize.ONE_MODEL, '--images', '2']
    rows = rows_of(hyperbolize, *flags, out=tmp_path / 'h.csv')
    equal = {row['c']: float(row['relative']) for row in rows if row['swapped'] == 'head,pos,res0,mlp'}
    assert equal['0'] < hyperbolize.ALLOWED < equal['0.001']
    alone = {'head', 'pos', 'res0', 'mlp', 'res', 'resx', 'attn'}
    assert {row['swapped'] for row in rows} == {*alone, 'head,pos,res0,mlp'}
    assert {row['relative'] for row in rows if row['start'] == 'gated'} == {'0'}
    # a conversion that changes the function is seen
    monkeypatch.setattr(hyperbolize, 'ALLOWED', 0.0)
    assert hyperbolize.main(flags) == 1
    assert 'not the function of before: vit_tiny_patch16_224' in capsys.readouterr().err
    assert set(hyperbolize.MODELS) <= set(timm.list_models())


def test_finetune_program_goes_on_where_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    pair = torch.randint(256, (200, 3, 32, 32), generator=generator, dtype=torch.uint8), torch.arange(200) % 100
    monkeypatch.setattr(finetune, 'load', lambda *_: {'train': pair, 'test': pair})
    contender = 'head,res@0.5'

    def run(output: str) -> list[dict[str, str]]:
        flags = ['--data-dir', str(tmp_path), '--output', str(tmp_path / output), '--contenders', contender]
        flags += ['--seeds', '0', '1', '--pretrain-epochs', '1', '--finetune-epochs', '1', '--depth', '1']
        return rows_of(finetune, *flags, '--embed-dim', '12', '--batch-size', '32', out=tmp_path / f'{output}.csv')

    expected = run('whole')
    assert [(row['contender'], row['seeds']) for row in expected] == [('euclid', '2'), (contender, '2')]
    assert expected[0]['gain'] == '0'
    epoch, epochs = finetune.Phase._epoch, 0

    def interrupted(self: finetune.Phase, number: int) -> float:
        nonlocal epochs
        epochs += 1
        if epochs == 3:  # the contender of the first seed
            raise KeyboardInterrupt
        return epoch(self, number)

    monkeypatch.setattr(finetune.Phase, '_epoch', interrupted)
    with pytest.raises(KeyboardInterrupt):
        run('stopped')
    assert run('stopped') == expected
    assert epochs == 3 + 4  # what was left, and no epoch twice
    with pytest.raises(SystemExit, match=r"--contenders neck@1: .*unknown 'neck'"):
        finetune.main(['--data-dir', str(tmp_path), '--output', str(tmp_path / 'x'), '--contenders', 'neck@1'])
    with pytest.raises(SystemExit, match='runs of another setting'):
        finetune.main(['--data-dir', str(tmp_path), '--output', str(tmp_path / 'whole'), '--depth', '2'])


def test_finetune_parts_are_the_two_halves_of_the_classes() -> None:
    images, targets = torch.arange(300), torch.arange(300) % 100
    kept, classes = finetune.part(images, targets, True, 2)
    assert kept.tolist() == [i for i in range(200) if i % 100 >= 50]
    assert classes.tolist() == [i % 100 - 50 for i in kept.tolist()]


def test_fewshot_program(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(12).repeat_interleave(20)
    clouds = torch.randn(240, 6, generator=generator) + torch.randn(12, 6, generator=generator)[labels]
    for name, features in (('a', clouds), ('b', torch.randn(240, 6, generator=generator))):
        write_features(tmp_path / f'{name}.safetensors', Features(features, labels))
    files = [f'--features={tmp_path}/a.safetensors', f'--untrained={tmp_path}/b.safetensors']
    sizes = ['--dims', '3', '0', '--shots', '1', '5', '--seeds', '2', '--novel', '5', '--episodes', '30']
    sizes += ['--steps', '3', '--samples', '40', '--draws', '2']
    second = tmp_path / 'd.csv'
    rows = rows_of(fewshot, *files, *sizes, f'--delta-csv={second}', out=tmp_path / 'f.csv')
    assert [(row['dim'], row['shot']) for row in rows[::3]] == [('3', '1'), ('3', '5'), ('6', '1'), ('6', '5')]
    assert [row['space'] for row in rows[:3]] == ['euclidean', 'cosine', 'hyperbolic']
    for flat, *others in zip(*[iter(rows)] * 3, strict=True):
        assert float(flat['gain']) == float(flat['gain_interval']) == 0
        for row in others:  # three digits of each are kept
            assert float(row['gain']) == pytest.approx(float(row['accuracy']) - float(flat['accuracy']), abs=0.02)
            assert float(row['lowest_seed']) <= float(row['accuracy']) <= float(row['highest_seed'])
    _, rows = report.read_csv(second)
    assert [(row['training'], row['samples']) for row in rows] == [('ImageNet', '40'), ('none', '40')]
    assert all(0 < float(row[kind]) < 1 for row in rows for kind in ('points', 'gaussian', 'isotropic'))
    assert float(rows[0]['nearest_mean']) > 3 * float(rows[1]['nearest_mean'])
    with pytest.raises(SystemExit, match='nowhere: no such file of features'):
        fewshot.main(['--features', 'nowhere'])


def test_nearest_mean_of_separate_clouds() -> None:
    targets = torch.arange(3).repeat_interleave(10)
    features = torch.randn(30, 4) + 100 * targets.unsqueeze(1)
    assert fewshot.nearest_mean_accuracy(features, targets) == 100
    assert fewshot.nearest_mean_accuracy(features, torch.arange(30) // 2 % 3) < 100


# --- pieces of a study ------------------------------------------------------------------------------------------------


def test_pieces_are_small_and_give_the_same_files(tmp_path: Path) -> None:
    folder = tmp_path / 'some'
    (folder / 'a').mkdir(parents=True)
    content = {'a/large': os.urandom(50_000), 'a/empty': b'', 'small': b'x'}
    for name, data in content.items():
        (folder / name).write_bytes(data)
    pieces = study_piece.split(folder, tmp_path / 'pieces', 0.01)
    assert len(pieces) > 4
    assert max(piece.stat().st_size for piece in pieces) <= 0.01 * 2**20
    study_piece.join(tmp_path / 'pieces', tmp_path / 'joined')
    found = {
        str(p.relative_to(tmp_path / 'joined')): p.read_bytes() for p in (tmp_path / 'joined').rglob('*') if p.is_file()
    }
    assert found == content
    assert len(study_piece.split(folder / 'a', tmp_path / 'pieces', 1)) == 1  # the old pieces are gone
    with pytest.raises(SystemExit, match='there are no pieces'):
        study_piece.join(tmp_path / 'joined', tmp_path)


def test_a_piece_of_a_study_takes_the_runs_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pretended(command: list[str]) -> subprocess.CompletedProcess:
        folder = Path(command[command.index('--output') + 1])
        assert sorted(path.name for path in folder.iterdir()) == (['begun-seed0', 'done-seed0'] if second else [])
        assert command[-2:] == ['--device', 'cpu']
        assert Path(command[command.index('--dataset') + 1].removeprefix('hfds/'), 'images').read_text() == 'all'
        for name, files in {'done-seed0': ('test.json', 'measures.json'), 'begun-seed0': ('args.yaml',)}.items():
            (folder / name).mkdir(exist_ok=True)
            for file in (*files, 'checkpoint-00000007.pt'):
                (folder / name / file).write_text('{}')
        return subprocess.CompletedProcess(command, 0)

    (tmp_path / 'data').mkdir()
    (tmp_path / 'data' / 'images').write_text('all')
    study_piece.split(tmp_path / 'data', tmp_path / 'd', 1)
    monkeypatch.setattr(study_piece.subprocess, 'run', pretended)
    words = ['work', 'x.yaml', '--data', str(tmp_path / 'd'), '--into', str(tmp_path / 'one'), '--device', 'cpu']
    second = False
    assert study_piece.main(words) == 0
    study_piece.join(tmp_path / 'one', tmp_path / 'runs')
    kept = sorted(path.parent.name for path in (tmp_path / 'runs').rglob('checkpoint-*'))
    assert kept == ['begun-seed0']
    second = True
    assert study_piece.main([*words, '--runs', str(tmp_path / 'one')]) == 0

"""The programs in `benchmarks/` about converted models, in tiny sizes."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import timm
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / 'benchmarks'))

import finetune  # noqa: E402
import hyperbolize  # noqa: E402
import page  # noqa: E402

pytestmark = pytest.mark.usefixtures('one_thread')


def test_hyperbolize_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / 'h.json'
    small = {'img_size': 32, 'patch_size': 16, 'embed_dim': 12, 'depth': 1, 'num_classes': 5}
    monkeypatch.setitem(hyperbolize.MODELS, hyperbolize.ONE_MODEL, (small, 'head,pos,res0,mlp'))
    flags = ['--models', hyperbolize.ONE_MODEL, '--images', '2', '--json', str(out)]
    assert hyperbolize.main(flags) == 0
    written = json.loads(out.read_text())
    assert {name.partition('/')[2] for name in written['tables']} == {'header', 'equal', 'alone', 'starts'}
    row = written['rows'][0]
    assert row['swaps'] == 1 + 1 + 2 + 2
    assert row['flat']['relative'] < hyperbolize.ALLOWED < row['small']['0.001']['largest']
    # a conversion that loses a weight is seen
    monkeypatch.setattr(hyperbolize, 'ALLOWED', 0.0)
    assert hyperbolize.main(flags) == 1
    assert 'differs by more than' in capsys.readouterr().err


def test_hyperbolize_program_takes_twelve_architectures() -> None:
    assert len(hyperbolize.MODELS) >= 12
    assert set(hyperbolize.MODELS) <= set(timm.list_models())


@pytest.fixture
def cifar_like(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random images of 100 classes in the place of CIFAR-100."""

    def load(args: Any, device: Any) -> finetune.Data:
        generator = torch.Generator().manual_seed(0)
        pair = torch.randint(256, (200, 3, 32, 32), generator=generator, dtype=torch.uint8), torch.arange(200) % 100
        return {'train': pair, 'test': pair}

    monkeypatch.setattr(finetune, 'load', load)


def test_finetune_program_goes_on_where_it_was_stopped(tmp_path: Path, cifar_like, monkeypatch) -> None:
    def run(output: str) -> list[dict]:
        finetune.main(
            [
                *('--data-dir', str(tmp_path), '--output', str(tmp_path / output), '--seeds', '0', '1'),
                *('--contenders', 'head,res@0.5', '--pretrain-epochs', '1', '--finetune-epochs', '2'),
                *('--depth', '1', '--embed-dim', '12', '--batch-size', '32'),
            ]
        )
        rows = json.loads((tmp_path / output / 'finetune.json').read_text())['rows']
        return [{**row, 'log': [{**entry, 'seconds': 0} for entry in row['log']]} for row in rows]

    expected = run('whole')
    assert [(row['contender'], row['seed']) for row in expected] == [
        *(('euclid', 0), ('euclid', 1), ('head,res@0.5', 0), ('head,res@0.5', 1))
    ]
    assert [entry['epoch'] for entry in expected[0]['log']] == [0, 1, 2]
    epoch, epochs = finetune.Phase._epoch, 0

    def interrupted(self: finetune.Phase, number: int) -> float:
        nonlocal epochs
        epochs += 1
        if epochs == 5:  # the second epoch of the second contender
            raise KeyboardInterrupt
        return epoch(self, number)

    monkeypatch.setattr(finetune.Phase, '_epoch', interrupted)
    with pytest.raises(KeyboardInterrupt):
        run('stopped')
    assert run('stopped') == expected
    assert epochs == 5 + 6  # what was left, and no epoch twice
    with pytest.raises(SystemExit, match=r'runs of another setting.*depth: 1 there, 2 here'):
        finetune.main(['--data-dir', str(tmp_path), '--output', str(tmp_path / 'whole'), '--depth', '2'])


def test_finetune_program_refuses_a_contender_before_it_trains(tmp_path: Path) -> None:
    reasons = {'neck@1': "unknown 'neck'", 'res0': 'could not convert string to float', 'res@-1': 'curvature=-1.0'}
    for contender, reason in reasons.items():
        with pytest.raises(SystemExit, match=rf'--contenders {contender}: .*{reason}'):
            finetune.main(['--data-dir', str(tmp_path), '--output', str(tmp_path / 'out'), '--contenders', contender])
    assert not (tmp_path / 'out').exists()


def test_finetune_parts_are_the_two_halves_of_the_classes() -> None:
    images, targets = torch.arange(300), torch.arange(300) % 100
    kept, classes = finetune.part(images, targets, False, None)
    assert kept.tolist() == [i for i in range(300) if i % 100 < 50]
    assert classes.tolist() == [i % 100 for i in kept.tolist()]
    kept, classes = finetune.part(images, targets, True, 2)
    assert kept.tolist() == [i for i in range(200) if i % 100 >= 50]
    assert classes.tolist() == [i % 100 - 50 for i in kept.tolist()]


def test_the_code_of_the_page_runs(capsys: pytest.CaptureFixture) -> None:
    text = (ROOT / 'docs' / 'hyperbolize.md').read_text(encoding='utf-8')
    names: dict[str, Any] = {}
    exec(text.split('```python\n')[1].split('```')[0], names)
    assert 'blocks.11.residual2' in capsys.readouterr().out
    assert names['model'].get_classifier().num_classes == 10


def test_the_page_of_conversions_names_only_tables_that_the_programs_make() -> None:
    text = (ROOT / 'docs' / 'hyperbolize.md').read_text(encoding='utf-8')
    wanted = {match['table'] for match in page.MARKER.finditer(text)}
    made = {'hyperbolize': ('header', 'equal', 'alone', 'starts'), 'finetune': ('header', 'top1')}
    assert wanted == {f'{program}/{table}' for program, tables in made.items() for table in tables}

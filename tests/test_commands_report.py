import importlib.util
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from test_analysis_page import Page, check
from timm.models import create_model
from train_helpers import run, summary

from timm_hyperbolic import cli
from timm_hyperbolic.analysis.report_sections import FIGURES
from timm_hyperbolic.commands.report import PAGE
from timm_hyperbolic.config.options import to_values
from timm_hyperbolic.config.trained import read_report_options
from timm_hyperbolic.data.digits import Digits
from timm_hyperbolic.evaluate.trained import open_trained

CIFAR100 = Path(__file__).parent.parent.parent / 'shared' / 'data' / 'cifar100'
SECTIONS = {
    'training': 'Training curves',
    'accuracy': 'Accuracy of each class',
    'confusion': 'Confusion matrix',
    'confidence': 'Most and least confident images',
    'curvature': 'Curvature of each module',
    'gates': 'Gates and centres by depth',
    'margin': 'How close to the clip',
    'norms': 'Hyperbolic norms by depth',
    'delta': 'δ-hyperbolicity of the features',
    'disk': 'Prototypes and features on the Poincaré disk',
    'origin': 'Classes nearest the origin',
}
QUICK = ['--samples', '40', '--draws', '2', '--images', '3']
# What the model's own configuration says of a model made by a run, and a named one must be told.
NAMED = ['--model-kwargs', 'embed_dim=24', 'depth=1', 'num_heads=3', '--img-size', '8', '--mean', '0.3', '--std', '0.4']


@pytest.fixture(scope='module')
def trained(tmp_path_factory) -> Path:
    """The folder of a short run on the digits."""
    model = ['--model', 'vit_tiny_patch4_hyp_head_pos_res', '--lr', '1e-2']
    status, folder = run(tmp_path_factory.mktemp('runs'), *model, steps=10)
    assert status == 0
    return folder


@pytest.fixture(scope='module')
def folder(trained, tmp_path_factory) -> Path:
    """The folder of its report, written by the installed command."""
    path = tmp_path_factory.mktemp('report') / 'of' / 'it'
    assert cli.main(['report', str(trained), '--output', str(path), *QUICK]) == 0
    return path


@pytest.fixture
def undrawn(monkeypatch) -> None:
    """What is written beside the words are empty files: to draw takes longest, and `folder` has every figure."""
    monkeypatch.setattr('timm_hyperbolic.analysis.figures.style._saved', lambda figure, form: b'')


def written(folder: Path) -> Page:
    return check((folder / PAGE).read_text(encoding='utf-8'))


def facts(page: Page) -> dict[str, str]:
    return dict(zip(page.text['dt'], page.text['dd'], strict=True))


def test_the_page_has_every_section_with_its_figures(folder):
    page = written(folder)
    assert page.text['title'] == ['What vit_tiny_patch4_hyp_head_pos_res learned']
    assert {s['id']: title for s, title in zip(page.all('section'), page.text['h2'], strict=True)} == SECTIONS
    assert 'left out' not in facts(page)
    assert len(page.all('img')) == len(page.all('source')) == len(FIGURES)


def test_the_figures_lie_beside_it_in_both_formats(folder):
    names = {path.name for path in (folder / 'figures').iterdir()}
    assert names == {f'{name}.{ending}' for name in FIGURES for ending in ('svg', 'png')}
    assert sorted(path.name for path in folder.iterdir()) == ['figures', PAGE]
    assert (folder / 'figures' / 'disk.png').read_bytes().startswith(b'\x89PNG')
    assert (folder / 'figures' / 'disk.svg').read_text().rstrip().endswith('</svg>')


def test_the_header_says_what_was_looked_at(folder, trained):
    found = facts(written(folder))
    assert found['model'].startswith('vit_tiny_patch4_hyp_head_pos_res, ')
    assert found['checkpoint'] == f'local-dir:{trained}'
    assert found['data'] == 'digits, split validation, 360 images'
    assert found['Top-1'] == f'{summary(trained)[-1]["eval_top1"]:.2f} %'
    assert re.search(r'timm_hyperbolic \S+, timm \S+, torch \S+, geoopt \S+, Python 3', found['versions'])
    assert found['command'] == f'timm-hyperbolic report {trained} --output {folder} {" ".join(QUICK)}'


def test_the_numbers_are_in_the_words(folder, trained):
    page = written(folder)
    delta = next(text for text in page.text['p'] if 'Gromov' in text)
    assert 'Each of 2 draws takes 40 of the 360 features of 24 dimensions' in delta
    caption = next(text for text in page.text['figcaption'] if 'Gaussian' in text)
    assert all(0 < float(number) < 1 for number in re.findall(r'0\.\d+', caption))
    best = max(summary(trained), key=lambda row: row['eval_top1'])
    wanted = f'Highest Top-1: {best["eval_top1"]:.2f} % after epoch {best["epoch"] + 1:.0f}'
    assert any(wanted in text for text in page.text['figcaption'])
    curvatures = [value for key, value in summary(trained)[-1].items() if key.startswith('curvature/')]
    wanted = f'From {min(curvatures):.4g} to {max(curvatures):.4g}. Furthest from its start: '
    assert any(text.startswith(wanted) for text in page.text['figcaption'])


@pytest.mark.usefixtures('undrawn')
def test_a_euclidean_model_of_timm_has_the_sections_that_need_no_geometry(tmp_path, capsys):
    torch.manual_seed(0)
    weights = tmp_path / 'weights.pth'
    torch.save(create_model('test_vit', num_classes=10).state_dict(), weights)
    stale, other = tmp_path / 'out' / 'figures' / 'disk.svg', tmp_path / 'out' / 'figures' / 'mine.svg'
    stale.parent.mkdir(parents=True)
    stale.write_text('of another model')
    other.write_text('of the user')
    flags = ['--model', 'test_vit', '--num-classes', '10', '--output', str(tmp_path / 'out'), '-b', '360', '-j', '0']
    assert cli.run('report', [str(weights), *flags, *QUICK], prog='report') == 0
    assert 'without training, curvature, gates, margin, norms, disk, origin' in capsys.readouterr().out
    page = written(tmp_path / 'out')
    shown = ('accuracy', 'confusion', 'confidence', 'delta')
    assert page.text['h2'] == [SECTIONS[name] for name in shown]  # no section is empty
    missing = ', '.join(title for name, title in SECTIONS.items() if name not in (*shown, 'training'))
    assert facts(page)['left out'].endswith(f' {missing}: the model has no hyperbolic module.')
    names = {path.stem for path in (tmp_path / 'out' / 'figures').iterdir()}
    assert names == {'accuracy', 'confusion', 'delta', 'most_confident', 'least_confident', 'mine'}
    assert facts(page)['checkpoint'] == str(weights)


@pytest.mark.usefixtures('undrawn')
def test_a_flat_control_has_no_ball(tmp_path):
    weights = tmp_path / 'weights.pth'
    flat = {'embed_dim': 24, 'depth': 1, 'num_heads': 3, 'img_size': 8, 'num_classes': 10}
    torch.save(create_model('vit_tiny_patch4_flat_head_pos_res', **flat).state_dict(), weights)
    flags = ['--model', 'vit_tiny_patch4_flat_head_pos_res', *NAMED, '--output', str(tmp_path / 'out'), '-j', '0']
    assert cli.run('report', [str(weights), *flags, *QUICK], prog='report') == 0
    page = written(tmp_path / 'out')
    said = facts(page)['left out']
    assert f'{SECTIONS["curvature"]}: the curvatures are fixed at 0 and not learned.' in said
    assert f'{SECTIONS["margin"]}: no module clips its inputs.' in said
    assert f'{SECTIONS["disk"]}, {SECTIONS["origin"]}: the classifier is flat.' in said
    # At the start all gates are closed, and the class token sees no image.
    assert f'{SECTIONS["delta"]}: the features have no δ, 40 points of diameter 0:' in said
    assert SECTIONS['gates'] in page.text['h2']


@pytest.mark.usefixtures('undrawn')
@pytest.mark.skipif(not CIFAR100.is_dir(), reason='../shared/data/cifar100 is not there')
def test_colours_of_cifar100_are_superclasses(tmp_path):
    torch.manual_seed(0)
    weights = tmp_path / 'weights.pth'
    kwargs = {'embed_dim': 24, 'depth': 1, 'num_heads': 3}
    torch.save(create_model('vit_tiny_patch4_hyp_head', **kwargs).state_dict(), weights)
    data = ['--data', f'hfds/{CIFAR100}', '--input-key', 'img', '--target-key', 'fine_label', '--split', 'test[:300]']
    model = ['--model', 'vit_tiny_patch4_hyp_head', *NAMED[:4], '--output', str(tmp_path / 'out'), '-j', '0']
    assert cli.run('report', [str(weights), *model, *data, *QUICK], prog='report') == 0
    page = written(tmp_path / 'out')
    assert any('Colours are superclasses' in text for text in page.text['p'])
    assert any('A row is a superclass' in text for text in page.text['p'])
    assert any('Classes of one superclass stand together' in text for text in page.text['p'])
    assert facts(page)['data'].endswith('split test[:300], 300 images')


def digits_in_folders(folder: Path, names: dict[int, str]) -> Path:
    """Held out digits as a folder of images, with a folder of this name for each."""
    digits = Digits('validation')
    for row, target in enumerate(digits.targets):
        if target in names:
            path = folder / 'validation' / names[target] / f'{row}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            digits[row][0].save(path)
    return folder


def test_folders_are_matched_by_the_names_that_the_model_knows(trained, tmp_path):
    folder = digits_in_folders(tmp_path, {digit: str(digit) for digit in (1, 2, 7)})
    opened = open_trained(read_report_options([str(trained), '--data', str(folder)]), torch.device('cpu'))
    labels = {Path(opened.dataset.reader.filename(row)).parent.name: opened.dataset[row][1] for row in range(107)}
    assert labels == {'1': 1, '2': 2, '7': 7}
    assert opened.classes == [str(digit) for digit in range(10)]


@pytest.mark.usefixtures('undrawn')
def test_data_of_other_classes_have_no_accuracy(trained, tmp_path, capsys):
    folder = digits_in_folders(tmp_path, {1: 'one', 2: 'two'})
    argv = [str(trained), '--data', str(folder), '--output', str(tmp_path / 'out'), *QUICK]
    assert cli.run('report', argv, prog='report') == 2
    assert 'has no class one, two; ' in capsys.readouterr().err
    assert cli.run('report', [*argv, '--num-classes', '10'], prog='report') == 0
    found = facts(written(tmp_path / 'out'))
    assert found['Top-1'] == 'none: the model has other classes than the data'
    assert f'{SECTIONS["accuracy"]}, {SECTIONS["confusion"]}: the model has other classes' in found['left out']


def test_data_of_a_run_are_those_it_was_trained_on_unless_others_are_named(trained, tmp_path):
    args = (trained / 'args.yaml').read_text()
    copy = tmp_path / 'run'
    copy.mkdir()
    (copy / 'config.json').write_text((trained / 'config.json').read_text())
    (copy / 'args.yaml').write_text(
        args.replace('dataset: digits', 'dataset: hfds/some').replace('input_key: null', 'input_key: img')
    )
    found = SimpleNamespace(**to_values(read_report_options([str(copy)])))
    assert (found.dataset, found.input_key, found.model) == ('hfds/some', 'img', f'local-dir:{copy}')
    found = SimpleNamespace(**to_values(read_report_options([str(copy), '--data', 'digits'])))
    assert (found.dataset, found.input_key) == ('digits', None)
    found = SimpleNamespace(
        **to_values(read_report_options([str(copy / 'model.safetensors'), '--data', str(tmp_path)]))
    )
    assert (found.dataset, found.data_dir, found.model) == ('', str(tmp_path), f'local-dir:{copy}')


@pytest.mark.parametrize(
    ('argv', 'said'),
    [
        ([], ['give CHECKPOINT', '--model']),
        (['nowhere'], ['--checkpoint nowhere: no such file or folder']),
        (['{trained}/summary.csv'], ['summary.csv: not the folder of a run', '--model']),
        (['--model', 'vit_tiny_patch4_hyp_res'], ['--model vit_tiny_patch4_hyp_res', '--checkpoint']),
        (['nowhere.pth', '--model', 'vit_tiny_patch4_hyp_res'], ['--checkpoint nowhere.pth: no such file']),
        (['{trained}', '--draws', '0'], ['--draws', 'at least 1', "'0'"]),
        (['{trained}', '--samples', '3'], ['--samples', 'at least 4', "'3'"]),
        (['{trained}', '--samples', '361'], ['--samples 361', '360 images']),
        (['{trained}', '--images', 'no'], ['--images', "'no'"]),
        (['{trained}', '--data', 'digits', '--dataset', 'digits'], ['--data digits', '--dataset digits', 'give one']),
        (['{trained}', '--data', 'digit'], ['unknown data set. Nearest: digits']),
        (['{trained}', '--output', '{trained}/config.json'], ['--output', 'is a file']),
        (['{trained}', '--epochs', '3'], ['unknown argument --epochs']),
    ],
)
def test_bad_input_is_one_line_and_status_2(trained, capsys, argv, said):
    status = cli.run('report', [arg.format(trained=trained) for arg in argv], prog='report')
    (line,) = capsys.readouterr().err.splitlines()
    assert status == 2
    assert line.startswith('report: error: ')
    for text in said:
        assert text in line
    assert not (trained / 'report').exists()


def test_a_missing_package_is_named_with_its_remedy(trained, capsys, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None if name == 'matplotlib' else found(name))
    assert cli.run('report', [str(trained)], prog='report') == 2
    assert 'needs matplotlib: pip install timm_hyperbolic[report]' in capsys.readouterr().err


@pytest.mark.usefixtures('undrawn')
def test_features_that_are_not_finite_leave_out_what_needs_them(trained, tmp_path):
    model = create_model(f'local-dir:{trained}', pretrained=True)
    with torch.no_grad():
        model.norm.bias.fill_(torch.nan)
    torch.save(model.state_dict(), tmp_path / 'weights.pth')
    named = ['--model', 'vit_tiny_patch4_hyp_head_pos_res', *NAMED[:2], 'depth=2', *NAMED[3:], '-j', '0']
    argv = [str(tmp_path / 'weights.pth'), *named, '--output', str(tmp_path / 'out'), *QUICK]
    assert cli.run('report', argv, prog='report') == 0
    said = facts(written(tmp_path / 'out'))['left out']
    assert 'the features have no δ' in said
    assert 'some features are not finite' in said

import csv
import json
from pathlib import Path

import pytest
import timm
import torch
from timm.data import create_dataset, create_loader, resolve_data_config
from timm.models import create_model, load_checkpoint
from timm.utils import accuracy
from train_helpers import run, summary

import timm_hyperbolic
from timm_hyperbolic import cli
from timm_hyperbolic.commands.validate import validate
from timm_hyperbolic.config.trained import read_validate_options
from timm_hyperbolic.data.digits import Digits
from timm_hyperbolic.errors import UserError
from timm_hyperbolic.evaluate.metrics import CalibrationError

CIFAR100 = Path(__file__).parent.parent.parent / 'shared' / 'data' / 'cifar100'
TINY = {'embed_dim': 24, 'depth': 2, 'num_heads': 3, 'img_size': 8, 'num_classes': 10}
# What the model's own configuration says of a model made by a run, and a named one must be told.
INPUT = ['--img-size', '8', '--mean', '0.305', '--std', '0.376']
NAMED = ['--model', 'vit_tiny_patch4_hyp_res', '--model-kwargs', 'embed_dim=24', 'depth=2', 'num_heads=3', *INPUT]
HELD_OUT = Digits('test')


@pytest.fixture(scope='module')
def trained(tmp_path_factory) -> Path:
    """The folder of a short run on the digits."""
    status, folder = run(tmp_path_factory.mktemp('runs'), '--lr', '1e-2', '--smoothing', '0', steps=30)
    assert status == 0
    return folder


def write_images(folder: Path, classes: int = 10) -> None:
    """The held out digits of the first classes as a folder of images."""
    for row, target in enumerate(HELD_OUT.targets):
        if target < classes:
            path = folder / str(target) / f'{row}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            HELD_OUT[row][0].save(path)


def measured(*argv: str) -> dict:
    return validate(read_validate_options([str(arg) for arg in argv]))


def test_folder_of_a_run_has_the_numbers_of_its_last_evaluation(trained, capsys):
    results, row = measured('--model', f'local-dir:{trained}'), summary(trained)[-1]
    for key in ('top1', 'top5', 'loss'):
        assert results[key] == pytest.approx(row[f'eval_{key}'], rel=1e-5)
    assert (results['images'], results['split'], results['img_size']) == (360, 'validation', 8)
    assert results['top1_err'] == pytest.approx(100 - results['top1'])
    assert 0 < results['ece'] < 100
    assert 'superclass_top1' not in results
    table = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ['Top-1', f'{results["top1"]:.2f}', '%'] in table
    assert ['ECE', f'{results["ece"]:.2f}', '%'] in table


def test_calibration_is_that_of_the_models_own_predictions(trained):
    model = timm.create_model(f'local-dir:{trained}', pretrained=True).eval()
    config = timm.data.resolve_model_data_config(model)
    loader = create_loader(Digits('test'), batch_size=360, device=torch.device('cpu'), **config)
    error = CalibrationError()
    with torch.no_grad():
        for image, target in loader:
            error.update(model(image), target)
    results = measured('--model', f'local-dir:{trained}', '-b', '7')
    assert results['ece'] == pytest.approx(error.compute(), rel=1e-4)


def test_data_of_fewer_classes_leaves_the_classifier_as_it_was_trained(trained, tmp_path):
    write_images(tmp_path / 'validation', classes=3)
    results = measured('--model', f'local-dir:{trained}', '--data-dir', tmp_path)
    model = timm.create_model(f'local-dir:{trained}', pretrained=True).eval()
    loader = create_loader(
        Digits('test'), batch_size=360, device=torch.device('cpu'), **timm.data.resolve_model_data_config(model)
    )
    image, target = next(iter(loader))
    few = target < 3
    with torch.no_grad():
        right = (model(image).argmax(1) == target)[few].float()
    assert (results['images'], results['top1']) == (few.sum(), pytest.approx(100 * right.mean().item()))
    assert results['top1'] > 0


@pytest.mark.parametrize('weights', ['own', 'named'])
def test_folders_are_matched_by_the_names_that_the_model_knows(trained, tmp_path, weights):
    """Without the digits 0 and 3, and with a hidden folder, whose names would come first."""
    for row, target in enumerate(HELD_OUT.targets):
        if target in (1, 2, 4, 7):
            path = tmp_path / 'validation' / str(target) / f'{row}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            HELD_OUT[row][0].save(path)
    (tmp_path / 'validation' / '.ipynb_checkpoints').mkdir()
    HELD_OUT[0][0].save(tmp_path / 'validation' / '.ipynb_checkpoints' / '0.png')
    model = timm.create_model(f'local-dir:{trained}', pretrained=True).eval()
    config = timm.data.resolve_model_data_config(model)
    image, target = next(iter(create_loader(Digits('test'), batch_size=360, device=torch.device('cpu'), **config)))
    some = torch.isin(target, torch.tensor([1, 2, 4, 7]))
    with torch.no_grad():
        right = (model(image).argmax(1) == target)[some].float()
    assert right.mean() > 0.3  # the labels of the folders' own order give another number
    chosen = ['--model', f'local-dir:{trained}'] if weights == 'own' else [*NAMED, '--checkpoint', trained]
    results = measured(*chosen, '--data-dir', tmp_path)
    assert (results['images'], results['top1']) == (some.sum(), pytest.approx(100 * right.mean().item()))
    HELD_OUT[0][0].save((tmp_path / 'validation' / '1').rename(tmp_path / 'validation' / 'one') / 'x.png')
    with pytest.raises(UserError, match=r'split validation: --model \S+ has no class one; .*--class-map FILE'):
        measured(*chosen, '--data-dir', tmp_path)
    (tmp_path / 'map.txt').write_text('zero\none\n2\n3\n4\n5\n6\n7\n')
    (tmp_path / 'validation' / 'one' / 'x.png').unlink()
    again = measured(*chosen, '--data-dir', tmp_path, '--class-map', 'map.txt')
    assert again['top1'] == results['top1']


def test_a_model_without_names_is_measured_on_as_many_classes_only(trained, tmp_path):
    weights = tmp_path / 'alone' / 'weights.safetensors'
    weights.parent.mkdir()
    weights.write_bytes((trained / 'model.safetensors').read_bytes())
    write_images(tmp_path / 'validation', classes=3)
    chosen = [*NAMED, '--num-classes', '10', '--checkpoint', weights, '--data-dir', tmp_path]
    with pytest.raises(
        UserError, match=r'validation, has 3 classes and --model \S+ has 10, whose names are not known; '
    ):
        measured(*chosen)
    (tmp_path / 'map.txt').write_text(''.join(f'{digit}\n' for digit in range(10)))
    results = measured(*chosen, '--class-map', tmp_path / 'map.txt')
    assert results['top1'] == measured('--model', f'local-dir:{trained}', '--data-dir', tmp_path)['top1']


def test_labels_of_other_classes_are_no_reason_for_an_untrained_classifier(trained, tmp_path):
    datasets = pytest.importorskip('datasets')
    rows = {'image': [HELD_OUT[0][0]] * 2, 'label': [3, 10]}
    features = datasets.Features({'image': datasets.Image(), 'label': datasets.Value('int64')})
    file = tmp_path / 'set' / 'validation-00000-of-00001.parquet'
    datasets.Dataset.from_dict(rows, features=features).to_parquet(file)
    chosen = ['--model', f'local-dir:{trained}', '--dataset', f'hfds/{file.parent}', '--data-dir', tmp_path / 'cache']
    with pytest.raises(UserError, match='labels from 3 to 10 do not fit a classifier of 10 classes; ') as error:
        measured(*chosen)
    assert '--num-classes' not in str(error.value)
    with pytest.raises(UserError, match=r'^--num-classes 11: leave it out; the weights of .* have 10 classes; '):
        measured(*chosen, '--num-classes', '11')


@pytest.mark.parametrize('path', ['', 'model.safetensors'])
def test_named_model_with_the_checkpoint_of_a_run(trained, path):
    wanted = measured('--model', f'local-dir:{trained}')
    results = measured(*NAMED, '--checkpoint', trained / path)
    for key in ('top1', 'loss', 'ece'):
        assert results[key] == pytest.approx(wanted[key], rel=1e-5)


def test_checkpoint_with_a_moving_average(trained, tmp_path):
    """timm's training writes both under these keys."""
    good = timm.models.load_state_dict(str(trained / 'model.safetensors'))
    bad = {key: torch.zeros_like(value) for key, value in good.items()}
    torch.save({'state_dict': bad, 'state_dict_ema': good, 'epoch': 3}, tmp_path / 'checkpoint.pth.tar')
    results = [
        measured(*NAMED, '--checkpoint', tmp_path / 'checkpoint.pth.tar', *flags) for flags in ([], ['--no-use-ema'])
    ]
    assert results[0]['loss'] == pytest.approx(summary(trained)[-1]['eval_loss'], rel=1e-5)
    assert results[1]['top1'] == pytest.approx(10, abs=1)


@pytest.mark.parametrize('ending', ['json', 'csv'])
def test_results_file(trained, tmp_path, ending):
    file = tmp_path / f'results.{ending}'
    file.write_text('of an earlier run')
    results = measured('--model', f'local-dir:{trained}', '--results-file', file)
    if ending == 'json':
        assert json.loads(file.read_text()) == results
    else:
        (row,) = csv.DictReader(file.open())
        assert float(row['top1']) == results['top1']
        assert list(row) == list(results)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize(
    'flags', [['--amp', '--amp-dtype', 'bfloat16'], ['--torchcompile', 'eager'], ['--workers', '1']], ids=' '.join
)
def test_options_that_do_not_change_what_is_measured(trained, flags):
    plain, results = (measured('--model', f'local-dir:{trained}', *extra) for extra in ([], flags))
    assert results['loss'] == pytest.approx(plain['loss'], rel=2e-2)
    assert results['images'] == 360


@pytest.mark.parametrize(
    ('argv', 'said'),
    [
        ([], ['give CHECKPOINT', '--model', 'local-dir:FOLDER']),
        (['--model', 'vit_tiny_patch4_hyp_res'], ['--model vit_tiny_patch4_hyp_res', '--checkpoint']),
        (['--model', 'vit_tiny_patch4_hyp_rez', '--checkpoint', 'x'], ['Nearest: vit_tiny_patch4_hyp_res']),
        (
            ['--model', 'vit_tiny_patch4_hyp_res', '--checkpoint', 'nowhere.pth'],
            ['--checkpoint nowhere.pth', 'no such'],
        ),
        (['--model', 'vit_tiny_patch4_hyp_res', '--checkpoint', '{trained}'], ['of another shape', '--model-kwargs']),
        (['--model', 'local-dir:nowhere'], ['no config.json in nowhere']),
        (['--model', 'local-dir:{trained}', '--split', 'extra'], ["no split 'extra'"]),
        (['--model', 'local-dir:{trained}', '--coarse-key', 'kind'], ['--coarse-key kind']),
        (['--model', 'local-dir:{trained}', '--results-file', 'x.txt'], ['--results-file x.txt', '.csv or .json']),
        (
            ['--model', 'local-dir:{trained}', '--results-file', 'no/x.csv'],
            ['--results-file no/x.csv: there is no folder no'],
        ),
        (['--model', 'local-dir:{trained}', '--dataset', 'digit'], ['unknown data set. Nearest: digits']),
        (['--epochs', '3'], ['unknown argument --epochs']),
        (['--batch-size', '0'], ['--batch-size', 'at least 1']),
    ],
)
def test_bad_input_is_one_line_and_status_2(trained, capsys, argv, said):
    status = cli.run('validate', [arg.format(trained=trained) for arg in argv], prog='validate')
    (line,) = capsys.readouterr().err.splitlines()
    assert status == 2
    assert line.startswith('validate: error: ')
    for text in said:
        assert text in line


def test_a_results_file_that_is_a_folder(trained, tmp_path):
    (tmp_path / 'dir.csv').mkdir()
    with pytest.raises(UserError, match=r'dir\.csv: is a folder; give the name of a file'):
        measured('--model', f'local-dir:{trained}', '--results-file', str(tmp_path / 'dir.csv'))


def test_the_installed_command_has_it(trained, capsys):
    assert cli.main(['validate', '--model', f'local-dir:{trained}']) == 0
    assert '360 images' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        cli.main(['validate', '--help'])
    said = ' '.join(capsys.readouterr().out.split())
    assert 'usage: timm-hyperbolic validate' in said
    assert '--epochs' not in said
    for flag in ('--checkpoint', '--use-ema', '--split', '--coarse-key', '--results-file', '--model-kwargs'):
        assert flag in said


@pytest.fixture(scope='module')
def cifar_checkpoint(tmp_path_factory) -> Path:
    """A model for CIFAR-100, as it starts."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('weights') / 'model.pth'
    model = create_model('vit_tiny_patch4_hyp_all', embed_dim=24, depth=1, num_heads=3)
    torch.save({'state_dict': model.state_dict()}, path)
    return path


@pytest.mark.skipif(not CIFAR100.is_dir(), reason='../shared/data/cifar100 is not there')
def test_superclasses_of_cifar100(cifar_checkpoint, tmp_path):
    pytest.importorskip('datasets')
    data = [
        '--dataset',
        f'hfds/{CIFAR100}',
        '--input-key',
        'img',
        '--target-key',
        'fine_label',
        '--split',
        'test[:400]',
    ]
    kwargs = ['--model-kwargs', 'embed_dim=24', 'depth=1', 'num_heads=3']
    model = ['--model', 'vit_tiny_patch4_hyp_all', *kwargs, '--checkpoint', cifar_checkpoint]
    results = measured(*data, *model, '--workers', '0')
    assert results['top1'] <= results['superclass_top1'] < 50

    # The same from the columns alone, without a map.
    import datasets

    rows = datasets.load_dataset(str(CIFAR100), split='test[:400]')
    every = datasets.load_dataset(str(CIFAR100), split='test')
    coarse = dict(zip(every['fine_label'], every['coarse_label'], strict=True))
    net = create_model(
        'vit_tiny_patch4_hyp_all', embed_dim=24, depth=1, num_heads=3, checkpoint_path=str(cifar_checkpoint)
    )
    dataset = create_dataset(f'hfds/{CIFAR100}', split='test[:400]', input_key='img', target_key='fine_label')
    loader = create_loader(
        dataset, batch_size=400, num_workers=0, device=torch.device('cpu'), **resolve_data_config(model=net)
    )
    with torch.no_grad():
        predicted = torch.cat([net.eval()(image).argmax(1) for image, _ in loader]).tolist()
    right = [coarse[p] == c for p, c in zip(predicted, rows['coarse_label'], strict=True)]
    assert results['superclass_top1'] == pytest.approx(100 * sum(right) / 400)


def test_what_timms_validate_does_works_with_our_models(trained, tmp_path):
    """The factory calls of timm's validate.py in their order, on a folder of images."""

    write_images(tmp_path / 'images' / 'validation')
    checkpoint = str(trained / 'model.safetensors')
    assert timm.is_model('vit_tiny_patch4_hyp_res')
    model = create_model('vit_tiny_patch4_hyp_res', pretrained=False, global_pool=None, scriptable=False, **TINY)
    load_checkpoint(model, checkpoint, use_ema=False)
    given = {'img_size': 8, 'mean': [0.305], 'std': [0.376]}
    config = resolve_data_config(given, model=model, use_test_size=True)
    dataset = create_dataset(
        root=str(tmp_path / 'images'), name='', split='validation', class_map='', input_img_mode='RGB'
    )
    loader = create_loader(
        dataset,
        input_size=config['input_size'],
        batch_size=100,
        use_prefetcher=True,
        interpolation=config['interpolation'],
        mean=config['mean'],
        std=config['std'],
        num_workers=0,
        crop_pct=config['crop_pct'],
        crop_mode=config['crop_mode'],
        device=torch.device('cpu'),
        img_dtype=torch.float32,
    )
    right = 0.0
    model.eval()
    with torch.inference_mode():
        for image, target in loader:
            top1, _ = accuracy(model(image), target, topk=(1, 5))
            right += top1.item() * len(target)
    assert right / 360 == pytest.approx(summary(trained)[-1]['eval_top1'], rel=1e-5)
    # Also with the checkpoint given to the factory.
    again = create_model('vit_tiny_patch4_hyp_res', checkpoint_path=checkpoint, **TINY)
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in again.state_dict().items())
    assert timm_hyperbolic.named_curvatures(again) == timm_hyperbolic.named_curvatures(model)

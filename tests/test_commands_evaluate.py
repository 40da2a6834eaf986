"""`timm-hyperbolic evaluate`: its numbers are those of the model run by hand; bad input is named before it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from timm.data import create_loader, resolve_model_data_config
from timm.models._hub import save_for_hf
from torch.nn import functional as F
from train_helpers import run

from timm_hyperbolic import cli, evaluate
from timm_hyperbolic.commands import evaluate as command
from timm_hyperbolic.config.evaluate import read_evaluate_options
from timm_hyperbolic.data.digits import Digits
from timm_hyperbolic.errors import UserError
from timm_hyperbolic.evaluate.outputs import classify
from timm_hyperbolic.taxonomy import Taxonomy

TREE = 'digits\n low\n  0\n  1\n  2\n middle\n  3\n  4\n  5\n  6\n high\n  7\n  8\n  9\n'
GROUPS = torch.tensor([0, 0, 0, 1, 1, 1, 1, 2, 2, 2])


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
    """The folder of a short run on the digits with a head on their tree, and files to name beside it."""
    path = tmp_path_factory.mktemp('runs')
    (path / 'tree.txt').write_text(TREE)
    for name, text in {'indent': TREE + '\tx\n', 'fewer': TREE[:-5], 'more': f'{TREE}  ten\n'}.items():
        (path / f'{name}.txt').write_text(text)
    # The same tree, its leaves in another order.
    (path / 'order.txt').write_text('d\n high\n  9\n  8\n  7\n low\n  0\n  1\n  2\n middle\n  5\n  6\n  3\n  4\n')
    kwargs = ['backbone=test_vit', 'patch_size=4', 'head=tree', 'dim=4', f'hierarchy={path / "tree.txt"}']
    flags = [
        '--model',
        'hyp_classifier',
        '--model-kwargs',
        *kwargs,
        '--img-size',
        '8',
        '-b',
        '240',
        '--lr',
        '3e-3',
        '-j',
        '0',
    ]
    status, _ = run(path, *flags, tiny=False, steps=40)
    assert status == 0
    noise = np.random.default_rng(0).integers(0, 256, (20, 8, 8), np.uint8)
    for row, pixels in enumerate(noise):
        (path / 'noise' / 'validation' / 'x').mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path / 'noise' / 'validation' / 'x' / f'{row}.png')
    return path


def measured(*argv: Any) -> dict[str, Any]:
    own = [] if argv[0] == '--features' else ['--workers', '0']
    return command.evaluate(read_evaluate_options([*map(str, argv), *own]))


def small_model(classes: int) -> torch.nn.Module:
    """A model of another head, as it starts."""
    size = {'img_size': 8, 'patch_size': 4, 'pretrained_cfg_overlay': {'input_size': (3, 8, 8)}}
    return timm.create_model('test_vit', num_classes=classes, **size)


def by_hand(name: str, dataset: Any) -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor, torch.Tensor]:
    """The model of a folder, and the features, logits and labels of a data set."""
    model = timm.create_model(f'local-dir:{name}', pretrained=True).eval()
    loader = create_loader(dataset, batch_size=400, device=torch.device('cpu'), **resolve_model_data_config(model))
    image, labels = next(iter(loader))
    with torch.no_grad():
        features = model.forward_head(model.forward_features(image), pre_logits=True)
        return model, features, model(image), labels


def test_the_numbers_are_those_of_the_model(folder: Path, tmp_path: Path, capsys) -> None:
    file = tmp_path / 'results.json'
    found = measured(
        *(folder / 'run', '--unseen', '2, 5', '--ood', folder / 'noise', '--results-file', file, '-b', '50')
    )
    model, features, logits, labels = by_hand(folder / 'run', Digits('test'))
    assert (found['images'], found['classes'], found['nodes'], found['hierarchy']) == (360, 10, 14, 'its own')
    predicted, tree = logits.argmax(1), Taxonomy.from_text(TREE)
    assert found['top1'] == pytest.approx(100 * (predicted == labels).float().mean().item())
    assert found['level1_top1'] == pytest.approx(100 * (GROUPS[predicted] == GROUPS[labels]).float().mean().item())
    assert len(predicted.unique()) > 1
    assert found['top1'] < found['level1_top1']
    wanted = evaluate.hierarchy_metrics(predicted, labels, tree)
    wanted |= evaluate.retrieval_metrics(features, labels, tree)
    head = model.get_classifier()
    with torch.no_grad():
        vectors = head.embed(features)
        distance = 2 * vectors.norm(dim=1)
    limits, c = head.head.limits, head.head.curvature().item()
    points = evaluate.retrieval_metrics(vectors, labels, tree, curvature=c, limits=limits)
    wanted |= {f'points_{name}': value for name, value in points.items()}
    wanted |= evaluate.zero_shot_metrics(logits, labels, tree, [2, 5])
    _, other_features, other, _ = by_hand(folder / 'run', timm.data.ImageDataset(str(folder / 'noise' / 'validation')))
    with torch.no_grad():
        far = 2 * head.embed(other_features).norm(dim=1)
    wanted['ood_auroc_softmax'] = evaluate.auroc(*(evaluate.max_softmax(x) for x in (logits, other)))
    wanted['ood_auroc_feature_norm'] = evaluate.auroc(*(x.norm(dim=1) for x in (features, other_features)))
    wanted['ood_auroc_distance'] = evaluate.auroc(distance, far)
    for name, value in wanted.items():
        assert found[name] == pytest.approx(value, abs=0.02), name
    assert found['points_class_map'] != pytest.approx(found['class_map'], abs=0.1)
    assert 'cousin_map' not in found  # every class is a cousin of every other one
    assert json.loads(file.read_text()) == found
    shown = capsys.readouterr().out
    assert f'  {found["level1_top1"]:.2f} %\n' in shown.split('Top-1 at level 1')[1]
    for name in ('top1', 'mistake_height', 'points_recall_at_8', 'unseen_top1', 'ood_auroc_distance'):
        assert f'{found[name]:.2f}' in shown


def test_a_tree_is_matched_by_the_names_of_the_classes(folder: Path) -> None:
    run_folder = folder / 'run'
    few = ['--retrieval', '0']
    wanted = {name: value for name, value in measured(run_folder, *few).items() if name != 'hierarchy'}
    for file in ('tree', 'order'):
        found = measured(run_folder, *few, '--hierarchy', folder / f'{file}.txt')
        assert {name: found[name] for name in wanted} == wanted
    assert not [name for name in found if name.endswith('_map') or 'recall_at' in name]


def test_features_of_a_file_stand_in_place_of_the_backbone(folder: Path, tmp_path: Path, monkeypatch) -> None:
    wanted, file = measured(folder / 'run', '--unseen', '7,8'), tmp_path / 'digits.safetensors'
    for _ in range(2):  # written, then read
        found = measured(folder / 'run', '--unseen', '7,8', '--features', file)
        assert found == pytest.approx(wanted, abs=0.02)
        monkeypatch.setattr(command, 'collect', None)
    alone = measured('--features', file, '--hierarchy', folder / 'order.txt')
    same = [name for name in wanted if name.endswith('_map') or 'recall_at' in name]
    assert {n: alone[n] for n in same if 'points' not in n} == pytest.approx(
        {n: wanted[n] for n in same if 'points' not in n}, abs=0.02
    )
    assert 'top1' not in alone
    with pytest.raises(UserError, match=r'--unseen 7: needs a model beside --features'):
        measured('--features', file, '--hierarchy', folder / 'tree.txt', '--unseen', '7')
    model = timm.create_model('shvit_s1', num_classes=3).eval()
    model.head.bn.running_mean.fill_(1)  # a norm stands between the features and the linear layer
    with pytest.raises(UserError, match='more with its features than to classify them'):
        classify(model, torch.zeros(1, 448), torch.zeros(1), torch.zeros(1, 3, 64, 64))


def test_classes_that_the_model_has_no_output_for(folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    names = [str(digit) for digit in (8, 0, 1, 2, 3, 4, 7, 6)]  # in an order of the model's own
    model = small_model(8)
    save_for_hf(model, tmp_path / 'model', model_config={'label_names': names})
    (tmp_path / 'unseen').write_text('9\n5\n')
    argv = [tmp_path / 'model', '--hierarchy', folder / 'tree.txt', '--data', 'digits']
    found = measured(*argv, '--unseen', tmp_path / 'unseen')
    _, _, logits, labels = by_hand(tmp_path / 'model', Digits('test'))
    places = torch.tensor([int(name) for name in names])
    wanted = evaluate.zero_shot_metrics(logits, labels, Taxonomy.from_text(TREE), [9, 5], places)
    wanted |= evaluate.hierarchy_metrics(places[logits.argmax(1)], labels, Taxonomy.from_text(TREE))
    assert {name: found[name] for name in wanted} == pytest.approx(wanted, abs=0.02)
    assert found['unseen_images'] == sum(target in (5, 9) for target in Digits('test').targets)
    assert 'unseen_top1' not in found
    assert F.one_hot(places).sum() == 8


@pytest.mark.parametrize(
    ('argv', 'said'),
    [
        (['--hierarchy', 'nowhere'], '--hierarchy nowhere: no such file; give cifar100, wordnet'),
        (['--hierarchy', '{folder}/indent.txt'], 'indent.txt: the indentation of line 15 fits no line'),
        (['--hierarchy', '{folder}/fewer.txt'], '1 of 10 classes have no leaf in Taxonomy'),
        (
            ['--hierarchy', '{folder}/more.txt'],
            'leaves of the tree are not the classes: 1 of 11 leaves are none of the',
        ),
        (['--hierarchy', 'cifar100'], '10 of 10 classes have no leaf'),
        (['--unseen', '2,x'], '--unseen 2,x: no such class: x; the classes are 0, 1, 2'),
        (['--unseen', '2,2'], '--unseen 2,2: 2 stands twice'),
        (['--unseen', ','], "--unseen ',': has no name"),
        (['--unseen', '0,1,2,3,4,5,6,7,8,9'], 'these are all classes of the model'),
        (['--ood-split', 'test'], '--ood-split test: has no effect without --ood'),
        (['--ood', 'nowhere'], '--dataset nowhere: unknown data set'),
        (['--results-file', 'x.txt'], '--results-file x.txt: must end in .csv or .json'),
    ],
)
def test_what_is_wrong_is_said_before_the_model_runs(folder: Path, capsys, monkeypatch, argv, said: str) -> None:
    monkeypatch.setattr(command, 'collect', None)
    status = cli.run('evaluate', [str(folder / 'run'), *(a.format(folder=folder) for a in argv)], prog='evaluate')
    (line,) = capsys.readouterr().err.splitlines()
    assert status == 2
    assert said in line


def test_a_model_without_a_tree_needs_one(tmp_path: Path, capsys) -> None:
    model = small_model(10)
    save_for_hf(model, tmp_path / 'model', model_config={'label_names': [str(digit) for digit in range(10)]})
    assert cli.run('evaluate', [str(tmp_path / 'model'), '--data', 'digits'], prog='evaluate') == 2
    assert 'there is no tree of the classes' in capsys.readouterr().err

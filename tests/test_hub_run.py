import json

import pytest
import yaml
from hub_helpers import made_run

from timm_hyperbolic.hub.run import Run


@pytest.fixture
def folder(tmp_path):
    return made_run(tmp_path / 'run')


def with_dataset(folder, **args) -> Run:
    path = folder / 'args.yaml'
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | args))
    return Run.read(folder)


def test_a_run_is_read_from_its_folder(folder):
    run = Run.read(folder)
    assert (run.name, run.model, run.license) == ('run', 'vit_tiny_patch4_hyp_all', 'mit')
    assert run.row['epoch'] == run.result['epoch'] == 1
    assert run.row['eval_top1'] == pytest.approx(run.result['top1'])
    assert len(run.curvatures) == 20
    assert run.curvatures['blocks.0.attn.qkv.2'] == run.row['curvature/blocks.0.attn.qkv.2']


@pytest.mark.parametrize('name', ['args.yaml', 'run.json', 'config.json', 'summary.csv'])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(ValueError, match=f'has no {name}: give the folder'):
        Run.read(folder)


@pytest.mark.parametrize(
    ('name', 'text'),
    [
        ('run.json', '{'),
        ('run.json', '[]'),
        ('run.json', '{}'),
        ('run.json', json.dumps({'result': {'epoch': 7}})),
        ('summary.csv', 'epoch\nmany'),
        ('args.yaml', 'a: ['),
    ],
)
def test_a_file_that_no_run_writes(folder, name, text):
    (folder / name).write_text(text)
    with pytest.raises(ValueError, match='is not as a run leaves it'):
        Run.read(folder)


def test_a_folder_of_a_newer_version_is_called_so(folder):
    about = json.loads((folder / 'run.json').read_text())
    del about['result']
    (folder / 'run.json').write_text(json.dumps(about | {'versions': {'timm_hyperbolic': '99.1'}}))
    with pytest.raises(ValueError, match=r'not as a run leaves it: timm_hyperbolic 99\.1 has written it'):
        Run.read(folder)


def test_the_data_set_is_named_without_folders(folder, tmp_path):
    assert with_dataset(folder, dataset='digits').dataset == 'digits'
    assert with_dataset(folder, dataset='hfds/uoft-cs/cifar100').dataset == 'uoft-cs/cifar100'
    assert with_dataset(folder, dataset='hfds/uoft-cs/cifar100').hub_dataset == 'uoft-cs/cifar100'
    assert with_dataset(folder, dataset='torch/cifar100').dataset == 'cifar100'
    for name in ('hfds/../shared/data/cifar100', 'hfds//home/me/cifar100', 'hfds/~/cifar100', f'hfds/{tmp_path}'):
        run = with_dataset(folder, dataset=name)
        assert (run.dataset, run.hub_dataset) == (name.rpartition('/')[2], None)
    assert with_dataset(folder, dataset='', data_dir='/home/me/pets').dataset == 'pets'

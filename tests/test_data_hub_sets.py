import pytest
from PIL import Image

from timm_hyperbolic.data.hub_sets import names_in_files
from timm_hyperbolic.errors import UserError

datasets = pytest.importorskip('datasets')


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a Parquet file of a split, with the names of two classes in it, and return the folder."""
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')

    def make(split: str, *names: str, part: int = 0, parts: int = 1):
        features = datasets.Features({'image': datasets.Image(), 'label': datasets.ClassLabel(names=list(names))})
        rows = {'image': [Image.new('L', (2, 2))] * 2, 'label': [0, 1]}
        file = tmp_path / 'set' / f'{split}-{part:05}-of-{parts:05}.parquet'
        datasets.Dataset.from_dict(rows, features=features).to_parquet(file)
        return tmp_path / 'set'

    return make


def names(path, split: str) -> list[str] | None:
    return names_in_files(str(path), split, 'label', str(path.parent / 'cache'), f'split {split}')


def test_names_are_those_of_the_splits_own_files_where_splits_differ(write):
    write('train', 'a', 'b')
    path = write('test', 'b', 'c')
    assert (names(path, 'train'), names(path, 'test')) == (['a', 'b'], ['b', 'c'])
    assert names(path, 'test[:50%]') == ['b', 'c']
    with pytest.raises(
        UserError, match=r'split train\+test: the files of the split have different names in column label'
    ):
        names(path, 'train+test')


def test_nothing_is_said_where_all_files_agree(write):
    write('train', 'a', 'b')
    assert names(write('test', 'a', 'b'), 'test') is None


def test_the_files_of_one_split_must_agree(write):
    write('train', 'a', 'b', part=0, parts=2)
    path = write('train', 'b', 'a', part=1, parts=2)
    with pytest.raises(UserError, match='split train: the files of the split have different names'):
        names(path, 'train')

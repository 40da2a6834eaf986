import pytest
from PIL import Image

from timm_hyperbolic.config.data import DataConfig
from timm_hyperbolic.data.sources import open_split
from timm_hyperbolic.data.superclasses import read_superclasses
from timm_hyperbolic.errors import UserError


@pytest.fixture
def hf_set(tmp_path, monkeypatch):
    """Make a data set with columns `image`, `label` and `coarse_label` from lists of (label, superclass)."""
    datasets = pytest.importorskip('datasets')
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')

    def make(column: str = 'coarse_label', **splits: list[tuple[int, object]]) -> DataConfig:
        for split, rows in splits.items():
            columns = {'image': [Image.new('RGB', (4, 4))] * len(rows)}
            columns |= {'label': [row[0] for row in rows], column: [row[1] for row in rows]}
            data = datasets.Dataset.from_dict(columns).cast_column('image', datasets.Image())
            data.to_parquet(tmp_path / 'set' / f'{split}-00000-of-00001.parquet')
        return DataConfig(dataset=f'hfds/{tmp_path / "set"}', data_dir=str(tmp_path / 'cache'))

    return make


def read(data: DataConfig, num_classes: int, key: str | None = None) -> tuple[list[int], list[str]] | None:
    found = read_superclasses(open_split(data, 'test'), 'test', num_classes, data, key)
    return None if found is None else (found.of_class.tolist(), found.names)


def test_superclasses_are_read_off_the_data(hf_set):
    data = hf_set(test=[(2, 5), (0, 5), (1, 3), (2, 5)])
    assert read(data, 3) == ([1, 0, 1], ['3', '5'])


def test_a_class_without_an_image_in_the_split_is_looked_up_in_the_others(hf_set):
    data = hf_set(test=[(0, 'a'), (2, 'b')], train=[(1, 'b'), (0, 'a')])
    assert read(data, 4) == ([0, 1, 1, -1], ['a', 'b'])


def test_a_data_set_without_the_usual_column_has_none(hf_set):
    data = hf_set('other', test=[(0, 1), (1, 1)])
    assert read(data, 2) is None
    assert read(data, 2, 'other') == ([0, 0], ['1'])


@pytest.mark.parametrize(
    ('key', 'message'),
    [
        ('kind', '--coarse-key kind: no such column beside the labels; the data set has image, label, coarse_label'),
        ('coarse_label', '--coarse-key coarse_label: class 0 has images of 1 and of 2; a class must belong to one'),
    ],
)
def test_columns_that_are_no_superclasses(hf_set, key, message):
    data = hf_set(test=[(0, 1), (0, 2)])
    with pytest.raises(UserError, match=message):
        read(data, 1, key)


def test_other_kinds_of_data_sets_have_no_columns():
    data = DataConfig()
    with pytest.raises(UserError, match='only data sets of kind hfds/ have columns'):
        read(data, 10, 'coarse_label')
    assert read(data, 10) is None

import pickle

import pytest

from timm_hyperbolic.data.labels import ClassMap, label_names
from timm_hyperbolic.errors import UserError


def test_labels_follow_names_and_not_numbers():
    known = ClassMap.of_names(['a', 'b', 'c'], 'split train')
    assert known.apply([1, 0, 1], ['c', 'b'], 'x') == [1, 2, 1]
    assert known.apply(['c', 'a'], None, 'x') == [2, 0]
    with pytest.raises(UserError, match=r'^split val: split train has no class d2, d10; '):
        known.check_names(['d10', 'a', 'd2'], 'split val')
    with pytest.raises(UserError, match='x: split train has no class 5;'):  # a number beyond the names
        known.apply([5], ['c', 'b'], 'x')


def test_two_classes_of_one_name_cannot_be_told_apart():
    with pytest.raises(UserError, match='the model has two classes called crane; say which label'):
        ClassMap.of_names(['heron', 'crane', 'crane'], 'the model')


def test_a_file_may_join_classes_and_leave_out_labels(tmp_path):
    (tmp_path / 'map.pkl').write_bytes(pickle.dumps({'cat': 0, 'dog': 0, 'car': 2, 7: 3}))
    known = ClassMap.read(str(tmp_path / 'map.pkl'))
    assert known.names == ['cat / dog', '1', 'car', '7']
    assert known.apply([0, 1, 7], ['dog', 'car'], 'x') == [0, 2, 3]


@pytest.mark.parametrize(
    ('name', 'content', 'message'),
    [
        ('a.txt', b'a\nb\n\n', 'give each class one line, and leave no line empty and no name twice'),
        ('a.txt', b'a\nb\na\n', 'give each class one line, and leave no line empty and no name twice'),
        ('a.txt', b'', 'give each class one line'),
        ('a.pkl', pickle.dumps(['a']), 'expected a dict'),
        ('a.pkl', pickle.dumps({'a': -1}), 'the label -1 is no whole number of at least 0'),
        ('a.pkl', pickle.dumps({'a': 'b'}), "the label 'b' is no whole number of at least 0"),
        ('a.csv', b'a', 'Unsupported class map file extension'),
    ],
)
def test_files_that_are_no_class_map(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=f'^--class-map {name}: .*{message}'):
        ClassMap.read(name, [tmp_path / 'nowhere', tmp_path])


@pytest.mark.parametrize(
    ('names', 'found'),
    [
        (['a', 'b'], ['a', 'b']),
        (('a', 'b', 'c'), ['a', 'b', 'c']),
        ({'0': 'a', '2': 'c'}, ['a', '1', 'c']),
        (['a', 'b', 'c', 'd'], None),  # of another classifier
        ({'a': 'b'}, None),
        ('abc', None),
        ([], None),
        (None, None),
    ],
)
def test_names_of_a_models_classes(names, found):
    assert label_names({'label_names': names}, 3) == found

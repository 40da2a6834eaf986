import shutil

import pytest
from PIL import Image

from timm_hyperbolic.data.folders import ENDINGS, open_folder, survey
from timm_hyperbolic.data.labels import ClassMap
from timm_hyperbolic.errors import UserError


@pytest.fixture
def put(tmp_path):
    """Make files in the folder of a split: images where the ending says so."""

    def make(*names: str):
        for name in names:
            path = tmp_path / 'train' / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix in ENDINGS:
                Image.new('RGB', (4, 4)).save(path)
            elif path.suffix:
                path.write_text('text')
            else:
                path.mkdir()
        return tmp_path / 'train'

    return make


def opened(root, known=None, is_training=True, **kwargs):
    images = open_folder(root, 'split train', known, is_training, **kwargs)
    return images, {images.reader.filename(row): images[row][1] for row in range(len(images))}


@pytest.mark.parametrize('ending', ENDINGS)
def test_every_ending_of_timm_and_torchvision_is_read(put, ending):
    root = put('a/0.png', f'b/0{ending}', f'c/0{ending}')
    (root / 'c' / f'0{ending}').rename(root / 'c' / f'0{ending.upper()}')
    assert opened(root)[1] == {'a/0.png': 0, f'b/0{ending}': 1, f'c/0{ending.upper()}': 2}


def test_webp_is_among_them():
    assert {'.webp', '.png', '.jpg', '.tif'} <= set(ENDINGS)


def test_hidden_files_and_folders_are_left_out_and_told(put, capsys):
    root = put('a/0.png', 'b/0.png', '.ipynb_checkpoints/a-0.png', 'a/.thumbs/1.png', '.old/b/2.png')
    for name in ('a/._0.png', '.DS_Store'):
        (root / name).write_text('none')
    images, labels = opened(root)
    assert labels == {'a/0.png': 0, 'b/0.png': 1}
    assert images.classes == ['a', 'b']
    said = capsys.readouterr().out
    assert said == 'split train: left out as hidden: .ipynb_checkpoints, .old, a/.thumbs, a/._0.png\n'
    shutil.rmtree(root / '.old')


def test_a_hidden_folder_above_the_data_does_not_matter(put, tmp_path):
    root = put('a/0.png', 'b/0.png')
    hidden = tmp_path / '.cache' / 'train'
    shutil.copytree(root, hidden)
    assert len(opened(hidden)[1]) == 2


def test_other_files_are_counted_and_named(put, capsys):
    root = put('a/0.png', 'b/0.png', 'a/1.gif', 'b/1.gif', 'b/notes.txt')
    assert len(opened(root)[1]) == 2
    said = 'split train: left out 3 files that are no images: 2 .gif (such as a/1.gif), 1 .txt (such as b/notes.txt)\n'
    assert capsys.readouterr().out == said
    assert len(opened(put('a/0.png'), endings=('.png', '.txt'))[0]) == 3


@pytest.mark.parametrize('name', ['c/1.gif', 'c', 'more/c/1.gif', 'c/deep/1.gif'])
def test_a_class_that_would_have_no_image_is_an_error(put, name):
    root = put('a/0.png', 'b/0.png', 'more/d/0.png', name)
    folder = name.removesuffix('/1.gif').removesuffix('/deep')
    with pytest.raises(UserError, match=f'split train: no image in the folder of a class: {folder} '):
        opened(root)
    # A file of names may leave the class out.
    known = ClassMap({'a': 0, 'b': 1, 'd': 2}, '--class-map x', from_file=True)
    if folder == name.removesuffix('/1.gif'):
        assert len(opened(root, known)[1]) == 3


def test_a_folder_beside_images_of_a_class_is_no_class(put):
    assert len(opened(put('a/0.png', 'a/notes/1.txt', 'b/0.png'))[1]) == 2


def test_a_class_without_files_may_be_missing_from_a_split_that_is_evaluated_on(put):
    root = put('a/0.png', 'c/0.png', 'b')
    known = ClassMap.of_names(['a', 'b', 'c'], 'split train')
    assert opened(root, known, is_training=False)[1] == {'a/0.png': 0, 'c/0.png': 2}
    put('b/1.gif')
    with pytest.raises(UserError, match='no image in the folder of a class: b '):
        opened(root, known, is_training=False)


def test_images_outside_of_a_class_are_an_error(put):
    with pytest.raises(
        UserError, match=r'split train: 2 images lie beside the folders of the classes, .*: 0.png, 1.jpg'
    ):
        opened(put('a/0.png', '0.png', '1.jpg'))


def test_folders_of_one_name_are_one_class_and_told(put, capsys):
    root = put('one/a/0.png', 'two/a/0.png', 'two/b/0.png')
    assert opened(root)[1] == {'one/a/0.png': 0, 'two/a/0.png': 0, 'two/b/0.png': 1}
    assert capsys.readouterr().out == 'split train: folders of the same name are one class: a (one/a, two/a)\n'


def test_classes_are_numbered_in_timms_order(put):
    images, _ = opened(put('c10/0.png', 'c9/0.png', 'C1/0.png'))
    assert images.classes == ['C1', 'c9', 'c10']


def test_a_survey_counts_what_is_there(put):
    found = survey(put('a/0.png', 'a/1.JPG', 'b/0.webp', 'b/1.bin'))
    assert (dict(found.images), dict(found.ignored)) == ({'a': 2, 'b': 1}, {'.bin': 1})


def test_a_class_map_that_names_none_of_the_folders(put):
    known = ClassMap({'x': 0}, '--class-map x.txt', from_file=True)
    with pytest.raises(UserError, match=r'split train: --class-map x\.txt has no class a;'):
        opened(put('a/0.png'), known)

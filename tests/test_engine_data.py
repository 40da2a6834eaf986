import argparse

import numpy as np
import pytest
from PIL import Image

from timm_hyperbolic.engine import UserError, parse_options
from timm_hyperbolic.engine.data import check_splits, create_splits, labels_of
from timm_hyperbolic.engine.digits import Digits


def options(*argv: str) -> argparse.Namespace:
    return parse_options([str(a) for a in argv])


@pytest.fixture
def image_folder(tmp_path):
    """Make `split/class/n.png` for each split named, with `count` images of each of two classes."""

    def make(*splits: str, count: int = 2, mode: str = 'RGB'):
        for split in splits:
            for label, name in enumerate(('cat', 'dog')):
                folder = tmp_path / split / name
                folder.mkdir(parents=True)
                for i in range(count):
                    Image.new(mode, (8, 8), label * 100 + i).save(folder / f'{i}.png')
        return tmp_path

    return make


@pytest.fixture
def hf_folder(tmp_path, monkeypatch):
    """Make a folder of parquet files with columns `img` and `fine`, one file for each split."""
    datasets = pytest.importorskip('datasets')
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')

    def make(labels, names=None, **splits: int):
        features = {
            'img': datasets.Image(),
            'fine': datasets.ClassLabel(names=names) if names else datasets.Value('int64'),
        }
        for split, count in splits.items():
            rows = {
                'img': [Image.new('RGB', (8, 8), i) for i in range(count)],
                'fine': [labels[i % len(labels)] for i in range(count)],
            }
            data = datasets.Dataset.from_dict(rows, features=datasets.Features(features))
            data.to_parquet(tmp_path / 'set' / f'{split}-00000-of-00001.parquet')
        return tmp_path / 'set', ('--data-dir', tmp_path / 'cache', '--input-key', 'img', '--target-key', 'fine')

    return make


def test_digits_are_split_once_for_all_with_equal_shares():
    train, held_out = Digits('train'), Digits('validation')
    assert (len(train), len(held_out)) == (1437, 360)
    shares = [np.bincount(d.targets) / len(d) for d in (train, held_out)]
    assert np.abs(shares[0] - shares[1]).max() < 0.002
    assert Digits('test').targets == held_out.targets
    # Every image stands in one of the two: their sums agree with those of the whole set.
    from sklearn.datasets import load_digits

    whole = (load_digits().images * (255 / 16)).round()
    assert train.images.astype(int).sum() + held_out.images.astype(int).sum() == whole.sum()


def test_digits_are_images_of_the_mode_asked_for():
    for mode, bands in (('RGB', 3), ('L', 1)):
        image, label = Digits('train', mode)[0]
        assert (image.size, len(image.getbands())) == ((8, 8), bands)
        assert 0 <= label < 10
    assert np.asarray(Digits('train', 'L')[0][0]).max() == 255


def test_digits_have_no_other_split():
    with pytest.raises(UserError, match="no split 'extra'; they have train and validation"):
        create_splits(options('--val-split', 'extra'))


def test_digits_without_scikit_learn_say_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'sklearn.datasets', None)
    with pytest.raises(UserError, match=r'pip install timm_hyperbolic\[demo\]'):
        Digits()


def test_folder_with_train_and_validation(image_folder):
    splits = create_splits(options(image_folder('train', 'val')))
    assert (splits.classes, splits.num_classes, splits.val_name) == (['cat', 'dog'], 2, 'validation')
    assert len(splits.train) == 4


def test_folder_with_test_only_evaluates_on_test_and_says_so(image_folder, capsys):
    splits = create_splits(options(image_folder('train', 'test')))
    assert splits.val_name == 'test'
    assert 'evaluating on test' in capsys.readouterr().out
    assert 'test' in splits.val.reader.root


@pytest.mark.parametrize('flag', ['--train-split', '--val-split'])
def test_folder_without_the_split_asked_for_is_refused(image_folder, flag):
    """timm would fall back to all images, and so evaluate on what it trains on."""
    with pytest.raises(UserError, match='no folder extra in it'):
        create_splits(options(image_folder('train', 'test'), flag, 'extra'))


def test_folder_with_no_splits_is_refused(image_folder):
    with pytest.raises(UserError, match='no folder train in it'):
        create_splits(options(image_folder('.')))


def test_empty_folder(tmp_path):
    (tmp_path / 'train').mkdir()
    (tmp_path / 'val').mkdir()
    with pytest.raises(UserError, match='Found 0 images'):
        create_splits(options(tmp_path))


def test_local_hugging_face_folder(hf_folder, capsys):
    path, keys = hf_folder([0, 1, 2], names=['a', 'b', 'c'], train=6, test=3)
    capsys.readouterr()
    splits = create_splits(options('--dataset', f'hfds/{path}', *keys))
    assert (splits.classes, splits.num_classes, splits.val_name) == (['a', 'b', 'c'], 3, 'test')
    assert (len(splits.train), len(splits.val)) == (6, 3)
    output = capsys.readouterr()
    assert 'evaluating on test' in output.out
    assert output.err == ''
    # An explicit split is taken at its word.
    splits = create_splits(options('--dataset', f'hfds/{path}', *keys, '--val-split', 'train'))
    assert (splits.val_name, len(splits.val)) == ('train', 6)


def test_classes_without_names_are_counted_over_both_splits(hf_folder):
    path, keys = hf_folder([0, 1, 4], train=2, validation=3)
    splits = create_splits(options('--dataset', f'hfds/{path}', *keys))
    assert (splits.classes, splits.num_classes, splits.val_name) == (None, 5, 'validation')


@pytest.mark.parametrize(
    ('flags', 'message'),
    [
        (('--input-key', 'image'), '--input-key image: no such column; .* has img, fine'),
        (('--target-key', 'label'), '--target-key label: no such column; .* has img, fine'),
        (('--val-split', 'dev'), 'split dev: Unknown split "dev". Should be one of .*train.*test'),
    ],
)
def test_hugging_face_errors_name_what_there_is(hf_folder, flags, message):
    path, keys = hf_folder([0], train=1, test=1)
    with pytest.raises(UserError, match=message):
        create_splits(options('--dataset', f'hfds/{path}', *keys, *flags))


def test_labels_that_are_words(hf_folder):
    datasets = pytest.importorskip('datasets')
    path, keys = hf_folder([0], train=2, test=2)
    for split in ('train', 'test'):
        rows = {'img': [Image.new('RGB', (8, 8))] * 2, 'fine': ['cat', 'dog']}
        features = datasets.Features({'img': datasets.Image(), 'fine': datasets.Value('string')})
        datasets.Dataset.from_dict(rows, features=features).to_parquet(path / f'{split}-00000-of-00001.parquet')
    args = options('--dataset', f'hfds/{path}', *keys)
    with pytest.raises(UserError, match="the label 'cat' is not a whole number"):
        check_splits(create_splits(args), 10, 3, args)


@pytest.mark.parametrize(
    ('argv', 'message'),
    [
        (['--dataset', 'digit'], 'unknown data set. Nearest: digits'),
        (['--dataset', 'hfd/x'], 'unknown data set. Nearest: hfds'),
        (['--dataset', 'hfds/../no/such'], 'no such folder: ../no/such'),
        (['--dataset', 'torch/cifar10'], 'needs --data-dir'),
        (['--dataset', ''], 'needs --data-dir'),
        (['--dataset', 'torch/cifar10', '--data-dir', 'no/such'], '--data-dir no/such: no such folder'),
        (['no/such'], '--data-dir no/such: no such folder'),
        (['--dataset', 'digits', '--data-dir', 'x'], 'the digits read no folder'),
    ],
)
def test_data_sets_that_do_not_exist(argv, message):
    with pytest.raises(UserError) as error:
        create_splits(options(*argv))
    assert message in str(error.value)


def test_torchvision_set_that_was_not_downloaded(tmp_path):
    with pytest.raises(UserError, match='not found or corrupted'):
        create_splits(options('--dataset', 'torch/cifar10', '--data-dir', tmp_path))


def test_carved_out_of_the_training_split_with_the_test_split_left_alone(hf_folder):
    path, keys = hf_folder([0, 1, 2, 3], train=40, test=8)
    splits = create_splits(options('--dataset', f'hfds/{path}', *keys, '--val-split', '0.2', '--seed', '5'))
    assert (len(splits.train), len(splits.val), len(splits.test)) == (32, 8, 8)
    assert (splits.carved, splits.keeps_best, splits.test_name) == (True, True, 'test')
    assert sorted(labels_of(splits.val, 'fine')) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert sorted(splits.train.rows + splits.val.rows) == list(range(40))
    again = create_splits(options('--dataset', f'hfds/{path}', *keys, '--val-split', '8', '--seed', '5'))
    assert again.val.rows == splits.val.rows


def test_carving_leaves_train_and_validation_of_a_folder_to_train_and_test_on(image_folder):
    splits = create_splits(options(image_folder('train', 'val', count=5), '--val-split', '2'))
    assert (len(splits.train), len(splits.val), len(splits.test)) == (8, 2, 10)
    assert (splits.classes, splits.test_name) == (['cat', 'dog'], 'validation')
    assert 'val' in splits.test.reader.root


def test_without_any_other_split_nothing_is_tested_on(image_folder):
    splits = create_splits(options(image_folder('train', count=5), '--val-split', '0.2'))
    assert (splits.test, splits.keeps_best) == (None, True)


def test_a_test_split_beside_a_named_one(image_folder):
    folder = image_folder('train', 'val', 'test')
    splits = create_splits(options(folder, '--test-split', 'test'))
    assert (splits.val_name, splits.test_name, splits.carved, splits.keeps_best) == ('validation', 'test', False, True)
    assert create_splits(options(folder)).keeps_best is False


@pytest.mark.parametrize(
    ('argv', 'message'),
    [
        (['--test-split', 'test'], '--test-split test: the same images as --val-split validation'),
        (['--val-split', '0.1', '--test-split', 'train'], '--test-split train: the same images as --train-split train'),
        (['--val-split', '1430'], '--val-split 1430: 1430 of 1437 images; .* at most 1427'),
        (['--val-split', '1e-5'], '--val-split 1e-5: 0 of 1437 images; at least 1'),
    ],
)
def test_splits_that_would_cheat_or_be_empty(argv, message):
    with pytest.raises(UserError, match=message):
        create_splits(options(*argv))


@pytest.mark.parametrize('size', ['0', '-1', '1.5', '1.0', 'nan', 'inf', '0.0'])
def test_sizes_that_make_no_sense(size):
    with pytest.raises(UserError, match=f"--val-split: must be the name of a split, a share .*, not '{size}'"):
        options(f'--val-split={size}')


def test_labels_are_read_off_the_images_where_there_is_no_list_of_them(monkeypatch):
    args = options('--val-split', '0.1')
    rows = create_splits(args).val.rows
    monkeypatch.setattr('timm_hyperbolic.engine.data.labels_of', lambda *_: None)
    assert create_splits(args).val.rows == rows


def test_a_carved_part_follows_the_channels_of_the_model(image_folder):
    args = options(image_folder('train', 'val', count=3), '--val-split', '2', '-b', '2')
    splits = create_splits(args)
    check_splits(splits, 2, 1, args)
    assert [dataset[0][0].getbands() for _, dataset in splits.named('train')] == [('L',)] * 3
    with pytest.raises(UserError, match=r'--batch-size 9: more than the 4 images'):
        check_splits(splits, 2, 1, options(args.data_dir, '-b', '9'))


def test_labels_out_of_range_are_found_before_training():
    args = options()
    with pytest.raises(
        UserError, match='labels from 0 to 9 do not fit a classifier of 7 classes; give --num-classes 10'
    ):
        check_splits(create_splits(args), 7, 3, args)


def test_more_images_in_a_batch_than_there_are():
    args = options('--batch-size', '2000')
    with pytest.raises(UserError, match='--batch-size 2000: more than the 1437 images of split train'):
        check_splits(create_splits(args), 10, 3, args)


def test_images_follow_the_channels_of_the_model(image_folder):
    args = options(image_folder('train', 'val'), '-b', '2')
    splits = create_splits(args)
    check_splits(splits, 2, 1, args)
    assert splits.train[0][0].getbands() == ('L',)
    with pytest.raises(UserError, match='the images have 1 channels, the model takes 4; give --in-chans 1'):
        check_splits(splits, 2, 4, args)

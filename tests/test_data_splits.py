import numpy as np
import pytest
import torch
import yaml
from config_helpers import check, options, splits_of
from PIL import Image
from torch.utils.data import Dataset
from torchvision.datasets import MNIST

from timm_hyperbolic.data.digits import Digits
from timm_hyperbolic.data.labels import ClassMap
from timm_hyperbolic.data.splits import open_split
from timm_hyperbolic.errors import UserError


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
        splits_of(options('--val-split', 'extra'))


def test_digits_without_scikit_learn_say_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'sklearn.datasets', None)
    with pytest.raises(UserError, match=r'pip install timm_hyperbolic\[demo\]'):
        Digits()


def test_folder_with_train_and_validation(image_folder):
    splits = splits_of(options(image_folder('train', 'val')))
    assert (splits.classes, splits.num_classes, splits.val_name) == (['cat', 'dog'], 2, 'validation')
    assert len(splits.train) == 4


def test_folder_with_test_only_evaluates_on_test_and_says_so(image_folder, capsys):
    splits = splits_of(options(image_folder('train', 'test')))
    assert splits.val_name == 'test'
    assert 'evaluating on test' in capsys.readouterr().out
    assert 'test' in splits.val.reader.root


@pytest.mark.parametrize('flag', ['--train-split', '--val-split'])
def test_folder_without_the_split_asked_for_is_refused(image_folder, flag):
    """timm would fall back to all images, and so evaluate on what it trains on."""
    with pytest.raises(UserError, match='no folder extra in it'):
        splits_of(options(image_folder('train', 'test'), flag, 'extra'))


def test_folder_with_no_splits_is_refused(image_folder):
    with pytest.raises(UserError, match='no folder train in it'):
        splits_of(options(image_folder('.')))


def test_empty_folder(tmp_path):
    (tmp_path / 'train').mkdir()
    (tmp_path / 'val').mkdir()
    with pytest.raises(UserError, match='there is no image in'):
        splits_of(options(tmp_path))


def test_local_hugging_face_folder(hf_folder, capsys):
    path, keys = hf_folder([0, 1, 2], names=['a', 'b', 'c'], train=6, test=3)
    capsys.readouterr()
    splits = splits_of(options('--dataset', f'hfds/{path}', *keys))
    assert (splits.classes, splits.num_classes, splits.val_name) == (['a', 'b', 'c'], 3, 'test')
    assert (len(splits.train), len(splits.val)) == (6, 3)
    output = capsys.readouterr()
    assert 'evaluating on test' in output.out
    assert output.err == ''
    # An explicit split is taken at its word.
    splits = splits_of(options('--dataset', f'hfds/{path}', *keys, '--val-split', 'train'))
    assert (splits.val_name, len(splits.val)) == ('train', 6)


def test_classes_without_names_are_counted_over_both_splits(hf_folder):
    path, keys = hf_folder([0, 1, 4], train=2, validation=3)
    splits = splits_of(options('--dataset', f'hfds/{path}', *keys))
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
        splits_of(options('--dataset', f'hfds/{path}', *keys, *flags))


def test_labels_that_are_words(hf_folder):
    datasets = pytest.importorskip('datasets')
    path, keys = hf_folder([0], train=2, test=2)
    for split in ('train', 'test'):
        rows = {'img': [Image.new('RGB', (8, 8))] * 2, 'fine': ['cat', 'dog']}
        features = datasets.Features({'img': datasets.Image(), 'fine': datasets.Value('string')})
        datasets.Dataset.from_dict(rows, features=features).to_parquet(path / f'{split}-00000-of-00001.parquet')
    args = ('--dataset', f'hfds/{path}', *keys)
    with pytest.raises(
        UserError, match=r"row 0 of column fine has the label 'cat', which is no number; .*--class-map FILE"
    ):
        splits_of(options(*args))
    # What it advises works, in every split.
    (path / 'names.txt').write_text('fish\ndog\ncat\n')
    splits = splits_of(options(*args, '--class-map', path / 'names.txt'))
    assert [splits.train[row][1] for row in range(2)] == splits.val.targets == [2, 1]
    assert (splits.classes, splits.num_classes) == (['fish', 'dog', 'cat'], 3)


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
        splits_of(options(*argv))
    assert message in str(error.value)


def test_torchvision_set_that_was_not_downloaded(tmp_path):
    with pytest.raises(UserError, match='not found or corrupted'):
        splits_of(options('--dataset', 'torch/cifar10', '--data-dir', tmp_path))


def test_held_out_out_of_the_training_split_with_the_test_split_left_alone(hf_folder):
    path, keys = hf_folder([0, 1, 2, 3], train=40, test=8)
    splits = splits_of(options('--dataset', f'hfds/{path}', *keys, '--val-split', '0.2', '--seed', '5'))
    assert (len(splits.train), len(splits.val), len(splits.test)) == (32, 8, 8)
    assert (splits.held_out, splits.keeps_best, splits.test_name) == (True, True, 'test')
    assert sorted(splits.val.targets) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert sorted(splits.train.rows + splits.val.rows) == list(range(40))
    again = splits_of(options('--dataset', f'hfds/{path}', *keys, '--val-split', '8', '--seed', '5'))
    assert again.val.rows == splits.val.rows


def test_carving_leaves_train_and_validation_of_a_folder_to_train_and_test_on(image_folder):
    splits = splits_of(options(image_folder('train', 'val', count=5), '--val-split', '2'))
    assert (len(splits.train), len(splits.val), len(splits.test)) == (8, 2, 10)
    assert (splits.classes, splits.test_name) == (['cat', 'dog'], 'validation')
    assert 'val' in splits.test.reader.root


def test_without_any_other_split_nothing_is_tested_on(image_folder):
    splits = splits_of(options(image_folder('train', count=5), '--val-split', '0.2'))
    assert (splits.test, splits.keeps_best) == (None, True)


def test_a_test_split_beside_a_named_one(image_folder):
    folder = image_folder('train', 'val', 'test')
    splits = splits_of(options(folder, '--test-split', 'test'))
    assert (splits.val_name, splits.test_name, splits.held_out, splits.keeps_best) == (
        'validation',
        'test',
        False,
        True,
    )
    assert splits_of(options(folder)).keeps_best is False


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
        splits_of(options(*argv))


@pytest.mark.parametrize('size', ['0', '-1', '1.5', '1.0', 'nan', 'inf', '0.0'])
def test_sizes_that_make_no_sense(size):
    with pytest.raises(UserError, match=f"--val-split: must be the name of a split, a share .*, not '{size}'"):
        options(f'--val-split={size}')


def test_labels_are_read_off_the_images_where_there_is_no_list_of_them(monkeypatch):
    args = options('--val-split', '0.1')
    rows = splits_of(args).val.rows

    class Unlisted(Dataset):
        def __init__(self, split: str) -> None:
            self.digits, self.classes, self.targets = Digits(split), None, None

        def __len__(self) -> int:
            return len(self.digits)

        def __getitem__(self, row: int):
            return self.digits[row]

    monkeypatch.setattr('timm_hyperbolic.data.sources.Digits', Unlisted)
    splits = splits_of(args)
    assert (splits.val.rows, splits.val.targets, splits.num_classes) == (rows, None, None)


def test_a_held_out_part_follows_the_channels_of_the_model(image_folder):
    args = options(image_folder('train', 'val', count=3), '--val-split', '2', '-b', '2')
    splits = splits_of(args)
    check(splits, 2, 1, args)
    assert [dataset[0][0].getbands() for _, dataset in splits.named()] == [('L',)] * 3
    with pytest.raises(UserError, match=r'--batch-size 9: more than the 4 images'):
        check(splits, 2, 1, options(args.data.data_dir, '-b', '9'))


def test_labels_out_of_range_are_found_before_training():
    args = options()
    with pytest.raises(
        UserError, match='labels from 0 to 9 do not fit a classifier of 7 classes; give --num-classes 10'
    ):
        check(splits_of(args), 7, 3, args)


def test_more_images_in_a_batch_than_there_are():
    args = options('--batch-size', '2000')
    with pytest.raises(UserError, match='--batch-size 2000: more than the 1437 images of split train'):
        check(splits_of(args), 10, 3, args)


def test_images_follow_the_channels_of_the_model(image_folder):
    args = options(image_folder('train', 'val'), '-b', '2')
    splits = splits_of(args)
    check(splits, 2, 1, args)
    assert splits.train[0][0].getbands() == ('L',)
    with pytest.raises(UserError, match='images of 4 channels; they are read as grey, with --in-chans 1, or in colour'):
        check(splits, 2, 4, args)
    with pytest.raises(UserError, match=r'^--in-chans 5: '):
        check(splits, 2, 5, options(args.data.data_dir, '--in-chans', '5'))


@pytest.fixture
def colours(tmp_path):
    """Make `split/class/n.png`, in which the first pixel tells the class, by its place among these letters."""

    def make(split: str, names: str, count: int = 2):
        for name in names:
            folder = tmp_path / split / name
            folder.mkdir(parents=True)
            for i in range(count):
                Image.new('RGB', (8, 8), (10 * 'abcde'.index(name), 0, 0)).save(folder / f'{i}.png')
        return tmp_path

    return make


def labelled(dataset) -> set[tuple[str, int]]:
    """Class, read off the pixels, and label of each image."""
    rows = [dataset[row] for row in range(len(dataset))]
    return {('abcde'[image.getpixel((0, 0))[0] // 10], target) for image, target in rows}


def test_the_training_splits_names_give_the_labels_of_every_split(colours):
    colours('train', 'abcd')
    colours('validation', 'acd')
    args = options(colours('test', 'db'), '--test-split', 'test', '-b', '2')
    splits = splits_of(args)
    check(splits, 4, 3, args)
    assert labelled(splits.train) == {('a', 0), ('b', 1), ('c', 2), ('d', 3)}
    assert labelled(splits.val) == {('a', 0), ('c', 2), ('d', 3)}
    assert labelled(splits.test) == {('b', 1), ('d', 3)}
    assert splits.classes == ['a', 'b', 'c', 'd']


def test_a_run_that_goes_on_keeps_its_labels(colours):
    """A folder that was removed meanwhile would shift those after it."""
    colours('train', 'acd')
    args = options(colours('validation', 'ad'))
    splits = splits_of(args, ['a', 'b', 'c', 'd'])
    assert labelled(splits.train) == {('a', 0), ('c', 2), ('d', 3)}
    assert labelled(splits.val) == {('a', 0), ('d', 3)}
    assert splits.num_classes == 4
    with pytest.raises(UserError, match='split train: the resumed run has no class a;'):
        splits_of(args, ['b', 'c', 'd'])


def test_a_class_that_the_training_split_has_not_is_refused(colours):
    colours('train', 'ab')
    args = options(colours('validation', 'abce'))
    with pytest.raises(UserError, match=r'split validation: split train has no class c, e; .*--class-map FILE'):
        splits_of(args)


def test_a_class_map_is_for_every_split_and_what_it_leaves_out_is_told(colours, tmp_path, capsys):
    (tmp_path / 'map.txt').write_text('d\nc\nb\n')
    colours('train', 'abcd')
    splits = splits_of(options(colours('validation', 'bd'), '--class-map', 'map.txt'))
    assert labelled(splits.train) == {('d', 0), ('c', 1), ('b', 2)}
    assert labelled(splits.val) == {('d', 0), ('b', 2)}
    assert (
        'split train: left out 2 images of classes that --class-map map.txt does not name: a\n'
        in capsys.readouterr().out
    )


def test_hub_labels_are_matched_by_name(hf_folder):
    """The library takes the names of the first file for all of them, and leaves the numbers as they are."""
    hf_folder([0, 1, 2, 3], names=['a', 'b', 'c', 'd'], train=8)
    path, keys = hf_folder([0, 1, 2], names=['a', 'c', 'd'], test=3)
    args = ('--dataset', f'hfds/{path}', *keys)
    assert splits_of(options(*args)).val.targets == [0, 2, 3]
    for size in ('test[:2]', 'test[1:]+test[:1]'):
        targets = splits_of(options(*args, '--val-split', size)).val.targets
        assert targets == {'test[:2]': [0, 2], 'test[1:]+test[:1]': [2, 3, 0]}[size]
    hf_folder([0, 1], names=['a', 'e'], validation=2)
    with pytest.raises(UserError, match='split validation: split train has no class e; '):
        splits_of(options(*args))


@pytest.mark.parametrize(
    ('labels', 'message'),
    [
        ([0, 1, None], 'split train: row 2 of column fine has no label; .* or name another column by --target-key'),
        ([0, -1, 1], 'split train: row 1 of column fine has the label -1; labels count from 0, .*Take another split'),
    ],
)
@pytest.mark.parametrize('flags', [(), ('--val-split', '0.4')], ids=['named', 'held out'])
def test_labels_that_are_missing_are_told_with_row_and_column(hf_folder, labels, message, flags):
    path, keys = hf_folder(labels, train=6, test=1)
    with pytest.raises(UserError, match=message) as error:
        splits_of(options('--dataset', f'hfds/{path}', *keys, *flags))
    assert '--num-classes' not in str(error.value)


def test_one_class_alone_is_nothing_to_train_on(colours, hf_folder):
    colours('train', 'a', count=5)
    args = options(colours('validation', 'a'))
    with pytest.raises(UserError, match='split train: all images are of one class, a; there is nothing to tell apart'):
        splits_of(args)
    path, keys = hf_folder([1], names=['a', 'b'], train=4, test=4)
    with pytest.raises(UserError, match='all images are of one class, b;'):
        splits_of(options('--dataset', f'hfds/{path}', *keys))


def test_classes_without_an_image_to_train_on_are_named(hf_folder, capsys):
    path, keys = hf_folder([0, 2], names=['a', 'b', 'c'], train=4, test=4)
    splits_of(options('--dataset', f'hfds/{path}', *keys))
    assert 'split train: no image of 1 of the 3 classes: b\n' in capsys.readouterr().out


@pytest.mark.parametrize('flags', [(), ('--val-split', '2')], ids=['named', 'held out'])
def test_a_class_without_an_image_that_can_be_read(image_folder, flags):
    """The next image would take the place of each, with the label of another class."""
    folder = image_folder('train', 'val', count=3)
    for file in (folder / 'train' / 'cat').iterdir():
        file.write_bytes(b'none')
    args = options(folder, *flags, '-b', '2')
    with pytest.raises(UserError, match=r'split train: none of the \d images of class cat can be read: .*cat/\d.png'):
        check(splits_of(args), 2, 3, args)
    Image.new('RGB', (8, 8)).save(folder / 'train' / 'cat' / '2.png')
    args = options(folder, '-b', '2')
    check(splits_of(args), 2, 3, args)


def test_a_stream_has_labels_by_name_and_images_of_the_models_mode(hf_folder):
    path, keys = hf_folder([0, 1, 2, 3], names=['a', 'b', 'c', 'd'], train=8, test=4)
    names = {str(label): name for label, name in enumerate('abcd')}
    features = [{'name': 'img', 'dtype': 'image'}, {'name': 'fine', 'dtype': {'class_label': {'names': names}}}]
    sizes = [{'name': name, 'num_bytes': 1, 'num_examples': count} for name, count in (('train', 8), ('test', 4))]
    about = {'dataset_info': {'features': features, 'splits': sizes}}  # a stream's length must be told
    (path / 'README.md').write_text(f'---\n{yaml.safe_dump(about)}---\n')
    args = options('--dataset', f'hfids/{path}', *keys, '--val-split', 'test', '-b', '2')
    splits = splits_of(args)
    check(splits, 4, 1, args)
    assert [(image.mode, target) for image, target in splits.val] == [('L', 0), ('L', 1), ('L', 2), ('L', 3)]
    stream = open_split(args.data, 'test', ClassMap.of_names(['d', 'c', 'b', 'a'], 'the model'))
    assert [target for _, target in stream] == [3, 2, 1, 0]
    stream = open_split(args.data, 'test', ClassMap.of_names(['b', 'c'], 'the model'))
    with pytest.raises(UserError, match=r'image 0 of the stream: .* split test: the model has no class a;'):
        list(stream)


@pytest.mark.parametrize(
    ('argv', 'message'),
    [
        (('{folder}/a.tar',), r'a\.tar: no folder; unpack it into train/ and validation/'),
        (('{folder}', '--dataset', 'torch/image_folder'), 'leave it out; --data-dir alone reads the folder'),
        (('{folder}', '--input-key', 'img'), '--input-key img: a folder has no columns; .*such as ".png;.jpg"'),
        (('{folder}', '--class-map', 'no.txt'), '--class-map no.txt: no such file'),
    ],
)
def test_what_a_folder_cannot_be_asked_for(image_folder, argv, message):
    folder = image_folder('train', 'val')
    (folder / 'a.tar').touch()
    with pytest.raises(UserError, match=message):
        splits_of(options(*(arg.format(folder=folder) for arg in argv)))


@pytest.fixture
def mnist(tmp_path, monkeypatch):
    """A data set of torchvision, of 3 images, whose last class is called `9 - nine`."""
    monkeypatch.setattr(MNIST, '_check_exists', lambda self: True)
    data = torch.full((3, 8, 8), 7, dtype=torch.uint8), torch.tensor([0, 9, 5])
    monkeypatch.setattr(MNIST, '_load_data', lambda self: data)
    return ('--dataset', 'torch/mnist', '--data-dir', tmp_path, '-b', '2')


def test_data_sets_of_torchvision_have_the_models_mode_and_labels(mnist, tmp_path):
    args = options(*mnist)
    splits = splits_of(args)
    check(splits, 10, 3, args)
    image, target = splits.val[1]
    assert (image.mode, image.getpixel((0, 0)), target) == ('RGB', (7, 7, 7), 9)
    assert splits.classes[9] == '9 - nine'
    names = splits.classes[::-1]
    assert open_split(args.data, 'test', ClassMap.of_names(names, 'the model')).targets == [9, 0, 4]
    with pytest.raises(UserError, match='split test: the model has no class 0 - zero, 5 - five, 9 - nine;'):
        open_split(args.data, 'test', ClassMap.of_names('abc', 'the model'))
    (tmp_path / 'map.txt').write_text('\n'.join(names))
    assert splits_of(options(*mnist, '--class-map', 'map.txt')).train.targets == [9, 0, 4]

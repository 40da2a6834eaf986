import random

import numpy as np
import pytest
import torch
from config_helpers import check, loaders_of, options, splits_of
from PIL import Image
from timm.data.random_erasing import RandomErasing
from torch.utils.data import TensorDataset

from timm_hyperbolic.data import memory
from timm_hyperbolic.data.augment import BatchAugment
from timm_hyperbolic.data.memory import MemoryLoader, decode
from timm_hyperbolic.errors import UserError

CPU = torch.device('cpu')
DATA_CONFIG = {
    'input_size': (3, 8, 8),
    'mean': (0.5, 0.4, 0.3),
    'std': (0.5, 0.6, 0.7),
    'interpolation': 'bicubic',
    'crop_pct': 1.0,
    'crop_mode': 'center',
}


def loaders(*argv: str, data_config=DATA_CONFIG):
    config = options(*argv, '--workers', '0')
    return loaders_of(splits_of(config), data_config, config)


def make_loader(count: int = 50, **kwargs) -> MemoryLoader:
    """Grey images; the first pixel of each is its number, which is its target too."""
    images = torch.randint(0, 256, (count, 1, 6, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    images[:, 0, 0, 0] = torch.arange(count)
    options = {'batch_size': 8, 'mean': (0.0,), 'std': (1 / 255,), 'is_training': True, 'seed': 3} | kwargs
    return MemoryLoader(images, torch.arange(count), **options)


AUGMENT = BatchAugment((6, 6), color_jitter=0.4)


def all_equal(a, b) -> bool:
    return len(a) == len(b) > 0 and all(
        torch.equal(x, y) for p, q in zip(a, b, strict=True) for x, y in zip(p, q, strict=True)
    )


def test_an_epoch_is_a_permutation_without_its_last_part_and_keeps_targets_beside_images():
    loader = make_loader()
    batches = list(loader)
    assert len(batches) == len(loader) == 6
    images, targets = (torch.cat(part) for part in zip(*batches, strict=True))
    assert torch.equal(images[:, 0, 0, 0], targets.float())
    assert len(set(targets.tolist())) == 48
    assert targets.tolist() != sorted(targets.tolist())


def test_evaluation_is_in_order_and_whole():
    loader = make_loader(is_training=False)
    targets = [target for _, target in loader]
    assert len(loader) == len(targets) == 7
    assert torch.cat(targets).tolist() == list(range(50))


def test_every_iterator_is_a_new_epoch_and_every_seed_another_order():
    loader = make_loader(augment=AUGMENT)
    first, second = list(loader), list(loader)
    assert not all_equal(first, second)
    loader.set_epoch(0)
    assert all_equal(first, list(loader))
    assert not all_equal(first, list(make_loader(augment=AUGMENT, seed=4)))


def test_a_run_goes_on_at_any_batch_as_if_it_had_not_stopped():
    erasing = RandomErasing(0.5, mode='pixel', device=CPU)
    whole = list(make_loader(augment=AUGMENT, erasing=erasing))
    later = make_loader(augment=AUGMENT, erasing=erasing)
    for start in (0, 1, 4):
        later.set_epoch(0, start)
        assert all_equal(whole[start:], list(later))
    assert len(list(later)) == 6  # the epoch after it is whole


def test_batches_do_not_touch_the_generators_that_dropout_draws_from():
    loader = make_loader(augment=AUGMENT, erasing=RandomErasing(1.0, mode='pixel', device=CPU))
    states = random.getstate(), torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    list(loader)
    assert random.getstate() == states[0]
    assert torch.equal(torch.get_rng_state(), states[1])
    assert np.random.get_state()[1].tolist() == states[2]  # noqa: NPY002


def test_processes_share_out_the_batches_of_one():
    single = list(make_loader(augment=AUGMENT))
    shares = [list(make_loader(augment=AUGMENT, rank=rank, processes=2)) for rank in (0, 1)]
    assert [len(share) for share in shares] == [6, 6]
    for batch, *parts in zip(single, *shares, strict=True):
        assert all_equal([batch], [[torch.cat(tensors) for tensors in zip(*parts, strict=True)]])


def test_evaluation_over_processes_counts_no_image_twice():
    loaders = [make_loader(is_training=False, batch_size=4, rank=rank, processes=3) for rank in range(3)]
    targets = [target for loader in loaders for _, batch in loader for target in batch.tolist()]
    assert sorted(targets) == list(range(50))


def test_erasing_blanks_as_many_pixels_as_timms():
    loader = make_loader(400, batch_size=400, erasing=RandomErasing(0.5, mode='const', device=CPU))
    loader.images.fill_(255)
    share = torch.stack([(image == 0).float().mean((1, 2, 3)) for image, _ in (next(iter(loader)) for _ in range(10))])
    random.seed(0)
    theirs = RandomErasing(0.5, mode='const', device='cpu')(torch.ones(4000, 1, 6, 6))
    theirs = (theirs == 0).float().mean((1, 2, 3))
    assert (share > 0).float().mean().item() == pytest.approx((theirs > 0).float().mean().item(), abs=0.03)
    assert share.mean().item() == pytest.approx(theirs.mean().item(), abs=0.01)


def test_evaluation_is_the_same_as_timms_loader():
    data_config = {**DATA_CONFIG, 'input_size': (3, 12, 12), 'crop_pct': 0.8}
    ours, theirs = (loaders(*flags, data_config=data_config)[1] for flags in (['--data-in-memory'], []))
    assert all_equal(list(ours), list(theirs))


def test_training_without_augmentation_has_the_images_of_timms_loader():
    data_config = {**DATA_CONFIG, 'input_size': (3, 12, 12)}
    ours, theirs = (loaders(*flags, '--no-aug', data_config=data_config)[0] for flags in (['--data-in-memory'], []))
    rows = [
        {image.numpy().tobytes() for image in torch.cat([image for image, _ in loader])} for loader in (ours, theirs)
    ]
    assert len(ours) == len(theirs)
    assert len(rows[0] & rows[1]) > 1300  # each leaves another few images out


@pytest.mark.parametrize(
    'flags',
    [
        ['--scale', '0.3', '1'],
        ['--crop-padding', '2', '--hflip', '0.5', '--vflip', '0.3'],
        ['--crop-padding', '0', '--color-jitter', '0.8'],
    ],
    ids=' '.join,
)
def test_training_batches_have_the_mean_and_deviation_of_timms_loader(flags):
    """Each pixel over an epoch: an offset of a crop, a missing flip or another colour would show."""
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    maps = []
    for extra in (['--data-in-memory'], []):
        train, _ = loaders(*flags, *extra)
        images = torch.cat([image for _ in range(2) for image, _ in train])
        maps.append(torch.stack([images.mean(0), images.std(0)]))
    assert (maps[0] - maps[1]).abs().max() < 0.12
    assert (maps[0] - maps[1]).abs().mean() < 0.025


@pytest.mark.parametrize(
    ('flags', 'message'),
    [
        (['--aa', 'rand-m5'], '--data-in-memory: --aa rand-m5 works on one image at a time'),
        (['--train-crop-mode', 'rkrr'], '--data-in-memory: --train-crop-mode rkrr works on one image at a time'),
    ],
)
def test_what_cannot_be_done_in_batches_is_refused_before_anything_is_decoded(monkeypatch, flags, message):
    monkeypatch.setattr(memory, 'decode', lambda *args: pytest.fail('decoded'))
    with pytest.raises(UserError, match=message):
        loaders('--data-in-memory', *flags)


def test_images_that_do_not_fit_are_refused_before_they_are_decoded(monkeypatch):
    monkeypatch.setattr(memory, 'decode', lambda *args: pytest.fail('decoded'))
    monkeypatch.setattr(memory, '_free_memory', lambda device: 400_000)
    with pytest.raises(
        UserError, match=r'--data-in-memory: 1,797 images take 0.00 GiB, more than 80% of the .* on cpu'
    ):
        loaders('--data-in-memory')
    monkeypatch.undo()
    assert memory._free_memory(CPU) > 2**20


def test_images_of_different_sizes_are_refused():
    images = [torch.zeros(3, 8, 8, dtype=torch.uint8), torch.zeros(3, 8, 9, dtype=torch.uint8)]
    for rows in ([0, 1], [0] * 256 + [1]):  # in one batch, and in two
        dataset = [(images[row], 0) for row in rows]
        with pytest.raises(
            UserError, match=r'split train has images of different sizes, 8 x 8 and 9 x 8; .*--crop-pad'
        ):
            decode(dataset, CPU, 0, 'train')


def test_decoding_keeps_rows_in_order_with_workers_too():
    dataset = TensorDataset(torch.arange(600, dtype=torch.uint8).view(600, 1, 1, 1), torch.arange(600))
    for workers in (0, 1):
        images, targets = decode(dataset, CPU, workers, 'train')
        assert torch.equal(targets, torch.arange(600))
        assert torch.equal(images.flatten(), torch.arange(600, dtype=torch.uint8))


@pytest.mark.parametrize('in_memory', [False, True])
@pytest.mark.parametrize('channels', [1, 3])
def test_images_of_sixteen_bits_keep_their_grey_values(tmp_path, in_memory, channels):
    grey = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1024
    for split, label in (('train', 'a'), ('train', 'b'), ('val', 'a'), ('val', 'b')):
        (tmp_path / split / label).mkdir(parents=True)
        Image.fromarray(grey).save(tmp_path / split / label / '0.png')
    config = {**DATA_CONFIG, 'input_size': (channels, 8, 8), 'mean': (0.0,) * channels, 'std': (1 / 255,) * channels}
    flags = ['-b', '2', '--no-aug', '--workers', '0', *['--data-in-memory'] * in_memory]
    run = options(tmp_path, *flags)
    splits = splits_of(run)
    check(splits, 2, channels, run)
    for loader in loaders_of(splits, config, run):
        ((images, _),) = loader
        assert images.shape == (2, channels, 8, 8)
        torch.testing.assert_close(images, torch.from_numpy(grey // 256).float().expand_as(images))

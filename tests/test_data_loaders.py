import pytest
import torch
from config_helpers import loaders_of, options, splits_of

from timm_hyperbolic.config.data import MixupConfig
from timm_hyperbolic.config.options import with_values
from timm_hyperbolic.data.loaders import create_mixup, default_workers
from timm_hyperbolic.errors import UserError

DATA_CONFIG = {
    'input_size': (3, 8, 8),
    'mean': (0.5, 0.5, 0.5),
    'std': (0.5, 0.5, 0.5),
    'interpolation': 'bicubic',
    'crop_pct': 1.0,
    'crop_mode': 'center',
}


def test_loaders_augment_the_training_split_alone():
    config = options('--img-size', '8', '--scale', '0.3', '0.5', '-vb', '64')
    splits = splits_of(config)
    train, val = loaders_of(splits, DATA_CONFIG, config)
    assert (len(train), len(val)) == (1437 // 64, -(-360 // 64))  # training leaves out the last, partial batch
    image, target = next(iter(val))
    raw = torch.from_numpy(splits.val.images[:64]).float() / 255
    torch.testing.assert_close(image[:, 0], (raw - 0.5) / 0.5)
    assert target.tolist() == splits.val.targets[:64]
    batches = []
    for epoch in (0, 1):
        train.set_epoch(epoch)
        batches.append(next(iter(train))[0])
    assert batches[0].shape == batches[1].shape == (64, 3, 8, 8)
    assert not torch.equal(*batches)


def test_no_aug_only_resizes():
    config = options('--no-aug')
    splits = splits_of(config)
    train, _ = loaders_of(splits, DATA_CONFIG, config)
    image, _ = next(iter(train))
    pixels = (image[:, 0] * 127.5 + 127.5).round().to(torch.uint8)
    known = {i.tobytes() for i in splits.train.images}
    assert {i.numpy().tobytes() for i in pixels} <= known


def test_padded_crop_stands_in_place_of_the_resized_one():
    config = options('--crop-padding', '2', '--color-jitter', '0', '--hflip', '0.5')
    splits = splits_of(config)
    train, _ = loaders_of(splits, DATA_CONFIG, config)
    padded = torch.nn.functional.pad(torch.from_numpy(splits.train.images), [2] * 4)
    crops = padded.unfold(1, 8, 1).unfold(2, 8, 1)
    known = {t.numpy().tobytes() for t in torch.stack([crops, crops.flip(-1)]).flatten(0, 3)}
    image, _ = next(iter(train))
    pixels = (image[:, 0] * 127.5 + 127.5).round().to(torch.uint8)
    assert {t.numpy().tobytes() for t in pixels} <= known
    unmoved = {t.numpy().tobytes() for t in torch.from_numpy(splits.train.images)}
    assert sum(t.numpy().tobytes() in unmoved for t in pixels) < 16  # of 64; one place of 25, half of them flipped


def test_padded_crop_of_an_image_of_another_size_is_of_the_resized_image():
    config = options('--crop-padding', '0', '--color-jitter', '0', '--hflip', '0')
    splits = splits_of(config)
    data_config = {**DATA_CONFIG, 'input_size': (3, 16, 12)}
    train, _ = loaders_of(splits, data_config, config)
    image, _ = next(iter(train))
    assert image.shape == (64, 3, 16, 12)
    config = with_values(config, no_aug=True, crop_padding=None)
    plain, _ = loaders_of(splits, data_config, config)
    known = {t.numpy().tobytes() for image, _ in plain for t in image}
    assert sum(t.numpy().tobytes() in known for t in image) > 56  # but for the few that an epoch leaves out


def test_unknown_augmentation_policy():
    config = options('--aa', 'foo')
    with pytest.raises(UserError, match='--aa foo: Unknown AA policy foo'):
        loaders_of(splits_of(config), DATA_CONFIG, config)


def test_mixup_softens_targets_and_needs_pairs():
    assert create_mixup(MixupConfig(), 10, 32) is None
    mixup = create_mixup(MixupConfig(mixup=0.5), 10, 32, smoothing=0.2)
    _, target = mixup(torch.rand(4, 3, 8, 8), torch.arange(4))
    torch.testing.assert_close(target.sum(1), torch.ones(4))
    assert target.min() == pytest.approx(0.02)
    with pytest.raises(UserError, match='--batch-size 33: --mixup and --cutmix pair images'):
        create_mixup(MixupConfig(cutmix=1.0), 10, 33)


def test_workers_leave_a_core_to_training_on_the_cpu(monkeypatch):
    monkeypatch.setattr('os.cpu_count', lambda: 2)
    assert default_workers(torch.device('cpu')) == 1
    monkeypatch.setattr('os.cpu_count', lambda: None)
    assert default_workers(torch.device('cpu')) == 0


def test_the_first_of_the_splits_is_the_image_and_the_others_are_augmented():
    config = options('--aug-splits', '3', '--aa', 'augmix-m9', '--scale', '1', '1', '--ratio', '1', '1', '--hflip', '0')
    splits = splits_of(config)
    train, _ = loaders_of(splits, DATA_CONFIG, config)
    image, target = next(iter(train))
    assert image.shape == (3 * 64, 3, 8, 8)
    assert torch.equal(target, target[:64].repeat(3))
    pixels = (image[:, 0] * 127.5 + 127.5).round().to(torch.uint8)
    known = {i.tobytes() for i in splits.train.images}
    inside = [i.numpy().tobytes() in known for i in pixels]
    assert all(inside[:64])
    assert sum(inside[64:]) < 64
    assert not torch.equal(image[64:128], image[128:])
    train.set_epoch(0, start=2)
    again = next(iter(train))[0]
    train.set_epoch(0)
    assert torch.equal(list(train)[2][0], again)


@pytest.mark.parametrize(
    ('argv', 'message'),
    [
        (['--aug-splits', '1'], '--aug-splits 1: .* at least 2'),
        (['--aug-splits', '3', '--mixup', '0.2'], '--aug-splits 3: not with --mixup'),
        (['--aug-splits', '3', '--data-in-memory'], '--aug-splits 3: not with --data-in-memory'),
        (['--aug-splits', '3', '--no-aug'], '--aug-splits 3: not with --no-aug'),
        (['--aug-repeats', '3', '--no-aug'], '--aug-repeats 3: .* --no-aug'),
        (['--resplit'], '--resplit: give --aug-splits too'),
        (['--crop-padding', '4', '--train-crop-mode', 'rrc'], '--crop-padding .* --train-crop-mode rrc'),
    ],
)
def test_augmentation_that_makes_no_sense(argv, message):
    with pytest.raises(UserError, match=message):
        options(*argv)

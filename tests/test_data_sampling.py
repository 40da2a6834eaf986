import os
import signal

import numpy as np
import pytest
import torch
from timm.data import create_loader
from torch.utils.data import Dataset, IterableDataset
from torch.utils.data._utils import signal_handling
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from timm_hyperbolic.data import sampling
from timm_hyperbolic.data.sampling import EpochBatches, EpochLoader
from timm_hyperbolic.errors import DeadWorkers


class Squares(Dataset):
    """Images of one brightness each, which is their label; the transform is set by timm."""

    transform = None

    def __init__(self, size: int = 22, kill=None) -> None:
        self.size = size
        self.kill = kill

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index):
        from PIL import Image

        if self.kill is not None and self.kill(index):
            os.kill(os.getpid(), signal.SIGKILL)
        image = Image.fromarray(np.full((8, 8, 3), index, dtype='uint8'))
        return self.transform(image), index


@pytest.fixture(autouse=True)
def _look_often(monkeypatch):
    """torch looks after its workers every five seconds."""
    monkeypatch.setattr(_MultiProcessingDataLoaderIter._try_get_data, '__defaults__', (0.2,))


def loader_of(dataset, batch_size: int = 4, seed: int = 0, rank: int = 0, processes: int = 1, **kwargs) -> EpochLoader:
    options = {'num_workers': 0, 'is_training': True, 're_prob': 0.5, 're_mode': 'pixel', 'scale': (0.3, 1.0)}
    loader = create_loader(dataset, 8, batch_size // processes, device=torch.device('cpu'), **{**options, **kwargs})
    return EpochLoader(loader, batch_size, seed, rank, processes)


def epoch_of(loader: EpochLoader, epoch: int = 0, start: int = 0):
    loader.set_epoch(epoch, start)
    return list(loader)


def same(a, b) -> bool:
    return len(a) == len(b) and all(
        torch.equal(x, u) and torch.equal(y, v) for (x, y), (u, v) in zip(a, b, strict=True)
    )


def test_every_epoch_has_an_order_of_its_own_and_leaves_out_the_partial_batch():
    loader = loader_of(Squares())
    assert len(loader) == 5
    orders = [[int(i) for _, target in epoch_of(loader, epoch) for i in target] for epoch in (0, 1)]
    assert [len(set(order)) for order in orders] == [20, 20]
    assert orders[0] != orders[1]
    assert orders[0] != [int(i) for _, target in epoch_of(loader_of(Squares(), seed=1)) for i in target]


@pytest.mark.parametrize('workers', [0, 2])
def test_an_epoch_begun_in_the_middle_has_the_batches_of_a_whole_one(workers):
    """Bit for bit: order, augmentation in the workers and random erasing of the batch."""
    whole = epoch_of(loader_of(Squares()), epoch=3)
    assert len({tuple(image.flatten().tolist()) for image, _ in whole}) == 5
    torch.manual_seed(7)  # nothing depends on what was drawn before
    loader = loader_of(Squares(), num_workers=workers)
    assert same(epoch_of(loader, 3, start=2), whole[2:])
    assert same(epoch_of(loader, 3), whole)
    assert epoch_of(loader, 3, start=5) == []


def test_processes_share_out_the_batch_of_one():
    one = epoch_of(loader_of(Squares(), re_prob=0.0))
    two = [epoch_of(loader_of(Squares(), rank=rank, processes=2, re_prob=0.0)) for rank in (0, 1)]
    joined = [tuple(torch.cat(pair) for pair in zip(*parts, strict=True)) for parts in zip(*two, strict=True)]
    assert same(one, joined)


def test_order_does_not_depend_on_the_batch_size():
    flat = lambda size: [key for batch in EpochBatches(24, size, seed=5) for key in batch]
    assert flat(4) == flat(8)


def test_repeats_come_in_a_row_each_with_an_augmentation_of_its_own():
    loader = EpochLoader(create_loader(Squares(), 8, 4, device=torch.device('cpu'), is_training=True), 4, 0, repeats=3)
    assert len(loader) == 5
    keys = [key for batch in loader.batches for key in batch]
    indices, seeds = zip(*keys, strict=True)
    assert len(set(seeds)) == 20
    runs = [indices[i : i + 3] for i in range(0, 18, 3)]
    assert all(len(set(row)) == 1 for row in runs)
    assert len(set(indices)) == 7
    whole = epoch_of(loader, epoch=2)
    assert same(epoch_of(loader, 2, start=3), whole[3:])
    assert not same(epoch_of(loader, 1), whole)


def test_a_worker_that_dies_is_replaced_and_no_batch_is_lost(tmp_path, capsys):
    """It dies once, at an image in the middle of the epoch."""
    flag = tmp_path / 'dead'

    def kill(index):
        if index != 11 or flag.exists():
            return False
        flag.touch()
        return True

    assert same(epoch_of(loader_of(Squares(kill=kill), num_workers=1)), epoch_of(loader_of(Squares())))
    assert flag.exists()
    assert 'a loader process died' in (said := capsys.readouterr().err)
    assert 'starting all of them again' in said


def test_a_worker_that_dies_again_and_again_ends_the_run():
    loader = loader_of(Squares(kill=lambda index: index == 11), num_workers=1)
    with pytest.raises(DeadWorkers, match=r'batch \d+: a loader process died'):
        epoch_of(loader)


def test_an_error_in_a_worker_is_not_taken_for_its_death():
    def fail(index):
        raise RuntimeError('broken image')

    with pytest.raises(RuntimeError, match='broken image'):
        epoch_of(loader_of(Squares(kill=fail), num_workers=1))


class Stream(IterableDataset):
    """A data set without an order, as timm's readers of shards are."""

    transform = None

    def __iter__(self):
        return (Squares.__getitem__(self, index) for index in range(22))

    def __len__(self):
        return 22

    kill = None


def test_an_iterable_data_set_drops_the_batches_before_the_start():
    whole = epoch_of(loader_of(Stream(), re_prob=0.0, no_aug=True))
    assert same(epoch_of(loader_of(Stream(), re_prob=0.0, no_aug=True), start=2), whole[2:])


def test_torchs_handler_of_an_earlier_loader_does_not_reach_into_a_step(monkeypatch):
    monkeypatch.setattr(signal_handling, '_SIGCHLD_handler_set', False)
    before = signal.getsignal(signal.SIGCHLD)
    try:
        signal_handling._set_SIGCHLD_handler()  # as any loader with workers does
        assert signal.getsignal(signal.SIGCHLD) is not before
        assert sampling._child_handler() == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGCHLD, before)

"""Settings that every test shares."""

import gc
import os
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import torch

if 'PYTEST_XDIST_WORKER' in os.environ:  # a process for each core: a thread for each process, and for those it starts
    torch.set_num_threads(1)
    os.environ['OMP_NUM_THREADS'] = '1'

# By default Python looks for garbage after every 700 new objects, which takes a tenth of the time of the tests.
gc.set_threshold(20_000)

# The same examples on every run: a failure in continuous integration can be repeated, and no run is red by chance.
hypothesis.settings.register_profile(
    'repeatable', deadline=None, derandomize=True, max_examples=60, print_blob=True, database=None
)
# For a search: pytest --hypothesis-profile=search
hypothesis.settings.register_profile('search', deadline=None, max_examples=2000)
hypothesis.settings.load_profile('repeatable')


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """The tests of a file run in one process unless `--dist` says otherwise, for they share runs and kernels."""
    if config.getvalue('dist') != 'load':
        return None
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False  # xdist would begin with the files of most tests
    return LoadFileScheduling(config, log)


# They compile the kernels of float64 and those of float32, each in a process, before others need both.
COMPILING = ('test_module.py', 'test_vit_hyp.py')


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Several processes go on with the files that have slow tests, so that all end together."""
    if 'PYTEST_XDIST_WORKER' in os.environ:
        slow = {item.path for item in items if item.get_closest_marker('slow')}
        items.sort(key=lambda item: (item.path.name not in COMPILING, item.path not in slow))


def pytest_collection_finish() -> None:
    """What torch and the tests consist of is no garbage: Python need not look through it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def generator() -> torch.Generator:
    """Random numbers of the test's own, the same on every run."""
    return torch.Generator().manual_seed(0)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """One thread: on the tiny tensors of these tests several of them only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def fixed_seed() -> None:
    """What draws from torch's own generator, such as starting values, draws the same in any order of the tests."""
    torch.manual_seed(0)

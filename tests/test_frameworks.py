"""Other frameworks train hypadamw as plain torch does: what they do is in `framework_runs.py`."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import framework_runs
import pytest

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')


FRAMEWORKS = ('accelerate', 'transformers', 'peft', 'lightning')


@pytest.fixture(scope='module')
def outcome() -> subprocess.CompletedProcess:
    """All that are installed, one after the other in one process: to import torch and timm takes longest."""
    return subprocess.run(
        [sys.executable, framework_runs.__file__, *filter(importlib.util.find_spec, FRAMEWORKS)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, 'HF_HUB_OFFLINE': '1', 'OMP_NUM_THREADS': '1'},
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize('name', FRAMEWORKS)
def test_a_framework_trains_to_the_weights_of_plain_torch(name: str, outcome: subprocess.CompletedProcess) -> None:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f'needs {name}, which is not installed')
    assert f'{name}: the same weights' in outcome.stdout, outcome.stderr


@pytest.mark.parametrize('full', [False, True])  # whole, it has lists for tuples
@pytest.mark.filterwarnings('ignore:torch.distributed is disabled')
def test_torch_s_distributed_checkpoints_go_on_bit_for_bit(full: bool, tmp_path: Path) -> None:
    framework_runs.distributed_checkpoint(tmp_path, full)

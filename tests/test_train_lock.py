import subprocess
import sys

import pytest

from timm_hyperbolic.errors import UserError
from timm_hyperbolic.train.lock import LOCK, FolderLock

pytest.importorskip('fcntl')


def holder(folder):
    """Start another process that holds the lock until its input ends."""
    code = (
        'import sys; from pathlib import Path; from timm_hyperbolic.train.lock import FolderLock; '
        'FolderLock(Path(sys.argv[1])).acquire(); print("held", flush=True); sys.stdin.read()'
    )
    argv = [sys.executable, '-c', code, str(folder)]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == 'held\n'
    return process


def test_a_second_run_is_refused_until_the_first_has_died(tmp_path):
    with holder(tmp_path) as first:
        with pytest.raises(UserError, match=rf'another run is writing into .*process {first.pid} on .*choose another'):
            FolderLock(tmp_path).acquire()
        first.kill()
    lock = FolderLock(tmp_path)
    lock.acquire()
    assert (tmp_path / LOCK).exists()
    lock.release()


def test_a_run_into_the_folder_of_a_live_one_is_refused(tmp_path, capsys):
    from train_helpers import run

    folder = tmp_path / 'run'
    folder.mkdir()
    with holder(folder) as first:
        for flags in ([], ['--resume', 'auto']):
            status, _ = run(tmp_path, *flags, steps=1)
            assert status == 2
            assert 'another run is writing into' in capsys.readouterr().err
        assert [file.name for file in folder.iterdir()] == [LOCK]
        first.kill()

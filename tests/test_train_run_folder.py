import os
import signal
import stat
import time
from pathlib import Path

import pytest
import timm
import torch
import yaml
from train_helpers import run, summary

from timm_hyperbolic.config.run import RunConfig
from timm_hyperbolic.data.labels import label_names
from timm_hyperbolic.errors import TrainingError, UserError
from timm_hyperbolic.train.processes import Processes
from timm_hyperbolic.train.run_folder import LOCK, OutputFolder

DATA_CONFIG = {
    'input_size': (1, 8, 8),
    'mean': (0.25,),
    'std': (0.75,),
    'interpolation': 'bilinear',
    'crop_pct': 0.5,
    'crop_mode': 'center',
}
KWARGS = {'embed_dim': 24, 'depth': 1, 'num_heads': 3, 'curvature': 0.5, 'margin': 'none'}


ALONE = Processes(torch.device('cpu'))


def folder_of(tmp_path, **kwargs) -> OutputFolder:
    return OutputFolder.of(RunConfig(**{'output': str(tmp_path), 'experiment': 'run', **kwargs}), 'digits')


@pytest.fixture
def folder(tmp_path) -> OutputFolder:
    folder = folder_of(tmp_path)
    folder.create({'model': 'vit_tiny_patch4_hyp_all'}, ALONE)
    return folder


def model_of_four_classes(**kwargs):
    torch.manual_seed(0)
    return timm.create_model('vit_tiny_patch4_hyp_all', num_classes=4, in_chans=1, img_size=8, **KWARGS, **kwargs)


def test_saved_model_comes_back_through_timm_with_its_input_and_classes(folder):
    model = model_of_four_classes(drop_rate=0.5).eval()
    folder.save_model(model, DATA_CONFIG, ['a', 'b', 'c', 'd'])
    loaded = timm.create_model(f'local-dir:{folder.path}', pretrained=True).eval()
    image = torch.randn(3, 1, 8, 8)
    assert torch.equal(loaded(image), model(image))
    data_config = timm.data.resolve_model_data_config(loaded)  # JSON has lists where timm has tuples
    assert {key: tuple(v) if isinstance(v, list) else v for key, v in data_config.items()} == DATA_CONFIG
    assert loaded.pretrained_cfg['label_names'] == ['a', 'b', 'c', 'd']
    assert loaded.options == model.options
    assert loaded.head_drop.p == 0  # dropout belongs to a run, not to the model


def test_saved_model_takes_another_classifier(folder):
    folder.save_model(model_of_four_classes(), DATA_CONFIG, None)
    loaded = timm.create_model(f'local-dir:{folder.path}', pretrained=True, num_classes=7).eval()
    assert loaded(torch.randn(1, 1, 8, 8)).shape == (1, 7)


def test_names_of_more_classes_than_the_classifier_has_are_left_out(folder):
    """Of fewer, the names are still those by which a data set is matched."""
    folder.save_model(model_of_four_classes(), DATA_CONFIG, [*'abcde'])
    assert 'label_names' not in (folder.path / 'config.json').read_text()
    folder.save_model(model_of_four_classes(), DATA_CONFIG, ['a', 'b'])
    model = timm.create_model(f'local-dir:{folder.path}', pretrained=True)
    assert label_names(model.pretrained_cfg, model.num_classes) == ['a', 'b']


def test_all_files_have_the_permissions_of_an_ordinary_file(folder):
    folder.save_model(model_of_four_classes(), DATA_CONFIG, None)
    folder.append_summary({'epoch': 0})
    (folder.path / 'plain').touch()
    modes = {stat.S_IMODE(file.stat().st_mode) for file in folder.path.iterdir()}
    assert len(modes) == 1
    names = {file.name for file in folder.path.iterdir()} - {'plain', '.lock', '.lock-holder'}
    assert names == {'args.yaml', 'config.json', 'model.safetensors', 'summary.csv'}


def test_summary_grows_by_a_row_an_epoch(folder):
    for epoch in range(3):
        folder.append_summary({'epoch': epoch, 'train_loss': 1 / (epoch + 1)})
        rows = summary(folder.path)
        assert [row['epoch'] for row in rows] == list(range(epoch + 1))
    assert rows[2]['train_loss'] == pytest.approx(1 / 3, abs=0)


def test_options_are_written_when_the_folder_is_made(folder):
    assert yaml.safe_load((folder.path / 'args.yaml').read_text())['model'] == 'vit_tiny_patch4_hyp_all'


def test_a_write_that_fails_leaves_what_was_there(folder, monkeypatch):
    """A full disk shows at the latest when the file is synced."""
    folder.append_summary({'epoch': 0})
    before = {file.name: file.read_bytes() for file in folder.path.iterdir()}

    def full(descriptor):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(TrainingError, match=r'cannot write into .*No space left on device'):
        folder.append_summary({'epoch': 1})
    with pytest.raises(TrainingError, match='No space left'):
        folder.save_model(model_of_four_classes(), DATA_CONFIG, None)
    assert {file.name: file.read_bytes() for file in folder.path.iterdir()} == before


def test_a_folder_without_a_name_is_that_of_the_data_set_or_the_next_free_one(tmp_path):
    """Also where another run takes the name after it was chosen, and where the folder was made by hand."""
    first, second = (folder_of(tmp_path, experiment=None) for _ in range(2))
    assert (first.path, first.taken) == (second.path, second.taken) == (tmp_path / 'digits', None)
    first.create({}, ALONE)
    second.create({}, ALONE)
    assert (second.path, second.taken) == (tmp_path / 'digits-2', tmp_path / 'digits')
    (tmp_path / 'digits-3').mkdir()
    assert folder_of(tmp_path, experiment=None).path == tmp_path / 'digits-4'


def test_a_folder_that_holds_a_run_is_not_overwritten(tmp_path, folder):
    with pytest.raises(UserError, match='already holds a run; choose another name'):
        folder_of(tmp_path)


def test_an_empty_folder_that_exists_is_used(tmp_path):
    (tmp_path / 'run').mkdir()
    folder_of(tmp_path)


@pytest.mark.parametrize('experiment', ['file', 'file/run'])
def test_a_file_where_the_folder_should_be(tmp_path, experiment):
    (tmp_path / 'file').touch()
    with pytest.raises(UserError, match=r'--output: cannot make the folder .*file is a file'):
        folder_of(tmp_path, experiment=experiment)


def test_a_folder_without_permission(tmp_path, monkeypatch):
    monkeypatch.setattr(os, 'access', lambda path, mode: False)
    with pytest.raises(UserError, match='--output: cannot write into'):
        folder_of(tmp_path)


def test_a_folder_whose_name_is_too_long(tmp_path):
    with pytest.raises(UserError, match=r'--output: cannot make the folder .*: File name too long'):
        folder_of(tmp_path, experiment='x' * 300)


def test_a_folder_that_fails_to_be_made(tmp_path):
    folder = folder_of(tmp_path)
    (tmp_path / 'run').touch()  # since then somebody else made a file of that name
    with pytest.raises(UserError, match=r'--output: cannot make the folder .*File exists'):
        folder.create({}, ALONE)


def holder(folder: Path) -> int:
    """Fork a process that locks the folder and waits, in a process that it has forked too, as loaders do."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            locked = OutputFolder(folder)
            locked.lock()
            os.fork() or time.sleep(60)
            os.write(writer, b'held')
            time.sleep(60)
        finally:
            os._exit(1)
    os.close(writer)
    assert os.read(reader, 4) == b'held'
    os.close(reader)
    return child


def test_a_second_run_is_refused_until_the_first_has_died(tmp_path, capsys):
    folder = tmp_path / 'run'
    folder.mkdir()
    first = holder(folder)
    try:
        with pytest.raises(UserError, match=rf'another run is writing into .*process {first} on .*choose another'):
            OutputFolder(folder).lock()
        for flags in ([], ['--resume', 'auto']):
            status, _ = run(tmp_path, *flags, steps=1)
            assert status == 2
            assert 'another run is writing into' in capsys.readouterr().err
        assert {file.name for file in folder.iterdir()} == {LOCK, f'{LOCK}-holder'}
        os.kill(first, signal.SIGKILL)
        os.waitpid(first, 0)
        again = OutputFolder(folder)  # although the forked process, which is not the run, still lives
        again.lock()
        again.close()
        assert [file.name for file in folder.iterdir()] == [LOCK]
    finally:
        os.killpg(first, signal.SIGKILL)

import json

import pytest
import timm
import torch
from safetensors.torch import load_file
from train_helpers import run, summary

from timm_hyperbolic.train.loop import Loop
from timm_hyperbolic.train.model import create_model
from timm_hyperbolic.train.selection import best_epoch

# A rate that makes the accuracy go up and down.
FLAGS = ['--epochs', '4', '--lr', '3e-2', '--warmup-epochs', '0', '--smoothing', '0']


@pytest.fixture
def looks(monkeypatch) -> list[int]:
    """The number of images of every evaluation."""
    evaluate, seen = Loop.evaluate, []

    def patched(self, loader):
        seen.append(sum(len(target) for _, target in loader))
        return evaluate(self, loader)

    monkeypatch.setattr(Loop, 'evaluate', patched)
    return seen


def test_the_first_of_the_best_rows_is_the_best():
    rows = [{'eval_loss': loss, 'eval_top1': top1} for loss, top1 in ((3, 10), ('1.5', '30'), (2, 30.0))]
    assert best_epoch(rows, 'top1') is best_epoch(rows, 'loss') is rows[1]
    assert best_epoch(rows[:1], 'top1') is rows[0]


@pytest.mark.parametrize('flags', [[], ['--model-ema', '--model-ema-decay', '0.3'], ['--data-in-memory']], ids=' '.join)
def test_best_model_of_a_held_out_split_is_kept_and_tested_once(tmp_path, capsys, looks, flags):
    status, folder = run(tmp_path, *FLAGS, *flags, '--val-split', '144', '--eval-metric', 'loss', steps=None)
    assert status == 0
    assert looks == [144] * 4 + [360]
    rows, test = summary(folder), json.loads((folder / 'test.json').read_text())
    best = min(rows, key=lambda row: row['eval_loss'])
    assert (test['epoch'], test['split'], test['images']) == (best['epoch'], 'test', 360)
    assert test['chosen_by'] == 'loss on 144 images held out of split train'

    # timm's evaluation of what was saved gives the number that was reported.
    from timm.data import create_loader, resolve_model_data_config

    from timm_hyperbolic.data.digits import Digits

    model = timm.create_model(f'local-dir:{folder}', pretrained=True).eval()
    config = resolve_model_data_config(model)
    image, target = next(iter(create_loader(Digits('test'), batch_size=360, device=torch.device('cpu'), **config)))
    with torch.no_grad():
        assert torch.nn.functional.cross_entropy(model(image), target).item() == pytest.approx(test['loss'], rel=1e-5)
    said = capsys.readouterr().out
    assert 'split test, after' in said
    assert f'(loss: {best["eval_loss"]:.4g} in epoch {int(best["epoch"]) + 1}, on 144 images held' in said


@pytest.mark.parametrize('tied', [False, True])
def test_best_model_is_one_of_an_earlier_epoch(tmp_path, monkeypatch, tied):
    """The metrics are made up, so that the second of three epochs is the best."""
    made_up = iter([10.0, 30.0, 20.0, 5.0])
    evaluate, weights = Loop.evaluate, []

    def patched(self, loader):
        weights.append({key: value.clone() for key, value in self.task.get_eval_model().state_dict().items()})
        return {**evaluate(self, loader), 'top1': next(made_up)}

    def create(*args, **kwargs):
        model = create_model(*args, **kwargs)
        if tied:
            model.blocks[1].mlp = model.blocks[0].mlp
        return model

    monkeypatch.setattr(Loop, 'evaluate', patched)
    monkeypatch.setattr('timm_hyperbolic.train.tasks.create_model', create)
    status, folder = run(tmp_path, '--val-split', '0.1', '--epochs', '3', steps=None)
    assert status == 0
    saved, test = load_file(folder / 'model.safetensors'), json.loads((folder / 'test.json').read_text())
    assert (test['epoch'], test['top1']) == (1, 5.0)
    assert len(weights[1]) - len(saved) == (4 if tied else 0)
    saved = {key: saved[key if key in saved else key.replace('blocks.1', 'blocks.0')] for key in weights[1]}
    for same in (saved, weights[3]):  # saved, and tested
        assert all(torch.equal(same[key], value) for key, value in weights[1].items())
    assert not all(torch.equal(saved[key], value) for key, value in weights[2].items())


def test_without_a_held_out_split_the_last_epoch_is_the_result(tmp_path, capsys, looks):
    status, folder = run(tmp_path, '--epochs', '2', steps=None)
    assert status == 0
    assert looks == [360, 360]
    assert not (folder / 'test.json').exists()
    assert "saved: the last epoch's model" in capsys.readouterr().out

"""Training, a push, and a fresh process that loads from the Hub and measures: the same model, by the real client."""

import json
import subprocess
import sys

import pytest
import timm
import torch
from local_hub import LocalHub, connect
from safetensors.torch import load_file

from timm_hyperbolic import cli

PULL = """
import json, sys, timm, torch

try:
    timm.create_model('hf_hub:me/vit_tiny_patch4_hyp_res', pretrained=True)
except RuntimeError as error:
    print(error)  # timm's own words, without the import that the card shows

import timm_hyperbolic
from safetensors.torch import save_file
from timm_hyperbolic import cli
from timm_hyperbolic.commands.validate import validate
from timm_hyperbolic.config.trained import read_validate_options

torch.set_num_threads(1)
names, out = sys.argv[1].split(','), sys.argv[2]
image = torch.linspace(-1, 1, 4 * 3 * 8 * 8).reshape(4, 3, 8, 8)
logits, top1 = {}, {}
for name in names:
    model = timm.create_model(f'hf_hub:me/{name}', pretrained=True).eval()
    with torch.no_grad():
        logits[name] = model(image)
    results = validate(read_validate_options(['--model', f'hf_hub:me/{name}', '-b', '360', '--device', 'cpu']))
    top1[name] = [results['top1'], results['loss']]
save_file(logits, out)
print('TOP1' + json.dumps(top1))
"""


@pytest.fixture(scope='module')
def hub():
    with LocalHub() as hub:
        yield hub


@pytest.mark.slow
def test_a_pushed_model_comes_back_bit_for_bit(hub, tmp_path, monkeypatch, one_thread):
    # Every hyperbolic layer, one alone, none, and the control; that every variant is copied is in test_vit_hyp.py.
    names = [f'vit_tiny_patch4_{variant}' for variant in ('hyp_all', 'hyp_res', 'euclid', 'flat_all')]
    tiny = ['--model-kwargs', 'embed_dim=24', 'depth=1', 'num_heads=3', '--img-size', '8', '--device', 'cpu']
    flags = [*tiny, '-b', '32', '-vb', '360', '--max-steps', '1', '--output', str(tmp_path)]
    connect(monkeypatch, hub, tmp_path / 'unused')
    for name in names:
        assert cli.run('train', [*flags, '--experiment', name, '--model', name, '--push-to-hub', f'me/{name}']) == 0
    assert set(hub.repositories) == {f'me/{name}' for name in names}

    environment = hub.environment(tmp_path / 'cache') | {'OMP_NUM_THREADS': '1', 'TQDM_DISABLE': '1'}
    words = [sys.executable, '-c', PULL, ','.join(names), str(tmp_path / 'logits.safetensors')]
    result = subprocess.run(words, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr[-2000:]
    told = result.stdout
    assert 'Unknown model (vit_tiny_patch4_hyp_res)' in told
    measured = json.loads(told.rpartition('TOP1')[2])
    pulled = load_file(tmp_path / 'logits.safetensors')

    image = torch.linspace(-1, 1, 4 * 3 * 8 * 8).reshape(4, 3, 8, 8)
    for name in names:
        model = timm.create_model(f'local-dir:{tmp_path / name}', pretrained=True).eval()
        with torch.no_grad():
            assert torch.equal(model(image), pulled[name]), name
        result = json.loads((tmp_path / name / 'run.json').read_text())['result']
        assert measured[name][0] == pytest.approx(result['top1'], abs=1e-9), name
        assert measured[name][1] == pytest.approx(result['loss'], rel=1e-5), name

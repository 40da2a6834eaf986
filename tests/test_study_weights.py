"""The weights of the small study in `docs/weights/`: one line loads them, and their accuracy is that of the table."""

import json
import os
from pathlib import Path

import pytest
import timm
import torch
from doc_blocks import CIFAR100
from timm.data import create_dataset, create_transform, resolve_data_config

import timm_hyperbolic  # noqa: F401

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = sorted(path.parent for path in (ROOT / 'docs' / 'weights').glob('*/config.json'))
IMAGES = 1_000


@pytest.mark.parametrize('folder', FOLDERS, ids=lambda folder: folder.name)
def test_the_weights_load_and_have_the_accuracy_of_their_run(folder: Path) -> None:
    assert (folder / 'model.safetensors').stat().st_size < 6e6
    model = timm.create_model(f'local-dir:{os.path.relpath(folder)}', pretrained=True).eval()
    if not CIFAR100.is_dir():
        pytest.skip('the images of CIFAR-100 are not there')
    records = json.loads((ROOT / 'benchmarks' / 'results' / 'study-residual.json').read_text(encoding='utf-8'))['runs']
    measures = next(record for record in records if record['run'] == f'{folder.name}-seed0')['measures']

    # Every tenth test image: the classes are spread evenly.
    dataset = create_dataset(f'hfds/{CIFAR100}', root=None, split='test', input_key='img', target_key='fine_label')
    dataset.transform = create_transform(**resolve_data_config({}, model=model))
    images, labels = zip(*(dataset[10 * i] for i in range(IMAGES)), strict=True)
    with torch.inference_mode():
        logits = torch.cat([model(part) for part in torch.stack(images).split(250)])
    top1 = 100 * (logits.argmax(-1) == torch.tensor(labels)).float().mean().item()
    share = measures['top1'] / 100
    assert abs(top1 - measures['top1']) < 3 * 100 * (share * (1 - share) / IMAGES) ** 0.5
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(labels), reduction='none')
    assert abs(loss.mean().item() - measures['loss']) < 3 * loss.std().item() / IMAGES**0.5

"""The folder of a run as the tests of the Hub need it: small, whole, and made without training."""

import csv
import json
from pathlib import Path
from typing import Any

import timm
import torch
import yaml
from timm.data import resolve_input_data_config

from timm_hyperbolic.analysis import track
from timm_hyperbolic.config.run_files import ABOUT, ARGS, SUMMARY
from timm_hyperbolic.train.run_folder import OutputFolder

TINY = {'embed_dim': 24, 'depth': 2, 'num_heads': 3, 'img_size': 8, 'num_classes': 10}
INPUT = {'mean': [0.305], 'std': [0.376], 'img_size': 8}
ARGUMENTS: dict[str, Any] = {
    'amp': False,
    'amp_dtype': 'float16',
    'batch_size': 96,
    'data_dir': None,
    'dataset': 'digits',
    'grad_accum_steps': 1,
    'hamp': False,
    'lr': 3e-3,
    'opt': 'hypadamw',
    'sched': 'cosine',
    'seed': 17,
    'weight_decay': 0.05,
}


def tiny_model(name: str = 'vit_tiny_patch4_hyp_all', **kwargs: Any) -> torch.nn.Module:
    """A model, no parameter of which is where it started."""
    torch.manual_seed(3)
    model = timm.create_model(name, **TINY | kwargs).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.01 * torch.rand_like(parameter))
    return model


def save_weights(folder: Path, model: torch.nn.Module) -> None:
    """Write weights and configuration as a run does."""
    folder.mkdir(parents=True, exist_ok=True)
    OutputFolder(folder, resumed=True).save_model(model, resolve_input_data_config(model, dict(INPUT)), None)


def made_run(folder: Path, name: str = 'vit_tiny_patch4_hyp_all', top1: float = 61.9444, **about: Any) -> Path:
    """Write the folder of a run of three epochs, of which the second was kept."""
    model = tiny_model(name)
    save_weights(folder, model)
    rows = [
        {'epoch': epoch, 'eval_top1': top1 - (epoch - 1) ** 2, **track(model), 'images_per_second': 811.25}
        for epoch in range(3)
    ]
    with (folder / SUMMARY).open('w', newline='') as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (folder / ARGS).write_text(yaml.safe_dump(ARGUMENTS))
    result = {
        'split': 'test',
        'images': 360,
        'epoch': 1,
        'chosen_by': 'top1 on 143 images held out of split train',
        'chosen_here': False,
        'loss': 1.23456,
        'top1': top1,
        'top5': 93.3333,
    }
    content = {
        'command': ['train_hyp.py', '-c', 'recipes/mine.yaml', '--output', '/home/somebody/runs', '--seed', '17'],
        'recipe': 'mine.yaml',
        'started': '2025-01-02T03:04:05+00:00',
        'parameters': sum(p.numel() for p in model.parameters()),
        'train_images': 1294,
        'hardware': {'device': 'CPU (x86_64), threads: 2', 'processes': 1, 'system': 'Linux'},
        'versions': {'timm_hyperbolic': '0.1.0', 'torch': '2.9.8', 'timm': '1.0.31'},
        'epochs': 3,
        'steps': 42,
        'seconds': 7260.5,
        'images_per_second': 811.25,
        'result': result,
        **about,
    }
    (folder / ABOUT).write_text(json.dumps(content))
    return folder

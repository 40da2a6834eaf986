"""What `.ci/oldest` asks of the installed versions; with `--bounds` the lower bounds of setup.cfg, for pip."""

import configparser
import json
import math
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def lower_bounds() -> dict[str, str]:
    """The lower bound of each package of `install_requires`."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / 'setup.cfg', encoding='utf-8')
    lines = parser['options']['install_requires'].split('\n')
    return dict(re.fullmatch(r'(\S+) >= (\S+)', line).groups() for line in lines if line)


def check_versions() -> None:
    """The versions that are installed are the lower bounds, and no newer ones."""
    from packaging.version import Version  # a dependency of huggingface_hub

    for name, bound in lower_bounds().items():
        installed = Version(version(name).partition('+')[0])
        if installed != Version(bound):
            raise SystemExit(f'{name} {installed} is installed, not {bound}')


def check_variants() -> None:
    """Every model is made, and runs forward and backward."""
    import timm
    import torch

    import timm_hyperbolic  # noqa: F401  registers the models

    names = timm.list_models(module='vit_hyp')
    for name in names:
        model = timm.create_model(name, depth=1, num_classes=3)
        model(torch.randn(2, *model.pretrained_cfg['input_size'])).square().sum().backward()
        bad = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
        if bad:
            raise SystemExit(f'{name}: no finite gradient of {", ".join(bad)}')
    print(f'{len(names)} models made, forward and backward', flush=True)


def check_run(output: Path) -> None:
    """A run of five steps goes on for five more; its folder loads as the model that was trained, and has a card."""
    train = [sys.executable, str(ROOT / 'train_hyp.py')]
    model = ['--model', 'vit_tiny_patch4_hyp_all', '--model-kwargs', 'depth=2', 'embed_dim=48']
    command = [sys.executable, '-m', 'timm_hyperbolic.cli']
    run, results = output / 'run', output / 'results.json'
    for words in (
        [*train, *model, '--output', str(output), '--experiment', 'run', '--max-steps', '5'],
        [*train, '--resume', str(run), '--max-steps', '10'],
        [*command, 'validate', '--model', f'local-dir:{run}', '--results-file', str(results)],
        [*command, 'card', str(run)],
    ):
        subprocess.run(words, check=True)
    trained = json.loads((run / 'run.json').read_text(encoding='utf-8'))['result']['loss']
    loaded = json.loads(results.read_text(encoding='utf-8'))['loss']
    if not math.isclose(trained, loaded, rel_tol=1e-5):
        raise SystemExit(f'the loss of the trained model is {trained}, that of the loaded one {loaded}')


if __name__ == '__main__':
    if sys.argv[1:] == ['--bounds']:
        print('\n'.join(f'{name}=={bound}' for name, bound in lower_bounds().items()))
    else:
        check_versions()
        check_variants()
        check_run(Path(sys.argv[1]))

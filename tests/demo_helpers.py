"""Folders of models for the demo to show."""

import json
from pathlib import Path

from hub_helpers import save_weights, tiny_model

from timm_hyperbolic.config.run_files import CONFIG

DEMO = Path(__file__).resolve().parent.parent / 'demo'
NAMES = ['zero', 'one', 'two', 'three & a <bit>', 'four', 'five', 'six', 'seven', 'eight', 'nine']


def model_folder(folder: Path, name: str = 'vit_tiny_patch4_hyp_head_pos_res', names=NAMES, **kwargs) -> Path:
    """Write weights and configuration of a tiny model as a run does, and return the folder."""
    save_weights(folder, tiny_model(name, **kwargs))
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(config if names is None else {**config, 'label_names': names}))
    return folder

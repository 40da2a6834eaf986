"""The files in the folder of a finished run, from which all numbers of a model card are taken."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from timm.models import get_pretrained_cfg

from ..config.run_files import ABOUT, ARGS, CONFIG, SUMMARY, check_files, newer_version
from ..constants import TASK_MEASURES

__all__ = ['Run']


@dataclass(frozen=True)
class Run:
    """A finished run, read from its folder.

    Args:
        name: Name of the folder.
        args: Options of the run, from `args.yaml`.
        about: Provenance and result of the run, from `run.json`.
        config: timm's description of the model, from `config.json`.
        row: The row of `summary.csv` of the epoch whose model was saved.
    """

    name: str
    args: Mapping[str, Any]
    about: Mapping[str, Any]
    config: Mapping[str, Any]
    row: Mapping[str, float]

    @classmethod
    def read(cls, folder: Path) -> Run:
        """Read the folder of a run.

        Args:
            folder: The folder of the run.

        Raises:
            ValueError: a file is missing or invalid.
        """
        check_files(folder, (ARGS, ABOUT, CONFIG, SUMMARY))
        try:
            args = yaml.safe_load((folder / ARGS).read_text(encoding='utf-8'))
            about = json.loads((folder / ABOUT).read_text(encoding='utf-8'))
            config = json.loads((folder / CONFIG).read_text(encoding='utf-8'))
            with (folder / SUMMARY).open(encoding='utf-8', newline='') as file:
                rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
            row = next(row for row in rows if row['epoch'] == about['result']['epoch'])
            return cls(folder.resolve().name, args, about, config, row)
        except (ValueError, KeyError, TypeError, StopIteration, yaml.YAMLError) as error:
            newer = newer_version(folder)
            reason = newer or f'{type(error).__name__} {error}'
            raise ValueError(f'{folder} is not as a run leaves it: {reason}') from error

    @property
    def model(self) -> str:
        """Name of the model in timm."""
        return self.config['architecture']

    @property
    def result(self) -> Mapping[str, Any]:
        """`split`, `images`, `epoch`, `chosen_by` and the measures of the task of the saved model."""
        return self.about['result']

    @property
    def task(self) -> str:
        """The task that it was trained for; runs of earlier versions do not name it."""
        return self.args.get('task', 'classification')

    @property
    def measures(self) -> list[str]:
        """Names of the measures of the task, without Top-5 where it would be 100 %."""
        names = TASK_MEASURES[self.task]
        return [name for name in names if name != 'top5' or self.config['num_classes'] > 5]

    @property
    def curvatures(self) -> dict[str, float]:
        """The curvature of every hyperbolic module in the epoch whose model was saved."""
        start = 'curvature/'
        return {key.removeprefix(start): value for key, value in self.row.items() if key.startswith(start)}

    @property
    def license(self) -> str | None:
        """The licence of the weights."""
        own = self.config.get('pretrained_cfg', {}).get('license')
        return own or getattr(get_pretrained_cfg(self.model), 'license', None)

    @property
    def dataset(self) -> str:
        """The name of the data set without local folders: `uoft-cs/cifar100`, `cifar100`, `digits`."""
        name = self.args.get('dataset') or ''
        if self.hub_dataset:
            return self.hub_dataset
        return Path(name.partition('/')[2] or name or self.args.get('data_dir') or 'images').name

    @property
    def hub_dataset(self) -> str | None:
        """The name of the data set on the Hub; None if it is not from the Hub."""
        kind, _, name = (self.args.get('dataset') or '').partition('/')
        parts = name.split('/')
        plain = len(parts) == 2 and all(part and part.strip('.') and not part.startswith('~') for part in parts)
        return name if kind == 'hfds' and plain and not Path(name).exists() else None

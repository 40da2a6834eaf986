"""The folder of a run. Every file is written under another name and then renamed: none is ever half written."""

import argparse
import copy
import csv
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
import yaml
from timm.models import safe_model_name
from timm.models._hub import save_for_hf
from torch import nn

from .errors import TrainingError, UserError

__all__ = ['ARGS', 'MODEL', 'SUMMARY', 'TEST', 'OutputFolder']

ARGS = 'args.yaml'
MODEL = 'model.safetensors'
SUMMARY = 'summary.csv'
TEST = 'test.json'


class OutputFolder:
    """Where a run puts its model, options and metrics.

    Args:
        path: the folder, which need not exist.

    Raises:
        UserError: the folder cannot be written, or holds another run.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, Any]] = []
        try:
            existing = next(parent for parent in (path, *path.absolute().parents) if parent.exists())
        except OSError as error:  # a name too long, a folder that may not be looked into
            raise UserError(f'--output: cannot make the folder {path}: {error.strerror}') from error
        if not existing.is_dir():
            raise UserError(f'--output: cannot make the folder {path}: {existing} is a file')
        if not os.access(existing, os.W_OK | os.X_OK):
            raise UserError(f'--output: cannot write into {existing}')
        if (path / ARGS).exists():
            raise UserError(f'--experiment: {path} already holds a run; choose another name, or remove the folder')

    @classmethod
    def of(cls, args: argparse.Namespace) -> 'OutputFolder':
        """Return the folder that `--output` and `--experiment` name, by default after time, model and image size."""
        name = args.experiment
        if not name:
            size = [] if args.img_size is None else [str(args.img_size)]
            name = '-'.join([datetime.now().strftime('%Y%m%d-%H%M%S'), safe_model_name(args.model), *size])
        path, count = Path(args.output) / name, 1
        while not args.experiment and path.exists():  # two runs in one second
            path, count = path.with_name(f'{name}-{count}'), count + 1
        return cls(path)

    def create(self, args: argparse.Namespace) -> None:
        """Make the folder and write the resolved options into it.

        Raises:
            UserError: the folder cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._write(ARGS, yaml.safe_dump(vars(args), sort_keys=True))
        except (OSError, TrainingError) as error:
            raise UserError(f'--output: cannot make the folder {self.path}: {error}') from error

    def append_summary(self, row: dict[str, Any]) -> None:
        """Add the metrics of an epoch to the table of all of them."""
        self.rows.append(row)
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(self.rows[0]), lineterminator='\n')
        writer.writeheader()
        writer.writerows(self.rows)
        self._write(SUMMARY, text.getvalue())

    def save_test(self, metrics: dict[str, Any]) -> None:
        """Write the metrics of the test split."""
        self._write(TEST, json.dumps(metrics, indent=1) + '\n')

    def save_model(self, model: nn.Module, data_config: dict[str, Any], classes: list[str] | None) -> None:
        """Write weights and configuration so that `timm.create_model('local-dir:…', pretrained=True)` returns `model`.

        Args:
            model: a model made by `timm.create_model`, which keeps the keywords that it was given.
            data_config: how its input is prepared.
            classes: names of the classes by label.
        """
        if not all(p.is_contiguous() for p in model.parameters()):  # --channels-last, which safetensors does not take
            model = copy.deepcopy(model).to(memory_format=torch.contiguous_format)
        config = {'label_names': classes} if classes and len(classes) == model.num_classes else {}
        with self._scratch() as scratch:
            save_for_hf(model, str(scratch), model_config=config, data_config=data_config, safe_serialization=True)
            # safetensors makes its file readable by the owner alone, whatever the umask.
            (scratch / MODEL).chmod((scratch / 'config.json').stat().st_mode)

    def _write(self, name: str, text: str) -> None:
        with self._scratch() as scratch:
            (scratch / name).write_text(text, encoding='utf-8')

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        """Give a folder whose files replace those of the run, once all of them are complete and on the disk."""
        try:
            scratch = Path(tempfile.mkdtemp(prefix='.unfinished-', dir=self.path))
            try:
                yield scratch
                for file in scratch.iterdir():
                    with file.open('rb') as stream:
                        os.fsync(stream.fileno())
                for file in scratch.iterdir():
                    file.replace(self.path / file.name)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        except OSError as error:
            raise TrainingError(f'cannot write into {self.path}: {error}') from error

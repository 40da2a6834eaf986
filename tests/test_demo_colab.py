"""The notebook for Colab, executed from top to bottom by a kernel of its own."""

import re

import nbformat
import pytest
from demo_helpers import DEMO
from nbclient import NotebookClient

NOTEBOOK = DEMO / 'colab.ipynb'


def cells(kind: str) -> list:
    return [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == kind]


def test_the_notebook_is_valid_and_holds_no_results():
    nbformat.validate(nbformat.read(NOTEBOOK, as_version=4))
    assert [cell.outputs for cell in cells('code') if cell.outputs] == []
    assert {cell.execution_count for cell in cells('code')} == {None}


def test_nothing_is_installed_where_the_package_is():
    (install,) = [cell.source for cell in cells('code') if '%pip' in cell.source]
    condition, command = install.splitlines()[-2:]
    assert condition == "if importlib.util.find_spec('timm_hyperbolic') is None:"
    assert command.startswith('    %pip install')


@pytest.mark.slow
def test_the_notebook_runs_from_top_to_bottom(tmp_path, monkeypatch):
    for name, value in {'EPOCHS': '2', 'DEPTH': '1', 'OUTPUT': str(tmp_path), 'OMP_NUM_THREADS': '1'}.items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=120, resources={'metadata': {'path': str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get('outputs', [])]
    said = ''.join(output.get('text', '') for output in outputs)
    parameters = [int(number.replace(',', '')) for number in re.findall(r': ([\d,]+) parameters$', said, re.MULTILINE)]
    assert parameters[1] - parameters[0] == 3 + 1 + 8  # head, positional embedding, two residuals
    assert float(re.search(r'([\d.]+) % of 360 images are right', said)[1]) > 12
    assert re.search(r'^It is a \d\.\n(\d: [\d.]+ %\n){5}', said, re.MULTILINE)
    figures = [output for output in outputs if 'image/svg+xml' in output.get('data', {})]
    assert len(figures) == 3
    assert (tmp_path / 'digits' / 'model.safetensors').is_file()

"""`timm-hyperbolic embed` and `geometry`: files, measures, going on after a kill, pictures, one line for each error."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from timm_hyperbolic import cli
from timm_hyperbolic import geometry as G
from timm_hyperbolic.analysis.figures.tree import cone_outline, geodesic
from timm_hyperbolic.taxonomy import DistanceTraining, NodePoints, Taxonomy

TREE = '\n'.join(f'{"  " * (len(bin(i)) - 3)}n{i}' for i in sorted(range(1, 64), key=lambda i: bin(i)[2:])) + '\n'


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A binary tree of 63 nodes: node `i` below node `i // 2`, written in preorder."""
    path = tmp_path / 'tree.txt'
    path.write_text(TREE)
    assert Taxonomy.from_text(path).parents('n45') == ('n22',)
    return path


def embed(tree: Path, folder: Path, *flags: str) -> dict[str, float]:
    assert cli.main(['embed', '--taxonomy', str(tree), '--output', str(folder), *flags]) == 0
    return json.loads((folder / 'results.json').read_text())


def test_a_killed_training_goes_on_to_the_same_points(tree: Path, tmp_path: Path, monkeypatch) -> None:
    flags = ['--dim', '3', '--epochs', '12', '--burn-in', '2']
    measures = embed(tree, tmp_path / 'whole', *flags)
    run = DistanceTraining.run

    def killed(self):
        for epoch, loss in enumerate(run(self)):
            yield loss  # saved by the command before it asks for the next one
            if epoch == 4:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(DistanceTraining, 'run', killed)
        assert cli.main(['embed', '--taxonomy', str(tree), '--output', str(tmp_path / 'part'), *flags]) == 130
    assert NodePoints.load(tmp_path / 'part' / 'embedding.safetensors').about['epoch'] == 5
    again = embed(tree, tmp_path / 'part', *flags, '--resume')
    assert {**again, 'seconds': 0} == {**measures, 'seconds': 0}
    both = [NodePoints.load(tmp_path / name / 'embedding.safetensors') for name in ('whole', 'part')]
    assert torch.equal(both[0].points, both[1].points)
    assert both[0].names == Taxonomy.from_text(tree).names


def test_the_closed_form_reconstructs_the_tree(tree: Path, tmp_path: Path, capsys) -> None:
    measures = embed(tree, tmp_path / 'closed', '--method', 'closed', '--dim', '4', '--model', 'lorentz')
    assert measures['MAP of nodes and their parents in the tree'] == 1
    assert measures['NaN'] == 0
    assert measures['worst distortion'] < 1.5
    points = NodePoints.load(tmp_path / 'closed' / 'embedding.safetensors')
    edge = G.lorentz_distance(points['n5'], points['n2'], 1.0).item()
    assert edge == pytest.approx(measures['length of an edge'], rel=1e-6)
    assert 'MAP of nodes and their parents in the tree' in capsys.readouterr().out


def test_the_memory_of_a_large_computation_is_said_before(tree: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    embed(tree, tmp_path / 'small', '--method', 'closed')
    assert 'GiB' not in capsys.readouterr().out
    monkeypatch.setattr('timm_hyperbolic.taxonomy.memory.LARGE', 1000)
    embed(tree, tmp_path / 'large', '--method', 'closed')
    assert 'the embedding of 63 nodes in 5 dimensions takes up to 0.0 GiB\n' in capsys.readouterr().out


def test_held_out_relations_are_predicted(tree: Path, tmp_path: Path) -> None:
    flags = ['--dim', '3', '--epochs', '200', '--percent', '80']
    measures = embed(tree, tmp_path / 'predicted', '--task', 'prediction', *flags)
    assert 1 <= measures['mean rank of held-out relations'] < 15
    measures = embed(tree, tmp_path / 'entailed', '--task', 'entailment', *flags)
    assert 20 < measures['F1 of distances, %'] <= 100


def test_cones_and_the_training_are_drawn(tree: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr('timm_hyperbolic.commands.embed._FRAMES', 3)
    folder = tmp_path / 'cones'
    measures = embed(tree, folder, '--method', 'cones', '--dim', '2', '--epochs', '3', '--draw', '--animate')
    assert set(measures) == {'F1 of cones, %', 'F1 of the distance embedding, %', 'seconds'}
    assert b'<svg' in (folder / 'tree.svg').read_bytes()
    width, height = Image.open(folder / 'tree.png').size
    assert width > 1.5 * height  # two disks side by side
    assert (
        Image.open(folder / 'training.gif').n_frames == 9
    )  # the start of each training, 33, 66, 99 and 100 of 100 epochs, and all 3 epochs of cones


def test_edges_are_geodesics_and_sectors_are_cones() -> None:
    p, q = (
        torch.tensor(x).double()
        for x in ([[0.1, 0.6], [0.0, 0.0], [0.99, 0.1]], [[0.7, -0.2], [-0.5, 0.5], [-0.9, 0.4]])
    )
    line = geodesic(p, q, 5)
    assert torch.allclose(G.distance(line[:, 1:], line[:, :-1], 1.0).sum(1), G.distance(p, q, 1.0), rtol=1e-9)
    assert torch.allclose(line[:, [0, -1]], torch.stack([p, q], 1))
    assert line.diff(dim=1).norm(dim=-1).std(dim=1).max() < 1e-9
    apex = torch.tensor([-0.5, -0.3]).double()
    outline = cone_outline(apex, 0.1)
    inside = 0.999 * outline
    side = outline[5]
    angle = G.exterior_angle(apex, side, 1.0) / G.half_aperture(apex, 1.0, 0.1)
    assert angle.item() == pytest.approx(1, rel=1e-6)
    middle = inside[len(outline) // 2]  # of the arc on the boundary
    assert G.cone_energy(apex, middle, 1.0, 0.1) == 0
    assert np.allclose(outline[24:48].norm(dim=1), 1)
    assert math.isclose(float(outline[0].dist(apex)), 0, abs_tol=1e-12)


def test_geometry_prints_and_writes_its_table(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr('timm_hyperbolic.analysis.space_models._LARGEST', 12.0)
    file = tmp_path / 'geometry.csv'
    flags = ['--pairs', '200', '--radius', '1', '16', '--types', 'bfloat16', 'float32']
    assert cli.main(['geometry', *flags, '--results-file', str(file)]) == 0
    rows = {(row['model'], row['type'], row['radius']): row for row in csv.DictReader(file.open())}
    assert len(rows) == 5 * 2 * 2
    assert float(rows['lorentz', 'float32', '16.0']['worst']) <= 1e-6
    assert float(rows['ball', 'float32', '16.0']['error']) > 1e-4
    assert float(rows['ball', 'bfloat16', '16.0']['error']) > 0.1
    assert float(rows['lorentz', 'bfloat16', '16.0']['error']) < 1e-2
    assert 8 < float(rows['klein', 'float32', '1.0']['safe_radius']) < 10
    assert 'lorentz' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('text', 'flags', 'message'),
    [
        ('a\n  b\n  b\n', [], "the name 'b' stands twice"),
        ('a\nb\n', [], '2 roots, a in line 1 and b in line 2'),
        ('a\n  -\n', [], 'line 2 has a node without a name'),
        ('a\n  b\n', ['--subtree', 'c'], "has no node 'c'"),
        ('a\n', [], 'nothing to train on'),
        ('a\n  b\n', ['--taxonomy', 'wordnet', '--wordnet-dir', 'nowhere'], 'apt-get install wordnet-base'),
        ('a\n  b\n', ['--method', 'closed', '--epochs', '3'], '--epochs: --method closed trains nothing'),
        ('a\n  b\n', ['--method', 'cones', '--model', 'euclidean'], '--method cones needs hyperbolic space'),
        ('a\n  b\n', ['--draw'], '--draw: the Poincaré disk has two dimensions'),
        ('a\n  b\n', ['--percent', '10'], '--percent: --task reconstruction trains on all relations'),
        ('a\n  b\n', ['--tau', '1'], 'for --method closed'),
        ('a\n  b\n', ['--method', 'cones', '--task', 'prediction'], 'cones have no distances to rank'),
    ],
)
def test_an_error_is_one_clear_line(text: str, flags: list[str], message: str, tmp_path: Path, capsys) -> None:
    (tmp_path / 'tree.txt').write_text(text)
    words = ['embed', '--taxonomy', str(tmp_path / 'tree.txt'), '--output', str(tmp_path / 'out'), *flags]
    assert cli.main(words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count('\n') == 1


def test_what_is_in_the_folder_is_not_overwritten(tree: Path, tmp_path: Path, capsys) -> None:
    embed(tree, tmp_path / 'out', '--method', 'closed')
    assert cli.main(['embed', '--taxonomy', str(tree), '--output', str(tmp_path / 'out')]) == 2
    assert 'embedding.safetensors is there; give another folder, or go on with --resume' in capsys.readouterr().err

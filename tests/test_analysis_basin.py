"""What is read off a basin head, and its section of the report page."""

from __future__ import annotations

import re

import pytest
import torch
from test_analysis_figures import GROUPS, check_texts, texts
from torch import Tensor, nn

from timm_hyperbolic.analysis import basin_section, figures
from timm_hyperbolic.analysis.basin import BasinView, view_basin
from timm_hyperbolic.analysis.basin_section import BASIN_FIGURES, basin_sections
from timm_hyperbolic.analysis.page import LeftOut, PageFigure, Section
from timm_hyperbolic.analysis.predictions import Labels, Predictions
from timm_hyperbolic.layers import BasinHead

pytestmark = pytest.mark.usefixtures('one_thread')


def head(classes: int = 5, scales: tuple[int, ...] = (4, 8, 16)) -> BasinHead:
    torch.manual_seed(0)
    layer = BasinHead(6, classes, scales, k=3)
    for parameter in (layer.gates, layer.fusion, layer.positions):
        nn.init.normal_(parameter, std=0.5)
    return layer


def data(classes: int = 5) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2500, 6, generator=generator), torch.arange(2500) % classes


def view(classes: int = 100, scales: tuple[int, ...] = (32, 64, 128)) -> BasinView:
    return view_basin(head(classes, scales), *data(classes))


def test_the_view_is_what_the_head_computes() -> None:
    layer, (x, y) = head(), data()
    found = view_basin(layer, x, y)
    with torch.no_grad():
        scores = layer.scores(x)
    assert torch.allclose(found.images.T.double(), scores.position, atol=1e-6)
    assert torch.equal(found.positions, layer.positions)
    assert found.alone.tolist() == pytest.approx(
        [100 * (logits.argmax(1) == y).float().mean().item() for logits in scores.scale_logits]
    )
    assert torch.allclose(found.intervals.double(), layer.get_cantor_interval_distribution(x).double(), atol=1e-6)
    assert torch.allclose(found.compatibility, layer.gates.softmax(-1))
    assert torch.allclose(found.fusion, layer.fusion.softmax(0))
    assert (found.alpha, found.temperature) == pytest.approx((0.5, 0.07), rel=1e-2)


def section(layer: nn.Module, is_matched: bool = True) -> list[Section | LeftOut]:
    x, y = data()
    return basin_sections(layer, Predictions(x, y, y, [], [], x), Labels(list('abcde')), is_matched)


def test_the_section_has_every_figure_and_its_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    undrawn = lambda name, draw, alt, caption='': PageFigure(name, alt, caption, b'', b'', b'')
    monkeypatch.setattr(basin_section, 'page_figure', undrawn)
    layer = head(scales=(4, 8))
    (found,) = section(nn.Sequential(nn.Identity(), layer))
    assert tuple(figure.name for figure in found.figures) == BASIN_FIGURES
    alone = view_basin(layer, *data()).alone.tolist()
    said = re.findall(r'([\d.]+) % \(scale (\d+)\)', found.figures[0].caption)
    assert said == [(f'{alone[0]:.1f}', '4'), (f'{alone[1]:.1f}', '8')]
    assert section(nn.Linear(6, 5)) == []
    assert 'Top-1' not in section(layer, is_matched=False)[0].figures[0].caption


def test_weights_are_drawn_in_percent() -> None:
    found = view(5)
    shown = [text.get_text() for text in texts(figures.basin_weights_figure(found))]
    shares = [f'{100 * share:.0f}' for share in found.compatibility.flatten().tolist() if share >= 0.08]
    assert [text for text in shown if text.isdigit()][: len(shares)] == shares  # then come the ticks


DRAWN = {
    'weights': figures.basin_weights_figure,
    'positions': figures.basin_positions_figure,
    'sorted': figures.basin_sorted_figure,
    'scales': lambda view, width: figures.basin_scales_figure(view, GROUPS, width),
    'intervals': figures.basin_intervals_figure,
}


@pytest.mark.parametrize('width', [figures.WIDE, figures.NARROW], ids=['wide', 'narrow'])
@pytest.mark.parametrize('name', DRAWN)
def test_every_text_is_whole_and_alone(name: str, width: float) -> None:
    check_texts(DRAWN[name](view(), width))

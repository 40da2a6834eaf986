import math

import torch
from demo_helpers import NAMES
from drawing import place_figure
from prediction import Disk, Guess
from test_analysis_figures import shown, texts


def disk(classes: int, margin: float = 0.96) -> Disk:
    places = torch.rand(classes, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 0.5
    return Disk(torch.tensor([0.6, -0.7], dtype=torch.float64), places, margin, 0.8)


def guesses(labels: list[int], names: list[str] = NAMES) -> list[Guess]:
    return [Guess(label, names[label], 0.5, 1 + 0.25 * i) for i, label in enumerate(labels)]


def test_image_and_prototypes_stand_where_they_are():
    own = disk(10)
    axes = place_figure(own, guesses([3, 1, 7, 0, 2])).axes[0]
    marks = {tuple(line.get_xydata()[0]): line for line in axes.lines}
    assert marks[tuple(own.point.tolist())].get_marker() == '*'
    colors = {label: marks[tuple(own.prototypes[label].tolist())].get_color() for label in (3, 1, 7, 0, 2)}
    assert len(set(colors.values())) == 5
    (others,) = axes.collections
    assert others.get_offsets().tolist() == own.prototypes[[4, 5, 6, 8, 9]].tolist()


def test_the_circle_is_that_of_the_nearest_prototype():
    own = disk(10)
    circle = place_figure(own, guesses([3, 1])).axes[0].patches[-1]
    center, p = torch.tensor(circle.center, dtype=torch.float64), own.point
    for angle in (0.0, 1.0, 2.5):
        q = center + circle.radius * torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
        gap = (p - q).square().sum() / ((1 - p.square().sum()) * (1 - q.square().sum()))
        assert abs(math.acosh(1 + 2 * gap) - 0.8) < 1e-9


def test_the_legend_names_every_mark_in_the_order_of_the_answer():
    figure = place_figure(disk(10), guesses([3, 1, 7, 0, 2]))
    assert shown(figure) == [
        *('three & a <bit>: 1.00', 'one: 1.25', 'seven: 1.50', 'zero: 1.75', 'two: 2.00'),
        *('this image', 'as far as the nearest', 'margin of the head', 'origin', 'other prototypes'),
    ]
    colors = {mark.get_label(): mark.get_color() for mark in figure.legends[0].legend_handles}
    own = disk(10)
    drawn = {tuple(line.get_xydata()[0]): line.get_color() for line in figure.axes[0].lines}
    assert colors['seven: 1.50'] == drawn[tuple(own.prototypes[7].tolist())]


def test_what_is_not_there_is_not_in_the_legend():
    said = shown(place_figure(disk(3, margin=1.0), guesses([1, 0, 2])))
    assert said == ['one: 1.00', 'zero: 1.25', 'two: 1.50', 'this image', 'as far as the nearest', 'origin']


def test_long_names_leave_room_for_the_disk():
    names = [f'a_class_of_a_very_long_name_number_{k}' for k in range(100)]
    figure = place_figure(disk(100), guesses([9, 8, 7, 6, 5], names))
    page = figure.bbox
    for box in (text.get_window_extent() for text in texts(figure)):
        assert page.x0 <= box.x0
        assert box.x1 <= page.x1
    assert shown(figure)[0] == 'a class of a very…: 1.00'
    assert figure.axes[0].get_window_extent().width > page.width / 2

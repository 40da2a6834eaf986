import dataclasses

import pytest
import torch
from answer import to_html
from demo_helpers import NAMES
from prediction import Disk, Guess, Prediction
from test_analysis_page import Page

GUESSES = [Guess(label, NAMES[label], 0.5 / (i + 1), 1.25 + i) for i, label in enumerate((3, 1, 7, 0, 2))]
DISK = Disk(torch.tensor([0.6, 0.1]), torch.rand(10, 2) - 0.5, 0.96, 1.5)
HYPERBOLIC = Prediction(GUESSES, 8.125, 4.681, DISK, 0.0125)
FLAT = dataclasses.replace(HYPERBOLIC, clip=None, disk=None)
EUCLIDEAN = Prediction([dataclasses.replace(guess, distance=None) for guess in GUESSES], None, None, None, 0.0125)


def read(prediction: Prediction) -> tuple[Page, str]:
    """The page, and all that it says."""
    page = Page(to_html(prediction))
    said = ' '.join(text for tag, texts in page.text.items() if tag != 'style' for text in texts)
    return page, ' '.join(said.split())


def test_each_class_has_its_row():
    page, said = read(HYPERBOLIC)
    assert page.text['th'] == ['class', 'probability', 'distance']
    assert page.text['td'] == [
        *('three & a <bit>', '50.0 %', '1.25', 'one', '25.0 %', '2.25', 'seven', '16.7 %', '3.25'),
        *('zero', '12.5 %', '4.25', 'two', '10.0 %', '5.25'),
    ]
    bars = [attrs['style'] for attrs in page.all('div') if attrs.get('class') == 'bar']
    assert bars[:2] == ['width: 50.0%', 'width: 25.0%']
    assert '12 ms in the model' in said


@pytest.mark.parametrize(
    ('norm', 'said', 'width'),
    [(8.125, 'beyond', '86.8'), (2.0, 'within', '21.4'), (40.0, 'beyond', '100.0')],
)
def test_the_norm_is_told_beside_the_margin(norm, said, width):
    page, text = read(dataclasses.replace(HYPERBOLIC, norm=norm))
    assert f'Hyperbolic norm {norm:.2f}' in text
    assert f', {said} the margin at 4.68' in text
    assert [attrs['style'] for attrs in page.all('div') if attrs.get('class') == 'bar'][5] == f'width: {width}%'


def test_the_disk_is_in_the_answer():
    page, _ = read(HYPERBOLIC)
    (image,) = page.all('img')
    assert image['src'].startswith('data:image/svg+xml;base64,')
    assert image['alt'] == 'The image and 10 prototypes on the Poincaré disk.'


def test_without_a_clip_there_is_no_margin():
    _, said = read(dataclasses.replace(HYPERBOLIC, clip=None))
    assert 'Hyperbolic norm' in said
    assert 'margin' not in said


def test_what_a_flat_head_lacks_is_said():
    page, said = read(FLAT)
    assert page.text['th'][-1] == 'distance'
    assert page.all('img') == []
    assert 'Norm 8.12' in said
    assert 'Hyperbolic norm' not in said
    assert 'This classifier is flat' in said


def test_what_a_euclidean_classifier_lacks_is_said():
    page, said = read(EUCLIDEAN)
    assert page.text['th'] == ['class', 'probability']
    assert page.all('img') == []
    assert 'This classifier is not hyperbolic' in said
    assert 'orm 8' not in said

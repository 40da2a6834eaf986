"""The prediction of a model for an image, as HTML."""

import base64
from pathlib import Path

import jinja2
from drawing import place_figure
from prediction import Prediction

from timm_hyperbolic.analysis.figures import to_svg

__all__ = ['to_html']

_TEMPLATE = Path(__file__).with_name('answer.html')


def to_html(prediction: Prediction) -> str:
    """Return classes, distances, norm and disk as HTML, without those that the model does not have."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    environment.filters['base64'] = lambda content: base64.b64encode(content).decode('ascii')
    disk = prediction.disk and to_svg(place_figure(prediction.disk, prediction.guesses))
    template = environment.from_string(_TEMPLATE.read_text(encoding='utf-8'))
    return template.render(prediction=prediction, disk=disk)

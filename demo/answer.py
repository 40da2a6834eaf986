"""What a model says of an image, as HTML."""

import base64
from pathlib import Path

import jinja2
from drawing import place_figure
from prediction import Prediction

from timm_hyperbolic.analysis.figures import to_svg

__all__ = ['to_html']

_TEMPLATE = Path(__file__).with_name('answer.html')


def to_html(prediction: Prediction) -> str:
    """Return the classes, their distances, the norm and the disk, as far as the model has them."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    environment.filters['base64'] = lambda content: base64.b64encode(content).decode('ascii')
    disk = prediction.disk and to_svg(place_figure(prediction.disk, prediction.guesses))
    template = environment.from_string(_TEMPLATE.read_text(encoding='utf-8'))
    return template.render(prediction=prediction, disk=disk)

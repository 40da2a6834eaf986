"""The page: an image in, what each model says of it out. Only the wiring; it needs gradio."""

from collections.abc import Sequence
from typing import Any

import gradio as gr
from answer import to_html
from prediction import Classifier, open_image

from timm_hyperbolic.errors import UserError

__all__ = ['create_page']

_INTRODUCTION = """# Hyperbolic image classification
Upload an image. A hyperbolic classifier measures how far the image lies from the **prototype** of each class. Its
distance from the origin, the **hyperbolic norm**, can be read as a confidence: near the origin all classes are near.
"""
_READING = """The distance from the disk's centre is exact; an image beyond the margin is drawn in to it. The angle is
that of the projection to the plane in which the prototypes differ most: points that lie together here may be far apart
in the ball.
"""


def create_page(classifiers: Sequence[Classifier]) -> gr.Blocks:
    """Return the page of these models, side by side."""

    def answers(upload: dict[str, Any] | None) -> list[str]:
        if upload is None:
            return [''] * len(classifiers)
        try:
            image = open_image(upload['path'])
            return [to_html(classifier.predict(image)) for classifier in classifiers]
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from error

    with gr.Blocks(title='Hyperbolic image classification', analytics_enabled=False) as page:
        gr.Markdown(_INTRODUCTION)
        with gr.Row():
            with gr.Column(scale=1, min_width=260):
                image = gr.Image(sources=['upload', 'clipboard'], label='image')
                if any(classifier.has_disk for classifier in classifiers):
                    gr.Markdown(_READING)
            outputs = []
            for classifier in classifiers:
                with gr.Column(scale=2, min_width=320):
                    gr.Markdown(f'### {classifier.name}')
                    outputs.append(gr.HTML(apply_default_css=False))
        # Not gradio's own reading: it changes the mode, and its error for a file that is no image is for programmers.
        image.change(answers, image, outputs, show_progress='minimal', preprocess=False)
    return page

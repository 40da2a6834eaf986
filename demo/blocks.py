"""The page of the demo: an image in, the prediction of each model out. It needs gradio."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from answer import to_html
from prediction import Classifier, open_image

from timm_hyperbolic.errors import UserError

__all__ = ['create_page']

_INTRODUCTION = """# Hyperbolic image classification
Upload an image or choose an example. A hyperbolic classifier measures the distance from the image to the **prototype**
of each class. The distance of the image from the origin is its **hyperbolic norm**.
"""
_READING = """**The disk.** The picture is a plane through the origin and the image. Every prototype is turned about the
line through these two points into the plane, up or down as the prototypes of the two likeliest classes differ. So the
distance of each prototype from the origin and from the image is exact, and no prototype lies in the blue circle around
the image. Distances between prototypes are not to be read. An image beyond the margin is moved in to it.
"""


def create_page(classifiers: Sequence[Classifier], examples: Sequence[Path] = ()) -> gr.Blocks:
    """Return the page with the models side by side.

    Args:
        classifiers: at least one.
        examples: files of images to choose from.
    """

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
                image = gr.Image(sources=['upload', 'clipboard'], label='image', height=260, elem_classes='upload')
                if examples:
                    gr.Examples([[str(path)] for path in examples], image, label='examples', examples_per_page=12)
            outputs = []
            for classifier in classifiers:
                with gr.Column(scale=2, min_width=320):
                    gr.Markdown(f'### {classifier.name}')
                    outputs.append(gr.HTML(apply_default_css=False))
        if any(classifier.has_disk for classifier in classifiers):
            gr.Markdown(_READING)
        # Without gradio's own decoding: it changes the mode, and its error message for other files is a traceback.
        image.change(answers, image, outputs, show_progress='minimal', preprocess=False)
    return page

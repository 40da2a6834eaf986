from pathlib import Path

import gradio
import pytest
from blocks import create_page
from demo_helpers import model_folder
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from prediction import Classifier

pytestmark = pytest.mark.usefixtures('one_thread')


@pytest.fixture(scope='module')
def classifiers(tmp_path_factory):
    names = 'vit_tiny_patch4_hyp_head', 'vit_tiny_patch4_euclid'
    folders = [model_folder(tmp_path_factory.mktemp('run') / name, name) for name in names]
    return [Classifier.load(str(folder), 'MODEL') for folder in folders]


def texts(page: gradio.Blocks, kind: type) -> list[str]:
    return [block.value for block in page.blocks.values() if isinstance(block, kind)]


def test_each_model_has_a_column_under_its_name(classifiers):
    page = create_page(classifiers)
    said = texts(page, gradio.Markdown)
    assert [text for text in said if text.startswith('###')] == [
        '### vit_tiny_patch4_hyp_head',
        '### vit_tiny_patch4_euclid',
    ]
    assert len(texts(page, gradio.HTML)) == 2
    assert any('disk' in text for text in said)


def test_without_a_disk_there_is_no_word_of_it(classifiers, tmp_path):
    flat = Classifier.load(str(model_folder(tmp_path / 'flat', 'vit_tiny_patch4_flat_head')), 'MODEL')
    said = texts(create_page([flat, classifiers[1]]), gradio.Markdown)
    assert not any('disk' in text for text in said)


def test_examples_stand_on_the_page(classifiers, tmp_path):
    def offered(page: gradio.Blocks) -> list:
        return [block.samples for block in page.blocks.values() if isinstance(block, gradio.Dataset)]

    Image.new('RGB', (8, 8)).save(tmp_path / 'a.png')
    ((((example,),),),) = [offered(create_page(classifiers, [tmp_path / 'a.png']))]
    assert Path(example['path'] if isinstance(example, dict) else example).name == 'a.png'
    assert offered(create_page(classifiers)) == []


def test_nothing_is_sent_elsewhere(classifiers):
    assert create_page(classifiers).analytics_enabled is False


def test_an_upload_over_http_is_answered(classifiers, tmp_path, monkeypatch):
    """The page as it is served: an image, a file that is none, and an image that is taken away."""
    monkeypatch.setenv('GRADIO_TEMP_DIR', str(tmp_path / 'uploads'))
    Image.new('RGB', (20, 10), (200, 30, 30)).save(tmp_path / 'red.png')
    (tmp_path / 'text.png').write_text('no image')
    page = create_page(classifiers)
    page.launch(prevent_thread_lock=True, quiet=True, show_error=True)
    try:
        client = Client(page.local_url, verbose=False)
        hyperbolic, euclidean = client.predict(handle_file(str(tmp_path / 'red.png')), api_name='/answers')
        assert 'Hyperbolic norm' in hyperbolic
        assert 'not hyperbolic' in euclidean
        with pytest.raises(AppError, match=r'text\.png cannot be read as an image'):
            client.predict(handle_file(str(tmp_path / 'text.png')), api_name='/answers')
        assert client.predict(None, api_name='/answers') == ('', '')
    finally:
        page.close()

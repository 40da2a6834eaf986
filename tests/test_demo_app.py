"""The demo as it is started, in a browser: a real upload, and what the page then shows."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from demo_helpers import DEMO, model_folder
from PIL import Image
from playwright.sync_api import Page, sync_playwright

BROWSERS = 'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'


def browser_path() -> str | None:
    """The system's Chromium, else the one that `playwright install chromium` brings."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        with sync_playwright() as playwright:
            path = playwright.chromium.executable_path
        found = path if Path(path).is_file() else None
    return found


def test_the_program_is_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('GOMP_SPINCOUNT', '1')
    monkeypatch.setattr(sys, 'argv', ['app.py', 'nowhere'])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(DEMO / 'app.py'), run_name='__main__')
    assert stop.value.code == 2
    assert 'MODEL nowhere' in capsys.readouterr().err


@pytest.fixture
def browser() -> str:
    path = browser_path()
    if path is None:
        pytest.skip('needs Chromium: install it, or run playwright install chromium')
    return path


@pytest.fixture
def address(tmp_path) -> Iterator[str]:
    """Where the program, started as the README says, serves two models."""
    hyperbolic = model_folder(tmp_path / 'hyp', 'vit_tiny_patch4_hyp_head')
    euclidean = model_folder(tmp_path / 'euclid', 'vit_tiny_patch4_euclid')
    command = [sys.executable, '-u', str(DEMO / 'app.py'), str(hyperbolic), '--against', str(euclidean)]
    environment = {**os.environ, 'GRADIO_TEMP_DIR': str(tmp_path / 'uploads')}
    streams = {'stdout': subprocess.PIPE, 'stderr': subprocess.STDOUT}
    with subprocess.Popen(command, env=environment, text=True, **streams) as program:
        try:
            said = ''
            for line in program.stdout:
                said += line
                found = re.search(r'http://127\.0\.0\.1:\d+', line)
                if found:
                    break
            else:
                pytest.fail(f'the program ended: {said}')
            yield found[0]
        finally:
            program.terminate()


@pytest.fixture
def page(browser, address) -> Iterator[Page]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=['--no-sandbox'])
        page = chromium.new_page()
        page.goto(address)
        yield page
        chromium.close()


@pytest.mark.browser
@pytest.mark.slow
def test_an_image_is_uploaded_and_answered(page, tmp_path):
    Image.new('RGB', (20, 20), (250, 250, 250)).save(tmp_path / 'white.png')
    (tmp_path / 'text.png').write_text('no image')
    upload = page.locator('input[type=file]')
    upload.set_input_files(tmp_path / 'white.png')
    first = page.locator('.answer').first
    first.locator('img').wait_for()
    answers = page.locator('.answer')
    assert answers.count() == 2
    assert first.locator('tbody tr').count() == 5
    assert 'Hyperbolic norm' in first.inner_text()
    assert 'not hyperbolic' in answers.nth(1).inner_text()
    disk = first.locator('img')
    assert disk.evaluate('image => image.complete && image.naturalWidth > 0')
    left, right = (answers.nth(i).bounding_box() for i in range(2))
    assert left['x'] + left['width'] <= right['x']
    assert left['y'] == pytest.approx(right['y'], abs=1)  # pixels; gradio may still be fading in

    page.get_by_label('Remove Image').or_(page.get_by_label('Clear')).first.click()
    first.wait_for(state='detached')
    upload.set_input_files(tmp_path / 'text.png')
    page.get_by_text('text.png cannot be read as an image').wait_for()

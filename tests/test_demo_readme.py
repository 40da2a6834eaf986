"""What a Space reads: the lines at the top of the demo's README, and its requirements."""

import configparser
import re

from demo_helpers import DEMO
from huggingface_hub import SpaceCard
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

SETUP = configparser.ConfigParser()
SETUP.read(DEMO.parent / 'setup.cfg', encoding='utf-8')


def required(lines: str) -> dict[str, SpecifierSet]:
    """The packages of a list of requirements, one a line, and their versions."""
    found = [Requirement(line) for line in lines.splitlines() if line and not line.startswith(('#', '%'))]
    return {requirement.name: requirement.specifier for requirement in found}


def test_the_space_is_configured():
    data = SpaceCard.load(DEMO / 'README.md').data
    assert (data.sdk, data.app_file, data.license) == ('gradio', 'app.py', 'mit')
    assert (DEMO / data.app_file).is_file()
    # The Hub refuses others.
    assert data.colorFrom in ('red', 'yellow', 'green', 'blue', 'indigo', 'purple', 'pink', 'gray')
    assert data.colorTo in ('red', 'yellow', 'green', 'blue', 'indigo', 'purple', 'pink', 'gray')
    assert len(data.short_description) <= 60
    app = required(SETUP['options.extras_require']['app'])
    assert re.fullmatch(r'\d+\.\d+\.\d+', data.sdk_version)
    assert data.sdk_version in app['gradio']


def test_the_space_installs_what_the_package_and_the_page_need():
    wanted = required(SETUP['options']['install_requires']) | required(SETUP['options.extras_require']['app'])
    del wanted['gradio']  # of the version in the README, by the Space itself
    assert required((DEMO / 'requirements.txt').read_text(encoding='utf-8')) == wanted

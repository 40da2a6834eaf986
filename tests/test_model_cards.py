"""The cards in `model_cards/` are those that `make_cards.py` writes."""

import importlib.util
from pathlib import Path

import pytest
import timm
from hub_helpers import made_run
from huggingface_hub import ModelCard

FOLDER = Path(__file__).parent.parent / 'model_cards'


@pytest.fixture(scope='module')
def program():
    spec = importlib.util.spec_from_file_location('make_cards', FOLDER / 'make_cards.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_variant_has_the_card_that_is_made_for_it(program):
    made = dict(program.cards())
    assert set(made) == set(timm.list_models('vit_tiny_patch4_*'))
    written = {path.stem: path.read_text(encoding='utf-8') for path in FOLDER.glob('vit_*.md')}
    assert written == made, 'run python model_cards/make_cards.py'


def test_every_card_parses():
    for path in FOLDER.glob('vit_*.md'):
        card = ModelCard.load(path)
        assert (card.data.library_name, card.data.license) == ('timm', 'mit')
        assert card.data.eval_results is None or all(each.metric_value for each in card.data.eval_results)


def test_the_template_is_that_of_the_package():
    package = FOLDER.parent / 'timm_hyperbolic' / 'hub' / 'template.md'
    assert (FOLDER / 'template.md').samefile(package)


def test_a_full_run_is_set_against_its_controls(program, tmp_path):
    for name in ('hyp_res', 'flat_res', 'euclid'):
        made_run(tmp_path / f'vit_tiny_patch4_{name}', f'vit_tiny_patch4_{name}')
    made = dict(program.cards(tmp_path))
    full = ModelCard(made['vit_tiny_patch4_hyp_res'])
    assert full.data.eval_results[0].metric_value == 61.9444
    assert '| vit_tiny_patch4_flat_res | ' in full.text
    assert '| vit_tiny_patch4_euclid | ' in full.text
    assert 'No full run' in made['vit_tiny_patch4_hyp_head']

import json
import re
from collections.abc import Iterable

import pytest
import yaml
from hub_helpers import made_run, save_weights, tiny_model
from huggingface_hub import ModelCard

from timm_hyperbolic import attach_head, hyperbolize
from timm_hyperbolic.hub import model_card
from timm_hyperbolic.hub.card import differences
from timm_hyperbolic.hub.run import Run


@pytest.fixture(scope='module')
def run(tmp_path_factory) -> Run:
    return Run.read(made_run(tmp_path_factory.mktemp('runs') / 'all'))


@pytest.fixture(scope='module')
def controls(tmp_path_factory) -> list[Run]:
    folder = tmp_path_factory.mktemp('controls')
    euclid = made_run(folder / 'euclid', 'vit_tiny_patch4_euclid', 60.2778)
    return [Run.read(euclid), Run.read(made_run(folder / 'flat', 'vit_tiny_patch4_flat_all', 62.5))]


def rows(card: str, header: str) -> list[list[str]]:
    """The cells of the table whose head begins so."""
    lines = card[card.index(header) :].splitlines()
    lines = lines[: next((i for i, line in enumerate(lines) if not line.startswith('|')), len(lines))]
    return [[cell.strip() for cell in line.strip('|').split('|')] for line in (lines[0], *lines[2:])]


def numbers(source) -> Iterable[float]:
    if isinstance(source, dict):
        source = list(source.values())
    if isinstance(source, list):
        for each in source:
            yield from numbers(each)
    elif isinstance(source, (int, float)) and not isinstance(source, bool):
        yield float(source)
    elif isinstance(source, str):
        yield from map(float, re.findall(r'\d+(?:\.\d+)?', source))


def test_results_are_metadata_and_text(run):
    card = model_card(run, 'me/model')
    (top1, top5, loss) = card.data.eval_results
    assert (top1.metric_type, top1.metric_value, top1.dataset_type, top1.dataset_split) == (
        'accuracy',
        61.9444,
        'digits',
        'test',
    )
    assert (top5.metric_value, loss.metric_value) == (93.3333, 1.2346)
    assert rows(card.content, '| split') == [
        ['split', 'images', 'Top-1', 'Top-5', 'loss'],
        ['test', '360', '61.94 %', '93.33 %', '1.2346'],
    ]
    assert "create_model('hf_hub:me/model', pretrained=True)" in card.text
    assert 'import timm_hyperbolic\n' in card.text


@pytest.mark.parametrize('against', [False, True])
def test_a_card_survives_the_round_trip(run, controls, against, tmp_path):
    card = model_card(run, 'me/model', controls if against else ())
    path = tmp_path / 'README.md'
    path.write_text(str(card), encoding='utf-8')
    again = ModelCard.load(path)
    assert again.data.to_dict() == card.data.to_dict()
    assert again.data.eval_results == card.data.eval_results
    assert again.text == card.text


def test_every_number_stands_in_a_folder_of_a_run(run, controls):
    """A number with a point, or of three digits and more, is one of the run's, rounded; differences aside."""
    card = model_card(run, 'me/model', controls)
    runs = [run, *controls]
    known = [value for each in runs for part in (each.args, each.about, each.config) for value in numbers(part)]
    known += [value for each in runs for value in each.row.values()]
    known += [7260.5 / 3600, 0.1]  # the time in hours; the version of the package in the citation
    text = re.sub(r'[+-]\d+\.\d+', '', str(card).replace(',', '').replace('0.1.0', ''))
    told = re.findall(r'(?<![\w.])\d+\.\d+(?![\w.])|(?<![\w.])\d{3,}(?![\w.])', text)
    assert len(told) > 40
    for number in told:
        digits = len(number.partition('.')[2])
        assert any(round(value, digits) == float(number) for value in known), number


def test_controls_are_set_against_the_run(run, controls):
    table = rows(model_card(run, against=controls).content, '| model | parameters')
    assert [row[0] for row in table[1:]] == [
        '**vit_tiny_patch4_hyp_all**',
        'vit_tiny_patch4_euclid',
        'vit_tiny_patch4_flat_all',
    ]
    assert [row[2:4] for row in table[1:]] == [['61.94', '–'], ['60.28', '+1.66'], ['62.50', '-0.56']]
    assert 'No run of a Euclidean or flat control' in model_card(run).content


def with_numbers(run: Run, args: dict, config: dict, **about) -> Run:
    return Run('other', {**run.args, **args}, {**run.about, **about}, {**run.config, **config}, run.row)


def test_what_controls_differ_in_besides_the_model_is_told(run, controls):
    assert differences(run, controls[0]) == differences(run, controls[1]) == []
    assert 'differs in more than' not in model_card(run, against=controls).content
    wider = {'model_args': {**controls[0].config['model_args'], 'embed_dim': 192, 'depth': 12}}
    other = with_numbers(controls[0], {'lr': 1e-3, 'mixup': 0.8, 'workers': 3}, wider, epochs=300, steps=4200)
    expected = [
        *('epochs 300 (here 3)', 'steps 4200 (here 42)', 'embed_dim 192 (here 24)', 'depth 12 (here 2)'),
        *('lr 0.001 (here 0.003)', 'mixup 0.8 (here None)'),
    ]
    assert sorted(differences(run, other)) == sorted(expected)
    card = model_card(run, against=[controls[1], other]).content
    (line,) = [line for line in card.splitlines() if 'differs in more than the model' in line]
    assert line == f'`vit_tiny_patch4_euclid` differs in more than the model: {", ".join(differences(run, other))}.'


def test_a_converted_model_says_what_it_is_and_was(tmp_path):
    made_run(tmp_path, 'vit_tiny_patch4_euclid')
    model = hyperbolize(hyperbolize(tiny_model('vit_tiny_patch4_euclid'), 'head', 0.1), 'res0', 0.2)
    save_weights(tmp_path, model)
    card = model_card(Run.read(tmp_path))
    assert '# vit_tiny_patch4_euclid, hyperbolized\n' in card.text
    assert '`vit_tiny_patch4_euclid` converted by timm_hyperbolic' in card.text
    assert 'prototypes on the Poincaré ball and the residuals are gated Möbius sums around the origin' in card.text
    assert 'The margin is part of the function' in card.text
    assert 'import timm_hyperbolic' in card.text
    save_weights(tmp_path, hyperbolize(tiny_model('vit_tiny_patch4_euclid'), 'head', 0.0))
    assert 'A flat control of a hyperbolic model for' in model_card(Run.read(tmp_path)).text


def test_a_head_on_a_backbone_of_timm_is_named_and_needs_the_import(tmp_path):
    made_run(tmp_path, 'vit_tiny_patch4_euclid')
    model = attach_head(tiny_model('vit_tiny_patch4_euclid'), 'mlr', dim=4, num_classes=10)
    save_weights(tmp_path, model)
    card = model_card(Run.read(tmp_path))
    assert '`vit_tiny_patch4_euclid` of [timm]' in card.text
    assert 'with the head `mlr` of timm_hyperbolic' in card.text
    assert 'import timm_hyperbolic' in card.text
    assert 'hyperbolic-geometry' in card.data.tags


def test_a_model_of_timm_is_none_of_ours(tmp_path):
    made_run(tmp_path, 'vit_tiny_patch4_euclid')
    config = json.loads((tmp_path / 'config.json').read_text())
    (tmp_path / 'config.json').write_text(json.dumps(config | {'architecture': 'resnet18', 'model_args': {}}))
    card = model_card(Run.read(tmp_path))
    assert '`resnet18` of [timm]' in card.text
    assert card.data.tags == ['timm']
    assert 'import timm_hyperbolic' not in card.text
    assert 'timm says' not in card.text


def test_advice_stands_among_the_limits(tmp_path):
    made_run(tmp_path, advice=['more than 20% of the tokens are at the margin: head 30%'])
    assert (
        '- At the epoch that was kept, more than 20% of the tokens are at the margin: head 30%.'
        in model_card(Run.read(tmp_path)).text
    )


@pytest.mark.parametrize(('what', 'value'), [('split', 'validation'), ('images', 359)])
def test_controls_of_another_measurement_are_refused(run, tmp_path, what, value):
    other = Run.read(made_run(tmp_path / 'other', 'vit_tiny_patch4_euclid', result=run.result | {what: value}))
    with pytest.raises(ValueError, match=f'other has {what} {value}, this run'):
        model_card(run, against=[other])


def test_every_module_has_its_curvature(run):
    card = model_card(run).content
    table = rows(card, '| block')
    assert [row[0] for row in table[1:]] == ['0', '1']
    told = dict(zip(table[0][1:], table[2][1:], strict=True))
    assert told['`attn.qkv.2`'] == f'{run.curvatures["blocks.1.attn.qkv.2"]:.4f}'
    assert f'Outside the blocks: `head` {run.curvatures["head"]:.4f}, `pos_join` ' in card
    assert len(table[0]) - 1 == 9


def test_a_euclidean_run_speaks_of_no_geometry(controls):
    card = model_card(controls[0]).content
    assert '## Curvature' not in card
    assert 'margin' not in card
    assert 'A Vision Transformer for' in card


def test_how_it_was_trained(run):
    card = model_card(run, 'me/model').content
    command = re.search(r'```sh\n(.*)\n```', card)[1]
    assert command == 'python train_hyp.py -c recipes/mine.yaml --output .../runs --seed 17'
    told = dict(rows(card, '| what | in this run')[1:])
    assert told['length'] == '3 epochs, 42 steps of 96 images'
    assert told['time'] == '2 h 1 min of training, 811 images/s'
    assert told['versions'] == 'timm_hyperbolic 0.1.0, torch 2.9.8, timm 1.0.31'
    assert told['seed'] == '17'
    assert 'those of the recipe `mine.yaml`' in card
    assert 'somebody' not in str(model_card(run))


@pytest.mark.parametrize(
    ('result', 'text'),
    [
        ({}, 'number 2 was kept: the best by top1 on 143 images'),
        ({'chosen_here': True}, 'the images that it was chosen on, which flatters it'),
        ({'chosen_by': None}, 'the last one. No epoch was chosen by its result.'),
    ],
)
def test_how_the_epoch_was_chosen(run, tmp_path, result, text):
    assert text in model_card(Run.read(made_run(tmp_path, result=run.result | result))).content


def test_top5_of_few_classes_is_no_result(run, tmp_path):
    made_run(tmp_path)
    config = json.loads((tmp_path / 'config.json').read_text()) | {'num_classes': 5}
    (tmp_path / 'config.json').write_text(json.dumps(config))
    card = model_card(Run.read(tmp_path))
    assert [each.metric_name for each in card.data.eval_results] == ['Top-1', 'cross-entropy']
    assert 'Top-5' not in card.content


def test_a_data_set_of_the_hub_is_linked(tmp_path):
    made_run(tmp_path)
    args = yaml.safe_load((tmp_path / 'args.yaml').read_text()) | {'dataset': 'hfds/uoft-cs/cifar100'}
    (tmp_path / 'args.yaml').write_text(yaml.safe_dump(args))
    data = model_card(Run.read(tmp_path)).data
    assert data.datasets == ['uoft-cs/cifar100']
    assert (data.eval_results[0].dataset_type, data.eval_results[0].dataset_name) == ('uoft-cs/cifar100', 'CIFAR-100')

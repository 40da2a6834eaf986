import pytest
import torch
from safetensors.torch import save_file

from timm_hyperbolic.commands.options import parse_options
from timm_hyperbolic.errors import UserError
from timm_hyperbolic.train.model import create_model, load_initial_checkpoint, start_from_checkpoint

TINY = ['embed_dim=24', 'depth=2', 'num_heads=3']


def make(name: str, *kwargs: str, num_classes: int | None = None, flags: tuple[str, ...] = ()):
    return create_model(parse_options(['--model', name, *flags, '--model-kwargs', *TINY, *kwargs]), num_classes)


def test_options_reach_the_model():
    model = make('vit_tiny_patch4_hyp_res', 'curvature=0.5', num_classes=7, flags=('--in-chans', '1', '--drop', '0.3'))
    assert (model.num_classes, model.patch_embed.proj.in_channels, model.head_drop.p) == (7, 1, 0.3)
    assert model.patch_embed.img_size == (8, 8)  # the digits'
    assert model.blocks[0].residual1.curvature().item() == pytest.approx(0.5)


def test_num_classes_given_wins_over_those_of_the_data():
    assert make('vit_tiny_patch4_euclid', num_classes=7, flags=('--num-classes', '9')).num_classes == 9
    assert make('vit_tiny_patch4_euclid').num_classes == 100  # the model's own


def test_margin_none_is_no_clip():
    """timm drops keywords that are None, which would leave the default margin."""
    assert make('vit_tiny_patch4_hyp_res', 'margin=None').blocks[0].residual1.limits.margin is None
    assert make('vit_tiny_patch4_hyp_res').blocks[0].residual1.limits.margin == 0.985


@pytest.mark.parametrize(
    ('name', 'kwargs', 'message'),
    [
        ('vit_tiny_patch4_hyp_rez', [], 'unknown model. Nearest: vit_tiny_patch4_hyp_res'),
        ('some/repo', [], 'no source prefix'),
        ('local-dir:no/such', [], 'no config.json in no/such'),
        ('vit_tiny_patch4_hyp_res', ['curvatur=1'], 'curvatur'),
        ('vit_tiny_patch4_hyp_res', ['curvature=-1'], 'curvature=-1'),
        ('vit_tiny_patch4_hyp_res', ['margin=1.0'], 'margin=1.0'),
        ('vit_tiny_patch4_euclid', ["hyperbolic=('residual',)"], 'choose from'),
        ('vit_tiny_patch4_euclid', ['img_size=16'], 'Conflicting input image sizes'),
    ],
)
def test_a_model_that_cannot_be_made(name, kwargs, message):
    with pytest.raises(UserError) as error:
        make(name, *kwargs)
    assert message in str(error.value)
    assert f'--model {name}' in str(error.value)


@pytest.mark.parametrize('suffix', ['.safetensors', '.pth'])
def test_weights_are_loaded(tmp_path, suffix):
    source, path = make('vit_tiny_patch4_hyp_all', num_classes=10), tmp_path / f'model{suffix}'
    if suffix == '.pth':
        torch.save({'state_dict': source.state_dict()}, path)
    else:
        save_file(source.state_dict(), path)
    for place in [path, tmp_path] if suffix == '.safetensors' else [path]:
        model = make('vit_tiny_patch4_hyp_all', num_classes=10)
        load_initial_checkpoint(model, str(place), 'x')
        for key, value in source.state_dict().items():
            assert torch.equal(model.state_dict()[key], value), key


def test_a_checkpoint_of_another_variant_lists_what_does_not_fit(tmp_path):
    path = tmp_path / 'm.safetensors'
    save_file(make('vit_tiny_patch4_hyp_res', num_classes=10).state_dict(), path)
    model = make('vit_tiny_patch4_hyp_res0', num_classes=10)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(UserError) as error:
        load_initial_checkpoint(model, str(path), 'vit_tiny_patch4_hyp_res0')
    message = str(error.value)
    assert 'does not fit --model vit_tiny_patch4_hyp_res0' in message
    assert 'unknown: blocks.0.residual1.center_logit' in message
    assert 'Give the --model' in message
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_tensors_may_be_missing_where_a_pattern_says_so(tmp_path, capsys):
    source = make('vit_tiny_patch4_hyp_head_pos_res_mlp', num_classes=10)
    save_file(source.state_dict(), tmp_path / 'm.safetensors')
    start = ['--initial-checkpoint', str(tmp_path / 'm.safetensors')]
    start += ['--allow-missing', 'blocks.*.attn.*', 'centroids.*']
    args = parse_options(['--model', 'vit_tiny_patch4_hyp_all', *start, '--model-kwargs', *TINY])
    model = create_model(args, 10)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    start_from_checkpoint(model, args)
    given = source.state_dict()
    missing = [key for key in before if key not in given]
    assert len(missing) == 2 * 8 + 1  # of two blocks, and the centroids
    assert f'left at their start: {", ".join(missing[:4])}, and 13 more' in capsys.readouterr().out
    for key, value in model.state_dict().items():
        assert torch.equal(value, given[key] if key in given else before[key]), key
    assert torch.equal(model.blocks[0].attn.qkv.weight, given['blocks.0.attn.qkv.weight'])  # it is in both


@pytest.mark.parametrize(
    ('patterns', 'message'),
    [
        (['blocks.*.attn.*'], 'missing: centroids.weight'),
        (
            ['blocks.*.attn.*', 'centroids.*', 'block.0'],
            '--allow-missing block.0: no parameter has such a name. Nearest',
        ),
    ],
)
def test_what_no_pattern_names_must_be_there(tmp_path, patterns, message):
    save_file(make('vit_tiny_patch4_euclid', num_classes=10).state_dict(), tmp_path / 'm.safetensors')
    model = make('vit_tiny_patch4_hyp_attn', num_classes=10)
    with pytest.raises(UserError) as error:
        load_initial_checkpoint(model, str(tmp_path / 'm.safetensors'), 'x', allow_missing=patterns)
    assert message in str(error.value)


def test_hamp_reaches_the_layers_of_a_model_that_has_it():
    model = make('vit_tiny_patch4_hyp_res', flags=('--amp', '--hamp'))
    assert model.blocks[0].residual1.hamp is True
    assert make('vit_tiny_patch4_hyp_res').blocks[0].residual1.hamp is False
    with pytest.raises(UserError, match='--model resnet10t with --hamp'):
        create_model(parse_options(['--model', 'resnet10t', '--amp', '--hamp']), 10)


def test_the_list_of_keys_is_cut(tmp_path):
    path = tmp_path / 'm.safetensors'
    save_file(make('vit_tiny_patch4_euclid', num_classes=10).state_dict(), path)
    with pytest.raises(UserError, match=r'missing: blocks\.0\S*, \S+, \S+, \S+, and 12 more') as error:
        load_initial_checkpoint(make('vit_tiny_patch4_hyp_res', num_classes=10), str(path), 'x')
    assert 'unknown' not in str(error.value)


def test_another_classifier_is_named_with_both_shapes(tmp_path):
    path = tmp_path / 'm.safetensors'
    save_file(make('vit_tiny_patch4_euclid', num_classes=10).state_dict(), path)
    with pytest.raises(UserError, match=r'of another shape: head.weight \[10, 24\] for \[7, 24\]'):
        load_initial_checkpoint(make('vit_tiny_patch4_euclid', num_classes=7), str(path), 'x')


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (None, 'no such file'),
        (b'not a checkpoint', 'not a checkpoint'),
        (b'', 'not a checkpoint'),
    ],
)
@pytest.mark.parametrize('suffix', ['.safetensors', '.pth'])
def test_files_that_are_no_checkpoint(tmp_path, content, message, suffix):
    path = tmp_path / f'm{suffix}'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as error:
        load_initial_checkpoint(make('vit_tiny_patch4_euclid'), str(path), 'x')
    assert f'--initial-checkpoint {path}: {message}' in str(error.value)


def test_a_folder_without_weights(tmp_path):
    with pytest.raises(UserError, match=r'no such file: .*model.safetensors'):
        load_initial_checkpoint(make('vit_tiny_patch4_euclid'), str(tmp_path), 'x')


def test_a_checkpoint_with_code_in_it_is_refused(tmp_path):
    class Payload:
        def __reduce__(self):
            return (print, ('executed',))

    torch.save({'state_dict': Payload()}, tmp_path / 'm.pth')
    with pytest.raises(UserError, match=r'not a checkpoint: it holds more than tensors, which could run code'):
        load_initial_checkpoint(make('vit_tiny_patch4_euclid'), str(tmp_path / 'm.pth'), 'x')

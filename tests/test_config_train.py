from types import SimpleNamespace

import pytest
import yaml

from timm_hyperbolic.config.defaults import DATASET_DEFAULTS
from timm_hyperbolic.config.options import convert, options_of, to_values
from timm_hyperbolic.config.train import TrainConfig, read_train_options
from timm_hyperbolic.errors import UserError

DIGITS = DATASET_DEFAULTS['digits']


def parsed(argv: list[str]) -> SimpleNamespace:
    return SimpleNamespace(**to_values(read_train_options(argv)))


@pytest.fixture
def config(tmp_path):
    def write(**values):
        path = tmp_path / 'config.yaml'
        path.write_text(yaml.safe_dump(values))
        return ['--config', str(path)]

    return write


def test_without_arguments_the_digits_with_their_own_defaults():
    args = parsed([])
    assert (args.dataset, args.model) == ('digits', 'vit_tiny_patch4_hyp_res')
    for key, value in DIGITS.items():
        assert getattr(args, key) == value, key


def test_every_default_names_options_that_exist_and_that_their_own_type_accepts():
    for defaults in DATASET_DEFAULTS.values():
        for key, value in defaults.items():
            assert convert(options_of(TrainConfig)[key], value) == value


def test_another_data_set_has_the_defaults_of_the_parser():
    args = parsed(['--dataset', 'torch/cifar100', '--data-dir', 'x'])
    assert (args.img_size, args.hflip, args.lr) == (None, 0.5, 5e-4)


def test_a_folder_alone_means_a_folder_of_images():
    for argv in (['images'], ['--data-dir', 'images']):
        args = parsed(argv)
        assert (args.dataset, args.data_dir) == ('', 'images')


def test_command_line_wins_over_config_over_data_set_over_parser(config):
    file = config(**{'batch-size': 7, 'lr': '1e-2', 'seed': 5, 'scale': [0.5, 1], 'model_ema': True})
    args = parsed([*file, '--seed', '6', '--no-model-ema'])
    assert (args.batch_size, args.lr, args.seed, args.scale, args.model_ema) == (7, 0.01, 6, [0.5, 1.0], False)
    assert args.hflip == DIGITS['hflip'] != 0.5


def test_an_explicit_flag_wins_even_if_it_repeats_the_default_of_the_parser():
    assert parsed(['--hflip', '0.5']).hflip == 0.5


def test_config_may_name_the_data_set_and_so_its_defaults(config):
    assert parsed(config(dataset='torch/cifar10')).hflip == 0.5


def test_options_written_as_yaml_read_back_the_same(config):
    args = parsed(['--model-kwargs', 'depth=2', 'margin=None', '--no-aug', '--opt-betas', '0.9', '0.99'])
    assert parsed(config(**vars(args))) == args


def test_a_mapping_is_joined_key_by_key(config):
    file = config(model_kwargs={'depth': 2, 'curvature': 0.5})
    assert parsed([*file, '--model-kwargs', 'depth=3']).model_kwargs == {'depth': 3, 'curvature': 0.5}


@pytest.fixture
def family(tmp_path):
    """Three configs, each continuing the one before."""
    (tmp_path / 'old').mkdir()
    (tmp_path / 'old' / 'first.yaml').write_text('lr: 0.1\nepochs: 9\nmodel_kwargs: {depth: 2, num_heads: 4}\n')
    (tmp_path / 'second.yaml').write_text('base: old/first.yaml\nepochs: 8\n')
    (tmp_path / 'third.yaml').write_text('base: second.yaml\nseed: 7\nmodel_kwargs: {depth: 3}\n')
    return tmp_path


def test_a_config_continues_its_base(family, monkeypatch):
    args = parsed(['-c', str(family / 'third.yaml'), '--epochs', '7'])
    assert (args.lr, args.epochs, args.seed, args.model_kwargs) == (0.1, 7, 7, {'depth': 3, 'num_heads': 4})
    assert not hasattr(args, 'base')
    monkeypatch.chdir(family / 'old')  # a base is found from its file, wherever the command runs
    assert parsed(['-c', '../second.yaml']).epochs == 8


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('base: ../second.yaml', r'base: \.\./second\.yaml has this file as its base'),
        ('base: nowhere.yaml', r'nowhere\.yaml: No such file'),
        ('base: 3', 'base: must be the name of a file, not 3'),
        ('leer: 1', r"first\.yaml: unknown option 'leer'\. Nearest: lr"),
    ],
)
def test_a_base_that_cannot_be_read(family, text, message):
    (family / 'old' / 'first.yaml').write_text(text)
    with pytest.raises(UserError, match=message):
        parsed(['-c', str(family / 'third.yaml')])


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({'batchsize': 3}, "unknown option 'batchsize'. Nearest: batch_size"),
        ({'batch_size': 0}, "batch_size: must be a whole number of at least 1, not '0'"),
        ({'batch_size': None}, 'batch_size: needs a value'),
        ({'batch_size': [1]}, 'batch_size: must be one value'),
        ({'amp': 'yes'}, "amp: must be true or false, not 'yes'"),
        ({'scale': [0.1]}, 'scale: must be a list of 2 numbers'),
        ({'model_kwargs': 'depth=2'}, 'model_kwargs: must be a mapping'),
        ({'config': 'x'}, "unknown option 'config'"),
        (['epochs'], 'expected lines of `option: value`'),
    ],
)
def test_config_errors_name_file_and_key(tmp_path, content, message):
    path = tmp_path / 'c.yaml'
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(UserError) as error:
        parsed(['--config', str(path)])
    assert message in str(error.value)
    assert str(path) in str(error.value)


@pytest.mark.parametrize('content', ['a: [', b'\xff\xfe\x00'])
def test_config_that_is_no_yaml(tmp_path, content):
    path = tmp_path / 'c.yaml'
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UserError, match='not a YAML file'):
        parsed(['-c', str(path)])


def test_missing_config():
    with pytest.raises(UserError, match=r'--config nowhere.yaml: No such file'):
        parsed(['--config', 'nowhere.yaml'])


@pytest.mark.parametrize(
    ('argv', 'message'),
    [
        (['--batch-size', '0'], '--batch-size: must be a whole number of at least 1'),
        (['--epochs', '-3'], '--epochs: must be a whole number of at least 1'),
        (['--lr', '0'], '--lr: must be a number greater than 0'),
        (['--opt', 'adamww'], 'Nearest: adamw'),
        (['--sched', 'cosin'], "unknown name 'cosin'. Nearest: cosine"),
        (['--amp-dtype', 'float8'], 'Choose from: float16, bfloat16'),
        (['--interpolation', 'random'], 'Choose from: nearest, bilinear'),
        (['--train-interpolation', 'cubic'], 'Nearest: bicubic'),
        (['--torchcompile', 'inductr'], 'Nearest: inductor'),
        (['--batch-sizes', '3'], 'unknown argument --batch-sizes. Nearest: --batch-size'),
        (['--epoch', '3'], 'unknown argument --epoch. Nearest: --epochs'),
        (['--model-kwargs', 'depth'], "expected key=value, got 'depth'"),
        (['a', '--data-dir', 'b'], 'two data folders: a and --data-dir b'),
        (['a', 'b'], 'unknown argument b'),
    ],
)
def test_flag_errors(argv, message):
    with pytest.raises(UserError) as error:
        parsed(argv)
    assert message in str(error.value)


def test_compilation_has_a_default_backend():
    assert parsed([]).torchcompile is None
    assert parsed(['--torchcompile']).torchcompile == 'inductor'
    assert parsed(['--torchcompile', 'eager']).torchcompile == 'eager'


def test_help_shows_every_option_and_the_recipe(capsys):
    with pytest.raises(SystemExit) as leave:
        read_train_options(['--help'], 'train_hyp.py')
    text = ' '.join(capsys.readouterr().out.split())
    assert leave.value.code == 0
    assert 'usage: train_hyp.py [DIR] [options]' in text
    for name, entry in options_of(TrainConfig).items():
        assert entry.help
        assert all(flag in text for flag in (*entry.flags, f'--{name.replace("_", "-")}'))
    assert '(default: None)' not in text
    assert f'--epochs {DIGITS["epochs"]}' in text


def test_options_of_a_newer_version_are_called_so(tmp_path) -> None:
    newer = 'timm_hyperbolic 99.1 has written it, and this is .*: update timm_hyperbolic$'
    for content in ('geometry: round\n', 'opt: newest\n'):
        (tmp_path / 'mine.yaml').write_text(f'# written by timm_hyperbolic 99.1\n{content}')
        with pytest.raises(UserError, match=f'^--config {tmp_path}/mine.yaml: .*; {newer}'):
            parsed(['-c', str(tmp_path / 'mine.yaml')])
    (tmp_path / 'args.yaml').write_text('geometry: round\n')
    with pytest.raises(UserError, match=rf"^--resume {tmp_path}/args.yaml: unknown option 'geometry'\. Nearest"):
        parsed(['--resume', str(tmp_path)])
    (tmp_path / 'run.json').write_text('{"versions": {"timm_hyperbolic": "99.1"}}')
    with pytest.raises(UserError, match=rf"^--resume {tmp_path}/args.yaml: unknown option 'geometry'; {newer}"):
        parsed(['--resume', str(tmp_path)])

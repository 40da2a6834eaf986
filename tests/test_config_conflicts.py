"""Options that would have no effect are refused where they were given, and nowhere else."""

import pytest

from timm_hyperbolic.config.train import read_train_options
from timm_hyperbolic.config.trained import read_validate_options
from timm_hyperbolic.errors import UserError

BESIDE = [
    (['--aa', 'rand-m9', '--no-aug'], '--aa rand-m9: has no effect beside --no-aug; leave out one of the two'),
    (['--no-aug', '--scale', '0.5', '1'], '--scale 0.5 1: has no effect beside --no-aug'),
    (['--no-aug', '--hflip', '0.5'], '--hflip 0.5: has no effect beside --no-aug'),
    (['--no-aug', '--crop-padding', '0'], '--crop-padding 0: has no effect beside --no-aug'),
    (['--crop-padding', '4', '--ratio', '1', '1'], '--ratio 1 1: has no effect beside --crop-padding 4'),
    (['--aa', 'rand-m9', '--color-jitter', '0.4'], '--color-jitter 0.4: has no effect beside --aa rand-m9'),
    (['--pretrained', '--initial-checkpoint', 'x.pt'], '--pretrained: has no effect beside --initial-checkpoint x.pt'),
]
WITHOUT = [
    (['--remode', 'const'], '--remode const: has no effect without --reprob; give that too, or leave this out'),
    (['--model-ema-decay', '0.99'], '--model-ema-decay 0.99: has no effect without --model-ema;'),
    (['--amp-dtype', 'bfloat16'], '--amp-dtype bfloat16: has no effect without --amp;'),
    (['--mixup-mode', 'elem'], '--mixup-mode elem: has no effect without --mixup or --cutmix;'),
    (['--mixup', '0.2', '--mixup-switch-prob', '0.1'], 'has no effect without --mixup and --cutmix;'),
    (['--kd-temperature', '2'], '--kd-temperature 2: has no effect without --kd-model-name;'),
    (['--man-clip-norm', 'euclidean', '--clip-grad', '1'], 'has no effect without --man-clip-grad;'),
    (['--clip-mode', 'agc'], '--clip-mode agc: has no effect without --clip-grad or --man-clip-grad;'),
    (['--decay-milestones', '3', '6'], '--decay-milestones 3 6: has no effect without --sched multistep;'),
    (['--decay-rate', '0.2'], '--decay-rate 0.2: has no effect without --sched step, multistep or poly;'),
    (
        ['--class-map', 'x.txt'],
        '--class-map x.txt: has no effect without --dataset or --data-dir, since the digits are',
    ),
    (['--opt', 'adamw', '--curv-bounds', '1', '2'], '--curv-bounds 1 2: has no effect without --opt hypadamw or'),
]
TOGETHER = [
    ['--no-aug', '--reprob', '0', '--mixup', '0.2'],
    ['--aa', '3a', '--color-jitter', '0.4'],
    ['--aa', 'rand-m9', '--color-jitter', '0'],
    ['--pretrained', '--initial-checkpoint', 'x.pt', '--allow-missing', 'head.*'],
    ['--cutmix', '1', '--mixup', '0.2', '--mixup-switch-prob', '0.1', '--mixup-off-epoch', '3'],
    ['--data-dir', 'images', '--class-map', 'x.txt'],
    ['--opt', 'lookahead_hypsgd', '--man-lr-scale', '0.5', '--sched', 'poly', '--decay-rate', '0.2'],
]


@pytest.mark.parametrize(('argv', 'said'), BESIDE + WITHOUT)
def test_an_option_without_effect_is_refused(argv: list[str], said: str) -> None:
    with pytest.raises(UserError) as error:
        read_train_options(argv)
    assert said in str(error.value)


@pytest.mark.parametrize('argv', TOGETHER, ids=' '.join)
def test_options_that_go_together(argv: list[str]) -> None:
    read_train_options(argv)


def test_a_file_contradicts_itself_but_may_be_taken_back(tmp_path) -> None:
    (tmp_path / 'bad.yaml').write_text('aa: rand-m9\nno_aug: true\n')
    with pytest.raises(UserError, match=rf'^--config {tmp_path}/bad.yaml: --aa rand-m9: has no effect beside --no-aug'):
        read_train_options(['-c', str(tmp_path / 'bad.yaml')])
    (tmp_path / 'good.yaml').write_text('aa: rand-m9\nhflip: 0.3\namp: true\namp_dtype: bfloat16\n')
    config = read_train_options(['-c', str(tmp_path / 'good.yaml'), '--no-aug', '--no-amp'])
    assert (config.augment.no_aug, config.device.amp, config.augment.hflip) == (True, False, 0.3)


def test_a_run_of_before_goes_on(tmp_path) -> None:
    (tmp_path / 'args.yaml').write_text('aa: rand-m9\nno_aug: true\n')
    assert read_train_options(['--resume', str(tmp_path)]).augment.no_aug


def test_the_other_commands_refuse_them_too() -> None:
    model = ['--model', 'vit_tiny_patch4_euclid', '--checkpoint', 'x.pt']
    with pytest.raises(UserError, match=r'--pretrained: has no effect beside --checkpoint x\.pt'):
        read_validate_options([*model, '--pretrained'])
    with pytest.raises(UserError, match='--amp-dtype bfloat16: has no effect without --amp;'):
        read_validate_options([*model, '--amp-dtype', 'bfloat16'])

"""Options that were given and would have no effect: beside another one, or without it."""

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import UserError
from ..optim.register import RIEMANNIAN

__all__ = ['check_conflicts', 'check_needs']

Options = Mapping[str, Any]

# An option, and those that it leaves out.
_LEAVES_OUT = {
    'no_aug': (
        *('aa', 'reprob', 'color_jitter', 'hflip', 'vflip', 'scale', 'ratio', 'crop_padding', 'train_crop_mode'),
        'train_interpolation',
    ),
    'crop_padding': ('scale', 'ratio'),
    'aa': ('color_jitter',),  # so does timm
    'initial_checkpoint': ('pretrained',),
    'checkpoint': ('pretrained',),
}
# Where it does not.
_UNLESS: dict[tuple[str, str], Callable[[Options], bool]] = {
    ('aa', 'color_jitter'): lambda given: '3a' in given['aa'],
    ('initial_checkpoint', 'pretrained'): lambda given: bool(given.get('allow_missing')),
}

# Keywords of a model that have a flag of their own.
_KEYWORDS = {
    'drop_rate': 'drop',
    'drop_path_rate': 'drop_path',
    **{name: name for name in ('num_classes', 'in_chans', 'img_size', 'hamp')},
}

# Options, what has to be there for them to have an effect, and whether it is.
_NEEDS: tuple[tuple[tuple[str, ...], str, Callable[[Any], bool]], ...] = (
    (('remode', 'recount'), '--reprob', lambda args: args.reprob),
    (('model_ema_decay', 'model_ema_warmup'), '--model-ema', lambda args: args.model_ema),
    (('amp_dtype',), '--amp', lambda args: args.amp),
    (('mixup_prob', 'mixup_mode', 'mixup_off_epoch'), '--mixup or --cutmix', lambda args: args.mixup or args.cutmix),
    (('mixup_switch_prob',), '--mixup and --cutmix', lambda args: args.mixup and args.cutmix),
    (('kd_distill_type', 'kd_temperature'), '--kd-model-name', lambda args: args.kd_model_name),
    (
        ('dataset_download', 'class_map'),
        '--dataset or --data-dir, since the digits are as they are',
        lambda args: args.dataset != 'digits',
    ),
    (('man_clip_norm',), '--man-clip-grad', lambda args: args.man_clip_grad),
    (('clip_mode',), '--clip-grad or --man-clip-grad', lambda args: args.clip_grad or args.man_clip_grad),
    (('decay_milestones',), '--sched multistep', lambda args: args.sched == 'multistep'),
    (('decay_rate',), '--sched step, multistep or poly', lambda args: args.sched in ('step', 'multistep', 'poly')),
    (
        ('man_lr_scale', 'curv_lr_scale', 'curv_bounds'),
        f'--opt {" or ".join(RIEMANNIAN)}',
        lambda args: args.opt.removeprefix('lookahead_') in RIEMANNIAN,
    ),
)


def check_conflicts(given: Options, where: str = '') -> None:
    """Refuse two options of one source of which one would have no effect.

    Args:
        given: values by name, of the command line alone, or of a file alone: the one may well take back the other's.
        where: the file, for the message.

    Raises:
        UserError: naming both.
    """
    for first, others in _LEAVES_OUT.items():
        if not _is_on(first, given):
            continue
        for other in others:
            if _is_on(other, given) and not _UNLESS.get((first, other), lambda given: False)(given):
                both = f'{_shown(other, given)}: has no effect beside {_shown(first, given)}'
                raise UserError(f'{where}{both}; leave out one of the two')
    for keyword, value in (given.get('model_kwargs') or {}).items():
        flag = _KEYWORDS.get(keyword)
        if flag is not None and _is_on(flag, given):
            both = f'{_shown(flag, given)}: says the same as --model-kwargs {keyword}={value}'
            raise UserError(f'{where}{both}; leave out one of the two')


def check_needs(given: Options, args: argparse.Namespace) -> None:
    """Refuse an option of the command line that has no effect without another one.

    Args:
        given: values by name, of the command line alone.
        args: values of all options.

    Raises:
        UserError: naming both.
    """
    for names, needed, is_there in _NEEDS:
        for name in names:
            if _is_on(name, given) and not is_there(args):
                raise UserError(
                    f'{_shown(name, given)}: has no effect without {needed}; give that too, or leave this out'
                )


def _is_on(name: str, given: Options) -> bool:
    value = given.get(name)
    return value is not None and value is not False and (name == 'crop_padding' or value != 0)


def _shown(name: str, given: Options) -> str:
    value, flag = given[name], '--' + name.replace('_', '-')
    if value is True:
        return flag
    return f'{flag} {" ".join(map(str, value)) if isinstance(value, list) else value}'

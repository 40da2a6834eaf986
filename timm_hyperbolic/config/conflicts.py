"""Options that contradict each other, that need another one, or that would have no effect."""

from collections.abc import Callable, Mapping
from typing import Any

from ..constants import RIEMANNIAN, TASK_MEASURES
from ..errors import UserError

__all__ = ['check_conflicts', 'check_needs', 'check_together']

Options = Mapping[str, Any]

# An option, and those that have no effect beside it.
_LEAVES_OUT = {
    'no_aug': (
        *('aa', 'reprob', 'color_jitter', 'hflip', 'vflip', 'scale', 'ratio', 'crop_padding', 'train_crop_mode'),
        'train_interpolation',
    ),
    'crop_padding': ('scale', 'ratio'),
    'aa': ('color_jitter',),  # so does timm
    'initial_checkpoint': ('pretrained', 'pretrained_file'),
    'checkpoint': ('pretrained', 'pretrained_file'),
    'pretrained_file': ('pretrained',),
}
# Exceptions to the table above.
_UNLESS: dict[tuple[str, str], Callable[[Options], bool]] = {
    ('aa', 'color_jitter'): lambda given: '3a' in given['aa'],
    ('initial_checkpoint', 'pretrained'): lambda given: bool(given.get('allow_missing')),
    ('initial_checkpoint', 'pretrained_file'): lambda given: bool(given.get('allow_missing')),
}

# Keywords of a model that have a flag of their own.
_KEYWORDS = {
    'drop_rate': 'drop',
    'drop_path_rate': 'drop_path',
    **{name: name for name in ('num_classes', 'in_chans', 'img_size', 'hamp')},
}

# Options, the ones that they need to have an effect, and whether these are given.
_NEEDS: tuple[tuple[tuple[str, ...], str, Callable[[Options], bool]], ...] = (
    (('remode', 'recount'), '--reprob', lambda values: values['reprob']),
    (('model_ema_decay', 'model_ema_warmup'), '--model-ema', lambda values: values['model_ema']),
    (('amp_dtype',), '--amp', lambda values: values['amp']),
    (
        ('mixup_prob', 'mixup_mode', 'mixup_off_epoch'),
        '--mixup or --cutmix',
        lambda values: values['mixup'] or values['cutmix'],
    ),
    (('mixup_switch_prob',), '--mixup and --cutmix', lambda values: values['mixup'] and values['cutmix']),
    (('kd_distill_type', 'kd_temperature'), '--kd-model-name', lambda values: values['kd_model_name']),
    (
        ('dataset_download', 'class_map'),
        '--dataset or --data-dir, since the digits are as they are',
        lambda values: values['dataset'] != 'digits',
    ),
    (
        ('ood_dir', 'ood_split', 'ood_input_key', 'ood_target_key'),
        '--ood',
        lambda values: values['ood'],
    ),
    (('hierarchy',), '--tree-correlation', lambda values: values.get('tree_correlation', True)),
    (
        ('pairwise_pairs', 'pairwise_geometry', 'pairwise_curvature', 'pairwise_temperature'),
        '--pairwise',
        lambda values: values['pairwise'],
    ),
    (('pairwise_curvature',), '--pairwise-geometry hyperbolic', lambda v: v['pairwise_geometry'] == 'hyperbolic'),
    (
        ('crop_size', 'leave_out', 'ignore_index'),
        '--task segmentation',
        lambda values: values['task'] == 'segmentation',
    ),
    (
        ('parts', 'entailment', 'space_lr_scale', 'chunk_size', 'wordnet_dir'),
        '--task contrastive',
        lambda values: values.get('task', 'contrastive') == 'contrastive',
    ),
    (('uncertainty',), '--task segmentation', lambda values: values['task'] == 'segmentation'),
    (('pictures',), '--uncertainty', lambda values: values['uncertainty']),
    (('steps', 'lr'), '--dim', lambda values: values.get('dim', True) is not None),
    (('man_clip_norm',), '--man-clip-grad', lambda values: values['man_clip_grad']),
    (('clip_mode',), '--clip-grad or --man-clip-grad', lambda values: values['clip_grad'] or values['man_clip_grad']),
    (('decay_milestones',), '--sched multistep', lambda values: values['sched'] == 'multistep'),
    (
        ('decay_rate',),
        '--sched step, multistep or poly',
        lambda values: values['sched'] in ('step', 'multistep', 'poly'),
    ),
    (
        ('man_lr_scale', 'curv_lr_scale', 'curv_bounds'),
        f'--opt {" or ".join(RIEMANNIAN)}',
        lambda values: values['opt'].removeprefix('lookahead_') in RIEMANNIAN,
    ),
)


def check_conflicts(given: Options, where: str = '') -> None:
    """Refuse two options of the command line, or of one file, of which one would have no effect.

    Args:
        given: Values by name, of the command line alone or of a file alone, since the one may override the other.
        where: The file, for the message.

    Raises:
        UserError: Two such options are given; the message names both.
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


def check_needs(given: Options, values: Options) -> None:
    """Refuse an option of the command line that has no effect without another one.

    Args:
        given: Values by name, of the command line alone.
        values: Value of every option by name.

    Raises:
        UserError: Such an option is given; the message names both.
    """
    for names, needed, is_there in _NEEDS:
        for name in names:
            if _is_on(name, given) and not is_there(values):
                raise UserError(
                    f'{_shown(name, given)}: has no effect without {needed}; give that too, or leave this out'
                )


def check_together(values: Options) -> None:
    """Refuse options of a training run that exclude each other, or that need another one.

    Args:
        values: Value of every option by name.

    Raises:
        UserError: The message names the options.
    """
    task, metric = values['task'], values['eval_metric']
    if metric not in TASK_MEASURES[task]:
        raise UserError(
            f'--eval-metric {metric}: not measured with --task {task}; give one of {", ".join(TASK_MEASURES[task])}'
        )
    for name in _NOT_IN[task]:
        if _is_on(name, values):
            raise UserError(f'{_shown(name, values)}: not with --task {task}; leave it out')
    _check_augmentation(values)
    _check_feature_losses(values)
    for needed, names in _NEEDED_BY.items():
        for name in names:
            starts_at_once = name == 'hamp_start_epoch' and values[name] == 0
            if _is_set(values[name]) and not starts_at_once and not values[needed]:
                raise UserError(f'{_shown(name, values)}: give {_flag(needed)} too{_WHY.get(name, "")}')
    if values['jsd_loss'] and not values['aug_splits']:
        raise UserError('--jsd-loss: compares augmentations of the same images; give --aug-splits 3 too')
    if values['jsd_loss'] and values['bce_loss']:
        raise UserError('--jsd-loss and --bce-loss: two losses; give one')


# Options that a task has no use for; what they need beside them is not listed.
_NOT_IN = {
    'classification': (),
    'segmentation': (
        *('aa', 'reprob', 'train_crop_mode', 'aug_splits', 'mixup', 'cutmix', 'data_in_memory'),
        *('jsd_loss', 'bce_loss', 'kd_model_name', 'tree_correlation', 'pairwise'),
    ),
    'contrastive': (
        *('aug_splits', 'mixup', 'cutmix', 'data_in_memory', 'smoothing', 'crop_padding', 'num_classes', 'class_map'),
        *('jsd_loss', 'bce_loss', 'kd_model_name', 'tree_correlation', 'pairwise'),
    ),
}

# An option, and those that need it.
_NEEDED_BY = {
    'initial_checkpoint': ('allow_missing',),
    'amp': ('hamp',),
    'hamp': ('hamp_start_epoch',),
    'train_only': ('train_only_epochs',),
    'bce_loss': ('bce_sum', 'bce_target_thresh', 'bce_pos_weight'),
    'kd_model_name': ('distill_loss_weight',),
    'log_wandb': ('wandb_project', 'wandb_tags'),
    'push_to_hub': ('push_every', 'private', 'hub_revision'),
}
_WHY = {
    'allow_missing': ', the weights to start from',
    'hamp': ', since it acts on mixed precision',
    'train_only_epochs': ', what to train in them',
    **dict.fromkeys(('push_every', 'private', 'hub_revision'), ', the OWNER/NAME to push to'),
}


def _check_augmentation(values: Options) -> None:
    if values['crop_padding'] is not None and values['train_crop_mode'] is not None:
        raise UserError(
            f'--crop-padding stands in place of --train-crop-mode {values["train_crop_mode"]}; give one of them'
        )
    repeats, splits = values['aug_repeats'], values['aug_splits']
    if repeats > 1 and values['no_aug']:
        raise UserError(
            f'--aug-repeats {repeats}: without augmentation the repeats are the same image; leave out --no-aug'
        )
    if values['resplit'] and not splits:
        raise UserError('--resplit: give --aug-splits too')
    if splits == 1:
        raise UserError('--aug-splits 1: one split has no other to differ from; give at least 2, or 0')
    for name in ('no_aug', 'data_in_memory', 'mixup', 'cutmix'):
        if splits and values[name]:
            raise UserError(f'--aug-splits {splits}: not with {_flag(name)}; leave out one of the two')


def _check_feature_losses(values: Options) -> None:
    if values['task_loss_weight'] is not None and not (values['kd_model_name'] or values['pairwise']):
        raise UserError(f'{_shown("task_loss_weight", values)}: give --kd-model-name or --pairwise too')
    for name in ('tree_correlation', 'pairwise'):
        for other in ('mixup', 'cutmix'):
            if values[name] and values[other]:
                raise UserError(
                    f'{_shown(name, values)}: needs images of one class, not mixed ones; leave out {_flag(other)}'
                )
    if values['pairwise'] and values['pairwise_pairs'] == 'views' and not values['aug_splits']:
        raise UserError('--pairwise-pairs views: compares augmentations of the same image; give --aug-splits 2 too')


def _is_on(name: str, given: Options) -> bool:
    value = given.get(name)
    return _is_set(value) and (name == 'crop_padding' or value != 0)


def _is_set(value: Any) -> bool:
    return value is not None and value is not False


def _flag(name: str) -> str:
    return '--' + name.replace('_', '-')


def _shown(name: str, given: Options) -> str:
    value = given[name]
    if value is True:
        return _flag(name)
    words = value if isinstance(value, (list, tuple)) else [value]
    return ' '.join([_flag(name), *(f'{word:g}' if isinstance(word, float) else str(word) for word in words)])

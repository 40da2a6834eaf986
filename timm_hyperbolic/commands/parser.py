"""The flags of the training command, under the names of timm's train.py where the meaning is the same."""

import argparse
from functools import partial
from typing import Any, NoReturn

import torch
from timm.optim import list_optimizers

from ..config.argtypes import KeyValues, one_of, real, split, whole
from ..errors import UserError
from ..hub.publish import add_publish_options
from ..optim import CLIP_MODES, CURVATURE_BOUNDS, MANIFOLD_NORMS
from ..train.phases import add_phase_options
from ..train.task import add_task_options
from ..train.trackers import add_tracker_options
from .defaults import DATASET_DEFAULTS

__all__ = ['create_parser', 'create_subparser']

_OPTIMIZER_HELP = (
    'hypadamw: AdamW, Riemannian for parameters on a manifold; hypsgd: SGD, likewise; or, for models without such '
    'parameters, any optimizer of timm'
)
_INTERPOLATIONS = ('nearest', 'bilinear', 'bicubic', 'box', 'hamming', 'lanczos')
_SCHEDULERS = ('cosine', 'tanh', 'step', 'multistep', 'poly', 'wsd', 'rsqrt', 'constant', 'none')


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are a `UserError`, so that they leave by the same door as all others."""

    def error(self, message: str) -> NoReturn:
        raise UserError(message)


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Show a default only where there is one to speak of."""

    def _get_help_string(self, action: argparse.Action) -> str:
        silent = any(action.default is value for value in (None, False, argparse.SUPPRESS)) or action.default == {}
        return action.help if silent or 'default:' in action.help else f'{action.help} (default: %(default)s)'


def create_parser(prog: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of the training command. Its defaults are those of any data set but the digits."""
    recipe = ' '.join(_as_flag(key, value) for key, value in DATASET_DEFAULTS['digits'].items())
    parser = _Parser(
        prog=prog,
        usage='%(prog)s [DIR] [options]',
        allow_abbrev=False,
        formatter_class=_HelpFormatter,
        description='Train a hyperbolic Vision Transformer, or any other timm model, on images. Without arguments: '
        'vit_tiny_patch4_hyp_res on the handwritten digits that come with scikit-learn.',
        epilog=f'On the digits these defaults apply instead: {recipe}. '
        "The output folder loads with timm.create_model('local-dir:FOLDER', pretrained=True).",
    )
    _add_data_options(parser.add_argument_group('data'))
    _add_model_options(parser.add_argument_group('model'))
    _add_optimizer_options(parser.add_argument_group('optimizer'))
    _add_schedule_options(parser.add_argument_group('schedule'))
    _add_augmentation_options(parser.add_argument_group('augmentation and regularisation'))
    add_task_options(parser.add_argument_group('loss and distillation'))
    add_phase_options(parser.add_argument_group('phases'))
    _add_run_options(parser.add_argument_group('run'))
    add_tracker_options(parser.add_argument_group('trackers'))
    add_publish_options(parser.add_argument_group('Hugging Face Hub'))
    return parser


def create_subparser(prog: str | None, description: str, flags: dict[str, tuple[str, ...]]) -> argparse.ArgumentParser:
    """Return a parser with some of the training command's flags, for a command that shares them.

    Args:
        prog: the program's name, for the help.
        description: what the command does.
        flags: names of the options, as `parse_args` calls them, by the title of the group that they stand in.
    """
    parser = _Parser(prog=prog, allow_abbrev=False, formatter_class=_HelpFormatter, description=description)
    actions = {action.dest: action for action in create_parser()._actions}
    for title, names in flags.items():
        group = parser.add_argument_group(title)
        for name in names:
            group._add_action(actions[name])
    return parser


def _add_data_options(group) -> None:
    group.add_argument('data', nargs='?', metavar='DIR', help='folder of the data set, the same as --data-dir')
    group.add_argument('--data-dir', metavar='DIR', help='folder of the data set')
    group.add_argument(
        '-d',
        '--dataset',
        metavar='NAME',
        help='"digits", or a data set as timm names it: hfds/NAME (of the Hub, or a local folder), torch/NAME, '
        'tfds/NAME, wds/NAME, or "" for a folder of images given by --data-dir '
        '(default: digits, or "" when a folder is given)',
    )
    group.add_argument('--train-split', metavar='NAME', default='train', help='split to train on')
    group.add_argument(
        '--val-split',
        type=split,
        metavar='NAME|SIZE',
        help='split to evaluate on after every epoch; 0.1 or 5000 carves so many images out of the training split, of '
        'every class the same share, by --seed (default: validation, or test where there is none)',
    )
    group.add_argument(
        '--test-split',
        metavar='NAME',
        help='split to evaluate on once, at the end, with the model of the epoch that was the best on --val-split; '
        'without one, the result is the last epoch (default: test where --val-split is carved, else none)',
    )
    group.add_argument(
        '--dataset-download',
        action=argparse.BooleanOptionalAction,
        default=False,
        help='download the data set where its kind can (torch/, tfds/)',
    )
    group.add_argument(
        '--data-in-memory',
        action=argparse.BooleanOptionalAction,
        default=False,
        help='decode the images once, keep them on the training device and augment them there in batches: for small '
        'images of one size, which loader processes cannot feed fast enough to a GPU; not with --aa',
    )
    group.add_argument(
        '--class-map',
        metavar='FILE',
        help='text file of the names of the classes, one a line in the order of the labels (default: the names of the '
        'training split, or of the trained model)',
    )
    group.add_argument(
        '--input-key',
        metavar='KEY',
        help='column of the images, for example img (default: image); of a folder, the endings of their names, for '
        'example ".png;.jpg" (default: all that timm and torchvision read)',
    )
    group.add_argument(
        '--target-key',
        metavar='KEY',
        help='column of the labels, for example fine_label (default: label)',
    )


def _add_model_options(group) -> None:
    group.add_argument('--model', metavar='NAME', default='vit_tiny_patch4_hyp_res', help='any timm model')
    group.add_argument(
        '--model-kwargs',
        nargs='*',
        metavar='KEY=VALUE',
        default={},
        action=KeyValues,
        help='keywords for the model, for example depth=6 curvature=0.5 margin=None',
    )
    group.add_argument(
        '--pretrained',
        action=argparse.BooleanOptionalAction,
        default=False,
        help="start from timm's weights",
    )
    group.add_argument(
        '--initial-checkpoint',
        metavar='PATH',
        help='start from these weights: a file, or a folder made by a run',
    )
    group.add_argument(
        '--allow-missing',
        nargs='+',
        metavar='PATTERN',
        help='tensors that the weights of --initial-checkpoint need not have, as shell patterns; they start anew',
    )
    group.add_argument('--num-classes', type=whole(1), metavar='N', help='classes (default: those of the data set)')
    group.add_argument(
        '--img-size', type=whole(1), metavar='N', help="side of the image, pixels (default: the model's)"
    )
    group.add_argument('--in-chans', type=whole(1), metavar='N', help="image channels (default: the model's)")
    group.add_argument('--mean', type=real(), nargs='+', metavar='X', help="mean of the pixels (default: the model's)")
    group.add_argument(
        '--std',
        type=real(positive=True),
        nargs='+',
        metavar='X',
        help="their deviation (default: the model's)",
    )
    group.add_argument(
        '--interpolation', type=one_of(_INTERPOLATIONS), metavar='NAME', help="of the resize (default: the model's)"
    )
    group.add_argument('--crop-pct', type=real(positive=True), metavar='X', help='centre crop at evaluation')
    group.add_argument('--drop', type=real(0, 1), default=0.0, metavar='P', help='dropout rate')
    group.add_argument('--drop-path', type=real(0, 1), metavar='P', help='stochastic depth rate')
    group.add_argument(
        '--channels-last',
        action=argparse.BooleanOptionalAction,
        default=False,
        help='memory layout for convolutional models on a GPU',
    )
    group.add_argument(
        '--grad-checkpointing',
        action=argparse.BooleanOptionalAction,
        default=False,
        help='trade computation for memory in the backward pass',
    )


def _add_optimizer_options(group) -> None:
    optimizer = one_of(list_optimizers, strip='lookahead_')
    group.add_argument('--opt', type=optimizer, default='hypadamw', metavar='NAME', help=_OPTIMIZER_HELP)
    group.add_argument('--opt-eps', type=real(positive=True), metavar='X', help="epsilon (default: the optimizer's)")
    group.add_argument('--opt-betas', type=real(0, 1), nargs='+', metavar='X', help="betas (default: the optimizer's)")
    group.add_argument('--momentum', type=real(0), default=0.9, metavar='X', help='where the optimizer has one')
    group.add_argument('--weight-decay', type=real(0), default=0.05, metavar='X', help='weight decay')
    group.add_argument('--layer-decay', type=real(0, 1), metavar='X', help='learning-rate decay from layer to layer')
    group.add_argument(
        '--clip-grad', type=real(0), metavar='X', help='clip the gradients of Euclidean parameters; 0 does not'
    )
    group.add_argument(
        '--man-clip-grad', type=real(0), metavar='X', help='clip those of parameters on a manifold; 0 does not'
    )
    group.add_argument(
        '--man-clip-norm',
        type=one_of(MANIFOLD_NORMS),
        default='riemannian',
        metavar='NAME',
        help='what --man-clip-grad measures by: riemannian, the metric at the point; or euclidean',
    )
    group.add_argument(
        '--clip-mode',
        type=one_of(CLIP_MODES),
        default='norm',
        metavar='NAME',
        help='what both bound: norm, of all gradients; value, of each entry; agc, of each unit, relative to its weight',
    )
    group.add_argument(
        '--man-lr-scale',
        type=real(0),
        default=0.25,
        metavar='X',
        help='learning rate of parameters on a manifold, as a share of --lr (hypadamw, hypsgd)',
    )
    group.add_argument(
        '--curv-lr-scale',
        type=real(0),
        default=1.0,
        metavar='X',
        help='learning rate of curvatures, as a share of --lr (hypadamw, hypsgd)',
    )
    group.add_argument(
        '--curv-bounds',
        type=real(0, positive=True),
        nargs=2,
        default=list(CURVATURE_BOUNDS),
        metavar='C',
        help='keep every learnt curvature between these (hypadamw, hypsgd)',
    )


def _add_schedule_options(group) -> None:
    group.add_argument('--epochs', type=whole(1), default=100, metavar='N', help='passes over the training split')
    group.add_argument(
        '--max-steps',
        type=whole(1),
        metavar='N',
        help='stop after N steps of the optimizer, then evaluate and save; the schedule stays that of --epochs',
    )
    group.add_argument('--lr', type=real(positive=True), default=5e-4, metavar='X', help='learning rate')
    group.add_argument(
        '--sched',
        type=one_of(_SCHEDULERS),
        default='cosine',
        metavar='NAME',
        help=f'schedule, moved after every step: {", ".join(_SCHEDULERS)}',
    )
    group.add_argument(
        '--warmup-epochs',
        type=real(0),
        metavar='N',
        help='epochs of rising learning rate, part of --epochs (default: 5, or a tenth of --epochs if that is less)',
    )
    group.add_argument('--warmup-lr', type=real(0), default=1e-5, metavar='X', help='learning rate to start from')
    group.add_argument('--min-lr', type=real(0), default=0.0, metavar='X', help='learning rate to end with')
    group.add_argument('--cooldown-epochs', type=whole(0), default=0, metavar='N', help='epochs more, at --min-lr')
    group.add_argument(
        '--decay-epochs',
        type=real(positive=True),
        metavar='N',
        help='interval of step, last part of wsd and rsqrt (default: 90 for step, else a fifth of the run)',
    )
    group.add_argument(
        '--decay-milestones',
        type=whole(1),
        nargs='+',
        default=[30, 60, 90],
        metavar='N',
        help='for multistep',
    )
    group.add_argument('--decay-rate', type=real(0), default=0.1, metavar='X', help='for step, multistep, poly')
    group.add_argument(
        '--grad-accum-steps',
        type=whole(1),
        default=1,
        metavar='N',
        help='batches that make one step',
    )


def _add_augmentation_options(group) -> None:
    group.add_argument('--no-aug', action='store_true', help='no augmentation at all')
    group.add_argument(
        '--train-crop-mode',
        type=one_of(('rrc', 'rkrc', 'rkrr')),
        metavar='NAME',
        help='rrc: random resized crop; rkrc, rkrr: resize keeping the ratio, then a centre or random crop '
        '(default: rrc)',
    )
    group.add_argument(
        '--scale', type=real(positive=True), nargs=2, metavar='X', help='area of the crop (default: 0.08 1)'
    )
    group.add_argument(
        '--ratio', type=real(positive=True), nargs=2, metavar='X', help='its aspect (default: 0.75 1.33)'
    )
    group.add_argument(
        '--crop-padding',
        type=whole(0),
        metavar='N',
        help='resize to the input size, add a black border of N pixels and crop to the input size at random, in '
        'place of --train-crop-mode, --scale and --ratio',
    )
    group.add_argument('--hflip', type=real(0, 1), default=0.5, metavar='P', help='horizontal flip')
    group.add_argument('--vflip', type=real(0, 1), default=0.0, metavar='P', help='vertical flip')
    group.add_argument('--color-jitter', type=real(0), default=0.4, metavar='X', help='colour jitter')
    group.add_argument('--aa', metavar='POLICY', help='AutoAugment policy, for example rand-m9-mstd0.5-inc1')
    group.add_argument('--reprob', type=real(0, 1), default=0.0, metavar='P', help='random erasing')
    group.add_argument(
        '--remode', type=one_of(('const', 'rand', 'pixel')), default='pixel', metavar='NAME', help='its fill'
    )
    group.add_argument('--recount', type=whole(1), default=1, metavar='N', help='its areas')
    group.add_argument(
        '--train-interpolation',
        type=one_of((*_INTERPOLATIONS, 'random')),
        default='random',
        metavar='NAME',
        help='of the resize in training; random: bilinear or bicubic',
    )
    group.add_argument(
        '--aug-repeats',
        type=whole(0),
        default=0,
        metavar='N',
        help='each image N times in a row of an epoch, each time augmented anew; the epoch stays as long and sees '
        'an N-th of the images (default: 0, off)',
    )
    group.add_argument(
        '--aug-splits',
        type=whole(0),
        default=0,
        metavar='N',
        help='every batch N times over, at first without --aa and --color-jitter: for --jsd-loss (default: 0, off)',
    )
    group.add_argument('--resplit', action='store_true', help='with --aug-splits: no random erasing in the first one')
    group.add_argument('--mixup', type=real(0), default=0.0, metavar='ALPHA', help='mixup, on if greater than 0')
    group.add_argument('--cutmix', type=real(0), default=0.0, metavar='ALPHA', help='cutmix, on if greater than 0')
    group.add_argument('--mixup-prob', type=real(0, 1), default=1.0, metavar='P', help='of mixing a batch')
    group.add_argument(
        '--mixup-switch-prob', type=real(0, 1), default=0.5, metavar='P', help='of cutmix if both are on'
    )
    group.add_argument(
        '--mixup-mode',
        type=one_of(('batch', 'pair', 'elem')),
        default='batch',
        metavar='NAME',
        help='one mix per batch, pair or elem(ent)',
    )
    group.add_argument(
        '--mixup-off-epoch', type=whole(0), default=0, metavar='N', help='no mixing from then on; 0: never'
    )
    group.add_argument('--smoothing', type=real(0, 1), default=0.1, metavar='X', help='label smoothing')
    group.add_argument(
        '--model-ema',
        action=argparse.BooleanOptionalAction,
        default=False,
        help='keep a moving average of the weights; it is what is evaluated and saved',
    )
    group.add_argument('--model-ema-decay', type=real(0, 1), default=0.9998, metavar='X', help='of that average')
    group.add_argument(
        '--model-ema-warmup',
        action=argparse.BooleanOptionalAction,
        default=False,
        help='a shorter memory early on',
    )


def _add_run_options(group) -> None:
    group.add_argument(
        '-c', '--config', metavar='FILE', help='YAML file of option values: a recipe, or the args.yaml of a run'
    )
    group.add_argument(
        '-b', '--batch-size', type=whole(1), default=128, metavar='N', help='images in a batch, over all processes'
    )
    group.add_argument(
        '-vb',
        '--validation-batch-size',
        type=whole(1),
        metavar='N',
        help='at evaluation (default: --batch-size)',
    )
    group.add_argument('-j', '--workers', type=whole(0), metavar='N', help='loader processes (default: by the machine)')
    group.add_argument('--device', metavar='NAME', help='cpu, cuda, cuda:1, mps, ... (default: cuda if there is one)')
    group.add_argument('--seed', type=whole(0), default=42, metavar='N', help='of weights, order and augmentation')
    group.add_argument('--amp', action=argparse.BooleanOptionalAction, default=False, help='mixed precision')
    group.add_argument(
        '--amp-dtype',
        type=one_of(('float16', 'bfloat16')),
        default='float16',
        metavar='NAME',
        help='of --amp: float16 or bfloat16',
    )
    group.add_argument(
        '--torchcompile',
        type=one_of(partial(torch.compiler.list_backends, exclude_tags=())),
        nargs='?',
        const='inductor',
        metavar='BACKEND',
        help='compile the model with torch.compile',
    )
    group.add_argument('--log-interval', type=whole(1), default=50, metavar='N', help='batches between two log lines')
    group.add_argument(
        '--eval-metric',
        type=one_of(('top1', 'top5', 'loss')),
        default='top1',
        metavar='NAME',
        help='which epoch is the best: by top1, top5 or loss',
    )
    group.add_argument('--output', metavar='DIR', default='output/train', help='folder of runs')
    group.add_argument(
        '--experiment',
        metavar='NAME',
        help='folder of this run, in --output (default: time, model and image size)',
    )
    group.add_argument(
        '--resume',
        metavar='PATH',
        help='go on from a checkpoint, or from the newest one in the folder of a run, whose options then are the '
        'defaults; "auto": from the newest in the folder of --experiment, or anew if there is none',
    )
    group.add_argument(
        '--checkpoint-every',
        type=whole(1),
        metavar='N',
        help='write a checkpoint every N steps, besides the one after each epoch',
    )
    group.add_argument(
        '--fsdp',
        action=argparse.BooleanOptionalAction,
        default=False,
        help="under torchrun, shard the model by torch's fully_shard; small and manifold parameters stay whole",
    )
    group.add_argument('--keep', type=whole(1), default=2, metavar='K', help='checkpoints to keep, the newest')
    group.add_argument(
        '--max-bad-steps',
        type=whole(1),
        default=10,
        metavar='N',
        help='steps whose loss or gradient is not finite are left out; stop after N of them in a row',
    )


def _as_flag(key: str, value: Any) -> str:
    flag = '--' + key.replace('_', '-')
    if isinstance(value, bool):
        return flag if value else flag.replace('--', '--no-', 1)
    return f'{flag} {" ".join(map(str, value))}' if isinstance(value, list) else f'{flag} {value}'

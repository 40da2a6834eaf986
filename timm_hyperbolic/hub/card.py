"""The model card of a run, whose numbers all come from the folder of the run or of a control."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from ..constants import TASK_MEASURES
from ..layers import HyperbolicConfig
from ..models import MODULES
from ..models.convert.model import ENTRY_POINT
from ..models.hyp_classifier import ENTRY_POINT as HEAD_ENTRY_POINT
from ..models.hyp_segmenter import ENTRY_POINT as SEGMENTER_ENTRY_POINT
from ..models.options import chosen_modules
from ..models.vit_hyp import VARIANTS
from ..train.progress import duration
from ..version import __version__
from .run import Run

__all__ = ['differences', 'model_card']

_TEMPLATE = Path(__file__).with_name('template.md')

_MODULES = {
    'head': 'the classifier measures distances to prototypes on the Poincaré ball',
    'pos': 'the positional embedding is joined by Möbius addition',
    'res': 'the residuals are gated Möbius sums around a centre between both branches',
    'res0': 'the residuals are gated Möbius sums around the origin',
    'resx': 'the residuals are gated steps along a geodesic from the stream',
    'mlp': 'the MLPs are made of Möbius linear layers',
    'attn': 'the attention scores by hyperbolic distance and averages by the gyro-midpoint',
}
_DATASETS = {'digits': "scikit-learn's handwritten digits", 'cifar100': 'CIFAR-100', 'cifar10': 'CIFAR-10'}
#: What the Hub calls a measure and a task.
_METRICS = {
    **{'top1': 'accuracy', 'top5': 'top_5_accuracy', 'loss': 'loss'},
    **{'miou': 'mean_iou', 'pixel_accuracy': 'accuracy', 'class_accuracy': 'mean_accuracy'},
}
_TASKS = {
    'classification': ('image-classification', 'Image classification'),
    'segmentation': ('image-segmentation', 'Image segmentation'),
}
_CITATION = f"""@software{{timm_hyperbolic,
  title   = {{timm_hyperbolic: hyperbolic Vision Transformers as ordinary timm models}},
  author  = {{{{The timm_hyperbolic authors}}}},
  version = {{{__version__}}},
  license = {{MIT}}
}}"""


def model_card(run: Run, repo_id: str | None = None, against: Sequence[Run] = ()) -> ModelCard:
    """Return the model card of a run.

    Args:
        run: The run.
        repo_id: OWNER/NAME of the repository that has, or will have, the weights.
        against: Runs of control models, evaluated on the same split of the same data set.

    Raises:
        ValueError: A control was evaluated on other images.
    """
    model = _Model.of_run(run)
    _check_controls(run, against)
    return ModelCard.from_template(
        _metadata(run, model, repo_id),
        template_path=str(_TEMPLATE),
        run=run,
        is_registered=model.is_registered,
        title=repo_id.partition('/')[2] if repo_id else str(model),
        repo_id=repo_id or 'OWNER/NAME',
        summary=_summary(run, model),
        description=_description(model),
        chosen=_chosen(run),
        measures=[(TASK_MEASURES[run.task][name], _measure(name, run.result[name])) for name in run.measures],
        controls=_controls(run, against),
        unequal=[(str(_Model.of_run(other)), differences(run, other)) for other in against],
        training=_training(run),
        command=_command(run.about.get('command')),
        recipe=run.about.get('recipe'),
        curvatures=_curvature_table(run.curvatures),
        limits=_limits(run, model),
        license=run.license,
        dataset=_pretty(run.dataset),
        citation=_CITATION,
    )


@dataclass(frozen=True)
class _Model:
    """A model as described on the card.

    Args:
        name: Name of the model in timm; for a converted model, the name of the original model.
        converted: Whether `hyperbolize` made it.
        keywords: Keywords with which it is created.
        modules: Its hyperbolic modules.
        flat: Whether it is a flat control, with curvature 0.
    """

    name: str
    converted: bool
    keywords: Mapping[str, Any]
    modules: tuple[str, ...]
    flat: bool

    @classmethod
    def of(cls, architecture: str, args: Mapping[str, Any]) -> _Model:
        """Return the description of a model of timm's registry, created with the keywords `args`."""
        converted = architecture == ENTRY_POINT
        name = args['base'] if converted else architecture
        keywords = {**VARIANTS.get(name, {}), **args}
        swaps = [{'modules': keywords.get('hyperbolic', ()), **keywords}, *keywords.get('conversions', ())]
        swaps = [swap for swap in swaps if chosen_modules(swap['modules'])]
        named = {module for swap in swaps for module in chosen_modules(swap['modules'])}
        flat = all(swap.get('curvature', 1.0) == 0 and not swap.get('learn_curvature') for swap in swaps)
        modules = tuple(module for module in MODULES if module in named)
        return cls(name, converted, keywords, modules, bool(swaps) and flat)

    @classmethod
    def of_run(cls, run: Run) -> _Model:
        """Return the description of the model of a run."""
        return cls.of(run.model, run.config.get('model_args', {}))

    @property
    def is_ours(self) -> bool:
        """Whether it is one of our Vision Transformers."""
        return self.name in VARIANTS

    @property
    def head(self) -> str | None:
        """The name of the head that `attach_head` gave it."""
        return self.keywords.get('head') if self.name == HEAD_ENTRY_POINT else None

    @property
    def is_registered(self) -> bool:
        """Whether timm knows it only where this package is imported."""
        return self.is_ours or self.converted or self.head is not None or self.segments

    @property
    def segments(self) -> bool:
        """Whether it classifies every pixel."""
        return self.name == SEGMENTER_ENTRY_POINT

    def __str__(self) -> str:
        return f'{self.name}, hyperbolized' if self.converted else self.name


def _metadata(run: Run, model: _Model, repo_id: str | None) -> ModelCardData:
    own = ['timm', *(['timm_hyperbolic', 'hyperbolic-geometry'] if model.is_registered else [])]
    own += ['vision-transformer'] if model.is_ours else []
    tag, task = _TASKS[run.task]
    data: dict[str, Any] = {'library_name': 'timm', 'pipeline_tag': tag, 'tags': own}
    if run.hub_dataset:
        data['datasets'] = [run.hub_dataset]
    return ModelCardData(
        license=run.license,
        metrics=[_METRICS[run.measures[0]]],
        model_name=repo_id.partition('/')[2] if repo_id else str(model),
        eval_results=[
            EvalResult(
                task_type=tag,
                task_name=task,
                dataset_type=run.dataset,
                dataset_name=_pretty(run.dataset),
                dataset_split=run.result['split'],
                metric_type=_METRICS[name],
                metric_name='cross-entropy' if name == 'loss' else TASK_MEASURES[run.task][name],
                metric_value=round(run.result[name], 4),
            )
            for name in run.measures
        ],
        **data,
    )


def _measure(name: str, value: float) -> str:
    return f'{value:.4f}' if name == 'loss' else f'{value:.2f} %'


def _pretty(dataset: str) -> str:
    return _DATASETS.get(dataset.rpartition('/')[2], dataset)


def _summary(run: Run, model: _Model) -> str:
    home = '[timm](https://github.com/huggingface/pytorch-image-models)'
    kind = f'{"flat control of a " if model.flat else ""}hyperbolic' if model.modules else ''
    if model.is_ours and not model.converted:
        text = f'A {kind} Vision Transformer'.replace('  ', ' ') + f' for {home}, `{model.name}` of timm_hyperbolic'
    elif model.modules:
        text = f'A {kind} model for {home}, `{model.name}` converted by timm_hyperbolic'
    elif model.segments:
        text = f'`{model.keywords["backbone"]}` of {home} as the backbone of `hyp_segmenter` of timm_hyperbolic'
    elif model.head:
        text = f'`{model.keywords["backbone"]}` of {home} with the head `{model.head}` of timm_hyperbolic'
    else:
        text = f'`{model.name}` of {home}'
    size = run.config['pretrained_cfg']['input_size']
    shape = f'{size[1]} × {size[2]} pixels' + ('' if size[0] == 3 else f' in {size[0]} channel(s)')
    return (
        f'{text}, trained on {_pretty(run.dataset)}: {run.config["num_classes"]} classes, images of {shape}, '
        f'{run.about["parameters"]:,} parameters.'
    )


def _description(model: _Model) -> str:
    if model.segments:
        space = 'the same at curvature zero' if model.keywords.get('geometry') == 'euclidean' else 'in hyperbolic space'
        tree = ', with a softmax among the siblings of a tree of the classes' if model.keywords.get('hierarchy') else ''
        return f'Feature maps of the backbone, projected to a few dimensions; every pixel is classified {space}{tree}.'
    if model.head:
        return f"timm's `{model.keywords['backbone']}` with the head `{model.head}` in place of its classifier."
    if not model.modules:
        return (
            "timm's Vision Transformer as it is, with nothing hyperbolic: the baseline of the variants."
            if model.is_ours
            else f"timm's `{model.name}`."
        )
    *others, last = (_MODULES[name] for name in model.modules)
    what = f'{", ".join(others)}{"," if others[1:] else ""} and {last}' if others else last
    if model.flat:
        return (
            f'The same modules as in the hyperbolic variant, at curvature zero and not learnt. In the variant, {what}. '
            'What this control reaches was not bought by the geometry.'
        )
    kind = 'A pre-norm Vision Transformer' if model.is_ours and not model.converted else f"timm's `{model.name}`"
    text = f'{kind} in which {what}. Each module learns a curvature of its own'
    return f'{text}; everything else is as in timm.'


def _limits(run: Run, model: _Model) -> list[str]:
    limits = []
    if model.modules and not model.flat:
        limits += [
            'It computes more than its Euclidean twin; `docs/speed.md` of the package has figures.',
            'The margin is part of the function: a tangent vector beyond it is shortened. To tell the clip from the '
            "curvature, compare with `margin='none'` and with the flat control.",
        ]
    if model.flat:
        limits.append(
            'It has no curvature: it is there to be compared with, and nothing hyperbolic is to be expected of it.'
        )
    return [
        *limits,
        *(f'At the epoch that was kept, {text}.' for text in run.about.get('advice', ())),
        'It was measured on images like those that it was trained on, and on no others.',
        'It has not been examined for bias, and is no basis for a decision about people.',
    ]


def _chosen(run: Run) -> str:
    result = run.result
    text = f'Of {run.about["epochs"]} epochs, number {result["epoch"] + 1} was kept: '
    if result.get('chosen_by'):
        honest = 'The split above had no part in that choice'
        if result['chosen_here']:
            honest = 'These are the images that it was chosen on, which flatters it'
        return text + f'the best by {result["chosen_by"]}. {honest}.'
    return text + 'the last one. No epoch was chosen by its result.'


def _check_controls(run: Run, against: Sequence[Run]) -> None:
    for other in against:
        for what in ('dataset', 'split', 'images'):
            mine, theirs = (each.dataset if what == 'dataset' else each.result[what] for each in (run, other))
            if mine != theirs:
                raise ValueError(f'{other.name} has {what} {theirs}, this run {mine}: the two do not compare')


def _controls(run: Run, against: Sequence[Run]) -> list[dict[str, Any]]:
    if not against:
        return []
    rows = []
    for each in (run, *against):
        first = run.measures[0]
        difference = round(run.result[first], 2) - round(each.result[first], 2)
        rows.append(
            {
                'model': f'**{_Model.of_run(each)}**' if each is run else str(_Model.of_run(each)),
                'parameters': each.about['parameters'],
                'value': each.result[first],
                'difference': '–' if each is run else f'{difference:+.2f}',
                'speed': each.about['images_per_second'],
                'epochs': each.about['epochs'],
                'seed': each.args['seed'],
            }
        )
    return rows


#: Options that do not affect the result, or that are compared by other numbers of the run.
_NOT_COMPARED = {
    *('model', 'model_kwargs', 'hamp', 'seed', 'num_classes', 'in_chans', 'img_size', 'epochs', 'max_steps'),
    *('val_split', 'test_split', 'dataset', 'data_dir', 'dataset_download', 'data_in_memory', 'eval_metric'),
    *('experiment', 'output', 'resume', 'dry_run', 'device', 'workers', 'log_interval'),
    *('checkpoint_every', 'keep', 'fsdp'),
    *('push_to_hub', 'push_every', 'private', 'hub_revision', 'log_tensorboard', 'log_wandb', 'wandb_project'),
    *('wandb_tags', 'allow_missing', 'max_bad_steps', 'validation_batch_size'),
}
_HYPERBOLIC = {'hyperbolic', 'num_centroids', 'gate', *HyperbolicConfig.names(), 'base', 'conversions'}


def differences(run: Run, other: Run) -> list[str]:
    """Return the differences of two runs other than hyperbolic options, as text: `epochs 30 (here 3)`.

    Args:
        run: The run that the card describes.
        other: The run to compare it with.
    """
    mine, theirs = (dict(_compared(each)) for each in (run, other))
    return [
        f'{name} {_plainly(theirs.get(name))} (here {_plainly(mine.get(name))})'
        for name in dict.fromkeys([*mine, *theirs])
        if mine.get(name) != theirs.get(name)
    ]


def _compared(run: Run) -> Iterator[tuple[str, Any]]:
    for name in ('epochs', 'steps', 'train_images'):
        yield name, run.about[name]
    yield 'epochs of the schedule', run.args.get('epochs')
    yield 'kept epoch', run.result.get('chosen_by') or 'the last'
    yield 'hardware', run.about['hardware']['device']
    yield 'input_size', list(run.config['pretrained_cfg']['input_size'])
    for name, value in _Model.of_run(run).keywords.items():
        if name not in _HYPERBOLIC | _NOT_COMPARED and not callable(value):
            yield name, value
    for name, value in run.args.items():
        if name not in _NOT_COMPARED:
            yield name, value


def _plainly(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ' '.join(map(_plainly, value))
    return f'{value:g}' if isinstance(value, float) else str(value)


def _training(run: Run) -> list[tuple[str, str]]:
    args, about = run.args, run.about
    hardware, versions = about['hardware'], about['versions']
    decay = f', weight decay {args["weight_decay"]:g}' if args.get('weight_decay') else ''
    machine = hardware['device'] + (f', {hardware["processes"]} processes' if hardware['processes'] > 1 else '')
    rows = [
        ('data', f'{_pretty(run.dataset)}, {about["train_images"]:,} images'),
        ('length', f'{about["epochs"]} epochs, {about["steps"]:,} steps of {args["batch_size"]} images'),
        ('optimizer', f'{args["opt"]}, learning rate {args["lr"]:g} ({args["sched"]}){decay}'),
        ('precision', (args['amp_dtype'] if args.get('amp') else 'float32') + (', hamp' if args.get('hamp') else '')),
        ('seed', str(args['seed'])),
        ('hardware', machine),
        ('time', f'{duration(about["seconds"])} of training, {about["images_per_second"]:.0f} images/s'),
        ('versions', ', '.join(f'{name} {version}' for name, version in versions.items())),
    ]
    if args.get('grad_accum_steps', 1) > 1:
        rows.insert(2, ('accumulation', f'{args["grad_accum_steps"]} batches a step'))
    return rows


def _command(words: Sequence[str] | None) -> str:
    """Return the command line of a run, with absolute folders replaced by `...`."""
    if not words:
        return '# started from Python'
    start = ['python'] if words[0].endswith('.py') else []
    return shlex.join([*start, *map(_without_folder, words)])


def _without_folder(word: str) -> str:
    flag, equals, value = word.rpartition('=')
    if not value.startswith('~') and not PurePath(value).is_absolute() and not PureWindowsPath(value).is_absolute():
        return word
    return f'{flag}{equals}.../{PureWindowsPath(value).name}'


def _curvature_table(curvatures: Mapping[str, float]) -> dict[str, Any] | None:
    """Return a table of curvatures with one row per block and one column per module.

    `blocks.3.attn.qkv.0` is the first of the three maps in `attn.qkv` of block 3. Blocks of a model with stages, such
    as `layers.1.blocks.3`, are named in full.
    """
    if not curvatures:
        return None
    blocks: dict[str, dict[str, str]] = {}
    outside = []
    for name, value in curvatures.items():
        match = re.fullmatch(r'((?:.+?\.)?blocks\.\d+)\.(.+)', name)
        if match:
            blocks.setdefault(match[1].removeprefix('blocks.'), {})[match[2]] = f'{value:.4f}'
        else:
            outside.append(f'`{name}` {value:.4f}')
    columns = list(dict.fromkeys(column for row in blocks.values() for column in row))
    rows = [(name, [row.get(column, '') for column in columns]) for name, row in blocks.items()]
    return {'columns': columns, 'rows': rows, 'outside': ', '.join(outside)}

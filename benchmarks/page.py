"""Writes the measured tables and figures of the documentation from the CSV files in `results/`.

    python benchmarks/page.py            # after a program has written its CSV
    python benchmarks/page.py --check    # only say which pages and figures differ; exit status 1 if any does

A page marks the place of a table by two comments, and what stands between them is replaced by the block of that name:

    <!-- results: models -->
    <!-- /results -->
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import figures
from models import PEERS
from report import RESULTS, ROOT, markdown, read_csv, write_text

from timm_hyperbolic.commands.study_page import tables_of
from timm_hyperbolic.evaluate.study_tables import accuracy_table

MARKER = re.compile(r'(?P<start><!-- results: (?P<name>[\w-]+) -->\n).*?(?P<end><!-- /results -->)', re.DOTALL)
Row = dict[str, str]


def results(name: str) -> tuple[dict[str, str], list[Row]]:
    """Header and rows of `results/NAME.csv`."""
    head, rows = read_csv(RESULTS / f'{name}.csv')
    if not rows:
        sys.exit(f'{RESULTS / name}.csv is missing: the program of that table writes it')
    return head, rows


def measured(head: dict[str, str]) -> str:
    """The line under a table that says where its numbers are from."""
    versions = dict(part.split(' ') for part in head['versions'].split(', '))
    shown = ', '.join(f'{name} {versions[name]}' for name in ('torch', 'timm'))
    return f'<small>Measured on: {head["hardware"]}; {shown}; {head["date"]}, commit {head["commit"]}.</small>'


def short(x: float) -> str:
    """One significant digit: 6e-7."""
    return '0' if x == 0 else f'{x:.0e}'.replace('e-0', 'e-').replace('e+00', '').replace('e+0', 'e+')


def worst(rows: Iterable[Row], column: str) -> str:
    """The largest error of the values and, behind a stroke, of the gradients."""
    rows = list(rows)
    found = [[float(r[column]) for r in rows if r['quantity'] == q] for q in ('value', 'gradient')]
    return ' / '.join(short(max(errors)) for errors in found if errors)


# --- speed ------------------------------------------------------------------------------------------------------------


def models() -> str:
    """Throughput and memory of the variants, in eager mode and, where every variant has it, compiled."""
    head, rows = results('models')
    of = {(row['mode'], row['variant']): row for row in rows if row['variant'] not in PEERS}
    variants = [variant for mode, variant in of if mode == 'eager']
    compiled = all(('compiled', variant) in of for variant in variants)
    modes = ['eager', 'compiled'] if compiled else ['eager']
    cells = []
    for variant in variants:
        speeds = [' / '.join(f'{float(of[m, variant][key]):.3f}' for m in modes) for key in ('train', 'infer')]
        memory = [('eager', 'activations'), ('compiled', 'peak')][: len(modes)]
        cells.append([variant, *speeds, *(f'{float(of[mode, variant][key]):.2f}' for mode, key in memory)])
    train, infer = (f'{float(of["eager", "timm"][key]):,.0f} ms' for key in ('train_ms', 'infer_ms'))
    note = f"In eager mode timm's model takes {train} for a training step and {infer} for inference."
    if compiled:
        note += (
            ' The second number is with both models compiled (`fullgraph=True`); `peak` is the most that a compiled '
        )
        note += "training step allocates at once, relative to timm's model."
    columns = ['variant', 'training', 'inference', 'activations', *(['peak'] if compiled else [])]
    return '\n\n'.join([markdown(columns, cells), note, measured(head)])


def costs() -> str:
    """The eager columns alone, in percent of timm's model."""
    head, rows = results('models')
    cells = []
    for row in rows:
        if row['mode'] == 'eager' and row['variant'] not in ('timm', *PEERS):
            longer = [f'{100 / float(row[key]) - 100:+.0f} %' for key in ('train', 'infer')]
            more = f'{100 * float(row["activations"]) - 100:+.0f} %'
            cells.append([f'`{row["variant"]}`', *(cell.replace('-0', '+0') for cell in (*longer, more))])
    columns = ['variant', 'time of a training step', 'time of inference', 'activations']
    return f'{markdown(columns, cells)}\n\n{measured(head)}'


def readme() -> str:
    """Cost of the centred residual, and of a training step of the model with it, by ours and by others."""
    head, rows = results('layers')
    layer = {row['contender']: float(row['ms']) for row in rows if row['layer'] == 'res'}
    models_head, rows = results('models')
    step = {row['variant']: 1 / float(row['train']) for row in rows if row['mode'] == 'eager'}
    names = [
        ("timm's Euclidean model: `x + y`", 'Euclidean', 'timm'),
        ('`vit_tiny_patch4_hyp_res`', 'ours', 'res'),
        ("the same, residual of geoopt's functions", 'geoopt', 'res-geoopt'),
        ("the same, the reference code's formula", 'reference', 'res-reference'),
    ]
    cells = [[name, f'{layer[one]:.2g} ms', f'{step[whole]:.2f}'] for name, one, whole in names]
    columns = ['model', 'one residual, forward and backward', "training step, timm's = 1"]
    assert head['hardware'] == models_head['hardware']
    return f'{markdown(columns, cells)}\n\n{measured(models_head)}'


def layers() -> str:
    """Milliseconds and memory of the centred residual, and where the figure is from."""
    head, rows = results('layers')
    of = {row['contender']: row for row in rows if row['layer'] == 'res'}
    ms = {name: f'{float(row["ms"]):.2g} ms' for name, row in of.items()}
    mib = {name: f'{float(row["kept_mib"]):.0f} MiB' for name, row in of.items()}
    code = 'the reference code'
    return (
        f'For example the centred residual: an addition takes {ms["Euclidean"]}, our layer {ms["ours"]}, '
        f'{code} {ms["reference"]} and geoopt {ms["geoopt"]}. For the backward pass autograd keeps '
        f'{mib["ours"]} with our layer, {mib["reference"]} with {code} and {mib["geoopt"]} with geoopt.'
        f'\n\n{measured(head)}'
    )


def convolution() -> str:
    """Time and memory of convolutions and LeNets, relative to the Euclidean ones."""
    head, rows = results('convolution')
    cells = [
        [
            row['what'],
            row['contender'],
            f'{float(row["ms"]):.3g} ms',
            f'{float(row["ratio"]):.2f}',
            f'{float(row["kept_mib"]):.1f} MiB',
        ]
        for row in rows
    ]
    columns = ['what', 'layers', 'time', 'Euclidean = 1', 'kept besides the result']
    return f'{markdown(columns, cells)}\n\n{measured(head)}'


def optimizers() -> str:
    """The optimizer steps in one sentence."""
    head, rows = results('optimizers')
    ratio = {row['step']: f'{float(row["ratio"]):.2f}' for row in rows}
    base = float(next(row['ms'] for row in rows if row['step'] == 'AdamW, foreach'))
    return (
        f"The unit is a step of torch's multi-tensor AdamW on the Euclidean model, {base:.0f} ms. On "
        f'`vit_tiny_patch4_hyp_all` a step of `hypadamw` takes {ratio["hypadamw"]} of it, `hypsgd` {ratio["hypsgd"]}, '
        f"geoopt's `RiemannianAdam` {ratio['geoopt RiemannianAdam']}, and clipping both kinds of gradients "
        f"{ratio['both clips']}. torch's fused AdamW takes {ratio['AdamW, fused']} on the Euclidean model."
        f'\n\n{measured(head)}'
    )


def loaders() -> str:
    """The loaders in one sentence."""
    head, rows = results('loaders')
    speeds = sorted(float(row['ratio']) for row in rows)
    slowest = min(rows, key=lambda row: float(row['memory']))
    faster = f'{speeds[0]:.0f} to {speeds[-1]:.0f} times'
    rate = f'{float(slowest["memory"]):,.0f} images a second ({slowest["augmentation"]})'
    return (
        f"`--data-in-memory` delivers CIFAR-100 {faster} as fast as timm's loader with two worker processes: at least "
        f'{rate}.\n\n{measured(head)}'
    )


# --- precision --------------------------------------------------------------------------------------------------------


def precision() -> str:
    """Promised and measured errors, and geoopt's."""
    head, rows = results('precision')
    _, types = results('number-types')

    def of(
        operation: str, pairs: tuple[str, ...] = (), least: float = 0.0, most: float = 16.0, **fixed: str
    ) -> list[Row]:
        return [
            row
            for row in rows
            if row['operation'] == operation
            and (not pairs or row['pair'] in pairs)
            and least <= float(row['norm']) <= most
            and all(row[key] == value for key, value in fixed.items())
        ]

    random = ('random',)
    lines = [
        ('distance, any pair, length up to 16', '1e-6 / 1e-5', of('distance')),
        ('centred residual, any pair, up to 2.44', '5e-6 / 5e-5', of('centred residual', most=2.44)),
        (
            'centred residual without margin, random pair, 5 to 12',
            '1e-6 / 1e-5',
            of('centred residual', random, 5, 12, margin=''),
        ),
        ('residual at the origin, random pair, up to 2.44', '', of('residual at the origin', random, most=2.44)),
        ('residual at x, random pair, up to 2.44', '', of('residual at x', random, most=2.44)),
        ('linear layer, with and without margin, up to 8', '1e-6 / 5e-6', of('linear layer', most=8.0)),
    ]
    cells = [[what, promise, worst(of_, 'float32'), worst(of_, 'geoopt float32')] for what, promise, of_ in lines]
    half = {'bfloat16': '8e-3 / 6e-2', 'float16': '1e-3 / 8e-3'}
    for name, promise in half.items():
        found = [r for r in types if r['mode'] == f'{name}, hamp' and (name == 'bfloat16' or 'margin 0' in r['clip'])]
        errors = [short(max(float(r[key]) for r in found)) for key in ('value', 'gradient')]
        clip = '' if name == 'bfloat16' else ', with margin'
        cells.append([f'any layer, `hamp` in {name}{clip}', promise, ' / '.join(errors), ''])
    columns = ['worst relative error: output / gradients', 'promised', 'ours', 'geoopt, float32']
    table = markdown(columns, cells).replace('e-', 'e\u2011')  # a hyphen at which lines do not break
    return f'{table}\n\n{measured(head)}'


# --- conversions, graphs, δ -------------------------------------------------------------------------------------------


def hyperbolize() -> str:
    """Conversions that keep the function."""
    head, rows = results('hyperbolize')
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row['start'] == 'equal':  # those of all modules come first
            found.setdefault(row['model'], {}).setdefault(row['c'], row)
    cells = []
    for model, at in found.items():
        divergence = [short(abs(float(at[c]['divergence']))) for c in ('1e-05', '0.0001', '0.001')]
        cells.append([f'`{model}`', short(float(at['0']['relative'])), *divergence])
    columns = ['model', 'c = 0: logits', 'c = 1e-5', '1e-4', '1e-3']
    return f'{markdown(columns, cells)}\n\n{measured(head)}'


def hyperbolize_modules() -> str:
    """One kind of module at a time, and those whose flat limit is another function."""
    _, rows = results('hyperbolize')
    alone = {row['swapped']: row for row in rows if row['start'] == 'equal' and row['c'] == '0.0001'}
    each = ', '.join(f'{short(float(alone[m]["divergence"]))} for `{m}`' for m in ('head', 'pos', 'mlp', 'res0'))
    carried = {row['swapped']: row for row in rows if row['start'] == 'carried' and row['c'] == '0'}
    others = ', '.join(f'{short(float(carried[m]["divergence"]))} for `{m}`' for m in ('attn', 'res', 'resx'))
    gated = max(float(row['relative']) for row in rows if row['start'] == 'gated')
    return (
        f'One kind of module at a time, in `vit_tiny_patch16_224` at `c = 1e-4`, the divergence is {each}. With '
        f"`start='carried'` at `c = 0` it is {others}; with `start='gated'` at `c = 1` logits differ by {short(gated)}."
    )


def finetune() -> str:
    """Fine-tuning with and without a conversion."""
    head, rows = results('finetune')
    cells = [
        [f'`{row["contender"]}`']
        + [f'{float(row[key]):.2f} ± {float(row[f"{key}_deviation"]):.2f}' for key in ('start', 'top1')]
        + [f'{float(row["gain"]):+.2f} ± {float(row["gain_deviation"]):.2f}' if float(row['gain_deviation']) else '']
        for row in rows
    ]
    columns = ['swapped', 'Top-1 at the start', 'Top-1', 'more than `euclid`']
    return f'{markdown(columns, cells)}\n\n{measured(head)}'


CHECKS = {
    'compile train': '`torch.compile`, gradients',
    'compile eval': '`torch.compile`, logits',
    'export': '`torch.export`',
    'export strict': '`torch.export(strict=True)`',
    'onnxruntime': 'ONNX in onnxruntime, absolute',
    'fx': '`torch.fx`',
    'torch.func': '`torch.func`, gradients',
    'grad checkpointing': 'gradient checkpointing',
}


def graphs() -> str:
    """The worst difference of every check."""
    head, rows = results('graphs')
    variants = len({row['variant'] for row in rows})
    cells = []
    for check, title in CHECKS.items():
        of = [row for row in rows if row['check'] == check]
        if len(of) != variants or any(row['kept'] != 'True' for row in of):
            sys.exit(f'graphs.csv: {check} is not kept by every variant')
        cells.append([title, *(short(max(float(row[key]) for row in of)) for key in ('difference', 'allowed'))])
    counts = {row['graphs'] for row in rows if row['check'].startswith('compile')}
    sizes = 'Graphs after batches of 4, 6, 3, 8 and 5 images, in each of '
    note = f'{sizes}{variants} variants: {" or ".join(sorted(counts))}.'
    return '\n\n'.join([markdown(['check', 'largest difference', 'allowed'], cells), note, measured(head)])


def fewshot() -> str:
    """Few-shot accuracy in each space, and what hyperbolic space gains or loses."""
    head, rows = results('fewshot')
    of = {(int(row['shot']), int(row['dim']), row['space']): row for row in rows}
    cells = []
    for shot, dim in sorted({key[:2] for key in of}):
        spaces = [of[shot, dim, space] for space in ('euclidean', 'cosine', 'hyperbolic')]
        gain, interval = (float(spaces[-1][key]) for key in ('gain', 'gain_interval'))
        accuracy = [f'{float(row["accuracy"]):.1f}' for row in spaces]
        clipped = f'{float(spaces[-1]["clipped"]):.0f} %'
        cells.append([f'{shot}-shot', str(dim), *accuracy, f'{gain:+.1f} ± {interval:.1f}', clipped])
    columns = ['', 'd', 'Euclidean', 'cosine', 'hyperbolic', 'gain', 'clipped']
    widest = max(float(row['interval']) for row in rows)
    note = f'*gain*: hyperbolic minus Euclidean. The 95 % intervals of the accuracies are at most ±{widest:.1f}.'
    return f'{markdown(columns, cells)}\n\n{note}\n\n{measured(head)}'


def delta() -> str:
    """δ of trained and untrained features, and of Gaussians."""
    head, rows = results('delta')
    most = max(int(row['samples']) for row in rows)
    cells = [
        [row['training'], f'{float(row["nearest_mean"]):.0f} %']
        + [f'{float(row[kind]):.2f}' for kind in ('points', 'gaussian', 'isotropic')]
        for row in rows
        if int(row['samples']) == most
    ]
    columns = ['weights', 'accuracy', 'features', 'Gaussian, same covariance', 'isotropic Gaussian']
    return f'{markdown(columns, cells)}\n\nδ_rel of {most:,} samples, mean of ten draws.\n\n{measured(head)}'


# --- heads ------------------------------------------------------------------------------------------------------------

HEAD_NAMES = {'mlp-basin': '`mlp` as large as `basin`'}
HEAD_ORDER = ('linear', 'mlp', 'mlp-basin', 'proto', 'tree', 'mlr', 'hsoftmax', 'basin')
SPACES = {'': '', 'hyperbolic': 'hyperbolic', 'euclid': 'flat', 'sphere': 'sphere'}


def grouped(rows: list[Row], *columns: str) -> dict[tuple[str, ...], list[Row]]:
    """Rows with the same text in some columns, in the order in which they first stand there."""
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[column] for column in columns), []).append(row)
    return found


def mean(rows: list[Row], column: str) -> float:
    """The mean of a column."""
    return statistics.mean(float(row[column]) for row in rows)


def over_seeds(rows: list[Row], column: str, digits: int = 1) -> str:
    """The mean of a column and its standard deviation."""
    values = [float(row[column]) for row in rows]
    deviation = f' ± {statistics.stdev(values):.{digits}f}' if len(values) > 1 else ''
    return f'{statistics.mean(values):.{digits}f}{deviation}'


def heads() -> str:
    """Every head beside its flat twin on frozen features."""
    head, rows = results('heads')
    order = {name: place for place, name in enumerate(HEAD_ORDER)}
    of = grouped(rows, 'dim', 'head', 'geometry')
    columns = {'fine_top1': 1, 'coarse_top1': 1, 'inside_superclass': 1, 'height': 2, 'wordnet_height': 2}
    cells = []
    for dim, name in sorted({key[:2] for key in of}, key=lambda key: (int(key[0]), order[key[1]])):
        twins = [of[dim, name, space] for space in ('hyperbolic', 'euclid', '') if (dim, name, space) in of]
        title = HEAD_NAMES.get(name, f'`{name}`')
        pairs = (' / '.join(f'{mean(own, column):.{digits}f}' for own in twins) for column, digits in columns.items())
        cells.append([title, '' if dim == '0' else dim, *pairs])
    counts = sorted({len(own) for own in of.values()})
    deviations = (max(statistics.stdev(float(row[column]) for row in own) for own in of.values()) for column in columns)
    largest = ', '.join(f'{x:.{digits}f}' for x, digits in zip(deviations, columns.values(), strict=True))
    note = (
        f'Means of {" or ".join(map(str, counts))} seeds; hyperbolic head / its flat twin. *fine* and *coarse*: Top-1 '
        'of class and superclass, %. *inside*: share of the mistakes whose superclass is right, %. *height*: mean '
        'height of the lowest common ancestor of a mistake, in the tree of superclasses and in that of WordNet; lower '
        f'is better. The largest standard deviation over the seeds in each column is {largest}.'
    )
    titles = ['head', 'd', 'fine', 'coarse', 'inside', 'height', 'WordNet']
    return f'{markdown(titles, cells)}\n\n{note}\n\n{measured(head)}'


def head_gaps() -> str:
    """What geometry, tree and basin bring, as differences of means."""
    _, rows = results('heads')
    of = grouped(rows, 'head', 'geometry', 'dim')
    flat = of['linear', '', '0']
    cells = []
    dims = sorted({row['dim'] for row in rows} - {'0'}, key=int)
    for dim in dims:
        for name in ('proto', 'tree', 'mlr', 'hsoftmax', 'basin'):
            if not {(name, 'hyperbolic', dim), (name, 'euclid', dim)} <= of.keys():
                continue  # not measured yet
            own, twin = of[name, 'hyperbolic', dim], of[name, 'euclid', dim]
            pairs = [(own, twin), (own, flat)]
            gaps = [
                mean(a, column) - mean(b, column) for a, b in pairs for column in ('fine_top1', 'inside_superclass')
            ]
            cells.append([f'`{name}`', dim, *(f'{gap:+.1f}' for gap in gaps)])
    columns = ['hyperbolic head', 'd', 'fine - twin', 'inside - twin', 'fine - linear', 'inside - linear']
    basin = []
    for dim in dims:
        if {('basin', 'euclid', dim), ('mlp-basin', '', dim)} <= of.keys():
            gap = mean(of['basin', 'euclid', dim], 'fine_top1') - mean(of['mlp-basin', '', dim], 'fine_top1')
            basin.append(f'{gap:+.1f} at d = {dim}')
    note = f'Fine Top-1 of the flat basin head minus that of an MLP with as many parameters: {", ".join(basin)}.'
    return markdown(columns, cells) + (f'\n\n{note}' if basin else '')


def zero_shot() -> str:
    """Unseen classes named by their place in a tree."""
    head, rows = results('zero-shot')
    cells = [
        [{'cifar100': 'superclasses', 'wordnet': 'WordNet'}[tree], SPACES[space], dim]
        + [over_seeds(own, column) for column in ('unseen_top1', 'seen_top1')]
        for (tree, space, dim), own in grouped(rows, 'tree', 'geometry', 'dim').items()
    ]
    columns = ['tree', 'geometry', 'd', 'Top-1 among 20 unseen classes', 'Top-1 among 80 seen classes']
    return f'{markdown(columns, cells)}\n\n{measured(head)}'


def recall() -> str:
    """Retrieval among unseen classes after metric learning."""
    head, rows = results('recall')
    cells = [
        [
            SPACES[space],
            dim,
            *(over_seeds(own, column) for column in (*(f'recall_at_{k}' for k in (1, 2, 4, 8)), 'class_map')),
        ]
        for (space, dim), own in grouped(rows, 'geometry', 'dim').items()
    ]
    columns = ['distance', 'd', 'Recall@1', '@2', '@4', '@8', 'mAP']
    return f'{markdown(columns, cells)}\n\n{measured(head)}'


def segmentation() -> str:
    """Segmentation on frozen features, hyperbolic and flat, with and without a tree."""
    head, rows = results('segmentation')
    names = {'euclidean': 'flat', 'hyperbolic': 'hyperbolic'}
    columns = {
        'miou': 1,
        'norm_boundary_correlation': 2,
        'error_auroc_norm': 1,
        'error_auroc_entropy': 1,
        'test_miou': 1,
    }
    cells = [
        [f'{names[geometry]}, {"tree" if tree == "tree" else "no tree"}', dim]
        + [over_seeds(own, column, digits) for column, digits in columns.items()]
        for (dim, geometry, tree), own in grouped(rows, 'dim', 'geometry', 'tree').items()
    ]
    cells.sort(key=lambda row: int(row[1]))
    titles = ['', 'd', 'mIoU', 'boundary', 'AUROC, norm', 'AUROC, entropy', 'test mIoU']
    counts = sorted({len(own) for own in grouped(rows, 'dim', 'geometry', 'tree').values()})
    note = (
        f'Mean and standard deviation of {" or ".join(map(str, counts))} seeds, on the 101 validation images; the last '
        'column on the 233 test images. *boundary*: rank correlation of the norm with the distance from a '
        'boundary. *AUROC*: of errors, in percent.'
    )
    return f'{markdown(titles, cells)}\n\n{note}\n\n{measured(head)}'


# --- taxonomies -------------------------------------------------------------------------------------------------------


def image_text() -> str:
    """Images and texts of the stand-in: accuracy, cones, distances from the root, chains."""
    head, rows = results('image-text')
    places = {'CLIP': 0, 'MERU': 1, 'CLIP with parts': 2, 'HyCoCLIP': 3}
    rows.sort(key=lambda row: (places[row['loss']], float(row['space_lr_scale'])))
    runs = grouped(rows, 'loss', 'entailment', 'space_lr_scale')
    radii = ('phrase', 'text', 'crop', 'image')
    shares = ('others', 'chains', 'nested', 'true')
    cells, cones = [], []
    for (loss, weight, rate), own in runs.items():
        parts = (
            loss,
            f'weight {float(weight):g}' if weight else '',
            f'rate {float(rate):g}' if float(rate) != 1 else '',
        )
        name = ', '.join(part for part in parts if part)
        found = [over_seeds(own, column) if own[0][column] else '' for column in ('accuracy', 'inside')]
        place = ' / '.join(f'{mean(own, column):.2f}' for column in radii) if own[0]['text'] else ''
        cells.append([name, str(len(own)), *found, place, f'{mean(own, "seconds"):.0f} s'])
        if own[0]['nested']:
            cones.append([name, *(over_seeds(own, column) for column in shares)])
    columns = ['loss', 'seeds', 'accuracy', 'inside', ' / '.join(radii), 'training']
    tables = [markdown(columns, cells), markdown(['loss', *shares], cones)]
    return '\n\n'.join([*tables, measured(head)])


def contrastive() -> str:
    """Time of the losses of images and texts beside CLIP's."""
    head, rows = results('contrastive')
    cells = [
        [row['loss'], f'{float(row["ms"]):.0f}', f'{float(row["ratio"]):.2f}']
        + [f'{float(row["low"]):.2f} to {float(row["high"]):.2f}', f'{float(row["memory"]):.1f}']
        for row in rows
    ]
    columns = ['loss', 'ms', 'ratio', 'quartiles', 'peak memory, in matrices of similarities']
    return f'{markdown(columns, cells)}\n\n{measured(head)}'


def taxonomy() -> str:
    """Time and quality of ours and of others on the mammals."""
    head, rows = results('taxonomy')
    titles = {
        'ours': 'Poincaré',
        'ours, lorentz': 'Lorentz',
        'ours, euclidean': 'Euclidean',
        'gensim': 'gensim',
        'geoopt': 'geoopt',
        'geoopt, sparse': 'geoopt, sparse',
    }
    cells = [
        [titles[row['contender']], row['epochs']]
        + [f'{float(row["seconds"]):.3g} s', f'{float(row["rank"]):.2f}', f'{float(row["map"]):.3f}']
        + [f'{float(row["reached_s"]):.2g} s' if row['reached_s'] else 'not reached']
        for row in rows
    ]
    columns = ['', 'epochs', 'time', 'mean rank', 'MAP', 'MAP 0.9 after']
    return f'{markdown(columns, cells)}\n\n{measured(head)}'


def nouns() -> str:
    """All nouns, beside the published figures."""
    head, rows = results('nouns')
    cells = [
        [f'{row["space"]}, d = {row["dim"]}', row['epochs'], f'{float(row["rank"]):.2f}', f'{float(row["map"]):.3f}']
        + [f'{float(row["published_rank"]):g}', f'{float(row["published_map"]):g}']
        for row in rows
    ]
    columns = ['', 'epochs', 'mean rank', 'MAP', 'published rank', 'published MAP']
    return f'{markdown(columns, cells)}\n\n{measured(head)}'


def entailment() -> str:
    """Cones and distance embeddings by the share of implied relations in training."""
    head, rows = results('entailment')
    rows = sorted(rows, key=lambda row: float(row['percent']))
    names = ('cones_f1', 'distances_f1', 'distances_full_f1')
    cells = [[f'{row["percent"]} %', *(f'{float(row[name]):.1f}' for name in names)] for row in rows]
    columns = ['implied relations trained on', 'cones', 'distances that cones start from', 'distances, 300 epochs']
    return f'{markdown(columns, cells)}\n\n{measured(head)}'


def geometry() -> str:
    """Median relative error of distances, and the safe radius, by model and number type."""
    head, rows = results('geometry')
    radii = ['1', '4', '8', '16']
    of = {(row['type'], row['model'], row['radius']): row for row in rows}
    cells = []
    for kind, model in dict.fromkeys((row['type'], row['model']) for row in rows):
        errors = [short(float(of[kind, model, radius]['error'])) for radius in radii]
        safe = float(of[kind, model, '1']['safe_radius'])
        cells.append([f'{kind}, {model}', *errors, '60 or more' if safe >= 60 else f'{safe:g}'])
    columns = ['', *(f'at {radius}' for radius in radii), 'right to 1 % up to']
    return f'{markdown(columns, cells)}\n\n{measured(head)}'.replace('e-', 'e\u2011')


# --- studies ----------------------------------------------------------------------------------------------------------


def study_runs(name: str) -> dict[str, Any] | None:
    """What `study_results.py` has kept of a study; None before its first run is done."""
    path = RESULTS / f'study-{name}.json'
    return json.loads(path.read_text(encoding='utf-8')) if path.exists() else None


def study_summary(name: str, arms: list[str]) -> str:
    """Top-1, its differences and the clipped share of some arms of a study."""
    content = study_runs(name)
    if content is None:
        return 'No run of this study is done yet.'
    records = content['runs']
    return accuracy_table(content, records, ('seeds', 'Top-1', f'minus `{content["baseline"]}`', 'clipped'), arms)


def study(name: str) -> str:
    """The tables of a study, and the figures that `study_results.py` has drawn."""
    content = study_runs(name)
    if content is None:
        return 'No run of this study is done yet.'
    shown = [f'![{title}](results-{name}-{key}.svg)' for key, title in STUDY_FIGURES.items()]
    drawn = [line for line in shown if (ROOT / 'docs' / line[line.index('(') + 1 : -1]).exists()]
    return '\n\n'.join([tables_of(content), *drawn])


README_ARMS = ['euclid', 'flat_res_clip', 'hyp_res', 'hyp_res_unclipped', 'flat_res0_open', 'hyp_res0_open']

STUDY_FIGURES = {
    'roadmap': 'Accuracy against images per second',
    'forest-baseline': 'Differences to the Euclidean model',
    'forest-control': 'Differences to the flat controls',
    'course': 'Curvature, gate, centre and clipped share by epoch',
}


BLOCKS: dict[str, Callable[[], str]] = {
    'study-residual': lambda: study('residual'),
    'readme-study': lambda: study_summary('residual', README_ARMS),
    'study-modules': lambda: study('modules'),
    'taxonomy': taxonomy,
    'nouns': nouns,
    'entailment': entailment,
    'geometry': geometry,
    'models': models,
    'costs': costs,
    'readme': readme,
    'convolution': convolution,
    'layers': layers,
    'optimizers': optimizers,
    'loaders': loaders,
    'precision': precision,
    'hyperbolize': hyperbolize,
    'hyperbolize-modules': hyperbolize_modules,
    'finetune': finetune,
    'graphs': graphs,
    'fewshot': fewshot,
    'delta': delta,
    'heads': heads,
    'head-gaps': head_gaps,
    'zero-shot': zero_shot,
    'recall': recall,
    'segmentation': segmentation,
    'image-text': image_text,
    'contrastive': contrastive,
}
FIGURES: dict[str, Callable[[], str]] = {
    'speed-layers.svg': lambda: figures.layers(results('layers')[1]),
    'precision.svg': lambda: figures.precision(results('precision')[1]),
}


# --- pages ------------------------------------------------------------------------------------------------------------


def filled(page: str) -> str:
    """The text of a page with its blocks made anew."""
    return MARKER.sub(lambda match: f'{match["start"]}\n{BLOCKS[match["name"]]()}\n\n{match["end"]}', page)


def stale() -> dict[Path, str]:
    """Pages and figures that differ from the results, with what they should be."""
    pages = [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md'))]
    wanted = {path: filled(path.read_text(encoding='utf-8')) for path in pages}
    wanted |= {ROOT / 'docs' / name: draw() for name, draw in FIGURES.items()}
    return {p: text for p, text in wanted.items() if not p.exists() or p.read_text(encoding='utf-8') != text}


def main(argv: list[str] | None = None) -> int:
    """Write what differs, or say so."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--check', action='store_true', help='write nothing; exit status 1 if anything differs')
    args = parser.parse_args(argv)
    found = stale()
    for path, text in found.items():
        print(f'{"differs from its results" if args.check else "written"}: {path.relative_to(ROOT)}')
        if not args.check:
            write_text(path, text)
    return 1 if args.check and found else 0


if __name__ == '__main__':
    sys.exit(main())

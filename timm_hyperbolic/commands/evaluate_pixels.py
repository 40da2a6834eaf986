"""The part of the command `evaluate` that measures a segmentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn
from tqdm import tqdm

from ..analysis.figures.segmentation import segmentation_figure
from ..analysis.figures.style import to_png
from ..config.evaluate import EvaluateConfig
from ..data.class_tree import read_tree, read_unseen, tree_of_classes
from ..data.images import image_mode
from ..data.labels import label_names
from ..data.mask_loaders import create_mask_eval_loader
from ..data.mask_sources import default_mask_split, open_mask_split
from ..data.masks import MaskedImages, check_masks, labels_of
from ..errors import UserError
from ..evaluate.pixels import Segmented, measures, segment
from ..evaluate.results import check_results_file, write_results
from ..evaluate.trained import load_trained
from ..files import scratch_folder
from ..taxonomy import Taxonomy
from ..train.device import create_autocast, resolve_device
from ..train.model import resolve_data_config
from ..train.progress import format_table
from ..train.run_folder import check_output

__all__ = ['evaluate_pixels']


def evaluate_pixels(config: EvaluateConfig) -> dict[str, Any]:
    """Measure a segmenter on images with masks; print the results and return them.

    Args:
        config: The model, the data, the tree, and what is measured.

    Returns:
        What was measured on what, and the numbers of `evaluate.pixels.measures`.

    Raises:
        UserError: the model, the data or the tree does not exist or does not fit; nothing was measured.
        TrainingError: the results or the pictures could not be written.
    """
    options = config.pixels
    results_file = check_results_file(config.results.results_file)
    for name, value in (('ood', config.ood.ood), ('features', config.source.features)):
        if value is not None:
            raise UserError(f'--{name} {value}: not with --task segmentation; leave it out')
    if config.model.model is None:
        raise UserError('--task segmentation: give CHECKPOINT, the folder of a run, or --model')
    folder = _folder_of_pictures(config)
    device = resolve_device(config.device.device)
    model = load_trained(config).to(device).eval()
    if not hasattr(model, 'forward_maps'):
        raise UserError(f'--model {config.model.model}: classifies images; --task segmentation measures hyp_segmenter')
    names = label_names(model.pretrained_cfg, model.num_classes)
    split = config.look.split or default_mask_split(config.data, 'validation', 'test')
    dataset = open_mask_split(config.data, split, options.ignore_index, names)
    tree = _tree(config, model, dataset)
    unseen = sorted(labels_of(read_unseen(config.tree.unseen), dataset.classes, '--unseen'))
    data_config = resolve_data_config(model, config.model)
    dataset.input_img_mode, dataset.num_classes = image_mode(data_config['input_size'][0]), model.num_classes
    sizes = dataset.sizes()
    check_masks(dataset)
    largest = tuple(map(max, zip(*sizes, strict=True)))
    loader = create_mask_eval_loader(
        dataset, data_config, largest, config.loader.batch_size, config.loader.workers, device
    )
    found = segment(
        model,
        tqdm(loader, desc='evaluation', leave=False, disable=None),
        [Path(dataset.name(index)).stem for index in range(len(dataset))],
        unseen,
        options.uncertainty,
        (data_config['mean'], data_config['std']),
        sizes,
        create_autocast(config.device, device),
    )
    results = {
        'model': config.model.model,
        'checkpoint': config.weights.checkpoint,
        'dataset': config.data.name,
        'split': split,
        'hierarchy': None if tree is None else config.tree.hierarchy or 'its own',
        'images': len(dataset),
        'classes': model.num_classes,
        **measures(found, tree, unseen),
    }
    print(f'{results["model"]} on {results["dataset"]}, split {split}, {len(dataset):,} images')
    print(_table(results))
    if folder is not None:
        _draw(found, folder, dataset.classes or [str(label) for label in range(model.num_classes)])
        print(f'pictures: {folder / "sheet.png"} and one of each of its images beside it')
    write_results(results_file, results)
    return results


def _folder_of_pictures(config: EvaluateConfig) -> Path | None:
    """Return the folder of the pictures, after a check that it can be written to; None for no pictures."""
    options = config.pixels
    if not options.uncertainty:
        return None
    name = config.model.model
    if options.pictures is not None:
        folder = Path(options.pictures)
    elif name.startswith('local-dir:'):
        folder = Path(name.removeprefix('local-dir:')) / 'segmentation'
    else:
        return None
    try:
        check_output(folder)
    except UserError as error:
        raise UserError(str(error).replace('--output', '--pictures')) from error
    return folder


def _tree(config: EvaluateConfig, model: nn.Module, dataset: MaskedImages) -> Taxonomy | None:
    """Return the tree of `--hierarchy` or of the model, in the order of the labels; None without one."""
    hierarchy = config.tree.hierarchy
    tree = read_tree(hierarchy) or model.hierarchy
    if tree is None and hierarchy is None:
        return None
    return tree_of_classes(tree, dataset.classes, model.num_classes, model, None, hierarchy)


def _draw(found: Segmented, folder: Path, classes: list[str]) -> None:
    """Write a picture of each image that was kept, and one of all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    with scratch_folder(folder) as scratch:
        for each in found.pictures:
            (scratch / f'{each.name}.png').write_bytes(to_png(segmentation_figure([each], classes)))
        (scratch / 'sheet.png').write_bytes(to_png(segmentation_figure(found.pictures, classes)))


_MEASURES = {'pixel_accuracy': 'pixel accuracy', 'class_accuracy': 'class accuracy', 'miou': 'mean IoU'}
_ROWS = {
    **_MEASURES,
    **{
        f'{kin}_{name}': f'{title}, {kin}s count as right'
        for kin in ('sibling', 'cousin')
        for name, title in _MEASURES.items()
    },
    'norm_boundary_correlation': 'rank correlation of norm and distance from a boundary',
    'error_auroc_norm': 'error AUROC of the norm',
    'error_auroc_entropy': 'error AUROC of the entropy of the softmax',
    **{f'unseen_{name}': f'unseen classes among themselves: {title}' for name, title in _MEASURES.items()},
    'unseen_miou_among_all': 'unseen classes among all: mean IoU',
    'seen_miou_among_all': 'seen classes among all: mean IoU',
    'zero_label_harmonic_mean': 'harmonic mean of the last two',
    **{
        f'unseen_{kin}_pixel_accuracy_among_all': f'unseen classes among all: pixel accuracy, {kin}s count as right'
        for kin in ('sibling', 'cousin')
    },
}


def _table(results: dict[str, Any]) -> str:
    rows = []
    for name, title in _ROWS.items():
        if name in results:
            form = '.3f' if name == 'norm_boundary_correlation' else '.2f'
            rows.append((title, f'{results[name]:{form}}' + ('' if form == '.3f' else ' %')))
    return format_table(rows)

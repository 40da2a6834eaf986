"""The command that goes from images to the root, past the texts that entail each point."""

from pathlib import Path
from typing import Any

import torch
from PIL import Image
from timm.data import create_transform

from ..analysis.pixels import to_pixels
from ..analysis.traversal import chains_to_root
from ..config.image_text import TraverseConfig
from ..data.captions import gloss_captions, hypernym_texts
from ..data.images import MODES, to_mode
from ..data.sources import default_split, open_split
from ..errors import UserError
from ..evaluate.image_text import encode_texts, open_clip_model, read_lines
from ..evaluate.results import check_file, check_results_file, write_results
from ..files import whole_file
from ..train.device import resolve_device

__all__ = ['traverse']

#: The name of the origin of the space.
ROOT = '[root]'


def traverse(config: TraverseConfig) -> list[dict[str, Any]]:
    """Print the texts on the way from each image to the root, draw them if asked for, and return a row for each image.

    Args:
        config: The model, the images and the texts.

    Raises:
        UserError: the model, an image or a file does not exist or does not fit, or the space is a sphere.
        TrainingError: the results could not be written.
    """
    own = config.traversal
    results_file = check_results_file(config.results.results_file)
    picture = None if own.output is None else check_file('--output', own.output, ('.png', '.svg'))
    missing = next((name for name in own.image if not Path(name).is_file()), None)
    if missing is not None:
        raise UserError(f'--image {missing}: no such file')
    device = resolve_device(config.device.device)
    model, tokenizer, data_config = open_clip_model(config, device)
    if not model.space.is_curved:
        raise UserError(f"--model {config.model.model}: geometry='sphere' has neither a root nor cones")
    mode = MODES[data_config['input_size'][0]]
    classes = None
    if own.image:
        images = [(name, to_mode(Image.open(name), mode)) for name in own.image]
    else:
        split = config.look.split or default_split(config.data, 'validation', 'test') or 'validation'
        dataset = open_split(config.data, split)
        dataset.input_img_mode, classes = mode, dataset.classes
        rows = range(0, len(dataset), max(1, len(dataset) // own.images))
        images = [(f'{split} {row}', dataset[row][0]) for row in list(rows)[: own.images]]
    if own.texts:
        names = texts = read_lines(own.texts, '--texts')
    else:
        if classes is None:
            if own.image and not config.data.dataset:
                raise UserError('--texts: give a text file of the texts to pass, or --dataset for those of its classes')
            classes = open_split(config.data, config.look.split or default_split(config.data, 'test') or 'test').classes
        captions, tree = gloss_captions(classes or (), own.wordnet_dir)
        names, texts = hypernym_texts(captions, tree, own.wordnet_dir)
    transform = create_transform(
        data_config['input_size'],
        interpolation=data_config['interpolation'],
        mean=data_config['mean'],
        std=data_config['std'],
        crop_pct=data_config['crop_pct'],
    )
    pixels = torch.stack([transform(image) for _, image in images])
    with torch.no_grad():
        points = model.encode_image(pixels.to(device), lift=True)
        pool = model.space.lift(encode_texts(model, tokenizer, texts))
        chains = chains_to_root(model.space, points, pool, own.steps)
    labels = [*names, ROOT]
    found = [[labels[number] for number in chain] for chain in chains]
    for (name, _), chain in zip(images, found, strict=True):
        print(f'{name}: {" → ".join(chain)}')
    if picture is not None:
        _draw(picture, to_pixels(pixels, data_config['mean'], data_config['std']), found)
        print(f'saved: {picture}')
    result = [{'image': name, 'chain': ' > '.join(chain)} for (name, _), chain in zip(images, found, strict=True)]
    write_results(results_file, result)
    return result


def _draw(path: Path, pixels: torch.Tensor, chains: list[list[str]]) -> None:
    from ..analysis.figures.image_text import chains_figure  # matplotlib is an extra
    from ..analysis.figures.style import to_png, to_svg

    arrays = list(pixels.permute(0, 2, 3, 1).expand(-1, -1, -1, 3).numpy())
    figure = chains_figure(arrays, chains)
    with whole_file(path) as scratch:
        scratch.write_bytes(to_svg(figure) if path.suffix == '.svg' else to_png(figure))

"""The command that classifies images by the texts of their classes."""

from typing import Any

import torch

from ..config.image_text import ZeroshotConfig
from ..data.caption_loaders import create_caption_eval_loader
from ..data.captions import TABLES, read_captions
from ..data.images import MODES
from ..data.loaders import create_eval_loader
from ..data.sources import default_split, open_split
from ..errors import UserError
from ..evaluate.image_text import (
    class_texts,
    encode_images,
    encode_texts,
    mean_texts,
    open_clip_model,
    read_lines,
    recalls,
)
from ..evaluate.results import check_results_file, write_results
from ..train.device import resolve_device
from ..train.progress import format_table

__all__ = ['zeroshot']


def zeroshot(config: ZeroshotConfig) -> list[dict[str, Any]]:
    """Compare the images of a split with texts, print the recalls and return a row for each geometry.

    Of a data set of classes, `text_r@1` is the accuracy. Of a table, the texts are its captions.

    Args:
        config: The model, the data set and the texts.

    Raises:
        UserError: the model, the data or a file does not exist or does not fit; nothing was measured.
        TrainingError: the results could not be written.
    """
    results_file = check_results_file(config.results.results_file)
    device = resolve_device(config.device.device)
    own, loader = config.prompts, config.loader
    model, tokenizer, data_config = open_clip_model(config, device)
    mode = MODES[data_config['input_size'][0]]
    if config.data.dataset.endswith(TABLES):
        table = read_captions(config.data, config.look.split or config.data.dataset)
        table.source.input_img_mode = mode
        batches = create_caption_eval_loader(table, tokenizer, data_config, loader.batch_size, loader.workers, device)
        images, _ = encode_images(model, batches)
        names = list(dict.fromkeys(table.captions.texts))
        number = {text: n for n, text in enumerate(names)}
        of_images = torch.tensor([number[text] for text in table.captions.texts], device=device)
        texts, what = encode_texts(model, tokenizer, names), f'{len(names):,} captions'
    else:
        split = config.look.split or default_split(config.data, 'validation', 'test') or 'validation'
        dataset = open_split(config.data, split)
        names = read_lines(own.classes, '--classes') if own.classes else dataset.classes
        if names is None:
            raise UserError(f'{config.data}: its classes have no names; give them by --classes')
        if dataset.targets is not None and max(dataset.targets) >= len(names):
            raise UserError(
                f'--classes {own.classes}: has {len(names)} names, but split {split} has the label '
                f'{max(dataset.targets)}'
            )
        phrases = class_texts(names, own.prompts, own.wordnet_dir)
        dataset.input_img_mode = mode
        batches = create_eval_loader(dataset, data_config, loader.batch_size, loader.workers, device)
        images, of_images = encode_images(model, batches)
        texts, what = mean_texts(model, tokenizer, phrases), f'{len(names):,} classes'
    rows = recalls(model.space, images, texts, of_images, torch.arange(len(texts), device=device), own.at)
    print(f'{config.model.model}: {len(images):,} images, {what}; recall in percent')
    for row in rows:
        print(row['geometry'])
        print(format_table((name, f'{value:.2f}') for name, value in row.items() if name != 'geometry'))
    write_results(results_file, [{'images': len(images), 'texts': len(texts), **row} for row in rows])
    return rows

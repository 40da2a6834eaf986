"""Training on images and texts, and what is done with the model: from a table of captions to a chain of texts."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file
from test_taxonomy_wordnet import write as write_wordnet
from torch.nn.parallel import DistributedDataParallel
from train_helpers import summary

from timm_hyperbolic.analysis.pairs import EncodedPairs, PairEvaluator
from timm_hyperbolic.analysis.traversal import chains_to_root
from timm_hyperbolic.cli import run as run_command
from timm_hyperbolic.data.captions import Captioned, Captions, gloss_captions, hypernym_texts
from timm_hyperbolic.errors import UserError
from timm_hyperbolic.layers import ImageTextSpace
from timm_hyperbolic.losses import CompositionalEntailmentLoss
from timm_hyperbolic.models.tokenizers import WordTokenizer
from timm_hyperbolic.train.contrastive import ContrastiveTask
from timm_hyperbolic.train.health import Advice

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')

COLORS = {'red': (220, 30, 30), 'green': (30, 200, 40), 'blue': (30, 40, 220)}
KEYWORDS = ['visual=vit_tiny_patch16_224', 'embed_dim=16', 'depth=1', 'num_heads=2', 'patch_size=8', 'text=tiny']
MODEL = ['--model-kwargs', *KEYWORDS, 'vocab_size=256', 'context_length=8', 'dim=8']
COMMON = ['--img-size', '16', '-b', '8', '--workers', '0', '--device', 'cpu', '--validation-batch-size', '5']


@pytest.fixture(scope='module')
def table(tmp_path_factory) -> Path:
    """Ninety images of three colours, with captions, boxes and phrases."""
    folder = tmp_path_factory.mktemp('captions')
    rng = random.Random(0)
    with (folder / 'pairs.csv').open('w', newline='') as file:
        rows = csv.writer(file)
        rows.writerow(['path', 'caption', 'x1', 'y1', 'x2', 'y2', 'phrase'])
        for n in range(90):
            name, color = rng.choice(list(COLORS.items()))
            Image.new('RGB', (20, 16), color).save(folder / f'{n}.png')
            rows.writerow([f'{n}.png', f'a {name} picture', 2, 2, 9.5, 12, name])
    return folder / 'pairs.csv'


def train(table: Path, output: Path, name: str, *more: str, expected: int = 0) -> Path:
    argv = ['--task', 'contrastive', '--dataset', str(table), *MODEL, *COMMON, '--output', str(output)]
    assert run_command('train', [*argv, '--experiment', name, *more]) == expected
    return output / name


def test_a_run_goes_on_where_it_stopped(table, tmp_path) -> None:
    whole = train(
        table, tmp_path, 'whole', '--parts', '--max-steps', '5', '--checkpoint-every', '2', '--limit-eval-batches', '1'
    )
    train(
        table, tmp_path, 'parts', '--parts', '--max-steps', '5', '--checkpoint-every', '2', '--limit-eval-batches', '1'
    )
    for path in (tmp_path / 'parts').glob('checkpoint-*.pt'):
        if not path.name.endswith('2.pt'):  # inside of an epoch
            path.unlink()
    train(
        table,
        tmp_path,
        'parts',
        '--parts',
        '--max-steps',
        '5',
        '--checkpoint-every',
        '2',
        '--limit-eval-batches',
        '1',
        '--resume',
        'auto',
    )
    a, b = (load_file(folder / 'model.safetensors') for folder in (whole, tmp_path / 'parts'))
    assert all(torch.equal(a[key], b[key]) for key in a)


def test_a_run_learns_colours_by_which_texts_classify_and_are_passed_on_the_way_to_the_root(
    table, tmp_path, capsys
) -> None:
    trained = train(table, tmp_path, 'run', '--parts', '--epochs', '6', '--lr', '5e-4', '--warmup-epochs', '0')
    rows = summary(trained)
    assert float(rows[-1]['train_loss']) < 0.6 * float(rows[0]['train_loss'])
    assert float(rows[-1]['eval_top1']) == 100
    assert float(rows[-1]['curvature/space']) != 1

    images = tmp_path / 'images' / 'test'
    for name, color in COLORS.items():
        (images / name).mkdir(parents=True)
        for n in range(2):
            Image.new('RGB', (20, 16), color).save(images / name / f'{n}.png')
    results = tmp_path / 'found.csv'
    argv = [str(trained), '--data', str(tmp_path / 'images'), '--split', 'test', '--prompts', 'a {} picture']
    assert run_command('zeroshot', [*argv, '--at', '1', '2', '--workers', '0', '--results-file', str(results)]) == 0
    with results.open() as file:
        rows = list(csv.DictReader(file))
    assert [row['geometry'] for row in rows] == ['lorentz', 'cosine']
    assert float(rows[0]['text_r@1']) == 100
    assert all(float(row['text_r@2']) >= float(row['text_r@1']) for row in rows)
    # the captions of the table that it was trained on
    assert run_command('zeroshot', [str(trained), '--at', '1', '--workers', '0']) == 0
    assert '90 images, 3 captions' in capsys.readouterr().out

    texts = tmp_path / 'texts.txt'
    texts.write_text('\n'.join([*(f'a {name} picture' for name in COLORS), *COLORS]))
    picture = tmp_path / 'chains.png'
    image = str(images / 'red' / '0.png')
    argv = [str(trained), '--image', image, '--texts', str(texts), '--output', str(picture)]
    assert run_command('traverse', argv) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith(image)]
    assert line.endswith('[root]')
    assert Image.open(picture).size[0] > 500


# --- several processes ------------------------------------------------------------------------------------------------


def small_task() -> ContrastiveTask:
    torch.manual_seed(3)
    keywords = {'embed_dim': 16, 'depth': 1, 'num_heads': 2, 'patch_size': 8, 'img_size': 16}
    model = timm.create_model(
        'hyp_clip', visual='vit_tiny_patch16_224', vocab_size=256, context_length=8, dim=8, **keywords
    )
    return ContrastiveTask(model, CompositionalEntailmentLoss(model.space), 0, torch.device('cpu'))


def gradients(task: ContrastiveTask, images: torch.Tensor, tokens: torch.Tensor) -> dict[str, torch.Tensor]:
    task(images, tokens)['loss'].backward()
    return {name.removeprefix('module.'): p.grad for name, p in task.trainable_module.named_parameters()}


def of_one_process() -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
    """Images, texts, and the gradients of one process."""
    images, tokens = torch.randn(8, 6, 16, 16), torch.randint(1, 254, (8, 2, 8))
    tokens[..., -1] = 255
    expected = gradients(small_task(), images, tokens)
    assert min(g.abs().max() for g in expected.values()) > 0
    return images, tokens, expected


def assert_two_processes_agree(
    rank: int, images: torch.Tensor, tokens: torch.Tensor, expected: dict[str, torch.Tensor]
) -> None:
    """What `two_processes.py` asks of each of two processes: together they have the gradients of one."""
    task = small_task()
    task.trainable_module = DistributedDataParallel(task.trainable_module)
    found = gradients(task, images.chunk(2)[rank], tokens.chunk(2)[rank])
    for name, gradient in expected.items():
        assert (found[name] - gradient).abs().max() < 1e-5 * gradient.abs().max(), name


# --- texts of classes -------------------------------------------------------------------------------------------------


def test_classes_have_the_glosses_of_wordnet(tmp_path) -> None:
    folder = str(write_wordnet(tmp_path / 'wordnet'))
    captions, tree = gloss_captions(['rex.n.02'], folder)
    assert captions.texts == ['rex.n.02: a dog']
    assert captions.phrases == [['dog: barks | loudly']]
    names, texts = hypernym_texts(captions, tree, folder)
    assert dict(zip(names, texts, strict=True)) == {
        'pack.n.01': 'pack: dogs',
        'rex.n.02': 'rex.n.02: a dog',
        'dog.n.01': 'dog: barks | loudly',
    }


def test_a_part_is_the_box_in_pixels() -> None:
    image = Image.new('RGB', (10, 8))
    image.putpixel((7, 5), (255, 0, 0))
    images = [(image, 0)]
    dataset = Captioned(images, Captions(['whole'], [['part']], [(4.5, 2.2, 7.5, 5.1)]), 'x')
    dataset.tokenize, dataset.parts = WordTokenizer(64, 4), True
    sizes = []

    def transform(view: Image.Image) -> torch.Tensor:
        sizes.append(view.size)
        return torch.full((3, 2, 2), max(color[0] for _, color in view.getcolors(99)), dtype=torch.uint8)

    dataset.transform = transform
    pixels, tokens = dataset[0]
    assert sizes == [(10, 8), (4, 4)]  # from 4 to 8 and from 2 to 6
    assert pixels.shape == (6, 2, 2)
    assert (pixels == 255).all()
    assert torch.equal(tokens, dataset.tokenize(['whole', 'part']))


# --- measures ---------------------------------------------------------------------------------------------------------


def test_recalls_count_each_text_once() -> None:
    space = ImageTextSpace(2, 'sphere')
    images = torch.tensor([[1.0, 0], [1, 0.1], [0, 1], [0.1, 1], [1, 0]])
    texts = torch.tensor([[1.0, 0], [1, 0], [0.9, 0.5], [0.9, 0.5], [0.9, 0.5]])
    tokens = torch.tensor([[5, 9], [5, 9], [6, 9], [6, 9], [6, 9]])
    evaluator = PairEvaluator(max_samples=4)
    evaluator.update(EncodedPairs(images[:3], texts[:3], space), tokens[:3])
    evaluator.update(EncodedPairs(images[3:], texts[3:], space), tokens[3:])  # one row more than there are
    found = evaluator.compute()
    assert found['top1'] == 100
    assert found['top5'] == 100
    assert found['text_top1'] == 50  # the second text is nearest to the second image


def test_an_image_is_inside_if_the_cone_of_its_text_holds_it() -> None:
    space = ImageTextSpace(2)
    texts = 3 * torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    images = 9 * torch.tensor([[1.0, 0], [-1, 0], [0.002, 1], [0, 0.1]])  # on the ray, opposite, near it, nearer
    evaluator = PairEvaluator()
    evaluator.update(EncodedPairs(images, texts, space), torch.tensor([[1], [1], [2], [2]]))
    assert evaluator.compute()['inside'] == 50


def test_the_way_to_the_root_passes_what_entails_it() -> None:
    space = ImageTextSpace(2)
    ray = torch.tensor([0.6, 0.8])
    texts = torch.stack([2.5 * ray, 0.8 * ray, 0.8 * torch.tensor([1.0, -0.2])])
    (chain,) = chains_to_root(space, 4.0 * ray[None], texts, steps=40)
    assert chain == [0, 1, 3]
    with pytest.raises(ValueError, match='neither a root nor cones'):
        chains_to_root(ImageTextSpace(2, 'sphere'), ray[None], texts)


def test_a_curvature_on_its_bound_is_told(capsys) -> None:
    task = small_task()
    model = task.trainable_module
    advice = Advice(model, torch.optim.SGD(model.parameters(), lr=0.1))
    assert advice.check({}, model) == []
    model.space.log_curvature.data.fill_(5.0)
    (told,) = advice.check({}, model)
    assert 'curvature of the space of images and texts at its bound: space 10' in told


# --- wrong input ------------------------------------------------------------------------------------------------------


def write(folder: Path, text: str) -> Path:
    path = folder / 'bad.csv'
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ('text', 'more', 'message'),
    [
        ('path,caption\nno.png,a\nneither.png,b\n', [], '2 of 2 images do not exist: '),
        ('file,words\n', [], 'no column image or path'),
        ('path,words\nx.png,a\n', [], 'no column caption or text or title; name it by --target-key'),
        ('path,caption\nx.png,\n', [], 'the caption of row 1, 2 is empty'),
        ('path,caption\nx.png,a\n', ['--parts'], '--parts: --dataset'),
        ('path,caption,x1,y1,x2,y2,phrase\nx.png,a,5,1,3,4,b\n', ['--parts'], "row 1 has the box ('5', '1', '3', '4')"),
        ('path,caption\nx.png,a\n', ['--model', 'resnet10t'], 'has no text tower'),
        ('path,caption\nx.png,a\n', ['--mixup', '0.2'], '--mixup 0.2: not with --task contrastive'),
        ('path,caption\nx.png,a\n', ['--model-kwargs', *KEYWORDS, 'tokenizer=/no/where'], "tokenizer='/no/where'"),
        ('path,caption\nx.png,a\n', ['--model-kwargs', 'text=tiny'], 'name its image model by --model-kwargs visual='),
    ],
)
def test_wrong_input_is_one_line(text, more, message, tmp_path, capsys) -> None:
    Image.new('RGB', (20, 16)).save(tmp_path / 'x.png')
    rows = text if text.count('\n') != 2 or 'no.png' in text else text + text.splitlines()[1] + '\n'
    argv = ['--task', 'contrastive', '--dataset', str(write(tmp_path, rows)), '--val-split', '1', '--output']
    given = [] if '--model-kwargs' in more or '--model' in more else MODEL
    assert run_command('train', [*argv, str(tmp_path / 'out'), *COMMON, *given, *more]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'out').exists() or not list((tmp_path / 'out').iterdir())


def test_the_sphere_has_no_way_to_the_root(table, tmp_path, capsys) -> None:
    folder = train(
        table,
        tmp_path,
        'sphere',
        '--max-steps',
        '1',
        '--limit-eval-batches',
        '1',
        '--model-kwargs',
        *KEYWORDS,
        'geometry=sphere',
    )
    assert run_command('traverse', [str(folder), '--texts', str(table)]) == 2
    assert "geometry='sphere' has neither a root nor cones" in capsys.readouterr().err
    with pytest.raises(UserError):
        gloss_captions(['no such noun'], str(write_wordnet(tmp_path / 'wordnet')))

"""The files in `recipes/`: one for each variant, with the study's protocol, and each of them runs."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import timm
import torch
from train_helpers import run, summary

from timm_hyperbolic.config.options import to_values
from timm_hyperbolic.config.train import TrainConfig, read_train_options
from timm_hyperbolic.layers import HyperbolicHead, HyperbolicModule, HyperbolicPosEmbed
from timm_hyperbolic.train.model import create_model
from timm_hyperbolic.train.selection import best_epoch

ROOT = Path(__file__).resolve().parent.parent
CIFAR100 = ROOT.parent / 'shared' / 'data' / 'cifar100'
RECIPES = sorted(path.stem for path in (ROOT / 'recipes').glob('[!_]*.yaml'))
FROM = {'hyp_all': 'hyp_head_pos_res_mlp', 'hyp_attn': 'euclid'}
SMALL = ['--model-kwargs', 'embed_dim=12', 'depth=1', 'num_heads=3']


def options(recipe: str, *argv: str):
    start = ['--initial-checkpoint', 'x'] if recipe in FROM else []
    return read_train_options(['-c', str(ROOT / 'recipes' / f'{recipe}.yaml'), *start, *argv])


def created(config: TrainConfig) -> torch.nn.Module:
    return create_model(config.model, 100, config.model_training, config.phases.hamp)


def test_every_variant_has_a_recipe():
    models = timm.list_models('vit_tiny_patch4_hyp_*') + ['vit_tiny_patch4_euclid']
    assert sorted(options(recipe).model.model for recipe in RECIPES) == sorted(models)
    assert all(options(recipe).model.model == f'vit_tiny_patch4_{recipe}' for recipe in RECIPES)


@pytest.mark.parametrize('recipe', RECIPES)
def test_a_recipe_holds_the_protocol_of_the_study(recipe):
    args = SimpleNamespace(**to_values(options(recipe)))
    assert (args.lr, args.weight_decay, args.sched, args.drop_path) == (5e-4, 0.05, 'cosine', 0.2)
    assert args.batch_size * args.grad_accum_steps == 128
    assert (args.crop_padding, args.hflip, args.color_jitter) == (4, 0.5, 0)
    assert (args.opt, args.clip_grad, args.man_clip_grad, args.man_clip_norm) == ('hypadamw', 1.0, 1.0, 'euclidean')
    assert args.epochs == (20 if recipe in FROM else 100)
    assert (args.train_only_epochs, args.allow_missing) == ((10, args.train_only) if recipe in FROM else (None, None))
    assert (args.hamp, args.hamp_start_epoch) == ((True, 1) if recipe.endswith('mlp') else (False, 0))


@pytest.mark.parametrize('recipe', RECIPES)
def test_the_model_of_a_recipe_has_the_rates_and_margins_of_the_study(recipe):
    model = created(options(recipe, '--model-kwargs', 'embed_dim=12', 'depth=1'))
    dropout = {name: m.p for name, m in model.named_modules() if isinstance(m, torch.nn.Dropout)}
    assert dropout.pop('head_drop') == 0
    assert set(dropout.values()) == {0.1}
    assert set(dropout) >= {'pos_drop', 'blocks.0.attn.attn_drop', 'blocks.0.attn.proj_drop', 'blocks.0.mlp.drop1'}
    both = 'head_pos' in recipe or recipe == 'hyp_all'
    for module in model.modules():
        if isinstance(module, HyperbolicModule):
            others = 0.98 if isinstance(module, HyperbolicPosEmbed) else 0.985
            head = 0.98 if both else 0.96
            assert module.limits.margin == (head if isinstance(module, HyperbolicHead) else others)


def test_flags_win_and_keywords_of_the_model_are_added():
    config = options('hyp_res', '--model', 'vit_tiny_patch4_flat_res', '--lr', '1', '--model-kwargs', 'depth=2')
    assert (config.model.model, config.optimizer.lr) == ('vit_tiny_patch4_flat_res', 1.0)
    assert config.model.model_kwargs == {**options('hyp_res').model.model_kwargs, 'depth': 2}


def test_no_recipe_names_a_place_on_a_disk():
    for path in (ROOT / 'recipes').glob('*.yaml'):
        assert not any(f'{key}:' in path.read_text() for key in ('data_dir', 'output', 'device', 'initial_checkpoint'))
        assert ': /' not in path.read_text()


def test_the_attention_needs_weights_to_start_from(tmp_path, capsys):
    flags = ['-c', str(ROOT / 'recipes' / 'hyp_all.yaml'), '--dataset', 'digits', '--input-key', 'image']
    status, folder = run(tmp_path, *flags, tiny=False)
    assert (status, folder.exists()) == (2, False)
    assert 'give --initial-checkpoint too, the weights to start from' in capsys.readouterr().err


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    """Run a recipe on a few CIFAR-100 images, a small model for two steps in each of two epochs; once each."""
    folder, done = tmp_path_factory.mktemp('recipes'), {}

    def get(recipe: str) -> Path:
        if recipe not in done:
            flags = ['-c', str(ROOT / 'recipes' / f'{recipe}.yaml'), '--dataset', f'hfds/{CIFAR100}', *SMALL]
            flags += ['--train-split', 'train[:320]', '--val-split', '50', '--test-split', 'test[:50]']
            flags += ['-b', '64', '--grad-accum-steps', '2', '--workers', '0', '--epochs', '2']
            if recipe in FROM:
                flags += ['--train-only-epochs', '1', '--initial-checkpoint', str(get(FROM[recipe]))]
            status, done[recipe] = run(folder, *flags, name=recipe, tiny=False, steps=4)
            assert status == 0
        return done[recipe]

    return get


@pytest.mark.skipif(not CIFAR100.is_dir(), reason='../shared/data/cifar100 is not there')
@pytest.mark.parametrize('recipe', RECIPES)
def test_a_recipe_runs_end_to_end(runs, recipe, capsys):
    pytest.importorskip('datasets')
    folder = runs(recipe)
    rows = summary(folder)
    assert len(rows) == 2
    assert all(row['train_loss'] < 6 for row in rows)  # guessing among a hundred classes gives 4.6
    assert (folder / 'test.json').exists()
    timm.create_model(f'local-dir:{folder}', pretrained=True)
    if recipe not in FROM:
        return
    said = capsys.readouterr().out
    assert 'not in it, initial values kept: blocks.0.attn.' in said
    assert 'parameters (blocks.*.attn.*, centroids.*) in epoch 1, then all of them' in said
    before, after = best_epoch(summary(runs(FROM[recipe])), 'top1'), rows  # its model is that of the best epoch
    others = [name for name in before if name.startswith('curvature/') and name in rows[0] and '.attn' not in name]
    assert all(after[0][name] == pytest.approx(before[name], abs=1e-6) for name in others)  # frozen
    assert not others or any(after[1][name] != after[0][name] for name in others)
    own = [name for name in rows[0] if name.startswith('curvature/') and '.attn' in name]
    assert any(after[0][name] != 1 for name in own)

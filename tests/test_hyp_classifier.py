"""Every head on every family, through timm's own factories."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from local_hub import LocalHub, connect
from test_pretrained import rewrite
from timm.models import group_parameters, push_to_hf_hub
from timm.models._hub import save_for_hf
from timm.optim import create_optimizer_v2, param_groups_layer_decay
from timm.utils import CheckpointSaver
from torch import Tensor, nn

from timm_hyperbolic import attach_head, hyperbolize
from timm_hyperbolic.errors import UserError
from timm_hyperbolic.layers import (
    BasinHead,
    HierarchicalSoftmax,
    HyperbolicHead,
    HyperbolicMLR,
    ProjectedHead,
    TreeHead,
)
from timm_hyperbolic.models.head_options import HEADS, hierarchy_of, plain_hierarchy
from timm_hyperbolic.taxonomy import Taxonomy, embed_tree

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')

SIZE = 32
TEXT = 'things\n  animal\n    cat\n    dog\n    fox\n  vehicle\n    bus\n    car\n'
#: timm's name and keywords of a small model of each family.
FAMILIES: dict[str, dict[str, Any]] = {
    'test_vit': {'img_size': SIZE, 'patch_size': 8},
    'test_resnet': {},
    'test_convnext': {},
    'test_efficientnet': {},
    'swin_tiny_patch4_window7_224': {
        'img_size': SIZE, 'patch_size': 2, 'embed_dim': 12, 'depths': (2, 1), 'num_heads': (2, 2), 'window_size': 4
    },
    'mobilenetv3_small_050': {},
}  # fmt: skip
every_family = pytest.mark.parametrize('family', FAMILIES)
every_head = pytest.mark.parametrize('head', HEADS)


def images(batch: int = 2) -> Tensor:
    return torch.randn(batch, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(2))


def make(family: str = 'test_resnet', head: str = 'mlr', **kwargs: Any) -> nn.Module:
    own = {'backbone': family, 'head': head, 'dim': 12, 'hierarchy': TEXT} | FAMILIES[family] | kwargs
    return timm.create_model('hyp_classifier', **own)


def load(folder: Path, **kwargs: Any) -> nn.Module:
    return timm.create_model(f'local-dir:{folder}', pretrained=True, **kwargs).eval()


# --- every head on every family ---------------------------------------------------------------------------------------


@every_family
@every_head
def test_it_trains_a_step_is_saved_loaded_and_reset(family: str, head: str, tmp_path: Path) -> None:
    model = make(family, head)
    optimizer = create_optimizer_v2(model, 'hypadamw', lr=1e-2, weight_decay=0.05)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    logits = model(images(4))
    assert logits.shape == (4, 5)
    nn.functional.cross_entropy(logits, torch.tensor([0, 1, 3, 4])).backward()
    new = set(before) - set(dict(timm.create_model(family, **FAMILIES[family]).named_parameters()))
    for name, p in model.named_parameters():
        assert p.grad is not None, name
        assert p.grad.isfinite().all(), name
    optimizer.step()
    assert not [n for n, p in model.named_parameters() if n in new and p.grad.any() and torch.equal(p, before[n])]
    model.eval()
    save_for_hf(model, str(tmp_path), safe_serialization=True)
    loaded = load(tmp_path)
    assert type(loaded) is type(model)
    assert torch.equal(loaded(images()), model(images()))
    features = model.forward_head(model.forward_features(images()), pre_logits=True)
    assert torch.allclose(model.get_classifier()(features), model(images()), atol=1e-6)
    kind = type(model.get_classifier())
    model.reset_classifier(0)
    assert torch.allclose(model(images()), features, atol=1e-6)
    model.reset_classifier(5)
    assert type(model.get_classifier()) is kind
    assert model(images()).shape == (2, 5)
    assert model.pretrained_cfg['classifier'] in dict(model.named_modules())


@every_family
def test_it_is_a_model_of_its_family(family: str) -> None:
    plain, model = timm.create_model(family, num_classes=5, **FAMILIES[family]), make(family, 'hsoftmax')
    assert isinstance(model, type(plain))
    head = model.pretrained_cfg['classifier']
    kept = {n: p.shape for n, p in plain.named_parameters() if not n.startswith(f'{head}.')}
    assert kept == {n: p.shape for n, p in model.named_parameters() if not n.startswith(f'{head}.')}
    layers = group_parameters(model, model.group_matcher(), reverse=True)
    assert layers.keys() == dict(model.named_parameters()).keys()
    groups = param_groups_layer_decay(model, 0.05, model.no_weight_decay(), layer_decay=0.5)
    decayed = {id(p) for group in groups if group['weight_decay'] for p in group['params']}
    mine = {n for n, p in model.named_parameters() if n.startswith(f'{head}.') and id(p) in decayed}
    assert mine == {f'{head}.project.weight', f'{head}.head.scores.weight'}
    model.set_grad_checkpointing()
    model(images(4)).square().sum().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())
    features = make(family, 'hsoftmax', features_only=True)
    assert (
        features.feature_info.channels()
        == timm.create_model(family, features_only=True, **FAMILIES[family]).feature_info.channels()
    )
    assert len(features(images())) == len(features.feature_info.channels())


@pytest.mark.parametrize(
    ('family', 'head'), [('test_vit', head) for head in HEADS] + [(f, 'hsoftmax') for f in FAMILIES if f != 'test_vit']
)
def test_it_comes_back_from_the_hub(family: str, head: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make(family, head).eval()
    with LocalHub() as hub:
        connect(monkeypatch, hub, tmp_path / 'cache')
        push_to_hf_hub(model, f'me/{head}', safe_serialization=True)
        loaded = timm.create_model(f'hf_hub:me/{head}', pretrained=True).eval()
    assert torch.equal(loaded(images()), model(images()))
    assert str(loaded) == str(model)


@pytest.mark.parametrize('head', ['tree', 'basin'])
def test_checkpoints_of_timms_script_load_through_its_factory(head: str, tmp_path: Path) -> None:
    model = make('test_resnet', head).eval()
    optimizer = create_optimizer_v2(model, 'hypadamw', lr=1e-2)
    saver = CheckpointSaver(model, optimizer, checkpoint_dir=str(tmp_path), recovery_dir=str(tmp_path))
    saver.save_checkpoint(0, metric=1.0)
    own = {'backbone': 'test_resnet', 'head': head, 'dim': 12, 'hierarchy': TEXT}
    path = str(tmp_path / 'last.pth.tar')
    loaded = timm.create_model('hyp_classifier', checkpoint_path=path, **own).eval()
    assert torch.equal(loaded(images()), model(images()))


# --- what the heads are -----------------------------------------------------------------------------------------------


def test_keywords_make_the_head_that_they_name() -> None:
    kinds = {'proto': HyperbolicHead, 'tree': TreeHead, 'mlr': HyperbolicMLR, 'hsoftmax': HierarchicalSoftmax}
    for name, kind in kinds.items():
        head = make(head=name, curvature=0.5, margin=0.9).get_classifier()
        assert isinstance(head, ProjectedHead)
        assert head.project.out_features == 12
        assert type(head.head) is kind
        points = head.head.scores if name == 'hsoftmax' else head.head
        assert points.curvature().item() == pytest.approx(0.5)
        assert points.limits.margin == 0.9
        assert (
            make(head=name, geometry='euclid')
            .get_classifier()
            .get_submodule('head.scores' if name == 'hsoftmax' else 'head')
            .curvature.is_flat
        )
    basin = make(head='basin', k=3, scales=[4, 8], vertices='ball').get_classifier()
    assert isinstance(basin, BasinHead)
    assert (basin.scales, basin.k, basin.curvature.is_flat) == ((4, 8), 3, False)
    assert make(head='basin').get_classifier().scales == (12, 24, 48)
    assert type(make(head='hsoftmax', nodes='tree').get_classifier().head.scores) is TreeHead
    assert type(make(head='linear').get_classifier()) is nn.Linear
    assert make(head='mlp').get_classifier()[0].out_features == 12


def test_prototypes_of_the_tree_are_those_of_the_closed_form() -> None:
    tree = hierarchy_of(TEXT)
    head = make(head='tree', curvature=0.25, edge=1.5).get_classifier().head
    points = embed_tree(tree, 12, 1.5).points('ball', 0.25, torch.float64)[torch.from_numpy(tree.classes.copy())]
    p = head.prototypes.double()
    norms = p.norm(dim=-1, keepdim=True)
    assert torch.allclose(2 * torch.tanh(norms / 2) * p / norms, points, atol=1e-6)
    # A feature at a prototype has the highest logit, its siblings come next.
    order = head(head.prototypes).argsort(-1, descending=True)
    assert order[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert [set(row) for row in order[:3, :3].tolist()] == [{0, 1, 2}] * 3


@pytest.mark.parametrize('head', ['tree', 'hsoftmax', 'basin'])  # with the scores of `mlr`
def test_it_compiles_without_a_break_and_is_exported(head: str) -> None:
    layer = make(head=head).get_classifier().eval()
    x = torch.randn(4, next(m for m in layer.modules() if isinstance(m, nn.Linear)).in_features)
    torch.compiler.reset()
    compiled = torch.compile(layer, fullgraph=True, backend='eager')
    assert torch.allclose(compiled(x), layer(x), rtol=1e-5, atol=1e-5)
    program = torch.export.export(layer, (x,), dynamic_shapes=({0: torch.export.Dim('batch', min=2)},))
    other = torch.cat([x, x[:3]])
    assert torch.allclose(program.module()(other), layer(other), rtol=1e-5, atol=1e-5)


# --- the function -----------------------------------------------------------------------------------------------------


def test_a_trained_model_keeps_its_backbone_and_takes_the_classes_of_the_tree(tmp_path: Path) -> None:
    model = timm.create_model('test_resnet', num_classes=7)
    before = {name: p for name, p in model.named_parameters() if not name.startswith('fc.')}
    assert attach_head(model, 'tree', dim=4, hierarchy=hierarchy_of(TEXT)) is model
    assert model.num_classes == 5
    assert all(dict(model.named_parameters())[name] is p for name, p in before.items())
    save_for_hf(model.eval(), str(tmp_path), safe_serialization=True)
    assert torch.equal(load(tmp_path)(images()), model(images()))
    again = attach_head(model, 'mlr', num_classes=3)
    assert model(images()).shape == (2, 3)
    assert type(again.get_classifier().head) is HyperbolicMLR
    config = json.loads((tmp_path / 'config.json').read_text())
    assert config['architecture'] == 'hyp_classifier'
    assert config['model_args']['backbone'] == 'test_resnet'
    assert config['model_args']['hierarchy']['classes'] == ['cat', 'dog', 'fox', 'bus', 'car']


def test_a_backbone_without_classes_or_with_groups_by_function_takes_a_head() -> None:
    model = attach_head(timm.create_model('test_vit', num_classes=0), 'mlr', num_classes=3)
    assert model.get_classifier().head.num_classes == 3
    small = {'img_size': SIZE, 'embed_dim': 24, 'depth': 1, 'num_heads': 2}
    for name, keywords in (
        ('cait_xxs24_224', small),
        ('inception_v3', {}),
    ):  # their group_matcher has no pattern 'stem'
        model = timm.create_model('hyp_classifier', backbone=name, dim=4, num_classes=3, **keywords)
        layers = group_parameters(model, model.group_matcher(), reverse=True)
        assert layers.keys() == dict(model.named_parameters()).keys()


def test_copies_and_pickles_are_models_of_their_own() -> None:
    model = make('test_convnext', 'tree').eval()
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(other(images()), model(images()))
        other.reset_classifier(5)
        assert type(other.get_classifier().head) is TreeHead


def test_a_converted_backbone_can_have_a_head_and_be_saved(tmp_path: Path) -> None:
    for i, model in enumerate(
        [
            attach_head(hyperbolize(timm.create_model('test_vit', img_size=SIZE), 'res0', 0.1), 'mlr', num_classes=5),
            hyperbolize(make('test_vit', 'tree'), 'res0', 0.1),
        ]
    ):
        save_for_hf(model.eval(), str(tmp_path / str(i)), safe_serialization=True)
        loaded = load(tmp_path / str(i))
        assert torch.equal(loaded(images()), model(images()))
        assert str(loaded) == str(model)


def test_keywords_of_the_user_change_what_is_loaded(tmp_path: Path) -> None:
    model = make('test_vit', 'mlr').eval()
    save_for_hf(model, str(tmp_path), safe_serialization=True)
    other = load(tmp_path, head='tree', in_chans=1)
    assert type(other.get_classifier().head) is TreeHead
    assert torch.equal(other.blocks[0].mlp.fc1.weight, model.blocks[0].mlp.fc1.weight)
    headless = load(tmp_path, num_classes=0)
    features = model.forward_head(model.forward_features(images()), pre_logits=True)
    assert torch.allclose(headless(images()), features, atol=1e-6)


def test_hierarchies_are_named_read_and_written(tmp_path: Path) -> None:
    assert len(hierarchy_of('cifar100').classes) == 100
    (tmp_path / 'tree.txt').write_text(TEXT)
    for value in (TEXT, str(tmp_path / 'tree.txt'), tmp_path / 'tree.txt', plain_hierarchy(hierarchy_of(TEXT))):
        tree = hierarchy_of(value)
        assert [tree.names[node] for node in tree.classes] == ['cat', 'dog', 'fox', 'bus', 'car']
    # Of a class with two parents one counts, and what then stands above no class is left out.
    graph = Taxonomy.from_parents(
        {'r': (), 'animal': ('r',), 'pet': ('r',), 'cat': ('animal', 'pet'), 'ox': ('animal',)}
    )
    tree = hierarchy_of(graph.with_classes(['ox', 'cat']))
    assert 'pet' in graph
    assert set(tree) == {'r', 'animal', 'cat', 'ox'}
    assert make(head='hsoftmax', hierarchy=graph.with_classes(['ox', 'cat'])).num_classes == 2
    # Labels need not be in the order of the leaves.
    shuffled = hierarchy_of(TEXT).with_classes(['bus', 'cat', 'car', 'fox', 'dog'])
    again = hierarchy_of(json.loads(json.dumps(plain_hierarchy(shuffled))))
    assert [again.path(node) for node in again.classes] == [shuffled.path(node) for node in shuffled.classes]


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('keywords', 'message'),
    [
        ({'head': 'tre'}, r"head='tre' is unknown\. Nearest: tree\. Choose from: proto, tree"),
        ({'head': 'tree', 'hierarchy': None}, "head='tree' needs the tree of the classes: give hierarchy='cifar100'"),
        ({'head': 'hsoftmax', 'hierarchy': None}, "head='hsoftmax' needs the tree of the classes"),
        ({'head': 'mlr', 'dim': 1}, 'dim=1 must be a whole number of at least 2'),
        ({'geometry': 'flat'}, r"geometry='flat' is unknown\..* Choose from: hyperbolic, euclid\."),
        ({'geometry': 'euclid', 'curvature': 0.5}, "geometry='euclid' and curvature=0.5 contradict"),
        ({'vertices': 'ball'}, "vertices='ball' is for head='basin', not for head='mlr'"),
        ({'head': 'basin', 'k': 40}, 'k=40 and scales=.*smaller k or larger scales'),
        ({'hierarchy': 'cifar10'}, "hierarchy='cifar10' is no file; give 'cifar100', 'wordnet'"),
        ({'hierarchy': 'cifar100', 'num_classes': 10}, r'num_classes=10 differs from the 100 classes of hierarchy='),
        ({'hierarchy': Taxonomy.from_parents({'a': (), 'b': ('a',)})}, 'does not say which nodes are the classes'),
        ({'backbone': 'resnet19'}, r"backbone='resnet19' is no timm model\. Nearest: resnet"),
        ({'backbone': ''}, "backbone='' must be the name of a timm model"),
        ({'curvature': -1}, 'curvature=-1 must be a number >= 0'),
    ],
)
def test_impossible_keyword_is_named_with_its_remedy(keywords: dict[str, Any], message: str) -> None:
    own = {'backbone': 'test_resnet', 'head': 'mlr', 'dim': 12, 'hierarchy': TEXT} | keywords
    with pytest.raises(ValueError, match=message):
        timm.create_model('hyp_classifier', **own)


def test_model_without_a_linear_classifier_is_refused_unchanged() -> None:
    for model, message in (
        (nn.Linear(3, 4), 'no classifier that a head could replace: it has no get_classifier'),
        (timm.create_model('test_resnet', num_classes=0), r'no classifier that a head could replace \(num_classes=0\)'),
        (timm.create_model('test_convnext', global_pool=''), 'the classifier head.fc of the backbone .* a convolution'),
        (hyperbolize(timm.create_model('test_vit'), 'head'), 'the classifier head of .*HyperbolicHead is hyperbolic'),
    ):
        before = str(model)
        with pytest.raises(ValueError, match=message):
            attach_head(model, 'mlr')
        assert str(model) == before
    model = timm.create_model('test_resnet', num_classes=7)
    before = str(model)
    with pytest.raises(ValueError, match='a simplex of dimension k'):
        attach_head(model, 'basin', k=200, hierarchy=TEXT)
    assert (str(model), model.num_classes) == (before, 7)
    with pytest.raises(TypeError, match=r"unknown keyword \['curvatur'\]"):
        attach_head(timm.create_model('test_resnet'), 'mlr', curvatur=1)
    with pytest.raises(UserError, match='classes'):
        hierarchy_of({'parents': {'a': None, 'b': 'a'}, 'classes': ['b', 'c']})


@pytest.mark.parametrize('family', ['test_convnext', 'test_vit', 'test_resnet'])
def test_a_refused_reset_leaves_the_model_as_it_was(family: str) -> None:
    model = make(family, 'tree').eval()
    before, logits = model.state_dict(), model(images())
    for arguments, message in (
        ((4,), r'num_classes=4 differs from the 5 classes .*attach the head again'),
        ((5, 'unheard'), ''),
    ):
        with pytest.raises(Exception, match=message):
            model.reset_classifier(*arguments)
        assert model.num_classes == 5
        assert type(model.get_classifier().head) is TreeHead
        assert {name: t.data_ptr() for name, t in model.state_dict().items()} == {
            name: t.data_ptr() for name, t in before.items()
        }
        assert torch.equal(model(images()), logits)
    bare = timm.create_model('test_vit', num_classes=0)
    with pytest.raises(ValueError, match='num_classes=4 differs'):
        attach_head(bare, 'tree', hierarchy=TEXT, num_classes=4)
    assert type(bare.head) is nn.Identity
    assert bare.num_classes == 0


@pytest.mark.parametrize('backbone', ['shvit_s1', 'efficientvit_m0'])
def test_a_model_that_cannot_say_that_it_has_no_classifier(backbone: str) -> None:
    """`get_classifier` of these models raises an AttributeError where they have none."""
    model = attach_head(timm.create_model(backbone), 'tree', hierarchy=TEXT)
    model.reset_classifier(0)
    assert model(torch.zeros(2, 3, 64, 64)).dim() == 2
    with pytest.raises(ValueError, match=r'no classifier that a head could replace \(num_classes=0\)'):
        attach_head(model, 'mlr')
    attach_head(model, 'mlr', num_classes=3)  # not the five of the tree before
    assert type(model.get_classifier().head) is HyperbolicMLR
    assert model(torch.zeros(2, 3, 64, 64)).shape == (2, 3)


@pytest.mark.parametrize(
    ('field', 'value'),
    [
        ('head', 'custom'),
        ('backbone', 'hf-hub:owner/name'),
        ('backbone', 'hyp_classifier'),
        ('hierarchy', '/etc/passwd'),
        ('hierarchy', {'parents': {'a': 3}, 'classes': ['a']}),
        ('dim', 10**9),
        ('nodes', 'linear'),
        ('curvature', -1),
    ],
)
def test_configuration_from_elsewhere_is_checked(field: str, value: Any, tmp_path: Path) -> None:
    save_for_hf(make(head='hsoftmax'), str(tmp_path), safe_serialization=True)
    rewrite(tmp_path, model_args={field: value})
    with pytest.raises(ValueError, match=f'model_args.{field}='):
        load(tmp_path)

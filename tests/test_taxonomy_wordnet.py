"""WordNet's nouns: a small file of its form, and where WordNet is installed the published counts."""

import os
from pathlib import Path

import numpy as np
import pytest
import timm

from timm_hyperbolic.errors import UserError
from timm_hyperbolic.taxonomy import Taxonomy, embed_tree, report, wordnet
from timm_hyperbolic.taxonomy.cifar100 import SUPERCLASSES, SYNSETS

# Three nouns and an instance in the form of wndb(5WN): offset, file, type, number of words in hexadecimal, words with
# their ids, number of pointers, pointers of four fields, gloss. `Rex` has the second sense of its word.
DATA = """\
  1 This is a licence, whose lines begin with spaces.
00000001 03 n 01 entity 0 001 ~ 00000002 n 0000 | all
00000002 05 n 02 dog 0 domestic_dog 0 003 @ 00000001 n 0000 #m 00000003 n 0000 ~i 00000004 n 0000 | barks | loudly
00000003 05 n 01 pack 0 001 @ 00000001 n 0000 | dogs
00000004 18 n 01 Rex 0 003 @i 00000002 n 0000 @i 00000003 n 0000 + 00000001 v 0101 | a dog
"""
INDEX = """\
  1 This is a licence.
dog n 1 2 @ ~ 1 1 00000002
domestic_dog n 1 2 @ ~ 1 0 00000002
entity n 1 1 ~ 1 1 00000001
pack n 1 1 @ 1 1 00000003
rex n 2 1 @ 2 0 00000003 00000004
"""


def write(folder: Path, data: str = DATA, index: str = INDEX) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'data.noun').write_text(data, encoding='utf-8')
    (folder / 'index.noun').write_text(index, encoding='utf-8')
    return folder


def test_nouns_have_names_ids_and_both_kinds_of_hypernyms(tmp_path: Path) -> None:
    tree = Taxonomy.from_wordnet(write(tmp_path))
    assert tree.names == ('entity.n.01', 'dog.n.01', 'pack.n.01', 'rex.n.02')
    assert tree.ids == ('n00000001', 'n00000002', 'n00000003', 'n00000004')
    assert tree.parents('rex.n.02') == ('dog.n.01', 'pack.n.01')
    assert tree.with_classes(['n00000004']).names == tree.names
    assert len(tree.closure()) == 5


def test_the_files_are_looked_for_where_packages_put_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ('WNHOME', 'WNSEARCHDIR', 'NLTK_DATA'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(wordnet, 'DEBIAN', tmp_path / 'share' / 'wordnet')
    monkeypatch.setattr(Path, 'home', lambda: tmp_path / 'home')
    with pytest.raises(UserError, match='apt-get install wordnet-base'):
        wordnet.find()
    with pytest.raises(UserError, match=r'given has no WordNet files data\.noun and index\.noun; install them'):
        wordnet.find(tmp_path / 'given')
    at_home = write(tmp_path / 'home' / 'nltk_data' / 'corpora' / 'wordnet')
    assert wordnet.find() == at_home
    assert wordnet.find(tmp_path / 'home' / 'nltk_data') == at_home
    debian = write(tmp_path / 'share' / 'wordnet')
    assert wordnet.find() == debian
    monkeypatch.setenv('WNHOME', str(tmp_path / 'own'))
    assert wordnet.find() == debian
    assert wordnet.find() != write(tmp_path / 'own' / 'dict')
    assert wordnet.find() == tmp_path / 'own' / 'dict'


@pytest.mark.parametrize(
    ('data', 'index', 'message'),
    [
        (DATA.replace('n 01 pack 0 001', 'n 01 pack 0 00x'), INDEX, r'data\.noun: line 4 is no noun of WordNet'),
        (DATA.replace('001 @ 00000001 n 0000 | dogs', '002 @ 00000001 n 0000 | dogs'), INDEX, 'line 4 is no noun'),
        (DATA.replace('@ 00000001', '@ 00000009'), INDEX, r'hypernym 00000009 of dog\.n\.01 is no noun of the file'),
        (DATA.replace('~ 00000002', '@ 00000002'), INDEX, 'the parents go in a cycle'),
        (DATA, INDEX.replace('pack n 1', 'pock n 1'), r"line 4 is no noun of WordNet \('pack'\)"),
        (DATA, INDEX.replace('dog n 1', 'dog n x'), r'index\.noun: line 2 is no line of an index'),
        ('', INDEX, r'data\.noun has no line of WordNet'),
    ],
)
def test_corrupt_files_are_named_with_their_line(data: str, index: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        Taxonomy.from_wordnet(write(tmp_path, data, index))


# --- WordNet itself ---------------------------------------------------------------------------------------------------


KINDS = {
    **dict.fromkeys(('aquatic_mammals', 'medium_mammals', 'small_mammals', 'large_carnivores'), 'mammal.n.01'),
    **dict.fromkeys(('large_omnivores_and_herbivores',), 'mammal.n.01'),
    **dict.fromkeys(('insects', 'non-insect_invertebrates'), 'animal.n.01'),
    **dict.fromkeys(('food_containers', 'household_electrical_devices', 'vehicles_1', 'vehicles_2'), 'artifact.n.01'),
    'fish': 'fish.n.01',
    'flowers': 'plant.n.02',
    'fruit_and_vegetables': 'produce.n.01',
    'household_furniture': 'furniture.n.01',
    'large_man-made_outdoor_things': 'artifact.n.01',
    'people': 'person.n.01',
    'reptiles': 'reptile.n.01',
    'trees': 'tree.n.01',
}


@pytest.fixture(scope='module')
def nouns() -> Taxonomy:
    try:
        folder = wordnet.find(os.environ.get('TIMM_HYPERBOLIC_WORDNET'))
    except UserError:
        pytest.skip('needs WordNet 3.0: apt-get install wordnet-base, or its folder as TIMM_HYPERBOLIC_WORDNET')
    return Taxonomy.from_wordnet(folder)


def test_the_published_counts(nouns: Taxonomy) -> None:
    assert len(nouns) == 82_115
    closure = nouns.closure()
    assert len(closure) == 743_241
    assert (closure[:, 1] != nouns.root).sum() == 661_127
    # Ganea et al. count as basic what no other relation implies, without those to the root.
    basic = (nouns.reduced_links()[:, 1] != nouns.root).sum()
    assert basic == 84_363
    assert 661_127 - basic == 576_764
    mammals = nouns.subtree('mammal.n.01')
    relations = mammals.closure()
    assert (len(mammals), len(relations)) == (1_182, 6_542)
    # The published mammals are without the two nodes that are related to the root alone.
    alone = np.flatnonzero(np.bincount(relations.ravel(), minlength=len(mammals)) == 1)
    assert [mammals.names[i] for i in alone] == ['female_mammal.n.01', 'tusker.n.01']
    assert (len(mammals) - len(alone), len(relations) - len(alone)) == (1_180, 6_540)


def test_the_classes_of_cifar100_and_imagenet_are_leaves(nouns: Taxonomy) -> None:
    model = timm.create_model('resnet10t')
    imagenet = nouns.for_model(model)
    assert len(imagenet.classes) == 1000
    assert imagenet.names[imagenet.classes[0]] == 'tench.n.01'
    assert set(imagenet.classes) == set(imagenet.leaves)
    model.pretrained_cfg['label_names'] = sorted(SYNSETS)
    cifar = nouns.for_model(model)
    assert [cifar.names[i] for i in cifar.classes] == [SYNSETS[name] for name in sorted(SYNSETS)]
    over = {name: number for number, names in enumerate(SUPERCLASSES.values()) for name in names}
    group = np.array([over[name] for name in sorted(SYNSETS)])
    d = cifar.distance(cifar.classes[:, None], cifar.classes)
    same = group[:, None] == group
    assert d[same & (d > 0)].mean() < 0.6 * d[~same].mean()
    # The mapping means the right senses: the animal and not its fur, the tree and not its wood.
    for name, synset in SYNSETS.items():
        superclass = list(SUPERCLASSES)[over[name]]
        assert KINDS.get(superclass, 'physical_entity.n.01') in cifar.ancestors(synset) or name == 'forest', name


def test_nouns_in_ten_dimensions_are_reconstructed(nouns: Taxonomy) -> None:
    found = report(embed_tree(nouns, 10), rows=500, pairs=20_000)
    assert found.mean_average_precision >= 0.995
    assert found.nan == 0
    assert found.rows == 500

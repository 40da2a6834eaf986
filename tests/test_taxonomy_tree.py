"""Trees of names: relations, distances, readers, the classes of models, and what is wrong in one clear line."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import timm
from hypothesis import given, settings
from hypothesis import strategies as st

from timm_hyperbolic.errors import UserError
from timm_hyperbolic.taxonomy import Taxonomy, without_chains
from timm_hyperbolic.taxonomy.cifar100 import SUPERCLASSES, SYNSETS

ANIMALS = """
# a comment
animal
  - cat
  - dog
      poodle
      pug

  bird
"""


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    """Parents of each node of a random directed acyclic graph with one root, the nodes in random order."""
    count = draw(st.integers(1, 25))
    parents = {'n0': []}
    for i in range(1, count):
        above = draw(st.lists(st.integers(0, i - 1), min_size=1, max_size=3, unique=True))
        parents[f'n{i}'] = [f'n{j}' for j in above]
    return {name: parents[name] for name in draw(st.permutations(list(parents)))}


def ancestors(parents: dict[str, list[str]], node: str) -> set[str]:
    return {a for p in parents[node] for a in {p, *ancestors(parents, p)}}


@settings(max_examples=40)
@given(graphs())
def test_relations_are_those_of_their_definitions(parents: dict[str, list[str]]) -> None:
    tree = Taxonomy.from_parents(parents)
    above = {node: ancestors(parents, node) for node in parents}
    closure = {(tree.names[a], tree.names[b]) for a, b in tree.closure()}
    assert closure == {(node, a) for node in parents for a in above[node]}
    assert len(closure) == len(tree.closure())
    reduced = {(tree.names[a], tree.names[b]) for a, b in tree.reduced_links()}
    assert reduced == {(n, p) for n, of in parents.items() for p in of if not any(p in above[q] for q in of)}
    for node in parents:
        assert set(tree.ancestors(node)) == above[node]
        assert set(tree.descendants(node)) == {n for n in parents if node in above[n]}
        assert tree.parents(node) == tuple(parents[node])
        assert set(tree.children(node)) == {n for n in parents if node in parents[n]}
    part = tree.subtree(tree.names[-1])
    assert set(part) == {tree.names[-1], *tree.descendants(tree.names[-1])}
    assert {(part.names[a], part.names[b]) for a, b in part.closure()} == {
        (a, b) for a, b in closure if a in part and b in part
    }


@settings(max_examples=40)
@given(graphs())
def test_the_spanning_tree_has_shortest_paths_and_its_distances(parents: dict[str, list[str]]) -> None:
    tree = Taxonomy.from_parents(parents)

    def nearest(node: str) -> int:
        return min((1 + nearest(p) for p in parents[node]), default=0)

    paths = {node: tree.path(node) for node in parents}
    for node, path in paths.items():
        assert len(path) - 1 == nearest(node) == tree.depth[tree.number(node)]
        if parents[node]:
            assert path[1] == next(p for p in parents[node] if nearest(p) == nearest(node) - 1)
    names = list(parents)
    lca, distance = tree.lca(np.array(names)[:, None], names), tree.distance(np.array(names)[:, None], names)
    for (i, a), (j, b) in itertools.product(enumerate(names), repeat=2):
        common = next(node for node in paths[a] if node in paths[b])
        assert tree.names[lca[i, j]] == common
        assert distance[i, j] == paths[a].index(common) + paths[b].index(common)


def test_reading_indented_text_from_a_string_and_a_file(tmp_path: Path) -> None:
    (tmp_path / 'tree.txt').write_text(ANIMALS.replace('      ', '\t\t').replace('  ', '\t'), encoding='utf-8')
    for source in (ANIMALS, tmp_path / 'tree.txt', str(tmp_path / 'tree.txt')):
        tree = Taxonomy.from_text(source)
        assert tree.names == ('animal', 'cat', 'dog', 'poodle', 'pug', 'bird')
        assert [tree.parents(n) for n in tree] == [(), ('animal',), ('animal',), ('dog',), ('dog',), ('animal',)]
        assert [tree.names[i] for i in tree.classes] == ['cat', 'poodle', 'pug', 'bird']


def test_reading_columns_of_labels() -> None:
    tree = Taxonomy.from_columns(
        ['pug', 'cat', 'oak', 'cat'], ['pet', 'pet', 'tree', 'pet'], classes=['cat', 'oak', 'pug']
    )
    assert set(tree) == {'root', 'pet', 'tree', 'pug', 'cat', 'oak'}
    assert tree.path('pug') == ('pug', 'pet', 'root')
    assert [tree.names[i] for i in tree.classes] == ['cat', 'oak', 'pug']
    with pytest.raises(ValueError, match='read-only'):
        tree.parent[0] = 1


@settings(max_examples=40)
@given(graphs(), st.data())
def test_without_chains_every_inner_node_separates_classes(parents: dict[str, list[str]], data) -> None:
    """Two classes meet at the same node as before; of the nodes above them exactly these meeting points are left."""
    tree = Taxonomy.from_parents(parents)
    leaves = [tree.names[leaf] for leaf in tree.leaves]
    tree = tree.with_classes(data.draw(st.lists(st.sampled_from(leaves), min_size=1, unique=True)))
    short = without_chains(tree)
    classes = [tree.names[node] for node in tree.classes]
    assert [short.names[node] for node in short.classes] == classes
    paths = {name: tree.path(name) for name in classes}
    meeting = {(a, b): next(n for n in paths[a] if n in paths[b]) for a in classes for b in classes}
    assert set(short) == set(meeting.values())
    for name in classes:
        assert short.path(name) == tuple(n for n in paths[name] if n in set(short))


WRONG = {
    'cycle': (
        lambda: Taxonomy.from_parents({'r': [], 'a': ['r', 'c'], 'b': ['a'], 'c': ['b']}),
        'cycle, a -> c -> b -> a',
    ),
    'own parent': (lambda: Taxonomy.from_parents({'r': [], 'a': ['a']}), 'cycle, a -> a'),
    'no root': (lambda: Taxonomy.from_parents({'a': ['b'], 'b': ['a']}), 'cycle'),
    'two roots': (
        lambda: Taxonomy.from_parents({'a': [], 'b': [], 'c': ['a']}),
        '2 roots, a, b; put them',
    ),
    'two roots in text': (lambda: Taxonomy.from_text('a\n b\nc\n'), '2 roots, a in line 1 and c in line 3'),
    'unknown parent': (lambda: Taxonomy.from_parents({'a': [], 'b': ['x']}), "parent 'x' of 'b' is no node"),
    'no node': (lambda: Taxonomy.from_parents({}), 'there is no node'),
    'no line': (lambda: Taxonomy.from_text('\n# nothing\n'), 'there is no node'),
    'twice in text': (lambda: Taxonomy.from_text('a\n b\n c\n  b\n'), "'b' stands twice, in lines 2 and 4"),
    'no name': (lambda: Taxonomy.from_parents({'a': [], ' ': ['a']}), 'node 1 has no name'),
    'no name in text': (lambda: Taxonomy.from_text('a\n - b\n -\n'), 'line 3 has a node without a name'),
    'indentation': (lambda: Taxonomy.from_text('a\n    b\n  c\n'), 'indentation of line 3 fits no line above'),
    'no file': (lambda: Taxonomy.from_text('nowhere.txt'), 'nowhere.txt cannot be read'),
    'column length': (lambda: Taxonomy.from_columns(['a'], ['b', 'b']), r'as long as each other, not \[1, 2\]'),
    'column name': (lambda: Taxonomy.from_columns(['a', ''], ['b', 'b']), 'row 1 of column 0 has no name'),
    'two columns': (lambda: Taxonomy.from_columns(['a', 'b'], ['b', 'c']), "'b' stands twice, in two columns"),
    'two parents': (lambda: Taxonomy.from_columns(['a', 'a'], ['b', 'c']), "'a' stands under 'b' and under 'c'"),
    'class without node': (
        lambda: Taxonomy.from_text(ANIMALS).with_classes(['pug', 'cow']),
        '1 of 2 .*no node.*: cow',
    ),
    'inner class': (
        lambda: Taxonomy.from_text(ANIMALS).with_classes(['dog', 'pug']),
        'not the classes: dog',
    ),
    'class twice': (
        lambda: Taxonomy.from_text(ANIMALS).with_classes(['pug', 'pug']),
        'several classes have .*: pug',
    ),
    'unknown node': (lambda: Taxonomy.from_text(ANIMALS).number('cow'), "no node 'cow'"),
    'unknown number': (lambda: Taxonomy.from_text(ANIMALS).distance(0, 9), 'nodes from 0 to 5, not 9 to 9'),
    'unknown classes': (
        lambda: Taxonomy.from_text(ANIMALS).for_model(SimpleNamespace(num_classes=7, pretrained_cfg={})),
        'names of the 7 classes are not known',
    ),
}


@pytest.mark.parametrize('case', WRONG)
def test_what_is_wrong_is_said_in_one_line(case: str) -> None:
    make, message = WRONG[case]
    with pytest.raises(UserError, match=message) as raised:
        make()
    assert '\n' not in str(raised.value)


def test_a_million_nodes_are_read_and_their_closure_is_bounded() -> None:
    """A tree of a million nodes is made; a closure of 5·10¹¹ relations is refused with its size."""
    count = 1_000_000
    above = (np.arange(1, count) - 1) // 2
    links = np.stack([np.arange(1, count), above], 1)
    tree = Taxonomy._from_links(tuple(map(str, range(count))), links, None, 'a heap')
    assert tree.max_depth == 19
    assert tree.distance(count - 1, 500_000) == 3
    with pytest.raises(UserError, match=r'closure of 1,000,000 nodes takes up to 0\.7 GiB, more than 0\.5 GiB; take'):
        tree.closure(max_memory=1 << 29)
    chain = Taxonomy.from_parents({'0': [], **{str(i): [str(i - 1)] for i in range(1, 3000)}})
    assert len(chain.closure()) == 3000 * 2999 // 2


def test_the_classes_of_cifar100_are_in_the_order_of_the_labels() -> None:
    tree = Taxonomy.cifar100()
    assert len(tree) == 121
    assert tree.max_depth == 2
    names = [tree.names[i] for i in tree.classes]
    assert names == sorted(SYNSETS)
    assert (names[0], names[23], names[99]) == ('apple', 'cloud', 'worm')
    assert len(SUPERCLASSES) == 20
    assert all(len(of) == 5 and set(tree.children(over)) == set(of) for over, of in SUPERCLASSES.items())


def test_the_tree_of_a_model_follows_its_label_names() -> None:
    model = timm.create_model('resnet10t', num_classes=3)
    model.pretrained_cfg['label_names'] = ['pug', 'cat', 'bird']
    tree = Taxonomy.from_text(ANIMALS).for_model(model)
    assert [tree.names[i] for i in tree.classes] == ['pug', 'cat', 'bird']
    assert 'poodle' not in tree
    model.pretrained_cfg['label_names'] = {'10': 'bird', '9': 'cat', '0': 'pug'}
    assert [tree.names[i] for i in tree.for_model(model).classes] == ['pug', 'cat', 'bird']

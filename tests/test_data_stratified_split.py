from collections import Counter

import pytest
from torch.utils.data import DataLoader

from timm_hyperbolic.data.stratified_split import Part, stratified_split


def labels_of_counts(*counts: int) -> list[int]:
    """Labels in an order in which no class stands together."""
    rows = [(i / count, label) for label, count in enumerate(counts) for i in range(count)]
    return [label for _, label in sorted(rows)]


@pytest.mark.parametrize(('size', 'count'), [(20, 20), (0.1, 20), (1, 1), (0.5, 100), (197, 197)])
def test_parts_are_disjoint_whole_and_of_the_size_asked_for(size, count):
    labels = labels_of_counts(100, 60, 40)
    kept, taken = stratified_split(labels, size, seed=0)
    assert len(taken) == count
    assert sorted(kept + taken) == list(range(200))
    assert (kept, taken) == (sorted(kept), sorted(taken))


@pytest.mark.parametrize('size', [20, 23, 0.25, 0.9])
def test_every_class_gives_its_share_up_to_one_image(size):
    labels = labels_of_counts(100, 60, 37, 3)
    _, taken = stratified_split(labels, size, seed=0)
    share = len(taken) / len(labels)
    counts = Counter(labels[row] for row in taken)
    for label, n in Counter(labels).items():
        assert abs(counts[label] - share * n) < 1


def test_exact_shares_are_exact():
    _, taken = stratified_split(labels_of_counts(*[500] * 10), 0.1, seed=3)
    assert set(Counter(labels_of_counts(*[500] * 10)[row] for row in taken).values()) == {50}


def test_the_seed_chooses_the_rows_and_nothing_else_does():
    labels = labels_of_counts(50, 50)
    assert stratified_split(labels, 10, 1) == stratified_split(labels, 0.1, 1)
    assert stratified_split(labels, 10, 1) != stratified_split(labels, 10, 2)


def test_a_class_keeps_an_image_to_train_on():
    labels = labels_of_counts(98, 1, 1)
    for size in (50, 97):
        kept, _ = stratified_split(labels, size, seed=0)
        assert {labels[row] for row in kept} == {0, 1, 2}


@pytest.mark.parametrize('size', [98, 100, 0.001, 0.999])
def test_sizes_that_cannot_be_held_out(size):
    with pytest.raises(ValueError, match=r'of 100 images; at least 1 and, .* 3 classes .* at most 97 can be held out'):
        stratified_split(labels_of_counts(98, 1, 1), size, seed=0)


def test_parts_share_images_but_not_transforms():
    dataset = [(i, i % 2) for i in range(10)]
    first, second = Part(dataset, [1, 3, 5]), Part(dataset, [0, 2])
    first.transform = lambda image: image * 10
    assert [first[i] for i in range(len(first))] == [(10, 1), (30, 1), (50, 1)]
    assert [second[i] for i in range(len(second))] == [(0, 0), (2, 0)]
    # A loader fetches rows as it does from any other data set.
    assert [image.tolist() for image, _ in DataLoader(first, batch_size=3)] == [[10, 30, 50]]

"""Few-shot episodes: how they are drawn, their prototypes in each space, and the projection learnt on other classes."""

import math

import pytest
import torch
from geoopt import PoincareBall
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from timm_hyperbolic.config.features import GEOMETRIES, ProjectionConfig
from timm_hyperbolic.evaluate.episodes import Accuracy, Geometry, episode_accuracies, prototype_logits, sample_episodes
from timm_hyperbolic.evaluate.projection import learn_projection, split_classes


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=12), st.integers(2, 4), st.integers(1, 3), st.integers(1, 3))
def test_an_episode_has_different_examples_of_different_classes(
    counts: list[int], way: int, shot: int, query: int
) -> None:
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]
    rich = {label for label, count in enumerate(counts) if count >= shot + query}
    generator = torch.Generator().manual_seed(1)
    if len(rich) < way:
        with pytest.raises(ValueError, match=f'{len(rich)} classes have at least {shot + query} images'):
            sample_episodes(labels, way, shot, query, 5, generator=generator)
        return
    support, queries = sample_episodes(labels, way, shot, query, 20, generator=generator)
    assert (support.shape, queries.shape) == ((20, way, shot), (20, way, query))
    for rows in torch.cat([support, queries], -1):
        of_class = labels[rows]
        assert (of_class == of_class[:, :1]).all()
        assert len(rows.unique()) == rows.numel()
        assert len(of_class[:, 0].unique()) == way
        assert {*of_class[:, 0].tolist()} <= rich


def test_every_class_and_every_example_is_drawn_equally_often() -> None:
    labels = torch.tensor([0] * 4 + [1] * 8 + [2] * 6 + [5] * 5)
    support, queries = sample_episodes(labels, 2, 1, 2, 6000, generator=torch.Generator().manual_seed(0))
    for rows, number in ((support, 1), (queries, 2)):
        counts = rows.flatten().bincount(minlength=len(labels))
        for label in labels.unique():
            own = counts[labels == label].double()
            expected = 6000 * 2 / 4 * number / len(own)
            assert (own - expected).abs().max() < 5 * math.sqrt(expected)
    only = sample_episodes(labels, 2, 1, 2, 50, torch.tensor([1, 5]), torch.Generator().manual_seed(0))
    assert {*labels[only.support].flatten().tolist()} == {1, 5}


def test_hyperbolic_logits_are_distances_from_einstein_midpoints() -> None:
    """Against the definition, point by point, in geoopt."""
    support, query = 2 * random(3, 4, 5, 6), 2 * random(3, 7, 6, seed=1)
    c, longest = 0.25, 2.5  # the root of c is exact in float32, in which geoopt takes it
    ball = PoincareBall(c=c)

    def points(v: Tensor) -> Tensor:
        return ball.expmap0(v * (longest / v.norm(dim=-1, keepdim=True)).clamp_max(1))

    x = points(support)
    klein = 2 * x / (1 + c * x.square().sum(-1, keepdim=True))
    gamma = (1 - c * klein.square().sum(-1, keepdim=True)) ** -0.5
    mean = (gamma * klein).sum(-2) / gamma.sum(-2)
    prototypes = mean / (1 + (1 - c * mean.square().sum(-1, keepdim=True)).sqrt())
    wanted = -(ball.dist(points(query)[:, :, None], prototypes[:, None]) ** 2)
    found = prototype_logits(support, query, Geometry('hyperbolic', c, longest))
    assert (support.norm(dim=-1) > longest).any()
    assert (support.norm(dim=-1) < longest).any()
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)


def test_flat_spaces_and_the_flat_limit() -> None:
    support, query = random(2, 4, 5, 6), random(2, 7, 6, seed=1)
    flat = -(torch.cdist(query, support.mean(-2)) ** 2)
    torch.testing.assert_close(prototype_logits(support, query, Geometry('euclidean')), flat)
    limit = prototype_logits(support, query, Geometry('hyperbolic', 0.0, None))
    torch.testing.assert_close(limit, 4 * flat)
    gaps = [
        (prototype_logits(support, query, Geometry('hyperbolic', c, None)) - limit).abs().max() for c in (1e-4, 1e-5)
    ]
    assert gaps[0] / gaps[1] == pytest.approx(10, rel=0.05)  # linear in c
    cosine = prototype_logits(support, query, Geometry('cosine'))
    unit = torch.nn.functional.normalize(support, dim=-1).mean(-2)
    torch.testing.assert_close(cosine, 2 * torch.cosine_similarity(query[:, :, None], unit[:, None], dim=-1) - 2)


@pytest.mark.parametrize('name', GEOMETRIES)
def test_gradients_of_the_logits(name: str) -> None:
    support, query = random(2, 3, 2, 4).requires_grad_(), random(2, 3, 4, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda s, q: prototype_logits(s, q, Geometry(name, 0.8)), (support, query))


def test_the_accuracy_and_its_interval() -> None:
    labels = torch.arange(3).repeat_interleave(6)
    features = torch.eye(3)[labels] + 1e-3 * random(18, 3).float()
    episodes = sample_episodes(labels, 3, 2, 4, 10, generator=torch.Generator().manual_seed(0))
    assert {episode_accuracies(features, episodes, Geometry(name)).min().item() for name in GEOMETRIES} == {100.0}
    features[labels == 2] = torch.eye(3)[1]  # two classes in one place: of equal distances the first class wins
    each = []
    for support, query in zip(*episodes, strict=True):
        place = features[support].mean(1)
        distance = torch.cdist(features[query.flatten()], place)
        each.append(100 * (distance.argmin(1) == torch.arange(3).repeat_interleave(4)).double().mean())
    found = episode_accuracies(features, episodes, Geometry('euclidean'))
    torch.testing.assert_close(found, torch.stack(each))
    accuracy = Accuracy.of(found)
    assert (accuracy.mean, accuracy.episodes) == (pytest.approx(sum(each) / 10), 10)
    assert accuracy.interval == pytest.approx(1.96 * torch.stack(each).std().item() / math.sqrt(10))


def test_base_and_novel_classes_are_apart() -> None:
    labels = torch.tensor([7, 3, 5, 5, 9, 1, 2, 3, 4, 8])
    base, novel = split_classes(labels, 0.25)
    assert (len(base), len(novel)) == (6, 2)
    assert {*base.tolist(), *novel.tolist()} == {*labels.tolist()}
    assert split_classes(labels, 3)[1].tolist() != split_classes(labels, 3, seed=1)[1].tolist()
    for novel in (7, 0.1):
        with pytest.raises(ValueError, match='novel classes of 8'):
            split_classes(labels, novel)


@pytest.mark.parametrize('name', GEOMETRIES)
def test_a_projection_finds_what_separates_other_classes(name: str) -> None:
    """Classes differ in three of twenty numbers of equal deviation; the projection sees base classes only."""
    labels = torch.arange(12).repeat_interleave(20)
    features = random(240, 20).float()
    features[:, :3] += 4 * random(12, 3, seed=5).float()[labels]
    features *= features.std(0).reciprocal()
    base, novel = torch.arange(8), torch.arange(8, 12)
    space = Geometry(name)
    learnt = learn_projection(features, labels, base, space, ProjectionConfig(dim=3, steps=30, lr=3e-2), 4, 2, 5)
    episodes = sample_episodes(labels, 4, 2, 5, 100, novel, torch.Generator().manual_seed(0))
    random_map = random(20, 3, seed=9).float()
    accuracy = [episode_accuracies(x, episodes, space).mean() for x in (learnt(features), features @ random_map)]
    assert accuracy[0] > accuracy[1] + 10
    again = learn_projection(features, labels, base, space, ProjectionConfig(dim=3, steps=30, lr=3e-2), 4, 2, 5)
    assert torch.equal(learnt.weight, again.weight)
    # nothing of the novel classes is learnt
    features[labels >= 8] = 0
    again = learn_projection(features, labels, base, space, ProjectionConfig(dim=3, steps=30, lr=3e-2), 4, 2, 5)
    assert torch.equal(learnt.weight, again.weight)

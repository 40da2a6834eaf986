"""The softmax along the paths of a tree."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from timm_hyperbolic.layers import HierarchicalSoftmax, HyperbolicMLR

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')

#     0 is the root; 1 and 4 below it; 2, 3 and 6 below 1; 5 below 4; 7 and 8 below 6
PARENT = [-1, 0, 1, 1, 0, 4, 1, 6, 6]
CLASSES = [8, 2, 5, 3, 7]


class Given(nn.Module):
    """Scores that do not depend on features."""

    def __init__(self, scores: torch.Tensor) -> None:
        super().__init__()
        self.scores = nn.Parameter(scores)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scores


def test_probability_is_the_product_of_softmaxes_along_the_path(generator) -> None:
    scores = torch.randn(3, 8, generator=generator, dtype=torch.float64)
    ours = HierarchicalSoftmax(Given(scores), PARENT, CLASSES)(scores)
    for row, logits in zip(scores.tolist(), ours.tolist(), strict=True):
        e = [0.0, *map(math.exp, row)]
        one, six = e[1] / (e[1] + e[4]), e[6] / (e[2] + e[3] + e[6])
        inner = e[2] + e[3] + e[6]
        expected = [
            one * six * e[8] / (e[7] + e[8]),
            one * e[2] / inner,
            1 - one,  # an only child is certain
            one * e[3] / inner,
            one * six * e[7] / (e[7] + e[8]),
        ]
        assert [math.exp(p) for p in logits] == pytest.approx(expected, rel=1e-12)
        assert sum(math.exp(p) for p in logits) == pytest.approx(1, rel=1e-12)


def test_cross_entropy_takes_the_logits_as_they_are_and_gradients_are_right(generator) -> None:
    head = HierarchicalSoftmax(HyperbolicMLR(4, 8, dtype=torch.float64), PARENT, CLASSES)
    x = torch.randn(5, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    target = torch.arange(5)
    loss = nn.functional.cross_entropy(head(x), target)
    assert torch.allclose(loss, nn.functional.nll_loss(head(x), target), rtol=1e-12)
    assert torch.autograd.gradcheck(head, (x,))
    loss.backward()
    touched = head.scores.weight.grad.abs().sum(-1) > 1e-12
    assert touched.tolist() == [node != 5 for node in range(1, 9)]  # of the only child's score nothing depends


def test_scores_far_apart_stay_finite_in_half_types() -> None:
    scores = torch.tensor([[1e4, -1e4, 0, -1e4, 1e4, 3e4, -3e4, 3e4]])
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        given = Given(scores.to(dtype))
        value = HierarchicalSoftmax(given, PARENT, CLASSES)(given.scores)
        assert value.dtype == dtype
        # float16 has no room for the least likely classes
        assert value[0].max() == 0
        nn.functional.cross_entropy(value[:, :1].float(), torch.zeros(1, dtype=torch.long)).backward()
        assert given.scores.grad.isfinite().all()


@pytest.mark.parametrize(
    ('parent', 'classes', 'message'),
    [
        ([-1, 0, -1], [1, 2], 'parent: 2 roots, 0, 2; put them under one node'),
        ([1, 0], [0], 'parent: the parents go in a cycle, 0 -> 1 -> 0'),
        ([], [], 'parent: there is no node'),
        ([-1, 0, 7], [1, 2], 'parent=7 is no node: the 3 nodes'),
        ([-1, 0, 0], [1, 5], r'classes=\[5\] have no node'),
        (
            [-1, 0, 0],
            [1],
            r'the leaves of the tree are not the classes: there are 2 leaves and 1 classes, see nodes \[2\]',
        ),
        ([-1, 0, 1, 0], [1, 2, 3], r'leaves of the tree are not the classes.*nodes \[1\]'),
        ([-1, 0, 0], [1, 1, 2], 'leaves of the tree are not the classes: there are 2 leaves and 3 classes'),
        ([-1, 0, 3, 2], [1], 'the parents go in a cycle, 2 -> 3 -> 2'),
    ],
)
def test_wrong_tree_is_named(parent, classes, message) -> None:
    with pytest.raises(ValueError, match=message):
        HierarchicalSoftmax(nn.Identity(), parent, classes)

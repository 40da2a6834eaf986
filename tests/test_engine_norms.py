import torch

from timm_hyperbolic.engine.norms import MeanNorms
from timm_hyperbolic.optim import GradientNorms


def norms(euclidean: float, manifold: float | None = None) -> GradientNorms:
    return GradientNorms(torch.tensor(euclidean), None if manifold is None else torch.tensor(manifold))


def test_means_of_both():
    mean = MeanNorms()
    mean.add(norms(1.0, 10.0))
    mean.add(norms(3.0, 30.0))
    assert mean.read() == {'grad_norm': 2, 'man_grad_norm': 20}


def test_without_points_there_is_one_norm_and_without_steps_none():
    mean = MeanNorms()
    assert mean.read() == {}
    mean.add(norms(1.0))
    assert mean.read() == {'grad_norm': 1}


def test_what_is_not_finite_does_not_count():
    mean = MeanNorms()
    for value in (1.0, torch.inf, torch.nan, 2.0):
        mean.add(norms(value, 4.0))
    assert mean.read() == {'grad_norm': 1.5, 'man_grad_norm': 4}


def test_given_norms_are_not_changed():
    mean, first = MeanNorms(), norms(1.0)
    mean.add(first)
    mean.add(norms(2.0))
    assert first.euclidean.item() == 1

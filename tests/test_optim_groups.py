import geoopt
import torch
from torch import nn

from timm_hyperbolic.optim import euclidean_groups, manifold_parameters


class Toy(nn.Module):
    """A matrix, a bias, a matrix that asks for no decay, and a point on the ball that would be decayed by its shape."""

    def __init__(self, frozen: bool = False) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 2)
        self.gates = nn.Parameter(torch.ones(2, 2))
        self.proto = geoopt.ManifoldParameter(
            torch.full((4, 2), 0.1), manifold=geoopt.PoincareBall(), requires_grad=not frozen
        )

    def no_weight_decay(self):
        return {'gates'}


def test_points_on_a_manifold_are_found_and_leave_the_other_groups():
    model = Toy()
    assert manifold_parameters(model) == [model.proto]
    groups = euclidean_groups(model, weight_decay=0.1)
    decay = {id(p): group['weight_decay'] for group in groups for p in group['params']}
    assert decay == {id(model.fc.weight): 0.1, id(model.fc.bias): 0.0, id(model.gates): 0.0}


def test_frozen_points_are_left_alone():
    assert manifold_parameters(Toy(frozen=True)) == []


def test_layer_decay_scales_the_groups():
    model = nn.Module()
    model.first, model.last = nn.Linear(2, 2), nn.Linear(2, 2)
    model.group_matcher = lambda coarse: {'first': r'first', 'last': r'last'}
    groups = euclidean_groups(model, weight_decay=0.1, layer_decay=0.5)
    scales = {id(p): group['lr_scale'] for group in groups for p in group['params']}
    assert scales[id(model.last.weight)] == 2 * scales[id(model.first.weight)]

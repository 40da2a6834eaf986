import torch
from torch import nn

from timm_hyperbolic.errors import listed
from timm_hyperbolic.models.state_dict_checks import mismatches, with_tied_names


def test_what_fits_has_no_differences():
    shapes = {'a': torch.Size([2, 3]), 'b': ()}
    assert mismatches({'a': [2, 3], 'b': []}, shapes) == ''


def test_each_kind_of_difference_is_told():
    own = {'a': (2, 3), 'b': (1,), 'c': (4,), 'd': (5,)}
    theirs = {'a': (3, 2), 'b': (1,), 'x': (9,)}
    assert mismatches(theirs, own, may_miss=['d']) == 'missing: c; unknown: x; of another shape: a [3, 2] for [2, 3]'


def test_a_long_list_is_cut():
    assert listed(['a', 'b', 'c'], limit=2) == 'a, b, and 1 more'
    assert mismatches({}, dict.fromkeys('abcdef', ())) == 'missing: a, b, c, d, and 2 more'


def test_a_tied_tensor_is_given_all_of_its_names():
    model = nn.ModuleDict({'one': nn.Linear(2, 2), 'two': nn.Linear(2, 2)})
    model['two'].weight = model['one'].weight
    for kept in ('one.weight', 'two.weight'):
        state = {kept: torch.ones(2, 2), 'one.bias': torch.zeros(2)}
        filled = with_tied_names(state, model)
        assert set(filled) == {'one.weight', 'two.weight', 'one.bias'}
        assert filled['one.weight'] is filled['two.weight']
        assert len(state) == 2

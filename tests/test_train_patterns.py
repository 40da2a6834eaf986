import pytest

from timm_hyperbolic.errors import UserError
from timm_hyperbolic.train.model import matching

NAMES = ['cls_token', 'blocks.0.attn.qkv.weight', 'blocks.11.attn.qkv.weight', 'blocks.0.mlp.fc1.bias', 'head.weight']


@pytest.mark.parametrize(
    ('patterns', 'found'),
    [
        ((), []),
        (('cls_token',), ['cls_token']),
        (('blocks.*.attn.*',), NAMES[1:3]),
        (('blocks.0.*', 'head*'), [NAMES[1], *NAMES[3:]]),
        (('*',), NAMES),
    ],
)
def test_names_that_match(patterns, found):
    assert matching(patterns, NAMES, '--train-only') == set(found)


@pytest.mark.parametrize(
    ('pattern', 'near'),
    [
        ('blocks.*.atn.*', 'blocks.*.attn.*'),
        ('block.*.mlp.fc1.bias', 'blocks.*.mlp.fc1.bias'),
        ('heads.*', 'head.*'),
        ('Head.weight', 'head.weight'),
    ],
)
def test_a_pattern_that_matches_nothing_names_one_near_it_that_does(pattern, near):
    with pytest.raises(UserError, match='no parameter has such a name') as error:
        matching(['cls_token', pattern], NAMES, '--train-only')
    assert f'--train-only {pattern}:' in str(error.value)
    suggested = str(error.value).partition('Nearest: ')[2].rstrip('.').split(', ')
    assert near in suggested
    assert all(matching([pattern], NAMES, '') for pattern in suggested)


def test_where_nothing_comes_near_a_name_is_shown():
    with pytest.raises(UserError, match=r'no parameter has such a name\. The first is cls_token'):
        matching(['0123'], NAMES, '--train-only')

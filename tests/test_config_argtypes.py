import argparse

import pytest

from timm_hyperbolic.config.argtypes import KeyValues, one_of, real, whole
from timm_hyperbolic.errors import nearest


@pytest.mark.parametrize(
    ('parse', 'text', 'value'),
    [
        (whole(1), '1', 1),
        (whole(), '0', 0),
        (real(), '-1e-3', -1e-3),
        (real(0, 1), '1', 1.0),
        (real(positive=True), '1e-9', 1e-9),
        (one_of(['adamw', 'sgd']), 'sgd', 'sgd'),
        (one_of(lambda: ['adamw'], strip='lookahead_'), 'lookahead_adamw', 'lookahead_adamw'),
    ],
)
def test_accepted_values(parse, text, value):
    assert parse(text) == value


@pytest.mark.parametrize(
    ('parse', 'text', 'message'),
    [
        (whole(1), '0', 'whole number of at least 1'),
        (whole(0), '-1', 'at least 0'),
        (whole(0), '1.5', 'whole number'),
        (real(), 'fast', 'a number'),
        (real(), 'nan', 'a number'),
        (real(), 'inf', 'a number'),
        (real(0), '-1', 'at least 0'),
        (real(0, 1), '1.1', 'at least 0 and at most 1'),
        (real(positive=True), '0', 'greater than 0'),
        (one_of(['adamw', 'sgd']), 'adamv', 'Nearest: adamw. Choose from: adamw, sgd.'),
    ],
)
def test_refused_values_say_what_is_allowed(parse, text, message):
    with pytest.raises(argparse.ArgumentTypeError, match=message) as error:
        parse(text)
    assert repr(text) in str(error.value)


def test_no_nearest_name_for_something_else_entirely():
    assert nearest('qqqq', ['adamw', 'sgd']) == ''


def test_key_values_need_a_key_and_an_equals_sign():
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument('--kw', nargs='*', action=KeyValues)
    assert parser.parse_args(['--kw', 'a=1', 'margin=None', 'b=x=y']).kw == {'a': 1, 'margin': None, 'b': 'x=y'}
    for bad in ('depth', '=1', '2x=1'):
        with pytest.raises(argparse.ArgumentError, match='expected key=value'):
            parser.parse_args(['--kw', bad])

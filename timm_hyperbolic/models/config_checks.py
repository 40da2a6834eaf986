"""Checks of the values in a `config.json` that may come from anywhere.

The strict dataclasses of huggingface_hub check types of the fields of one class: they take a number of any size, refuse
`1` for `1.0`, and leave frozen classes unchecked. Here the keywords depend on the model, and every value has bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from ..layers import HyperbolicConfig

__all__ = [
    'CONVERSION',
    'MODEL_ARGS',
    'PRETRAINED_CFG',
    'Check',
    'either',
    'listing',
    'mapping',
    'nothing',
    'one_of',
    'plain',
    'real',
    'text',
    'whole',
]

Check = Callable[[Any], bool]
"""A function that returns whether a value is allowed."""


def whole(low: int, high: int) -> Check:
    """Return the check for a whole number in `[low, high]`.

    Args:
        low: The smallest number that passes.
        high: The largest number that passes.
    """
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def real(low: float, high: float) -> Check:
    """Return the check for a finite number in `[low, high]`.

    Args:
        low: The smallest number that passes.
        high: The largest number that passes.
    """
    return lambda value: (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and low <= value <= high
        and math.isfinite(float(value))
    )


def one_of(*values: Any) -> Check:
    """Return the check for any of these values, of the same type.

    Args:
        *values: The values that pass.
    """
    return lambda value: any(type(value) is type(each) and value == each for each in values)


def listing(check: Check, low: int, high: int) -> Check:
    """Return the check for a list of `low` to `high` values that pass a check.

    Args:
        check: The check of each value.
        low: The smallest length that passes.
        high: The largest length that passes.
    """
    return lambda value: isinstance(value, (list, tuple)) and low <= len(value) <= high and all(map(check, value))


def mapping(check: Check, high: int) -> Check:
    """Return the check for a dictionary of at most `high` values that pass a check.

    Args:
        check: The check of each value.
        high: The largest number of values that passes.
    """
    return lambda value: isinstance(value, dict) and len(value) <= high and all(map(check, value.values()))


def either(*checks: Check) -> Check:
    """Return the check for a value that passes at least one check.

    Args:
        *checks: The checks, of which one must pass.
    """
    return lambda value: any(check(value) for check in checks)


def text(high: int) -> Check:
    """Return the check for a string of at most `high` characters.

    Args:
        high: The largest number of characters that passes.
    """
    return lambda value: isinstance(value, str) and len(value) <= high


def nothing(value: Any) -> bool:
    """Return whether a value is None.

    Args:
        value: The value to check.
    """
    return value is None


def plain(value: Any, levels: int = 3) -> bool:
    """Return whether a value is JSON that is neither large nor deep: the check for keywords of unknown meaning.

    Args:
        value: The value to check.
        levels: How deep lists and dictionaries may be nested.
    """
    if isinstance(value, (list, tuple, dict)):
        parts = [*value, *value.values()] if isinstance(value, dict) else value
        return levels > 0 and len(parts) <= 256 and all(plain(part, levels - 1) for part in parts)
    return value is None or _flag(value) or _plain_value(value)


_plain_value = either(whole(-(2**16), 2**16), real(-1e6, 1e6), text(1000))
_flag = one_of(True, False)
_side = whole(1, 2**16)
_size = either(_side, listing(_side, 2, 2))
_input = listing(_side, 3, 3)
_rate = real(0, 1)
_layer = either(nothing, lambda value: text(32)(value) and value.isidentifier())
_classes = whole(0, 10**6)
_texts = either(nothing, text(10**5), listing(text(10**5), 0, 10**6))

#: The hyperbolic keywords, in layers and models alike. Names in mappings are checked where the model is made.
_HYPERBOLIC: dict[str, Check] = {name: partial(HyperbolicConfig.accepts, name) for name in HyperbolicConfig.names()}

#: Keywords of a model: those of timm's ViT and of this package that are plain data.
MODEL_ARGS: dict[str, Check] = {
    'img_size': _size,
    'patch_size': _size,
    'in_chans': _side,
    'num_classes': _classes,
    'global_pool': one_of('', 'avg', 'avgmax', 'max', 'token', 'map', 'prr'),
    'embed_dim': _side,
    'depth': whole(1, 256),
    'num_heads': _side,
    'mlp_ratio': real(2**-10, 2**10),
    'init_values': either(nothing, real(0, 1e6)),
    'pos_embed': one_of('', 'none', 'learn'),
    'reg_tokens': whole(0, 2**16),
    'fc_norm': either(nothing, _flag),
    'weight_init': one_of('skip', 'reset', 'jax', 'jax_nlhb', 'moco', ''),
    'hyperbolic': either(text(100), listing(text(100), 0, 10)),
    'mode': one_of('lorentz', 'poincare'),
    'channels': listing(_side, 4, 4),
    'stem_width': _side,
    'num_centroids': _classes,
    'gate': real(-2, 2),
    **_HYPERBOLIC,
    **dict.fromkeys(('qkv_bias', 'qk_norm', 'scale_attn_norm', 'scale_mlp_norm', 'proj_bias', 'class_token'), _flag),
    **dict.fromkeys(('no_embed_class', 'pre_norm', 'final_norm', 'pool_include_prefix', 'fix_init'), _flag),
    **dict.fromkeys(('dynamic_img_size', 'dynamic_img_pad'), _flag),
    **dict.fromkeys(('norm_layer', 'act_layer', 'embed_norm_layer'), _layer),
    **dict.fromkeys(('drop_rate', 'pos_drop_rate', 'patch_drop_rate', 'proj_drop_rate', 'attn_drop_rate'), _rate),
    'drop_path_rate': _rate,
}

#: Keywords of a conversion by `hyperbolize`.
CONVERSION: dict[str, Check] = {
    'modules': MODEL_ARGS['hyperbolic'],
    'start': one_of('gated', 'carried'),
    'num_centroids': _classes,
    **_HYPERBOLIC,
}

#: Entries about the input and the classes. Only the name of the model that the user gave says where its weights are.
PRETRAINED_CFG: dict[str, Check] = {
    **dict.fromkeys(('url', 'state_dict', 'hf_hub_filename'), one_of(None, '')),
    'custom_load': one_of(False),
    'label_offset': one_of(None, 0),
    'input_size': _input,
    **dict.fromkeys(('test_input_size', 'min_input_size'), either(nothing, _input)),
    'fixed_input_size': _flag,
    **dict.fromkeys(('mean', 'std'), listing(real(-1e6, 1e6), 1, 2**16)),
    **dict.fromkeys(('interpolation', 'crop_mode'), text(32)),
    'crop_pct': real(2**-10, 2**10),
    'test_crop_pct': either(nothing, real(2**-10, 2**10)),
    'num_classes': _classes,
    'pool_size': nothing,
    'test_pool_size': nothing,
    'first_conv': one_of('patch_embed.proj'),
    'classifier': one_of('head'),
    'label_names': either(_texts, mapping(text(10**5), 10**6)),
    'label_descriptions': either(nothing, mapping(text(10**5), 10**6)),
    **dict.fromkeys(('tag', 'license', 'description', 'origin_url', 'paper_name', 'paper_ids', 'notes'), _texts),
}

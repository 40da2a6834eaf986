"""The name of the timm model that a model of this package is built on."""

from __future__ import annotations

import timm
from timm.models import is_model

from ..errors import nearest

__all__ = ['check_timm_model']


def check_timm_model(keyword: str, name: str, is_own: bool, example: str) -> None:
    """Check that a keyword has the name of a timm model.

    Args:
        keyword: The keyword, for the message.
        name: Its value.
        is_own: Whether that is the name of the model which is being made, and which cannot be built on itself.
        example: A value that can be used, for the message.

    Raises:
        ValueError: the name is empty or the model's own, or timm does not know it.
    """
    if not name or is_own:
        raise ValueError(f'{keyword}={name!r} must be the name of a timm model, such as {keyword}={example!r}')
    if ':' not in name and not is_model(name):
        near = nearest(name, timm.list_models())
        raise ValueError(f'{keyword}={name!r} is no timm model.{near or " See timm.list_models()."}')

"""The limit on the memory that a computation on a taxonomy may take."""

from __future__ import annotations

import logging

from ..errors import UserError

__all__ = ['MEMORY', 'check_memory']

MEMORY = 4 << 30
#: A bound from here on is logged as information.
LARGE = 1 << 28

_logger = logging.getLogger(__name__)


def check_memory(what: str, size: float, limit: int, remedy: str) -> None:
    """Refuse a computation that would take more memory than it may, and log the bound of a large one.

    Args:
        what: is computed, for the message.
        size: upper bound of its memory, in bytes.
        limit: memory that it may take, in bytes.
        remedy: for the message.

    Raises:
        UserError: naming the bound and the limit.
    """
    bound = f'{what} takes up to {size / 2**30:,.1f} GiB'
    if size > limit:
        raise UserError(f'{bound}, more than {limit / 2**30:,.1f} GiB; {remedy}')
    if size >= LARGE:
        _logger.info(bound)

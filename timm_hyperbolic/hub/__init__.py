"""The Hugging Face Hub: the model card of a run and the push of its folder."""

from .card import model_card
from .push import PushError, push_run

__all__ = ['PushError', 'model_card', 'push_run']

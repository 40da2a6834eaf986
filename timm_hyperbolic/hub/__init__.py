"""The way to the Hugging Face Hub: what a run's folder says of itself, its model card, and the push."""

from .card import model_card
from .push import PushError, push_run
from .run import Run

__all__ = ['PushError', 'Run', 'model_card', 'push_run']

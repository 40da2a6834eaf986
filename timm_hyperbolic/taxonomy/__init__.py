"""Trees of names."""
from .tree import Taxonomy

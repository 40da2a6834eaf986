"""Options of a run: the types of their values, and how dataclasses of options become flags."""

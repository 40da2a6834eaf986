"""The version of the package, in its only place: `setup.cfg` reads it from here."""

__version__ = '0.1.0'

"""The passes over memory that programs of scalars are printed into; these modules are text, and are not imported."""

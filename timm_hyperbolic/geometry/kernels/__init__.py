"""Kernels made from formulas.

- `row_program`, `two_vectors`: the scalars of a row as a function that can be traced, for each kind of formula.
- `tracing`, `program`, `printing`: traced by torch, as straight-line code, as text.
- `passes/`: the passes over memory that the text is printed into; `primitives`, `primitives_gpu` and
  `attention_memory_gpu`: what they and the text call.
- `printed/`: the kernels that the package ships, written by `python -m timm_hyperbolic.geometry.kernels`.
- `library`, `cpu`: how they are loaded, launched, and called on tensors.
"""

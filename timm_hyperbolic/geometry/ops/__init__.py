"""What runs a formula: a kernel where there is one, else the definition.

`choice` alone chooses. The definition runs under `torch.func`, under `torch.jit.trace`, and in what `torch.export` and
ONNX see; it also gives the second derivatives. Everything else sees one operation of torch for each kind of formula,
opaque to `torch.compile`: `two_vectors`, `linear`, `attention`, `logits`, `hyperplanes` and `radial`, each in a file of
its own (`*_op.py`).
"""

from .attention_op import attention
from .choice import explain, has_kernel, kernels
from .hyperplanes_op import hyperplanes
from .linear_op import linear
from .logits_op import logits
from .radial_op import radial
from .two_vectors_op import two_vectors

__all__ = ['attention', 'explain', 'has_kernel', 'hyperplanes', 'kernels', 'linear', 'logits', 'radial', 'two_vectors']

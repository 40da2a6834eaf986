"""Print the kernels that the package ships anew: `python -m timm_hyperbolic.geometry.kernels`.

Run it after a change of a formula, of what formulas are made of, or of `passes/`; a test says when that is needed.
"""

from __future__ import annotations

from .library import PRINTED
from .shipped import renew

if __name__ == '__main__':
    changed = renew()
    print('\n'.join(f'written: {PRINTED / name}' for name in changed) or 'every printed kernel is up to date')

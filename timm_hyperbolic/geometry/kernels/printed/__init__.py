"""The kernels that the package ships; printed by `python -m timm_hyperbolic.geometry.kernels`, not to be edited."""

"""Names and limits that the options of a run share with the optimizers; this file imports nothing."""

__all__ = ['CLIP_MODES', 'CURVATURE_BOUNDS', 'MANIFOLD_NORMS', 'RIEMANNIAN']

#: Names of the optimizers that keep points on their manifold.
RIEMANNIAN = ('hypadamw', 'hypsgd')
#: Smallest and largest value that a learned curvature may take by default. The layers accept more, but below 1e-6 the
#: gradient of the softplus is too small to come back.
CURVATURE_BOUNDS = (1e-6, 100.0)
#: What gradient clipping limits: the norm of all gradients, each entry, or each unit relative to its weight.
CLIP_MODES = ('norm', 'value', 'agc')
#: How the gradient of a point on a manifold is measured.
MANIFOLD_NORMS = ('riemannian', 'euclidean')

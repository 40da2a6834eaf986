"""Names and limits that the options of a run share with the optimizers; this file imports nothing."""

__all__ = ['CLIP_MODES', 'CURVATURE_BOUNDS', 'MANIFOLD_NORMS', 'RIEMANNIAN', 'TASK_MEASURES']

#: Names of the optimizers that keep points on their manifold.
RIEMANNIAN = ('hypadamw', 'hypsgd')
#: Smallest and largest value that a learned curvature may take by default. The layers accept more, but below 1e-6 the
#: gradient of the softplus is too small to come back.
CURVATURE_BOUNDS = (1e-6, 100.0)
#: What gradient clipping limits: the norm of all gradients, each entry, or each unit relative to its weight.
CLIP_MODES = ('norm', 'value', 'agc')
#: How the gradient of a point on a manifold is measured.
MANIFOLD_NORMS = ('riemannian', 'euclidean')
#: The tasks of a training run, and the numbers that each measures after an epoch, by name, with their titles. The first
#: number chooses the best epoch by default. All but `loss` are percent, and better the larger they are.
TASK_MEASURES = {
    'classification': {'top1': 'Top-1', 'top5': 'Top-5', 'loss': 'loss'},
    'segmentation': {
        'miou': 'mean IoU',
        'pixel_accuracy': 'pixel accuracy',
        'class_accuracy': 'class accuracy',
        'loss': 'loss',
    },
    'contrastive': {
        'top1': 'R@1, image to text',
        'top5': 'R@5, image to text',
        'text_top1': 'R@1, text to image',
        'inside': 'images in the cone of their text',
        'loss': 'loss',
    },
}

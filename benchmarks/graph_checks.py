"""Compares the graph that a compiler or exporter makes of a model with the model itself.

Each check takes a model and a function that draws a batch of a given size, and returns a `Found`. If no graph can be
made, the compiler's or exporter's error is raised. A difference of logits is relative to the largest logit where that
is over 1, a difference of gradients is relative to the length of all gradients together, and for ONNX it is absolute.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import geoopt
import torch
import torch._dynamo.testing
from timm.models import GraphExtractNet
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from timm_hyperbolic.layers import is_curvature

__all__ = ['CHECKS', 'Draw', 'Found', 'open_gates']

Draw = Callable[[int], Tensor]
#: Batch sizes; a graph is made of the first, and of the second for any size.
SIZES = (4, 6, 3, 8, 5)
LOGITS, GRADIENTS, ONNX = 1e-5, 1e-4, 1e-4


@dataclass(frozen=True)
class Found:
    """How far the graph's result is from the model's, and what is allowed.

    Args:
        difference: The largest difference, relative or absolute as the module's docstring says.
        allowed: The largest difference that counts as the same function.
        graphs: How many graphs there were after each of the batches `SIZES`; None for checks that make one graph.
    """

    difference: float
    allowed: float
    graphs: tuple[int, ...] | None = None

    @property
    def is_kept(self) -> bool:
        """Whether it is the same function, in graphs that serve any batch size from the second batch on."""
        settled = self.graphs is None or self.graphs[-1] == self.graphs[1] <= 2
        return self.difference <= self.allowed and settled


@torch.no_grad()
def open_gates(model: nn.Module) -> nn.Module:
    """Give every parameter a value of its own, so that no gate is closed and no centre at the origin.

    Curvatures differ as well: with two alike, what one layer shortened to the margin would lie on the margin of the
    next, where there is no derivative, and rounding would choose a side.
    """
    generator = torch.Generator().manual_seed(1)
    for p in model.parameters():
        noise = torch.rand(p.shape, generator=generator) - 0.5
        if is_curvature(p):
            p.add_(noise)
        else:
            p.copy_(0.1 * noise if isinstance(p, geoopt.ManifoldParameter) else noise)
    return model


def _of_logits(got: Tensor, expected: Tensor) -> float:
    return ((got - expected).abs().max() / expected.abs().max().clamp_min(1)).item()


def _of_gradients(got: list[Tensor], expected: list[Tensor]) -> float:
    got, expected = (torch.cat([g.flatten().double() for g in tensors]) for tensors in (got, expected))
    return ((got - expected).norm() / expected.norm()).item()


def _gradients(model: nn.Module, out: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(out.square().sum(), list(model.parameters())))


def _compiled(model: nn.Module, draw: Draw, train: bool, backend: str = 'aot_eager') -> Found:
    torch.compiler.reset()
    model.train(train)
    counter = torch._dynamo.testing.CompileCounterWithBackend(backend)
    compiled = torch.compile(model, fullgraph=True, backend=counter)
    differences, graphs = [], []
    for size in SIZES:
        x = draw(size)
        with torch.set_grad_enabled(train):
            got, expected = compiled(x), model(x)
        if train:
            differences.append(_of_gradients(_gradients(model, got), _gradients(model, expected)))
        else:
            differences.append(_of_logits(got, expected))
        graphs.append(counter.frame_count)
    torch.compiler.reset()
    return Found(max(differences), GRADIENTS if train else LOGITS, tuple(graphs))


def _batch() -> tuple[dict[int, torch.export.Dim]]:
    return ({0: torch.export.Dim('batch', min=1, max=512)},)


@torch.no_grad()
def _exported(model: nn.Module, draw: Draw, strict: bool) -> Found:
    model.eval()
    with torch.enable_grad():  # as a user calls it
        exported = torch.export.export(model, (draw(2),), dynamic_shapes=_batch(), strict=strict).module()
    return Found(max(_of_logits(exported(x), model(x)) for x in map(draw, (1, 2, 5))), LOGITS)


@torch.no_grad()
def _onnx(model: nn.Module, draw: Draw) -> Found:
    model.eval()
    program = torch.onnx.export(model, (draw(2),), dynamo=True, dynamic_shapes=_batch(), verbose=False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'model.onnx'
        program.save(path)
        runtime = importlib.import_module('onnxruntime')  # a package of the extra 'onnx'
        session = runtime.InferenceSession(path, providers=['CPUExecutionProvider'])
    name = session.get_inputs()[0].name
    differences = []
    for x in map(draw, (1, 2, 5)):
        (got,) = session.run(None, {name: x.numpy()})
        differences.append((torch.from_numpy(got) - model(x)).abs().max().item())
    return Found(max(differences), ONNX)


def _fx(model: nn.Module, draw: Draw) -> Found:
    model.train()
    graph, x = GraphExtractNet(model, ['head']), draw(2)
    got, expected = graph(x), model(x)
    gradients = _of_gradients(_gradients(model, got), _gradients(model, expected))  # the parameters are the same
    return Found(max(_of_logits(got, expected), gradients), 0.0)


def _func(model: nn.Module, draw: Draw) -> Found:
    model.train()
    parameters, x = dict(model.named_parameters()), draw(3)

    def loss(parameters: dict[str, Tensor], image: Tensor) -> Tensor:
        return functional_call(model, parameters, (image.unsqueeze(0),)).square().sum()

    expected = _gradients(model, model(x))
    of_each = vmap(grad(loss), in_dims=(None, 0), randomness='different')(parameters, x)
    return Found(_of_gradients([g.sum(0) for g in of_each.values()], expected), GRADIENTS)


def _checkpointed(model: nn.Module, draw: Draw) -> Found:
    x, found = draw(3), []
    model.train()
    for enable in (False, True):
        model.set_grad_checkpointing(enable)
        out = model(x)
        found.append((out, _gradients(model, out)))
    model.set_grad_checkpointing(False)
    (expected, of_expected), (got, of_got) = found
    return Found(max(_of_logits(got, expected), _of_gradients(of_got, of_expected)), 0.0)


#: The checks by their column.
CHECKS: dict[str, Callable[[nn.Module, Draw], Found]] = {
    'compile train': partial(_compiled, train=True),
    'compile eval': partial(_compiled, train=False),
    'export': partial(_exported, strict=False),
    'export strict': partial(_exported, strict=True),
    'onnxruntime': _onnx,
    'fx': _fx,
    'torch.func': _func,
    'grad checkpointing': _checkpointed,
}

"""Which number type each layer computes in, and how large the errors are that follow from it.

    python benchmarks/number_types.py --csv benchmarks/results/number-types.csv     # a few seconds

`types_of` runs a layer while it watches every operation, so the types are observed. The output of an operation counts
as vectors if its last dimension is that of a vector, and as row scalars otherwise: a row has one scalar, or one for
each class, key or part of a packed map. The inputs of matrix products are listed as products, and row scalars that
multiply a vector as coefficients. Operations that do not round, such as casts, do not count.

The errors are relative to the same layer in float64 on the same numbers: `value` is `‖error‖/‖reference‖` of a row of
the output, the worst row over all lengths of the inputs, and `gradient` the same of the gradients with respect to the
inputs and to the parameters, each taken as one vector. The exit status is 1 if an error is larger than the page
promises.
"""

from __future__ import annotations

import argparse
import copy
import math
import sys
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import torch
from report import Report, add_arguments, chosen_device, header
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from timm_hyperbolic.geometry import kernels
from timm_hyperbolic.layers import (
    CenteredResidual,
    HyperbolicAttention,
    HyperbolicHead,
    HyperbolicLinear,
    HyperbolicMlp,
    HyperbolicPosEmbed,
    OriginResidual,
    PointResidual,
)

#: No two of them, and no product of two, is the same number: a shape says what a tensor is.
IMAGES, TOKENS, DIM, OUT, CLASSES = 2, 5, 32, 48, 7
LENGTHS = (0.1, 1.0, 2.44, 5.0)
MARGIN = 0.985


@dataclass(frozen=True)
class Mode:
    """A way to run a layer."""

    name: str
    autocast: torch.dtype | None = None
    hamp: bool = False

    def context(self) -> Any:
        """The context of a forward pass."""
        return nullcontext() if self.autocast is None else torch.autocast('cpu', dtype=self.autocast)


MODES = (
    Mode('float32'),
    Mode('bfloat16', torch.bfloat16),
    Mode('bfloat16, hamp', torch.bfloat16, hamp=True),
    Mode('float16', torch.float16),
    Mode('float16, hamp', torch.float16, hamp=True),
)

#: Each layer, from the keywords of `HyperbolicModule`; and whether it takes a second input.
LAYERS: dict[str, tuple[Callable[..., nn.Module], bool]] = {
    'residual, centred': (CenteredResidual, True),
    'residual at the origin': (OriginResidual, True),
    'residual at x': (PointResidual, True),
    'positional embedding': (HyperbolicPosEmbed, True),
    'linear': (lambda **kw: HyperbolicLinear(DIM, OUT, **kw), False),
    'MLP': (lambda **kw: HyperbolicMlp(DIM, OUT, **kw), False),
    'attention': (lambda **kw: HyperbolicAttention(DIM, num_heads=2, qkv_bias=True, num_centroids=3, **kw), False),
    'head': (lambda **kw: HyperbolicHead(DIM, CLASSES, **kw), False),
}


def build(layer: str, seed: int = 0, **keywords: Any) -> nn.Module:
    """A layer of `LAYERS` with numbers that matter: open gates, centres and biases off the origin."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = LAYERS[layer][0](**keywords)
        with torch.no_grad():
            for name, p in module.named_parameters():
                if 'curvature' not in name:
                    p.add_(torch.randn(p.shape) * 0.3 / math.sqrt(p.shape[-1]))
    return module


def draw(layer: str, length: float, seed: int = 0) -> list[Tensor]:
    """Inputs of a layer: tangent vectors of one length, `[B, N, D]`; the second ones are 0.9 as long."""
    generator = torch.Generator().manual_seed(seed)

    def vectors(size: float) -> Tensor:
        return size * nn.functional.normalize(torch.randn(IMAGES, TOKENS, DIM, generator=generator), dim=-1)

    return [vectors(length), vectors(0.9 * length)] if LAYERS[layer][1] else [vectors(length)]


# --- which type -------------------------------------------------------------------------------------------------------

KINDS = ('vectors', 'products', 'coefficients', 'row scalars')
_VECTOR_DIMS = (DIM, OUT, 3 * DIM, DIM // 2, DIM // 2 + 1)  # those of a head, and with their sum's last entry, too
_PRODUCTS = ('mm', 'bmm', 'addmm', 'baddbmm')
_ROUNDING = (
    *(
        'add',
        'add_',
        'sub',
        'rsub',
        'mul',
        'mul_',
        'div',
        'div_',
        'addcmul',
        'addcmul_',
        'pow',
        'sqrt',
        'sqrt_',
        'rsqrt',
    ),
    *('exp', 'expm1', 'log', 'log1p', 'tanh', 'atanh', 'sinh', 'cosh', 'asinh', 'acosh', 'sigmoid', 'reciprocal'),
    *('sum', 'mean', 'linalg_vecdot', 'linalg_vector_norm', 'softplus', '_softmax', 'gelu'),
)


class _Watch(TorchDispatchMode):
    """Writes down the types of floating tensors that operations take and make, by what the tensors are."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = rows
        self.seen: dict[str, set[torch.dtype]] = {kind: set() for kind in KINDS}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        taken = [t for t in args if isinstance(t, Tensor) and t.is_floating_point()]
        if name in _PRODUCTS and any(self._is_of_rows(t) for t in taken):
            self.seen['products'] |= {t.dtype for t in taken if t.dim() >= 2}
        elif name in _ROUNDING and self._is_of_rows(out):
            self.seen['vectors' if self._is_vector(out) else 'row scalars'].add(out.dtype)
            if self._is_vector(out):
                self.seen['coefficients'] |= {t.dtype for t in taken if self._is_of_rows(t) and not self._is_vector(t)}
        return out

    def _is_of_rows(self, t: Tensor) -> bool:
        return t.is_floating_point() and t.dim() >= 1 and t.numel() % self.rows == 0

    @staticmethod
    def _is_vector(t: Tensor) -> bool:
        return t.shape[-1] in _VECTOR_DIMS


def types_of(layer: str, mode: Mode, margin: float | None = MARGIN) -> dict[str, set[torch.dtype]]:
    """The types seen in a forward pass, by kind; besides, of the `parameters`, their `gradients`, the `output`."""
    module = build(layer, margin=margin, hamp=mode.hamp)
    inputs = [t.requires_grad_() for t in draw(layer, 1.0)]
    # Kernels are opaque to torch, and have the same types but for row scalars, which are float64 in all of them.
    with mode.context(), kernels(False), _Watch(IMAGES * TOKENS) as watch:
        out = module(*inputs)
    out.float().sum().backward()
    parameters = {p.dtype for p in module.parameters()}
    return {
        **watch.seen,
        'parameters': parameters,
        'gradients': {p.grad.dtype for p in module.parameters() if p.grad is not None},
        'output': {out.dtype},
    }


# --- how many digits --------------------------------------------------------------------------------------------------


@dataclass
class Errors:
    """Worst relative errors of one layer in one mode."""

    layer: str
    clip: str
    mode: str
    value: float = 0.0
    gradient: float = 0.0


CLIPS: dict[str, dict[str, Any]] = {
    f'margin {MARGIN}': {'margin': MARGIN},
    'no margin': {'margin': None},
    'flat': {'curvature': 0.0},
}


def run(module: nn.Module, mode: Mode, inputs: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Output, gradients in the inputs and gradients in the parameters, the gradients as one vector each."""
    inputs = [t.clone().requires_grad_() for t in inputs]
    parameters = [p for p in module.parameters() if p.requires_grad]
    with mode.context():
        out = module(*inputs)
    g = torch.randn(out.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    gradients = torch.autograd.grad((out.double() * g).sum(), [*inputs, *parameters])
    in_inputs, in_parameters = (
        torch.cat([t.double().flatten() for t in part])
        for part in (gradients[: len(inputs)], gradients[len(inputs) :] or gradients)
    )
    return out.detach().double(), in_inputs, in_parameters


def errors_of(layer: str, clip: str, mode: Mode, lengths: Iterable[float] = LENGTHS) -> Errors:
    """Measure one layer in one mode against float64."""
    result = Errors(layer, clip, mode.name)
    module = build(layer, hamp=mode.hamp, **CLIPS[clip])
    exact = copy.deepcopy(module).double()
    for length in lengths:
        inputs = draw(layer, length)
        out, *gradients = run(module, mode, inputs)
        reference, *exact_gradients = run(exact, MODES[0], [t.double() for t in inputs])
        of_rows = (out - reference).norm(dim=-1) / reference.norm(dim=-1)
        result.value = max(result.value, of_rows.max().item())
        of_parts = [((a - b).norm() / b.norm()).item() for a, b in zip(gradients, exact_gradients, strict=True)]
        result.gradient = max(result.gradient, *of_parts)
    return result


def measure_errors(layers: Iterable[str] = tuple(LAYERS), modes: Iterable[Mode] = MODES) -> list[Errors]:
    """Measure every layer with every clip in every mode."""
    return [errors_of(layer, clip, mode) for layer in layers for clip in CLIPS for mode in modes]


def missed(results: Iterable[Errors]) -> list[str]:
    """What the page promises and a layer does not keep, in words.

    In units of the spacing `eps` of the type in which vectors are computed: 1 for the output and 8 for gradients in a
    half type, 4 and 32 in float32.
    """
    lines = []
    for result in results:
        mode = next(mode for mode in MODES if mode.name == result.mode)
        eps = torch.finfo(mode.autocast if mode.hamp else torch.float32).eps
        value, gradient = (eps, 8 * eps) if mode.hamp else (4 * eps, 32 * eps)
        if not (result.value <= value and result.gradient <= gradient):
            lines.append(
                f'{result.layer}, {result.clip}, {result.mode}: {result.value:.1e} and {result.gradient:.1e} '
                f'> {value:.1e} and {gradient:.1e}'
            )
    return lines


def main(argv: list[str] | None = None) -> int:
    """Measure and print; 1 if a promise is not kept."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_arguments(parser)
    args = parser.parse_args(argv)
    args.threads = args.threads or 1
    report = Report(header(args, chosen_device(args)), args.csv, key=('layer', 'clip', 'mode'))
    results = measure_errors()
    report.add(asdict(result) for result in results)
    for line in missed(results):
        print(f'missed: {line}', file=sys.stderr)
    return 1 if missed(results) else 0


if __name__ == '__main__':
    sys.exit(main())

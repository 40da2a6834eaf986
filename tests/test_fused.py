"""What the fused operations share."""

import shutil

import pytest
import torch
import torch._inductor.config
from layer_cases import CASES
from torch import nn
from torch._dynamo.testing import CompileCounterWithBackend

from timm_hyperbolic.layers import OriginResidual


class _Two(nn.Module):
    """Two layers of one kind: where the compiler's regions go wrong, they do so from the second call on."""

    def __init__(self) -> None:
        super().__init__()
        self.residuals = nn.ModuleList(OriginResidual() for _ in range(2))
        self.branches = nn.ModuleList(nn.Linear(24, 24) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for residual, branch in zip(self.residuals, self.branches, strict=True):
            x = residual(x, branch(x))
        return x


@pytest.mark.slow
@pytest.mark.skipif(shutil.which('g++') is None, reason='inductor needs a C++ compiler')
@pytest.mark.parametrize('reuse', [True, False])
def test_gradients_compiled_by_inductor_are_those_of_eager_mode(reuse):
    torch.compiler.reset()
    torch.manual_seed(0)
    model = _Two()
    for p in model.residuals.parameters():
        nn.init.normal_(p, std=0.3)
    x, weight = torch.randn(4, 5, 24, requires_grad=True), torch.randn(4, 5, 24)
    names = ['x', *dict(model.named_parameters())]
    inputs = [x, *model.parameters()]
    with torch._inductor.config.patch(allow_buffer_reuse=reuse):
        eager, compiled = (
            torch.autograd.grad((f(x) * weight).sum(), inputs) for f in (model, torch.compile(model, fullgraph=True))
        )
    for name, a, b in zip(names, eager, compiled, strict=True):
        assert torch.linalg.vector_norm(a - b) < 1e-4 * torch.linalg.vector_norm(a) + 1e-6, name
    torch.compiler.reset()


@pytest.mark.slow
@pytest.mark.parametrize('name', ['pos', 'linear-nobias'])
def test_the_second_graph_is_for_every_batch_in_training_too(name):
    torch.compiler.reset()
    (case,) = (case for case in CASES if case.name == name)
    x, *others = (t.detach() for t in case.inputs(torch.Generator().manual_seed(0), dtype=torch.float32))
    graphs = CompileCounterWithBackend('aot_eager')
    layer = torch.compile(case.build(torch.float32), fullgraph=True, backend=graphs)
    for batch in (4, 6, 3, 5):
        layer(x[:1].repeat(batch, 1, 1).requires_grad_(), *others).sum().backward()
    assert graphs.frame_count == 2
    torch.compiler.reset()

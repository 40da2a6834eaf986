"""`benchmarks/number_types.py`: the promises of the page, and that the program can tell."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'benchmarks'))

import number_types
from number_types import LAYERS, MODES

FLOAT32, BFLOAT16, HAMP = MODES[:3]
WIDE = {torch.float32, torch.float64}


@pytest.mark.parametrize('layer', LAYERS)
def test_types_are_those_of_the_contract(layer):
    for mode in MODES:
        seen = number_types.types_of(layer, mode)
        half = {mode.autocast} if mode.hamp else {torch.float32}
        assert seen['row scalars']
        assert seen['row scalars'] <= WIDE
        assert seen['parameters'] == seen['gradients'] == {torch.float32}
        assert seen['vectors'] <= WIDE | half
        assert seen['products'] <= half
        assert bool(seen['products']) is (layer in ('linear', 'MLP', 'attention', 'head'))
        assert seen['output'] == (half if layer in ('linear', 'MLP', 'attention') else {torch.float32})


def test_amp_alone_changes_nothing_inside_a_layer():
    for layer in LAYERS:
        module, inputs = number_types.build(layer, margin=0.985), number_types.draw(layer, 1.0)
        plain, amp = (number_types.run(module, mode, inputs) for mode in (FLOAT32, BFLOAT16))
        assert all(torch.equal(a, b) for a, b in zip(plain, amp, strict=True))


@pytest.mark.parametrize('layer', ['residual, centred', 'linear', 'head'])
def test_errors_are_within_what_is_promised(layer):
    results = number_types.measure_errors([layer])
    assert number_types.missed(results) == []
    by = {(r.clip, r.mode): r for r in results}
    # The half type was really used, and float16 only where its range is enough; the head's kernel computes in float32
    for clip in () if layer == 'head' else number_types.CLIPS:
        assert by[clip, 'bfloat16, hamp'].value > 1e-4
        assert (by[clip, 'float16, hamp'].value > 1e-5) is (clip == 'margin 0.985')


def test_the_program_sees_a_row_scalar_in_a_half_type_and_an_error(monkeypatch):
    class Careless(torch.nn.Module):
        """Scales a vector by its squared length, by a difference that cancels, all of it in the autocast type."""

        def __init__(self, hamp=False, **_) -> None:
            super().__init__()
            self.scale, self.hamp = torch.nn.Parameter(torch.ones(1)), hamp

        def forward(self, x):
            x = x.bfloat16() if self.hamp and torch.is_autocast_enabled('cpu') else x
            return x * (1 - (1 - (x * x).sum(-1, keepdim=True))) * self.scale.to(x.dtype)

    monkeypatch.setitem(LAYERS, 'careless', (Careless, False))
    assert number_types.types_of('careless', FLOAT32)['row scalars'] == {torch.float32}
    seen = number_types.types_of('careless', HAMP)
    assert seen['row scalars'] == seen['coefficients'] == seen['vectors'] == {torch.bfloat16}
    (line,) = number_types.missed([number_types.errors_of('careless', 'flat', HAMP)])
    assert line.startswith('careless, flat, bfloat16, hamp: ')

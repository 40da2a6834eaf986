"""From a row program to the text of a kernel: the scalars are printed into the passes over memory that feed them."""

from __future__ import annotations

import re
from pathlib import Path

from .program import Program
from .row_program import RowProgram

__all__ = ['ROWS', 'cpu_source']

_PASSES = Path(__file__).parent / 'passes'
#: Rows of a block: two vectors of eight float64 numbers, on the widest processors.
ROWS = 16
_OPERATORS = {
    'constant': '{}',
    'add': '{} + {}',
    'sub': '{} - {}',
    'mul': '{} * {}',
    'div': '{} / {}',
    'neg': '-{}',
    'lt': '{} < {}',
    'le': '{} <= {}',
}
_CPU = _OPERATORS | {
    'and': '{} & {}',
    'or': '{} | {}',
    'not': 'not {}',
    'sqrt': 'sqrt({})',
    'exp': 'exp({})',
    'log': 'log({})',
    'where': 'where({}, {}, {})',
}


def _cpu_function(
    row: RowProgram, name: str, program: Program, inputs: tuple[str, ...], results: tuple[str, ...]
) -> str:
    """A function that runs a program for every row of a block.

    Args:
        row: Names the numbers and slots.
        name: Of the function.
        program: What it runs.
        inputs: Slots that it reads.
        results: Slots that it writes.
    """
    slot = {name: f'S[{name.upper()} * ROWS + r]' for name in row.slots}
    own = inputs[: len(row.inputs)]
    body = program.text([*own, *row.numbers, *inputs[len(own) :]], [slot[name] for name in results], _CPU)
    used = set(re.findall(r'\w+', ' '.join(body)))
    lines = [
        '@jit',
        f'def {name}(S, numbers):',
        f'    """{", ".join(results)} of every row of a block."""',
        *(f'    {n} = numbers[{i}]' for i, n in enumerate(row.numbers) if n in used),
        '    for r in range(ROWS):',
        *(f'        {n} = {slot[n]}' for n in inputs if n in used),
        *(f'        {line}' for line in body),
    ]
    return '\n'.join(lines)


def cpu_source(row: RowProgram, passes: str) -> str:
    """The module with the kernels of a row program for a CPU.

    Args:
        row: The scalars of a row.
        passes: Name of the module in `passes/` that has the passes over memory around them.

    Returns:
        The text of the module. It defines a constant for each slot of the scratch (`EE = 0`, ...), `ROWS`, `SLOTS`,
        `forward_scalars`, `backward_scalars`, and what the passes define.
    """
    outputs, gradients = row.outputs, tuple(f'd_{name}' for name in row.wrt)
    cotangents = tuple(f'g_{name}' for name in outputs)
    functions = [
        _cpu_function(row, 'forward_scalars', row.forward, row.inputs, outputs),
        _cpu_function(row, 'backward_scalars', row.backward, (*row.inputs, *cotangents), (*outputs, *gradients)),
    ]
    text = (_PASSES / f'{passes}.py').read_text(encoding='utf-8')
    docstring, code = text[3:].split('"""', 1)
    placeholder = re.search(r'^from [\w.]*placeholder import (\([^)]*\)|[^\n]*)\n', code, re.MULTILINE)
    imports, code = code[: placeholder.start()], code[placeholder.end() :]
    primitives, code = code.split('\n', 1)
    names = {'exp', 'jit', 'log', 'sqrt', 'where'} | set(re.findall(r'\w+', primitives.split(' import ')[1]))
    slots = [f'{name.upper()} = {i}' for i, name in enumerate(row.slots)]
    parts = [
        f'"""`{row.name}`, printed by `python -m {__package__}`: not to be edited.\n\n{docstring}"""',
        imports.strip('\n'),
        f'{primitives.split(" import ")[0]} import {", ".join(sorted(names))}',
        '\n'.join([f'ROWS = {ROWS}', f'SLOTS = {len(row.slots)}', *slots]),
        *('\n' + f for f in functions),
        '\n' + code.strip('\n'),
    ]
    return '\n\n'.join(parts) + '\n'

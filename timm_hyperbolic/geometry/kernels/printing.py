"""From a row program to the text of a kernel: the scalars are printed into the passes over memory that feed them."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from .program import Program
from .row_program import RowProgram

__all__ = ['cpu_source']

_PASSES = Path(__file__).parent / 'passes'
#: Rows of a block: two vectors of eight float64 numbers, on the widest processors.
_ROWS = 16
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


def _cpu_pair_function(
    row: RowProgram, name: str, program: Program, inputs: tuple[str, ...], results: tuple[str, ...]
) -> str:
    """A function that runs a program for one pair of rows, whose numbers it takes and returns.

    Args: as `_cpu_function`, but for names of arguments in place of slots.
    """
    own = inputs[: len(row.inputs)]
    arguments = [*own, *row.numbers, *inputs[len(own) :]]
    body = program.text(arguments, results, _CPU | {'constant': 'T({})'})
    lines = [
        '@jit(inline=True)',
        f'def {name}({", ".join(arguments)}):',
        f'    """{", ".join(results)} of a pair."""',
        *(f'    {line}' for line in body),
        f'    return {", ".join(results)}',
    ]
    return '\n'.join(lines)


def cpu_source(row: RowProgram, passes: str) -> str:
    """The module with the kernels of a row program for a CPU.

    Args:
        row: The scalars of a row.
        passes: Name of the module in `passes/` that has the passes over memory around them.

    Returns:
        The text of the module. For passes over rows it defines a constant for each slot of the scratch (`EE = 0`, ...),
        `ROWS`, `SLOTS`, `forward_scalars` and `backward_scalars`; for passes over pairs of rows `T`, the type of their
        numbers, `forward_pair` and `backward_pair`, and `exp` and `log` of that type; and what the passes define.
    """
    outputs, gradients = row.outputs, tuple(f'd_{name}' for name in row.wrt)
    cotangents = tuple(f'g_{name}' for name in outputs)
    text = (_PASSES / f'{passes}.py').read_text(encoding='utf-8')
    docstring, code = text[3:].split('"""', 1)
    placeholder = re.search(r'^from [\w.]*placeholder import (\([^)]*\)|[^\n]*)\n', code, re.MULTILINE)
    imports, code = code[: placeholder.start()], code[placeholder.end() :]
    primitives, code = code.split('\n', 1)
    names = {'exp', 'jit', 'log', 'sqrt', 'where'} | set(re.findall(r'\w+', primitives.split(' import ')[1]))
    if 'forward_pair' in placeholder.group():
        function, kind = _cpu_pair_function, 'pair'
        constants = [f'T = np.{str(row.dtype).removeprefix("torch.")}']
        if row.dtype == torch.float32:
            names = names - {'exp', 'log'} | {'exp32 as exp', 'log32 as log'}
    else:
        function, kind = _cpu_function, 'scalars'
        slots = [f'{name.upper()} = {i}' for i, name in enumerate(row.slots)]
        constants = [f'ROWS = {_ROWS}', f'SLOTS = {len(row.slots)}', *slots]
    functions = [
        function(row, f'forward_{kind}', row.forward, row.inputs, outputs),
        function(row, f'backward_{kind}', row.backward, (*row.inputs, *cotangents), (*outputs, *gradients)),
    ]
    parts = [
        f'"""`{row.name}`, printed by `python -m {__package__}`: not to be edited.\n\n{docstring}"""',
        imports.strip('\n'),
        f'{primitives.split(" import ")[0]} import {", ".join(sorted(names))}',
        '\n'.join(constants),
        *('\n' + f for f in functions),
        '\n' + code.strip('\n'),
    ]
    return '\n\n'.join(parts) + '\n'

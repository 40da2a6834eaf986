"""From a row program to the text of a kernel: the scalars are printed into the passes over memory that feed them."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

import torch

from .program import Program
from .row_program import CLIP, RowProgram

__all__ = ['ROWS', 'source']

_PASSES = Path(__file__).parent / 'passes'
#: Rows of a block on a CPU: two vectors of eight float64 numbers, on the widest processors.
ROWS = 16
_OPERATORS = {
    'add': '{} + {}',
    'sub': '{} - {}',
    'mul': '{} * {}',
    'div': '{} / {}',
    'neg': '-{}',
    'lt': '{} < {}',
    'le': '{} <= {}',
    'and': '{} & {}',
    'or': '{} | {}',
}


@dataclass(frozen=True)
class _Language:
    """How the language of a device writes what is printed.

    Args:
        primitives: Names that every kernel needs from the module of primitives which its passes import.
        rows: Rows of a block.
        constant: A number that all kernels of a module know.
        header: The first lines of a function of the rows of a block.
        number: The line that reads a number which all rows share.
        clip: The line that reads a number of the clip; None where the clip stands among the numbers.
        loop: The line that begins a loop over the rows; None where a block is one vector.
        read: A number of a row.
        write: The line that writes one.
        operations: The operations of a program, as for `Program.text`.
        pair_type: The line that says in which type pairs are computed.
        pair_header: The first lines of a function of a pair of rows.
        pair_constant: A number in that type.
        single: Primitives in place of those for float64, where pairs are computed in float32.
    """

    primitives: tuple[str, ...]
    rows: int
    constant: str
    header: str
    number: str
    clip: str | None
    loop: str | None
    read: str
    write: str
    operations: dict[str, str]
    pair_type: str
    pair_header: str
    pair_constant: str
    single: dict[str, str]


_NUMBA = _Language(
    primitives=('exp', 'jit', 'log', 'sqrt', 'where'),
    rows=ROWS,
    constant='{} = {}',
    header='@jit\ndef {}(S, numbers):\n    """{}"""',
    number='{} = numbers[{}]',
    clip=None,
    loop='for r in range(ROWS):',
    read='S[{} * ROWS + r]',
    write='S[{} * ROWS + r] = {{}}',
    operations=_OPERATORS
    | {
        'constant': '{}',
        'not': 'not {}',
        'sqrt': 'sqrt({})',
        'exp': 'exp({})',
        'log': 'log({})',
        'where': 'where({}, {}, {})',
    },
    pair_type='T = np.{}',
    pair_header='@jit(inline=True)\ndef {}({}):\n    """{}"""',
    pair_constant='T({})',
    single={'exp': 'exp32 as exp', 'log': 'log32 as log'},
)
_TRITON = _Language(
    primitives=('f64', 'typed'),
    rows=32,  # one for each thread of a warp
    constant='{} = tl.constexpr({})',
    header='@triton.jit\ndef {}(S, numbers, clip):\n    """{}"""\n    r = tl.arange(0, ROWS)',
    number='{} = tl.load(numbers + {})',
    clip='{} = tl.load(clip + {})',
    loop=None,
    read='tl.load(S + {} * ROWS + r)',
    write='tl.store(S + {} * ROWS + r, {{}})',
    operations=_OPERATORS
    | {
        'constant': 'f64({})',
        'not': '~{}',
        'sqrt': 'tl.sqrt({})',
        'exp': 'tl.exp({})',
        'log': 'tl.log({})',
        'where': 'tl.where({}, {}, {})',
    },
    pair_type='T = tl.constexpr(tl.{})',
    pair_header='@triton.jit\ndef {}({}):\n    """{}"""',
    pair_constant='typed({}, T)',
    single={},
)


def _function(
    language: _Language,
    row: RowProgram,
    name: str,
    program: Program,
    inputs: tuple[str, ...],
    results: tuple[str, ...],
) -> str:
    """A function that runs a program for every row of a block.

    Args:
        language: Of the device.
        row: Names the numbers and slots.
        name: Of the function.
        program: What it runs.
        inputs: Slots that it reads.
        results: Slots that it writes.
    """
    own = inputs[: len(row.inputs)]
    names = [*own, *row.numbers, *inputs[len(own) :]]
    writes = [language.write.format(n.upper()) for n in results]
    before, body = program.text(names, writes, language.operations, row.numbers)
    used = set(re.findall(r'\w+', ' '.join(before + body)))
    apart = CLIP if language.clip else ()
    shared = [name for name in row.numbers if name not in apart]
    numbers = [language.number.format(n, i) for i, n in enumerate(shared) if n in used]
    numbers += [language.clip.format(n, i) for i, n in enumerate(apart) if n in used]
    numbers += before
    of_a_row = [*(f'{n} = {language.read.format(n.upper())}' for n in inputs if n in used), *body]
    if language.loop:
        of_a_row = [language.loop, *(f'    {line}' for line in of_a_row)]
    header = language.header.format(name, f'{", ".join(results)} of every row of a block.')
    return '\n'.join([header, *(f'    {line}' for line in numbers + of_a_row)])


def _pair_function(
    language: _Language,
    row: RowProgram,
    name: str,
    program: Program,
    inputs: tuple[str, ...],
    results: tuple[str, ...],
) -> str:
    """A function that runs a program for pairs of rows, whose numbers it takes and returns.

    Args: as `_function`, but for names of arguments in place of slots.
    """
    own = inputs[: len(row.inputs)]
    arguments = [*own, *row.numbers, *inputs[len(own) :]]
    operations = language.operations | {'constant': language.pair_constant}
    _, body = program.text(arguments, [f'{result} = {{}}' for result in results], operations)
    header = language.pair_header.format(name, ', '.join(arguments), f'{", ".join(results)} of a pair.')
    return '\n'.join([header, *(f'    {line}' for line in (*body, f'return {", ".join(results)}'))])


def source(row: RowProgram, passes: str) -> str:
    """The module with the kernels of a row program for a device.

    Args:
        row: The scalars of a row.
        passes: Name of the module in `passes/` that has the passes over memory around them. It ends in `_cpu` for
            kernels by Numba, in `_gpu` for kernels by Triton.

    Returns:
        The text of the module. For passes over rows it defines a constant for each slot of the scratch (`EE = 0`, ...),
        `ROWS`, `SLOTS`, `forward_scalars` and `backward_scalars`; for passes over pairs of rows `T`, the type of their
        numbers, `forward_pair` and `backward_pair`, and `exp` and `log` of that type; and what the passes define.
    """
    language = {'cpu': _NUMBA, 'gpu': _TRITON}[passes.rpartition('_')[2]]
    outputs, gradients = row.outputs, tuple(f'd_{name}' for name in row.wrt)
    cotangents = tuple(f'g_{name}' for name in outputs)
    text = (_PASSES / f'{passes}.py').read_text(encoding='utf-8')
    docstring, code = text[3:].split('"""', 1)
    placeholder = re.search(r'^from [\w.]*placeholder import (\([^)]*\)|[^\n]*)\n', code, re.MULTILINE)
    imports, code = code[: placeholder.start()], code[placeholder.end() :]
    primitives, code = code.split('\n', 1)
    names = {*language.primitives, *re.findall(r'\w+', primitives.split(' import ')[1])}
    if 'forward_pair' in placeholder.group():
        constants = [language.pair_type.format(str(row.dtype).removeprefix('torch.'))]
        if row.dtype == torch.float32:
            names = {language.single.get(name, name) for name in names}
        kind, function = 'pair', functools.partial(_pair_function, language, row)
    else:
        slots = ((n.upper(), i) for i, n in enumerate(row.slots))
        constants = [('ROWS', language.rows), ('SLOTS', len(row.slots)), *slots]
        constants = [language.constant.format(*constant) for constant in constants]
        kind, function = 'scalars', functools.partial(_function, language, row)
    known, results = (row.given, gradients) if row.gradients else (row.inputs, (*outputs, *gradients))
    functions = [
        function(f'forward_{kind}', row.forward, row.inputs, outputs),
        function(f'backward_{kind}', row.backward, (*known, *cotangents), results),
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

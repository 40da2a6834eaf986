"""A graph of scalar operations as a straight-line program: constants folded, equal expressions shared.

A program has about a dozen operations, which every processor has. Functions of torch that are made of several (`tanh`,
`asinh`, `rsqrt`, ...) become these operations here, in the forms that are right where a formula uses them.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any

from torch.fx import Graph, Node

__all__ = ['Program']

_FOLD: dict[str, Callable[..., Any]] = {
    'add': lambda a, b: a + b,
    'sub': lambda a, b: a - b,
    'mul': lambda a, b: a * b,
    'div': lambda a, b: a / b,
    'neg': lambda a: -a,
    'sqrt': math.sqrt,
    'exp': math.exp,
    'log': math.log,
    'lt': lambda a, b: a < b,
    'le': lambda a, b: a <= b,
    'and': lambda a, b: a and b,
    'or': lambda a, b: a or b,
    'not': lambda a: not a,
    'where': lambda c, a, b: a if c else b,
}


class Program:
    """Instructions in the order in which they run.

    A value is the number of an instruction. An instruction is the name of an operation and its operands, which are
    values; `('input', i)` and `('constant', x)` are the leaves.

    Args:
        graph: Pointwise ATen operations, as `trace` returns them.

    Attributes:
        instructions: All of them, also those that no output needs.
        outputs: A value for each output of the graph.

    Raises:
        NotImplementedError: the graph has an operation that no kernel has; the message names it.
    """

    def __init__(self, graph: Graph) -> None:
        self.instructions: list[tuple] = []
        self._known: dict[tuple, int] = {}
        self.outputs: list[int] = []
        self._read(graph)

    # Values, and what is known about them

    def _emit(self, op: str, *args: Any) -> int:
        """The value of an instruction, simplified, and shared with equal ones."""
        if op not in ('input', 'constant'):
            simple = self._simplified(op, *args)
            if simple is not None:
                return simple
            if op in ('add', 'mul', 'and', 'or'):
                args = tuple(sorted(args))
        key = (op, *args, *(type(a) for a in args if op == 'constant'))
        if key not in self._known:
            self.instructions.append((op, *args))
            self._known[key] = len(self.instructions) - 1
        return self._known[key]

    def constant(self, x: float | bool) -> int:
        """The value of a number."""
        return self._emit('constant', x if isinstance(x, bool) else float(x))

    def _number(self, value: int) -> float | bool | None:
        """The number that a value is, None for one that is computed."""
        op, *args = self.instructions[value]
        return args[0] if op == 'constant' else None

    def _simplified(self, op: str, *args: int) -> int | None:
        """A simpler value for an instruction, None where there is none."""
        e, numbers = self._emit, [self._number(a) for a in args]
        if all(n is not None for n in numbers):
            return self.constant(_FOLD[op](*numbers))
        ops = [self.instructions[a] for a in args]
        if op in ('add', 'mul') and numbers[0] is not None:
            return e(op, args[1], args[0])
        if op == 'add':
            if numbers[1] == 0:
                return args[0]
            if ops[1][0] == 'neg':
                return e('sub', args[0], ops[1][1])
            if ops[0][0] == 'neg':
                return e('sub', args[1], ops[0][1])
        elif op == 'sub':
            if numbers[1] == 0:
                return args[0]
            if numbers[0] == 0:
                return e('neg', args[1])
            if ops[1][0] == 'neg':
                return e('add', args[0], ops[1][1])
        elif op == 'mul':
            # A zero is a derivative that is known to vanish, and what it multiplies is finite.
            if numbers[1] in (0, 1, -1):
                return {0: args[1], 1: args[0]}[numbers[1]] if numbers[1] >= 0 else e('neg', args[0])
            for this, other in ((0, 1), (1, 0)):
                if ops[this][0] == 'neg':
                    return e('neg', e('mul', ops[this][1], args[other]))
        elif op == 'div':
            if numbers[1] is not None:
                return e('mul', args[0], self.constant(1 / numbers[1]))
            if numbers[0] != 1:
                return e('mul', args[0], e('div', self.constant(1), args[1]))
            if ops[1][0] == 'mul' and ops[1][1] == ops[1][2]:  # 1/x² is the square of 1/x, which there may be already
                inverse = e('div', args[0], ops[1][1])
                return e('mul', inverse, inverse)
            if ops[1][0] == 'mul':  # 1/(2x) is ½·(1/x), which there may be already
                for this, other in (ops[1][1:], ops[1][:0:-1]):
                    number = self._number(this)
                    if number is not None:
                        return e('mul', e('div', args[0], other), self.constant(1 / number))
        elif op == 'neg' and ops[0][0] == 'neg':
            return ops[0][1]
        elif op == 'where':
            condition, a, b = args
            if numbers[0] is not None:
                return a if numbers[0] else b
            if ops[1][0] == 'where' and ops[1][1] == condition:
                return e('where', condition, ops[1][2], b)
            if ops[2][0] == 'where' and ops[2][1] == condition:
                return e('where', condition, a, ops[2][3])
            if a == b:
                return a
        return None

    # From operations of torch to instructions

    def _power(self, x: int, n: float) -> int:
        e = self._emit
        if n < 0:
            return e('div', self.constant(1), self._power(x, -n))
        if n == 0.5:
            return e('sqrt', x)
        if n != int(n):
            raise NotImplementedError(f'no kernel has the power {n}')
        if n == 0:
            return self.constant(1)
        half = self._power(x, n // 2)
        square = e('mul', half, half)
        return e('mul', square, x) if n % 2 else square

    def _tanh(self, x: int) -> int:
        """For `x >= 1/8`, where `analytic.tanhc` uses it; it shares its exponential with `sech2`."""
        t = self._emit('exp', self._emit('mul', x, self.constant(-2)))
        one = self.constant(1)
        return self._emit('div', self._emit('sub', one, t), self._emit('add', one, t))

    def _asinh(self, x: int) -> int:
        """For `x >= 1/8`, where `analytic.arsinhc` uses it."""
        e = self._emit
        return e('log', e('add', x, e('sqrt', e('add', e('mul', x, x), self.constant(1)))))

    def _sinh(self, x: int, sign: str = 'sub') -> int:
        """For `x >= 1/8`, where `analytic.sinhc` uses it; with `sign='add'` the hyperbolic cosine."""
        e = self._emit
        t = e('exp', x)
        return e('mul', e(sign, t, e('div', self.constant(1), t)), self.constant(0.5))

    def _rule(self, name: str) -> Callable[..., int]:
        e, one = self._emit, self.constant(1)

        def scaled(y: int, alpha: float) -> int:
            return e('mul', y, self.constant(alpha))

        same = {'mul', 'div', 'neg', 'sqrt', 'exp', 'log', 'lt', 'le', 'where'}

        def clamp(x: int, low: int | None = None, high: int | None = None) -> int:
            x = x if low is None else e('where', e('lt', x, low), low, x)
            return x if high is None else e('where', e('lt', high, x), high, x)

        rules: dict[str, Callable[..., int]] = {
            **{op: (lambda *args, _op=op: e(_op, *args)) for op in same},
            'add': lambda x, y, alpha=1: e('add', x, scaled(y, alpha)),
            'sub': lambda x, y, alpha=1: e('sub', x, scaled(y, alpha)),
            'gt': lambda x, y: e('lt', y, x),
            'ge': lambda x, y: e('le', y, x),
            'logical_and': lambda x, y: e('and', x, y),
            'bitwise_and': lambda x, y: e('and', x, y),
            'logical_or': lambda x, y: e('or', x, y),
            'bitwise_or': lambda x, y: e('or', x, y),
            'logical_not': lambda x: e('not', x),
            'bitwise_not': lambda x: e('not', x),
            'abs': lambda x: e('where', e('lt', x, self.constant(0)), e('neg', x), x),
            'maximum': lambda x, y: e('where', e('lt', x, y), y, x),
            'minimum': lambda x, y: e('where', e('lt', y, x), y, x),
            'clamp': clamp,
            'reciprocal': lambda x: e('div', one, x),
            'rsqrt': lambda x: e('div', one, e('sqrt', x)),
            'tanh': self._tanh,
            'asinh': self._asinh,
            'sinh': self._sinh,
            'cosh': lambda x: self._sinh(x, 'add'),
            'log1p': lambda x: e('log', e('add', x, one)),
            'sigmoid': lambda x: e('div', one, e('add', one, e('exp', e('neg', x)))),
            'zeros_like': lambda x, **_: self.constant(0),
            'ones_like': lambda x, **_: one,
            'full_like': lambda x, value, **_: value,
            'full': lambda shape, value, **_: value,
            'scalar_tensor': lambda value, **_: value,
            'detach': lambda x: x,
            'alias': lambda x: x,
            'clone': lambda x, **_: x,
            'expand': lambda x, *_: x,
            'view': lambda x, *_: x,
            '_to_copy': lambda x, **_: x,
        }
        if name not in rules:
            raise NotImplementedError(
                f'the formula uses torch.{name}, which no kernel has. Run it by its definition, within '
                '`with timm_hyperbolic.geometry.kernels(False):`, or write it by other functions.'
            )
        return rules[name]

    def _read(self, graph: Graph) -> None:
        values: dict[Node, int] = {}

        def value(argument: Any) -> Any:
            if isinstance(argument, Node):
                return values[argument]
            return self.constant(argument) if isinstance(argument, (int, float)) else argument

        inputs = 0
        for node in graph.nodes:
            if node.op == 'placeholder':
                values[node] = self._emit('input', inputs)
                inputs += 1
            elif node.op == 'call_function':
                name = node.target.overloadpacket.__name__
                if name == 'pow':
                    values[node] = self._power(value(node.args[0]), node.args[1])
                else:
                    values[node] = self._rule(name)(*map(value, node.args), **node.kwargs)
            elif node.op == 'output':
                self.outputs = [value(a) for a in node.args[0]]

    # As text

    def text(
        self, names: Sequence[str], results: Sequence[str], forms: dict[str, str], shared: Collection[str] = ()
    ) -> tuple[list[str], list[str]]:
        """Lines of an assignment each.

        Args:
            names: An expression for each input.
            results: How each output is written, with `{}` for its value: `y = {}`.
            forms: How an operation is written, with `{}` for its operands; `'constant'` for a number.
            shared: The inputs, by their expressions, that are the same for all rows.

        Returns:
            The lines that need the shared inputs only, which run before the others, and the others, both without
            indentation. Instructions that no output needs are left out.
        """
        needed, stack = set(), list(self.outputs)
        uses: Counter[int] = Counter(self.outputs)
        while stack:
            i = stack.pop()
            if i in needed:
                continue
            needed.add(i)
            if self.instructions[i][0] not in ('input', 'constant'):
                uses.update(self.instructions[i][1:])
                stack += self.instructions[i][1:]

        before: list[str] = []
        lines: list[str] = []
        written: dict[int, str] = {}
        is_shared: dict[int, bool] = {}
        users: dict[int, list[int]] = {}
        for i in sorted(needed):
            op, *args = self.instructions[i]
            is_leaf = op in ('input', 'constant')
            is_shared[i] = names[args[0]] in shared if op == 'input' else is_leaf or all(is_shared[a] for a in args)
            for a in () if is_leaf else args:
                users.setdefault(a, []).append(i)
        for i in sorted(needed):
            op, *args = self.instructions[i]
            if op == 'input':
                written[i] = names[args[0]]
            elif op == 'constant':
                text = repr(args[0]) if isinstance(args[0], bool) else forms['constant'].format(repr(args[0]))
                written[i] = f'({text})' if text.startswith('-') else text
            else:
                text = forms[op].format(*(written[a] for a in args))
                # What is used once is written where it is used, as long as the line stays readable.
                once = uses[i] == 1 and i not in self.outputs and is_shared[i] == is_shared[users[i][0]]
                if once and len(text) < 40:
                    written[i] = text if _is_call(text) else f'({text})'
                else:
                    (before if is_shared[i] else lines).append(f't{i} = {text}')
                    written[i] = f't{i}'
        lines += [result.format(written[o]) for result, o in zip(results, self.outputs, strict=True)]
        return before, lines


def _is_call(text: str) -> bool:
    """Whether a text is one call, which needs no brackets around it."""
    if not re.match(r'\w+\(', text):
        return False
    depth = 0
    for i, character in enumerate(text):
        depth += (character == '(') - (character == ')')
        if character == ')' and depth == 0:
            return i == len(text) - 1
    return False

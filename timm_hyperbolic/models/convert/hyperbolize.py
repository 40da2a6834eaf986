"""Conversion of a timm model: modules are replaced by hyperbolic ones that keep its weights."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import torch
from timm.layers import get_device_dtype
from timm.utils import unwrap_model
from torch import nn

from ...layers import Add, Centroids, Gated, HyperbolicConfig, HyperbolicPosEmbed
from ..blocks import RESIDUAL_BLOCKS, blocks_of, residual_obstacle
from ..from_euclidean import (
    MLP_LINEARS,
    attention_from_euclidean,
    attention_obstacle,
    head_from_euclidean,
    linear_from_euclidean,
    linear_obstacle,
    residual_near_sum,
)
from ..hyperbolic_model import HyperbolicPosEmbedMixin, classifiers_of, set_classifiers
from ..options import RESIDUALS, HyperbolicOptions, chosen_modules
from .model import hyperbolic_class, record
from .plan import CHANGED, EQUAL, GATED, Obstacle, Plan, Swap

__all__ = ['hyperbolize']

#: Names of MLPs and of attentions within a block, as regular expressions.
_MLPS, _ATTENTIONS = r'mlp|ffns\.\d+\.mlp', r'attn|attns\.\d+\.attn'


def hyperbolize(
    model: nn.Module,
    modules: str | Sequence[str],
    curvature: float = 1e-4,
    *,
    num_centroids: int = 0,
    start: str = 'gated',
    dry_run: bool = False,
    **keywords: Any,
) -> nn.Module | Plan:
    """Replace modules of a timm model by hyperbolic ones that keep its weights, in place.

    Some modules contain the Euclidean module as their flat limit. With these the model is the same function at
    curvature 0, and nearly the same at a small curvature, which fine-tuning can increase:

    - `'head'`: prototypes made from the linear classifier's weights, with logits relative to the origin;
    - `'pos'`: the same positional embedding, added to the tokens by Möbius addition;
    - `'res0'`: the residual at the origin, with `γ = 1`;
    - `'mlp'`: the linear layers of the MLP with the same weights, and centres at the origin.

    Other modules do not contain it. With these the function of the model changes, unless `start='gated'` keeps it by a
    gate, `e + g·(h - e)` with `g = 0`:

    - `'res'`, `'resx'`: the residuals that interpolate. Their flat limit is `x + γ(y - x)`, never `x + y`. They start
      at the midpoint of the two points, in the flat limit `(x + y)/2`, which is half the sum.
    - `'attn'`: attention whose scores are distances. In the flat limit a score is that of the dot product plus the term
      `-‖k‖²/(2√D)` of the key. The two attentions are equal where all keys of a head have the same length and there are
      no centroids. A gated attention keeps the Euclidean attention beside it, so that its weights exist twice.

    Args:
        model: A timm model; `docs/hyperbolize.md` lists which modules can be replaced in which family. It is changed in
            place. Parameters that remain, those of linear maps among them, keep their names and identity.
        modules: Names of `MODULES`, or one string such as `'head,res0'`.
        curvature: `c >= 0` at the start. The effect depends on `c‖x‖²`, which is about `c·D` after a layer norm of D
            features, and more in the residual stream. A curvature of 0 is fixed. A small one is learnt as
            `softplus(raw)`, where one step of Adam with learning rate `lr` multiplies it by `exp(±lr)`.
        num_centroids: Number of centroids of the attention, `>= 0`.
        start: `'gated'`, or `'carried'` for hyperbolic modules without a gate.
        dry_run: Whether to print the plan as a table and return it, and to change nothing.
        **keywords: The other fields of `HyperbolicConfig`, such as `margin`. At curvature `c` the margin shortens
            vectors longer than `artanh(margin)/√c`: 77 at `c = 1e-3` and 244 at `1e-4` for margin 0.985, none at 0.

    Returns:
        The model, or the plan.

    Raises:
        ValueError: a value is unknown or outside its range, or a module cannot be replaced. The message lists every
            such block with the reason, and the model is unchanged.
        TypeError: the model is wrapped or compiled, or a keyword is unknown.
    """
    modules = chosen_modules(modules, 'modules')
    if not modules:
        raise ValueError("modules=() swaps nothing; name what to swap, such as 'head' or 'head,res0'")
    if start not in ('gated', 'carried'):
        raise ValueError(f"start={start!r}: unknown; choose 'gated' or 'carried'")
    config = HyperbolicConfig.of(curvature=curvature, **keywords)
    options = HyperbolicOptions(modules, num_centroids, config=config)
    if unwrap_model(model) is not model:
        raise TypeError(f'model is a {torch.typename(model)} around another: convert the model before it is wrapped')
    plan = Plan(_findings(model, options, start), type(model).__name__)
    if dry_run:
        print(plan)  # noqa: T201  a dry run is for reading
        return plan
    model.__class__ = hyperbolic_class(type(model))
    plan.apply()
    record(model, modules=list(modules), num_centroids=num_centroids, start=start, **asdict(config))
    return model


def _findings(model: nn.Module, options: HyperbolicOptions, start: str) -> Iterator[Swap | Obstacle]:
    if 'head' in options:
        yield from _heads(model, options)
    if 'pos' in options:
        yield _pos_embed(model, options)
    if not (options.residual or 'mlp' in options or 'attn' in options):
        return
    blocks = blocks_of(model)
    for module in options.hyperbolic:
        if not blocks and module not in ('head', 'pos'):
            yield Obstacle('the model', module, f'{torch.typename(model)} has no block that is known here')
    for path, block in blocks.items():
        if options.residual:
            yield from _residuals(path, block, options, start)
        if 'mlp' in options:
            yield from _mlps(path, block, options)
    if 'attn' in options:
        yield from _attentions(model, blocks, options, start)


def _heads(model: nn.Module, options: HyperbolicOptions) -> Iterator[Swap | Obstacle]:
    if not hasattr(model, 'get_classifier'):
        yield Obstacle('the model', 'head', f'{torch.typename(model)} has no get_classifier()')
        return
    obstacles = {
        name: 'there is no classifier (num_classes=0)' if isinstance(module, nn.Identity) else linear_obstacle(module)
        for name, module in classifiers_of(model).items()
    }

    def apply() -> None:
        model.make_head = partial(head_from_euclidean, config=options.layer('head'))
        set_classifiers(model)

    for i, (name, reason) in enumerate(obstacles.items()):
        if reason:
            yield Obstacle(name, 'head', reason)
        else:
            yield Swap(name, 'head', 'Linear', 'HyperbolicHead', EQUAL, apply if i == 0 else _nothing)
    if not obstacles:
        there_is_none = getattr(model, 'num_classes', None) == 0
        reason = 'there is no classifier (num_classes=0)' if there_is_none else 'its classifier is none of its modules'
        yield Obstacle('the model', 'head', reason)


def _nothing() -> None:
    """The first of several classifiers swapped them all."""


def _pos_embed(model: nn.Module, options: HyperbolicOptions) -> Swap | Obstacle:
    reason = _pos_embed_obstacle(model)
    if reason:
        return Obstacle('pos_embed', 'pos', reason)

    def apply() -> None:
        join = HyperbolicPosEmbed(options.layer('pos'), **get_device_dtype(model.patch_embed))
        model.pos_join = join.train(model.training)

    return Swap('pos_join', 'pos', 'x + pos_embed', 'HyperbolicPosEmbed', EQUAL, apply)


def _pos_embed_obstacle(model: nn.Module) -> str | None:
    """Return the reason why the positional embedding of a model cannot be replaced, or None where it can."""
    if getattr(model, 'pos_join', None) is not None:
        return 'it is hyperbolic already'
    if getattr(model, 'pos_embed', None) is None:
        return f'{torch.typename(model)} has no absolute positional embedding'
    if not issubclass(hyperbolic_class(type(model)), HyperbolicPosEmbedMixin):
        return f'where {torch.typename(model)} adds its embedding is not known here'
    return None


def _residuals(path: str, block: nn.Module, options: HyperbolicOptions, start: str) -> Iterator[Swap | Obstacle]:
    name = options.residual
    reason = residual_obstacle(block)
    if reason:
        yield Obstacle(path, name, reason)
        return
    contains = name == 'res0'
    gated = start == 'gated' and not contains
    cls = RESIDUAL_BLOCKS[type(block)]

    def apply(attribute: str) -> None:
        block.__class__ = cls
        dd = get_device_dtype(block)
        residual = residual_near_sum(name, options.layer(name), **dd)
        setattr(block, attribute, (Gated(Add(), residual, **dd) if gated else residual).train(block.training))

    after = RESIDUALS[name].__name__
    for attribute in ('residual1', 'residual2'):
        yield Swap(
            f'{path}.{attribute}',
            name,
            'x + y',
            f'Gated({after})' if gated else after,
            EQUAL if contains else GATED if gated else CHANGED,
            partial(apply, attribute),
        )


def _inside(block: nn.Module, pattern: str) -> dict[str, nn.Module]:
    return {name: module for name, module in block.named_modules() if re.fullmatch(pattern, name)}


def _mlps(path: str, block: nn.Module, options: HyperbolicOptions) -> Iterator[Swap | Obstacle]:
    mlps = _inside(block, _MLPS)
    if not mlps:
        yield Obstacle(path, 'mlp', f'{torch.typename(block)} has no MLP')
    for name, mlp in mlps.items():
        linears = MLP_LINEARS.get(type(mlp))
        if linears is None:
            yield Obstacle(f'{path}.{name}', 'mlp', f'{torch.typename(mlp)} is no MLP that is known here')
            continue
        for attribute, parts in linears.items():
            where, source = f'{path}.{name}.{attribute}', getattr(mlp, attribute)
            reason = linear_obstacle(source)
            if reason:
                yield Obstacle(where, 'mlp', reason)
            else:
                apply = partial(_swap_linear, mlp, attribute, parts, options.layer('mlp'))
                yield Swap(where, 'mlp', 'Linear', 'HyperbolicLinear', EQUAL, apply)


def _swap_linear(mlp: nn.Module, attribute: str, parts: int, config: HyperbolicConfig) -> None:
    setattr(mlp, attribute, linear_from_euclidean(getattr(mlp, attribute), config, parts))


def _attentions(
    model: nn.Module, blocks: Mapping[str, nn.Module], options: HyperbolicOptions, start: str
) -> Iterator[Swap | Obstacle]:
    found: dict[str, nn.Module] = {}
    for path, block in blocks.items():
        inside = _inside(block, _ATTENTIONS)
        if not inside:
            yield Obstacle(path, 'attn', f'{torch.typename(block)} has no attention')
        found |= {f'{path}.{name}': attention for name, attention in inside.items()}
    reasons = {where: attention_obstacle(attention) for where, attention in found.items()}
    yield from (Obstacle(where, 'attn', reason) for where, reason in reasons.items() if reason)
    if any(reasons.values()) or not found:
        return
    first, *others = found.values()
    if any((a.num_heads, a.head_dim) != (first.num_heads, first.head_dim) for a in others):
        yield Obstacle('the model', 'attn', 'blocks differ in their heads, which share the centroids')
        return
    gated = start == 'gated'

    def apply(where: str) -> None:
        if getattr(model, 'centroids', None) is None:
            dd = get_device_dtype(first.qkv)
            shared = Centroids(first.num_heads, options.num_centroids, first.head_dim, **dd)
            model.centroids = shared.train(model.training)
        source = found[where]
        kept = copy.deepcopy(source) if gated else source
        attention = attention_from_euclidean(kept, model.centroids, options.layer('attn'))
        if gated:
            attention = Gated(source, attention, **get_device_dtype(source.qkv)).train(source.training)
        model.set_submodule(where, attention)

    after = 'Gated(HyperbolicAttention)' if gated else 'HyperbolicAttention'
    for where in found:
        yield Swap(where, 'attn', 'Attention', after, GATED if gated else CHANGED, partial(apply, where))

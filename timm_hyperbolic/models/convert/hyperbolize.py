"""Any timm model made hyperbolic, with its weights."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from timm.layers import get_device_dtype
from timm.utils import unwrap_model
from torch import nn

from ...layers import Add, Centroids, Gated, HyperbolicPosEmbed
from ..carry import MLP_LINEARS, attention_obstacle, carry_attention, carry_linear, linear_obstacle, new_residual
from ..options import RESIDUALS, HyperbolicOptions, chosen_modules
from .blocks import RESIDUAL_BLOCKS, blocks_of, residual_obstacle
from .model import StemGroups, classifiers_of, record, set_classifiers, specialize
from .plan import CHANGED, EQUAL, GATED, Obstacle, Plan, Swap
from .pos_embed import pos_embed_mixin, pos_embed_obstacle

__all__ = ['hyperbolize']

#: Where a block keeps its MLPs and attentions.
_MLPS, _ATTENTIONS = r'mlp|ffns\.\d+\.mlp', r'attn|attns\.\d+\.attn'


def hyperbolize(
    model: nn.Module,
    modules: str | Sequence[str],
    curvature: float = 1e-4,
    learn_curvature: bool | None = None,
    margin: float | str | Mapping[str, float | str | None] | None = 'study',
    num_centroids: int = 0,
    max_norm: float | None = None,
    hamp: bool = False,
    start: str = 'gated',
    dry_run: bool = False,
) -> nn.Module | Plan:
    """Swap modules of a Euclidean timm model for hyperbolic ones, in place, and carry its weights over.

    Where the flat limit of a module contains the Euclidean one, the model is the same function at curvature 0, and near
    it at a small curvature, from which fine-tuning can grow it:

    - `'head'`: prototypes made of the linear classifier's weights, logits relative to the origin;
    - `'pos'`: the positional embedding is kept, and joins the tokens by Möbius addition;
    - `'res0'`: the residual at the origin, with `γ = 1`;
    - `'mlp'`: the MLP's linear layers, with their weights and centres at the origin.

    Where it does not, the function changes, or with `start='gated'` is kept by a gate, `e + g·(h - e)` with `g = 0`:

    - `'res'`, `'resx'`: the residuals that interpolate. Their flat limit is `x + γ(y - x)`, never `x + y`; they start
      at the midpoint of the two points, in the flat limit `(x + y)/2`, the sum at half its length.
    - `'attn'`: scores are distances. In the flat limit they are the dot product's and a term of each key,
      `-‖k‖²/(2√D)`: equal where all keys of a head are of one length. Centroids, if any, are attended besides. A gated
      attention keeps the Euclidean one beside it: its weights are there twice.

    Args:
        model: A timm model; `docs/hyperbolize.md` lists what can be swapped in which family. It is changed in place:
            parameters that stay keep their names and identity, those of linear maps too.
        modules: Names of `MODULES`, or one string such as `'head,res0'`.
        curvature: `c >= 0` at the start. What matters is `c‖x‖²`: behind a layer norm of D features that is about
            `c·D`, in the stream more. At 0 it is fixed; a small one is learnt, as `softplus(raw)`, where it grows by a
            factor: one step of Adam with rate `lr` changes it by `exp(±lr)`.
        learn_curvature: Learn it; by default where it is positive.
        margin: The clip, as for the models; at a curvature `c` it shortens vectors longer than `artanh(margin)/√c`, 77
            at `c = 1e-3` and 244 at `1e-4` for margin 0.985, and none at 0.
        num_centroids: Centroids of the attention, `>= 0`.
        max_norm: For curvature 0: the largest norm of vectors in the swapped modules; changes the function.
        hamp: Mixed precision inside the swapped modules under autocast.
        start: `'gated'`, or `'carried'` for the swapped modules alone.
        dry_run: Only print the plan, a table, and return it.

    Returns:
        The model, or the plan.

    Raises:
        ValueError: a value is unknown or outside its range, or a module cannot be swapped; every such block is named,
            with the reason, and the model is as it was.
        TypeError: the model is wrapped or compiled.
    """
    modules = chosen_modules(modules, 'modules')
    if not modules:
        raise ValueError("modules=() swaps nothing; name what to swap, such as 'head' or 'head,res0'")
    if start not in ('gated', 'carried'):
        raise ValueError(f"start={start!r}: unknown; choose 'gated' or 'carried'")
    options = HyperbolicOptions(modules, curvature, learn_curvature, margin, num_centroids, max_norm, hamp)
    if unwrap_model(model) is not model:
        raise TypeError(f'model is a {torch.typename(model)} around another: convert the model before it is wrapped')
    plan = Plan(_findings(model, options, start), type(model).__name__)
    if dry_run:
        print(plan)  # noqa: T201  that is what it is for
        return plan
    specialize(model)
    plan.apply()
    record(
        model,
        modules=list(modules),
        curvature=curvature,
        learn_curvature=learn_curvature,
        margin=dict(margin) if isinstance(margin, Mapping) else margin,
        num_centroids=num_centroids,
        max_norm=max_norm,
        hamp=hamp,
        start=start,
    )
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
    layer = options.layer('head')

    def apply() -> None:
        set_classifiers(model, layer)
        model.head_options = layer

    for i, (name, reason) in enumerate(obstacles.items()):
        if reason:
            yield Obstacle(name, 'head', reason)
        else:
            yield Swap(name, 'head', 'Linear', 'HyperbolicHead', EQUAL, apply if i == 0 else _nothing)
    if not obstacles:
        yield Obstacle('the model', 'head', 'its classifier is none of its modules')


def _nothing() -> None:
    """The first of several classifiers swapped them all."""


def _pos_embed(model: nn.Module, options: HyperbolicOptions) -> Swap | Obstacle:
    reason = pos_embed_obstacle(model)
    if reason:
        return Obstacle('pos_embed', 'pos', reason)

    def apply() -> None:
        join = HyperbolicPosEmbed(**options.layer('pos'), **get_device_dtype(model.patch_embed))
        mixin = pos_embed_mixin(model)
        model.pos_join = join.train(model.training)
        specialize(model, mixin, StemGroups)

    return Swap('pos_join', 'pos', 'x + pos_embed', 'HyperbolicPosEmbed', EQUAL, apply)


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
        residual = new_residual(name, **options.layer(name), **dd)
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


def _swap_linear(mlp: nn.Module, attribute: str, parts: int, layer: Mapping[str, Any]) -> None:
    setattr(mlp, attribute, carry_linear(getattr(mlp, attribute), parts, **layer))


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
            specialize(model, StemGroups if hasattr(model, 'group_matcher') else None)
        source = found[where]
        attention = carry_attention(
            copy.deepcopy(source) if gated else source, model.centroids, **options.layer('attn')
        )
        if gated:
            attention = Gated(source, attention, **get_device_dtype(source.qkv)).train(source.training)
        model.set_submodule(where, attention)

    after = 'Gated(HyperbolicAttention)' if gated else 'HyperbolicAttention'
    for where in found:
        yield Swap(where, 'attn', 'Attention', after, GATED if gated else CHANGED, partial(apply, where))

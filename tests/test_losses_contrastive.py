"""The losses of images and texts against their published formulas, written densely in float64."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from timm_hyperbolic.geometry import lorentz_exp0, lorentz_log0, lorentz_pairwise_distance, lorentz_time
from timm_hyperbolic.layers import ImageTextSpace
from timm_hyperbolic.losses import CompositionalEntailmentLoss, HyperbolicContrastiveLoss

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')

DIM = 6
#: Values of the parameters inside their bounds: log c, log scales, log temperature factor.
VALUES = {'log_curvature': 0.4, 'image_log_scale': -0.3, 'text_log_scale': -0.8, 'logit_scale': 1.1}


def features(generator: torch.Generator, count: int, b: int = 7, length: float = 1.0) -> list[Tensor]:
    return [length * torch.randn(b, DIM, generator=generator, dtype=torch.float64) for _ in range(count)]


def with_values(loss: HyperbolicContrastiveLoss, dtype: torch.dtype = torch.float64) -> HyperbolicContrastiveLoss:
    loss = loss.to(dtype)
    for name, p in loss.space.named_parameters():
        p.data.fill_(VALUES[name])
    return loss


# --- the published formulas -------------------------------------------------------------------------------------------


class Published:
    """MERU's and HyCoCLIP's losses by `arcosh`, `arcos` and `arcsin`, each pair of points on its own."""

    def __init__(self, curved: bool = True) -> None:
        self.curved = curved
        self.p = {name: torch.tensor(v, dtype=torch.float64, requires_grad=True) for name, v in VALUES.items()}
        self.c, self.factor = self.p['log_curvature'].exp(), self.p['logit_scale'].exp()

    def lift(self, f: Tensor, of: str) -> Tensor:
        if not self.curved:
            return f / f.norm(dim=-1, keepdim=True)
        v = f * self.p[f'{of}_log_scale'].exp()
        r = self.c.sqrt() * v.norm(dim=-1, keepdim=True)
        return r.sinh() * v / r

    def time(self, h: Tensor) -> Tensor:
        return (1 / self.c + h.square().sum(-1)).sqrt()

    def similarity(self, x: Tensor, y: Tensor) -> Tensor:
        if not self.curved:
            return self.factor * (x * y).sum(-1)
        inner = (x * y).sum(-1) - self.time(x) * self.time(y)
        return -self.factor * (-self.c * inner).acosh() / self.c.sqrt()

    def entropy(self, x: Tensor, y: Tensor) -> Tensor:
        logits = torch.stack([torch.stack([self.similarity(a, b) for b in y]) for a in x])
        return -(logits - logits.exp().sum(1, keepdim=True).log()).diagonal().mean()

    def energy(self, x: Tensor, y: Tensor, width: float) -> Tensor:
        if not self.curved:
            return torch.zeros((), dtype=torch.float64)
        c, inner = self.c, self.c * ((x * y).sum(-1) - self.time(x) * self.time(y))
        cosine = (self.time(y) + inner * self.time(x)) / (x.norm(dim=-1) * (inner**2 - 1).sqrt())
        aperture = (0.2 / (c.sqrt() * x.norm(dim=-1))).clamp(max=1).asin()
        return (cosine.acos() - width * aperture).clamp(min=0).mean()

    def meru(self, images: Tensor, texts: Tensor) -> Tensor:
        x, y = self.lift(images, 'image'), self.lift(texts, 'text')
        return (self.entropy(x, y) + self.entropy(y, x)) / 2 + 0.2 * self.energy(y, x, 1)

    def hycoclip(self, images: Tensor, texts: Tensor, boxes: Tensor, phrases: Tensor) -> Tensor:
        x, p = self.lift(images, 'image'), self.lift(boxes, 'image')
        y, q = self.lift(texts, 'text'), self.lift(phrases, 'text')
        contrast = self.entropy(x, y) + self.entropy(y, x) + self.entropy(p, y) + self.entropy(q, x)
        entailment = self.energy(y, x, 0.7) + self.energy(q, p, 0.7) + self.energy(p, x, 1.2) + self.energy(q, y, 1.2)
        return contrast / 4 + 0.2 * entailment / 2


def gradients(value: Tensor, inputs: list[Tensor], parameters: dict[str, Tensor]) -> dict[str, Tensor]:
    named = {f'input {i}': t for i, t in enumerate(inputs)} | parameters
    found = torch.autograd.grad(value, list(named.values()), allow_unused=True)
    return {name: torch.zeros_like(t) if g is None else g for (name, t), g in zip(named.items(), found, strict=True)}


CASES = [
    pytest.param(HyperbolicContrastiveLoss, 'meru', 2, id='meru'),
    pytest.param(CompositionalEntailmentLoss, 'hycoclip', 4, id='hycoclip'),
]


@pytest.mark.parametrize('geometry', ['lorentz', 'sphere'])
@pytest.mark.parametrize('chunk_size', [None, 3], ids=['whole', 'chunks'])
@pytest.mark.parametrize(('loss_class', 'name', 'count'), CASES)
def test_loss_and_gradients_are_those_of_the_published_formula(
    generator, loss_class, name, count, chunk_size, geometry
) -> None:
    loss = with_values(loss_class(dim=DIM, chunk_size=chunk_size, geometry=geometry))
    inputs = [f.requires_grad_() for f in features(generator, count)]
    published = Published(geometry == 'lorentz')
    ours, theirs = loss(*inputs), getattr(published, name)(*inputs)
    assert torch.allclose(ours, theirs, rtol=1e-10)
    parameters = dict(loss.space.named_parameters())
    own = gradients(ours, inputs, parameters)
    other = gradients(theirs, inputs, {name: published.p[name] for name in parameters})
    for key, gradient in own.items():
        assert torch.allclose(gradient, other[key], rtol=1e-8, atol=1e-10), key
    assert all(gradient.abs().max() > 1e-4 for gradient in own.values())


@pytest.mark.parametrize(('loss_class', 'name', 'count'), CASES)
def test_in_float32_it_is_the_formula_to_a_millionth(generator, loss_class, name, count) -> None:
    loss = with_values(loss_class(dim=DIM), torch.float32)
    inputs = [f.requires_grad_() for f in features(generator, count, b=20)]
    published = Published()
    # the same numbers in both
    single = [f.detach().float().requires_grad_() for f in inputs]
    for f, s in zip(inputs, single, strict=True):
        f.data = s.detach().double()
    for p_name, p in loss.space.named_parameters():
        published.p[p_name].data = p.detach().double()
    published.c, published.factor = published.p['log_curvature'].exp(), published.p['logit_scale'].exp()
    ours, theirs = loss(*single), getattr(published, name)(*inputs)
    assert abs(ours.item() / theirs.item() - 1) < 1e-6
    own = gradients(ours, single, dict(loss.space.named_parameters()))
    other = gradients(theirs, inputs, {key: published.p[key] for key in VALUES})
    for key, gradient in own.items():
        scale = other[key].abs().max()
        assert (gradient.double() - other[key]).abs().max() < 1e-6 * max(scale, 0.3), key


# --- several processes ------------------------------------------------------------------------------------------------


def of_one_process() -> tuple[list[Tensor], dict[str, Tensor]]:
    """Features, and the loss and its gradients in one process."""
    inputs = [f.requires_grad_() for f in features(torch.Generator().manual_seed(0), 4, b=8)]
    loss = with_values(CompositionalEntailmentLoss(dim=DIM))
    value = loss(*inputs)
    expected = gradients(value, inputs, dict(loss.space.named_parameters())) | {'value': value.detach()}
    return [f.detach() for f in inputs], expected


def assert_two_processes_agree(rank: int, inputs: list[Tensor], expected: dict[str, Tensor]) -> None:
    """What `two_processes.py` asks of each of two processes: together they have the loss and gradients of one."""
    for chunk_size in (None, 2):
        loss = with_values(CompositionalEntailmentLoss(dim=DIM, chunk_size=chunk_size))
        own = [f.chunk(2)[rank].clone().requires_grad_() for f in inputs]
        value = loss(*own)
        value.backward()
        mean = value.detach().clone()
        torch.distributed.all_reduce(mean)
        assert torch.allclose(mean / 2, expected['value'], rtol=1e-10)
        for i, f in enumerate(own):  # of the sum over the processes, which is twice the mean
            assert torch.allclose(f.grad / 2, expected[f'input {i}'].chunk(2)[rank], rtol=1e-8, atol=1e-12)
        for name, p in loss.space.named_parameters():  # averaged, as DistributedDataParallel does
            torch.distributed.all_reduce(p.grad)
            assert torch.allclose(p.grad / 2, expected[name], rtol=1e-8, atol=1e-12), name


# --- where numbers end ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('geometry', ['lorentz', 'sphere'])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize('case', ['zero', 'tiny', 'huge', 'identical', 'opposite', 'one pair', 'same direction'])
@pytest.mark.parametrize('loss_class', [HyperbolicContrastiveLoss, CompositionalEntailmentLoss])
def test_loss_and_gradients_are_finite(generator, loss_class, case, dtype, geometry) -> None:
    count = 2 if loss_class is HyperbolicContrastiveLoss else 4
    base = [f.float() for f in features(generator, count, b=1 if case == 'one pair' else 4)]
    inputs = {
        'zero': [f * 0 for f in base],
        'tiny': [f * 1e-20 for f in base],
        'huge': [f * 1e4 for f in base],
        'identical': [base[0]] * count,
        'opposite': [base[0], -base[0], base[0], -base[0]][:count],
        'one pair': base,
        'same direction': [base[0] * (1 + i) for i in range(count)],
    }[case]
    inputs = [f.to(dtype).requires_grad_() for f in (f.clone() for f in inputs)]
    loss = loss_class(dim=DIM, geometry=geometry)
    with torch.autocast('cpu', torch.bfloat16 if dtype == torch.float32 else dtype):
        value = loss(*inputs)
    assert value.dtype == torch.float32
    assert torch.isfinite(value)
    value.backward()
    for t in (*inputs, *loss.parameters()):
        assert t.grad is not None
        assert torch.isfinite(t.grad).all()
    if case == 'one pair':  # no other pair to tell apart
        assert loss.parts(*inputs)['contrast'] == 0


def test_autocast_changes_nothing(generator) -> None:
    inputs = [f.float() for f in features(generator, 2)]
    loss = HyperbolicContrastiveLoss(dim=DIM)
    with torch.autocast('cpu', torch.bfloat16):
        inside = loss(*inputs)
    assert inside == loss(*inputs)


# --- the space --------------------------------------------------------------------------------------------------------


def test_the_space_starts_as_published() -> None:
    space = ImageTextSpace(512)
    assert space.image_log_scale.item() == pytest.approx(math.log(512**-0.5))
    assert space.text_log_scale.item() == pytest.approx(math.log(512**-0.5))
    assert space.curvature().item() == 1
    assert space.temperature_factor().item() == pytest.approx(1 / 0.07)
    assert space.no_weight_decay() == set(VALUES)
    assert set(dict(ImageTextSpace(512, 'sphere').named_parameters())) == {'logit_scale'}


@pytest.mark.parametrize(
    ('name', 'value', 'shown'),
    [('log_curvature', 9.0, 10.0), ('log_curvature', -9.0, 0.1), ('logit_scale', 9.0, 100.0)],
)
def test_a_parameter_beyond_its_bound_counts_as_the_bound_and_can_come_back(name, value, shown) -> None:
    space = ImageTextSpace(DIM)
    p = getattr(space, name)
    p.data.fill_(value)
    read = space.temperature_factor if name == 'logit_scale' else space.curvature
    assert read().item() == pytest.approx(shown, rel=1e-6)
    outward = torch.autograd.grad(-math.copysign(1, value) * read(), p)[0]
    inward = torch.autograd.grad(math.copysign(1, value) * read(), p)[0]
    assert outward == 0
    assert inward.item() == pytest.approx(math.copysign(shown, value), rel=1e-6)


def test_points_of_features_are_the_lifted_tangent_vectors(generator) -> None:
    (f,) = features(generator, 1)
    space = with_values(HyperbolicContrastiveLoss(dim=DIM)).space
    found = space.points(f, 'text')
    points = space.lift(space.tangent(f, 'text'))
    assert torch.allclose(found.points, points, rtol=1e-12)
    assert torch.allclose(found.square.squeeze(-1), points.square().sum(-1), rtol=1e-12)
    c = space.curvature()
    assert torch.allclose(lorentz_log0(points, c), f * math.exp(VALUES['text_log_scale']), rtol=1e-12)


def test_pairwise_distance_is_arcosh_and_keeps_digits_near_the_origin(generator) -> None:
    x, y = features(generator, 2, b=5)
    c = torch.tensor(0.7, dtype=torch.float64)
    x, y = lorentz_exp0(x, c), lorentz_exp0(y, c)
    inner = x @ y.T - lorentz_time(x, c) @ lorentz_time(y, c).T
    assert torch.allclose(lorentz_pairwise_distance(x, y, c), (-c * inner).acosh() / c.sqrt(), rtol=1e-9)
    # arcosh(1 + 1e-10) is 0 in float32
    near = lorentz_pairwise_distance(1e-5 * x.float(), 1e-5 * y.float(), c.float())
    assert torch.allclose(near.double(), torch.cdist(1e-5 * x, 1e-5 * y), rtol=1e-5)


@pytest.mark.parametrize(
    ('keywords', 'message'),
    [
        ({'geometry': 'klein'}, "geometry='klein' must be one of lorentz, sphere"),
        ({'curvature': 0.0}, 'curvature=0.0 must be a number > 0'),
        ({'entailment': -1}, 'entailment=-1 must be a number >= 0'),
        ({'chunk_size': 0}, 'chunk_size=0 must be at least 1'),
        ({'space': ImageTextSpace(DIM)}, 'the space is given, so that dim would have no effect'),
    ],
)
def test_wrong_keywords_are_named(keywords, message) -> None:
    with pytest.raises(ValueError, match=message):
        HyperbolicContrastiveLoss(**{'dim': DIM} | keywords)


def test_wrong_shapes_are_named(generator) -> None:
    with pytest.raises(ValueError, match=r"'image': \[4, 6\], 'text': \[3, 6\]"):
        HyperbolicContrastiveLoss(dim=DIM)(torch.zeros(4, DIM), torch.zeros(3, DIM))

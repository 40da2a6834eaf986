import copy
import itertools

import pytest
import torch
from config_helpers import options
from timm.task import ClassificationTask

import timm_hyperbolic  # noqa: F401
from timm_hyperbolic.errors import UserError
from timm_hyperbolic.layers import HyperbolicModule
from timm_hyperbolic.train.loop import Loop
from timm_hyperbolic.train.model import create_model
from timm_hyperbolic.train.optimizer import create_optimizer
from timm_hyperbolic.train.phases import Phases
from timm_hyperbolic.train.progress import Progress

TINY = ['--model', 'vit_tiny_patch4_hyp_all', '--model-kwargs', 'embed_dim=12', 'depth=2', 'num_heads=3']
ATTENTION = ['--train-only', 'blocks.*.attn.*', 'centroids.*']


def make(*argv: str, ema: bool = False):
    torch.manual_seed(0)
    config = options(*TINY, *argv)
    model = create_model(config.model, 10, config.model_training, config.phases.hamp)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.endswith('gamma_raw'):
                p.fill_(0.5)  # an open gate: else no gradient reaches the branches
    task = ClassificationTask(model, verbose=False)
    if ema:
        task.setup_ema(decay=0.5)
    return config, model, task


def batches(count: int, size: int = 4):
    generator = torch.Generator().manual_seed(0)
    return [
        (torch.randn(size, 3, 8, 8, generator=generator), torch.randint(10, (size,), generator=generator))
        for _ in range(count)
    ]


def train(loop: Loop, phases: Phases, epochs) -> None:
    for epoch in epochs:
        phases.begin(epoch)
        with Progress(epoch, 9, 3, 50) as progress:
            loop.train_one_epoch(batches(3), progress)


def moved(before: dict, after: dict) -> set[str]:
    return {key for key in before if not torch.equal(before[key], after[key])}


@pytest.mark.parametrize('opt', ['hypadamw', 'lookahead_hypadamw', 'hypsgd', 'adamw', 'lamb'])
def test_frozen_parameters_stay_and_their_optimizer_state_too(opt):
    kind = [] if 'hyp' in opt else ['--model', 'vit_tiny_patch4_flat_all']  # timm's keep no points on a ball
    flags = ['--opt', opt, '--lr', '0.1', '--weight-decay', '0.5']
    config, model, task = make(*ATTENTION, '--train-only-epochs', '1', *flags, *kind, ema=True)
    optimizer = create_optimizer(model, config.optimizer)
    loop, phases = Loop(task, optimizer, None, config.loop), Phases(task, model, config.phases)
    chosen = {name for name, _ in model.named_parameters() if '.attn.' in name or name.startswith('centroids')}
    start = copy.deepcopy(model.state_dict())
    train(loop, phases, [0])
    trained = moved(start, model.state_dict())
    assert {'blocks.0.attn.qkv.weight', 'centroids.weight'} <= trained <= chosen
    by_id = {id(p): name for name, p in model.named_parameters()}
    state = getattr(optimizer, '_base_optimizer', optimizer).state
    assert set() < {by_id[id(p)] for p, own in state.items() if own} <= chosen
    average = task.get_trainable_module(ema=True).module.state_dict()
    assert moved(start, average) <= trained
    train(loop, phases, [1])
    assert {'head.weight', 'blocks.0.mlp.fc1.weight', 'pos_embed'} <= moved(start, model.state_dict())


def test_an_epoch_is_set_up_by_its_number_alone():
    """What a run that goes on in the middle finds is what the uninterrupted one had there."""
    argv = [*ATTENTION, '--train-only-epochs', '2', '--amp', '--hamp', '--hamp-start-epoch', '1']
    seen = {}
    for order in itertools.permutations(range(3)):
        config, model, task = make(*argv, ema=True)
        phases = Phases(task, model, config.phases)
        for epoch in order:
            phases.begin(epoch)
            state = (
                tuple(name for name, p in model.named_parameters() if p.requires_grad),
                tuple(m.hamp for m in task.modules() if isinstance(m, HyperbolicModule)),
            )
            assert seen.setdefault(epoch, state) == state
    assert seen[0][0] == seen[1][0] != seen[2][0]
    assert [set(seen[epoch][1]) for epoch in range(3)] == [{False}, {True}, {True}]


def test_without_an_end_one_part_is_trained_to_the_last_epoch():
    config, model, task = make('--train-only', 'head.*')
    phases = Phases(task, model, config.phases)
    phases.begin(99)
    assert {name.split('.')[0] for name, p in model.named_parameters() if p.requires_grad} == {'head'}
    assert str(phases) == 'training 5 of 81 parameters (head.*) in all epochs'


def test_what_is_trained_when_is_said():
    for epochs, text in (('1', 'in epoch 1, then all of them'), ('10', 'in epochs 1 to 10, then all of them')):
        config, model, task = make(*ATTENTION, '--train-only-epochs', epochs)
        assert str(Phases(task, model, config.phases)).endswith(f'(blocks.*.attn.*, centroids.*) {text}')
    config, model, task = make()
    assert str(Phases(task, model, config.phases)) == ''


def test_a_parameter_that_the_model_keeps_fixed_stays_fixed():
    config, model, task = make(*ATTENTION, '--train-only-epochs', '1')
    model.pos_embed.requires_grad_(False)
    phases = Phases(task, model, config.phases)
    phases.begin(1)
    assert not model.pos_embed.requires_grad
    assert model.cls_token.requires_grad


def test_the_switch_of_hamp_compiles_once_more():
    argv = ['--amp', '--hamp', '--hamp-start-epoch', '2', '--model', 'vit_tiny_patch4_hyp_res']
    config, model, task = make(*argv, '--model-kwargs', 'embed_dim=12', 'depth=1', 'num_heads=3')
    phases = Phases(task, model, config.phases)
    compiled = []

    def backend(graph, inputs):
        compiled.append(graph)
        return graph.forward

    run, counts, outputs = torch.compile(model.eval(), backend=backend), [], []
    image = batches(1)[0][0]
    for epoch in range(4):
        phases.begin(epoch)
        with torch.no_grad(), torch.autocast('cpu', dtype=torch.bfloat16):
            outputs.append(run(image))
        counts.append(len(compiled))
    assert counts[0] == counts[1]
    assert counts[2] == counts[3] == 2 * counts[0]
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[1], outputs[2])


@pytest.mark.parametrize(
    ('argv', 'message'),
    [
        (['--hamp'], '--hamp: give --amp too, since it acts on mixed precision'),
        (['--amp', '--hamp-start-epoch', '1'], '--hamp-start-epoch 1: .*give --hamp too'),
        (['--train-only-epochs', '3'], '--train-only-epochs 3: give --train-only'),
    ],
)
def test_flags_that_need_another(argv, message):
    with pytest.raises(UserError, match=message):
        options(*argv)


def test_a_pattern_that_matches_nothing():
    config, model, task = make('--train-only', 'blocks.*.atn.*')
    with pytest.raises(UserError, match=r'--train-only blocks.*Nearest: blocks\.\*\.attn\.\*'):
        Phases(task, model, config.phases)

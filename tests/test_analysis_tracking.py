import timm
import torch

from timm_hyperbolic import named_curvatures
from timm_hyperbolic.analysis import margin_shares, named_gates, track

TINY = {'embed_dim': 12, 'depth': 2, 'num_heads': 3, 'img_size': 8}


def test_numbers_of_every_module_under_their_kind(fixed_seed):
    model, images = timm.create_model('vit_tiny_patch4_hyp_all', drop_rate=0.5, **TINY), torch.randn(2, 3, 8, 8)
    before = torch.get_rng_state()
    numbers = track(model.train(), images)
    assert torch.equal(torch.get_rng_state(), before)  # a run that looks trains as one that does not
    assert model.training
    expected = {f'curvature/{name}': c for name, c in named_curvatures(model).items()}
    expected |= {f'{key}/{name}': g for name, gates in named_gates(model).items() for key, g in gates.items()}
    expected |= {f'margin/{name}': share for name, share in margin_shares(model.eval(), images).items()}
    assert numbers == expected
    assert {name.partition('/')[0] for name in numbers} == {'curvature', 'gamma', 's', 'margin'}
    assert list(track(model, images)) == list(numbers)  # the columns of every epoch


def test_without_images_there_are_no_shares():
    model = timm.create_model('vit_tiny_patch4_hyp_resx', **TINY)
    assert {name.partition('/')[0] for name in track(model)} == {'curvature', 'gamma'}


def test_a_euclidean_model_has_no_numbers():
    model = timm.create_model('vit_tiny_patch4_euclid', **TINY)
    assert track(model, torch.randn(2, 3, 8, 8)) == {}


def test_the_margin_is_seen_in_the_precision_of_the_run():
    model, images = timm.create_model('vit_tiny_patch4_hyp_res', **TINY), torch.randn(2, 3, 8, 8)
    seen = []
    model.blocks[0].residual1.register_forward_pre_hook(lambda module, args: seen.append(args[1].dtype))
    track(model, images, lambda: torch.autocast('cpu', dtype=torch.bfloat16))
    assert seen == [torch.bfloat16]

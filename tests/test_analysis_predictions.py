import pytest
import timm
import torch

from timm_hyperbolic.analysis.predictions import Labels, predict

TINY = {'embed_dim': 12, 'depth': 1, 'num_heads': 3, 'img_size': 8, 'num_classes': 7}


@pytest.fixture(scope='module')
def images() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return 3 * torch.randn(23, 3, 8, 8, generator=generator), torch.randint(7, (23,), generator=generator)


@pytest.fixture(params=['vit_tiny_patch4_hyp_head', 'vit_tiny_patch4_euclid'])
def model(request):
    torch.manual_seed(0)
    return timm.create_model(request.param, **TINY).eval()


@pytest.mark.parametrize('batch', [5, 23])
def test_one_pass_finds_what_all_at_once_does(model, images, batch):
    x, targets = images
    seen = []
    handle = model.get_classifier().register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
    with torch.no_grad():
        probabilities = model(x).softmax(1)
    handle.remove()
    confidence, predicted = probabilities.max(1)
    found = predict(model, zip(x.split(batch), targets.split(batch), strict=True), examples=6)
    assert torch.allclose(found.features, seen[0], atol=1e-5)
    assert torch.equal(found.predicted, predicted)
    assert torch.equal(found.targets, targets)
    assert found.top1 == pytest.approx(100 * (predicted == targets).float().mean().item())
    assert torch.equal(found.sample, x[:batch])
    order = confidence.argsort(descending=True).tolist()
    for examples, rows in ((found.most, order[:6]), (found.least, order[::-1][:6])):
        assert [e.confidence for e in examples] == pytest.approx(confidence[rows].tolist(), rel=1e-5)
        assert all(torch.equal(e.image, x[row]) for e, row in zip(examples, rows, strict=True))
        assert [(e.target, e.predicted) for e in examples] == [(targets[r], predicted[r]) for r in rows]


def test_the_autocast_of_the_run_is_used(model, images):
    dtypes = []
    model.norm.register_forward_hook(lambda _, __, out: dtypes.append(out.dtype))
    model.blocks[0].mlp.fc1.register_forward_hook(lambda _, __, out: dtypes.append(out.dtype))
    predict(model, [images], autocast=lambda: torch.autocast('cpu', dtype=torch.bfloat16))
    assert torch.bfloat16 in dtypes


def test_a_class_without_a_name_is_its_number():
    assert [Labels(['a', 'b']).name(k) for k in (1, 2)] == ['b', '2']
    assert Labels().name(3) == '3'

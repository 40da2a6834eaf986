import pytest
import timm
import torch

from timm_hyperbolic.analysis.confusion import find_confusion
from timm_hyperbolic.analysis.history import read_history
from timm_hyperbolic.analysis.predictions import Labels, Predictions, predict

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


def test_errors_are_counted_by_class_in_the_order_of_superclasses():
    generator = torch.Generator().manual_seed(0)
    targets, predicted = torch.randint(6, (2, 200), generator=generator)
    targets[targets == 4] = 5  # a class without images
    labels = Labels(None, torch.tensor([1, 0, -1, 1, 0, 2]), ['a', 'b', 'c'])
    found = find_confusion(Predictions(targets, targets, predicted, [], [], targets), labels, 6)
    assert found.order.tolist() == [1, 4, 0, 3, 5, 2]
    assert found.groups.tolist() == [0, 0, 1, 1, 2, -1]
    pairs = list(zip(targets.tolist(), predicted.tolist(), strict=True))
    wanted = [[pairs.count((i, j)) for j in found.order.tolist()] for i in found.order.tolist()]
    assert found.counts.tolist() == wanted
    accuracy = [100 * row[k] / sum(row) if sum(row) else float('nan') for k, row in enumerate(wanted)]
    assert found.accuracy.tolist() == pytest.approx(accuracy, nan_ok=True)
    group = labels.superclass_of.tolist()
    same = [group[i] == group[j] >= 0 for i, j in pairs]
    wrong = [is_same for is_same, (i, j) in zip(same, pairs, strict=True) if i != j]
    assert found.superclass_accuracy == pytest.approx(100 * sum(same) / 200)
    assert found.inside_superclass == pytest.approx(100 * sum(wrong) / len(wrong))
    errors = sorted(-pairs.count(pair) for pair in set(pairs) if pair[0] != pair[1])[:3]
    most = found.most_confused(3)
    assert [-count for _, _, count in most] == errors
    assert all(pairs.count((target, answer)) == count for target, answer, count in most)
    assert find_confusion(Predictions(targets, targets, targets, [], [], targets), Labels(), 6).most_confused(3) == []


def test_training_curves_are_those_of_the_summary(tmp_path):
    path = tmp_path / 'summary.csv'
    path.write_text(
        'epoch,lr,eval_top1,other,train_loss,eval_loss\n0,0.1,50,x,2,3\n1,0.2,70,y,1,2.5\n2,0.3,70,z,0.5,4\n'
    )
    found = read_history(path)
    assert (found.epochs, found.lr, found.eval_top1) == ([0, 1, 2], [0.1, 0.2, 0.3], [50, 70, 70])
    assert (found.train_loss, found.eval_loss, found.best) == ([2, 1, 0.5], [3, 2.5, 4], 1)


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('epoch,lr\n0,1\n', 'no column train_loss'),
        ('epoch,lr\n', 'no epoch'),
        ('epoch,lr,train_loss\n0', 'cannot be read'),
    ],
)
def test_a_damaged_summary_is_named(tmp_path, text, said):
    (tmp_path / 'summary.csv').write_text(text)
    with pytest.raises(ValueError, match=rf'summary\.csv .*{said}'):
        read_history(tmp_path / 'summary.csv')

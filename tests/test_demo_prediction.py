import json
import math

import geoopt
import numpy as np
import pytest
import torch
from demo_helpers import NAMES, model_folder
from local_hub import LocalHub, connect
from PIL import Image
from prediction import Classifier, open_image

from timm_hyperbolic.errors import UserError
from timm_hyperbolic.hub import push_run

pytestmark = pytest.mark.usefixtures('one_thread')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return model_folder(tmp_path_factory.mktemp('run'))


@pytest.fixture(scope='module')
def classifier(folder):
    return Classifier.load(str(folder), 'MODEL')


def load(folder, name: str, **kwargs) -> Classifier:
    return Classifier.load(str(model_folder(folder, name, **kwargs)), 'MODEL')


def picture(mode: str = 'RGB', size: tuple[int, int] = (40, 24)) -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(noise).convert(mode)


@torch.no_grad()
def features_of(classifier: Classifier, image: Image.Image) -> torch.Tensor:
    """What enters the head, scaled by it, `[D]`."""
    x = classifier.transform(image).unsqueeze(0)
    v = classifier.model.forward_head(classifier.model.forward_features(x), pre_logits=True)[0]
    return (classifier.head.feature_scale() * v).double()


def test_the_classes_are_those_of_the_model(classifier):
    found = classifier.predict(picture())
    with torch.no_grad():
        wanted = classifier.model(classifier.transform(picture()).unsqueeze(0))[0].softmax(0)
    order = wanted.argsort(descending=True)[:5].tolist()
    assert [guess.label for guess in found.guesses] == order
    assert [guess.name for guess in found.guesses] == [NAMES[label] for label in order]
    assert [guess.probability for guess in found.guesses] == pytest.approx(wanted[order].tolist())
    assert 0 < found.seconds < 60


def test_the_preparation_is_that_of_the_run(classifier):
    assert classifier.size == (8, 8)
    grey = Image.new('RGB', (30, 20), (51, 51, 51))
    assert torch.allclose(classifier.transform(grey), torch.full((3, 8, 8), (0.2 - 0.305) / 0.376), atol=1e-6)


def test_the_probabilities_follow_from_the_distances(classifier):
    head = classifier.head
    with torch.no_grad():
        torch.manual_seed(0)
        head.bias.normal_()
    guesses = sorted(classifier.predict(picture(), most=10).guesses, key=lambda guess: guess.label)
    distances = torch.tensor([guess.distance for guess in guesses])
    logits = head.bias.detach() - distances.square() / (2 * head.sigma().item() ** 2)
    assert [guess.probability for guess in guesses] == pytest.approx(logits.softmax(0).tolist(), rel=1e-4)


@pytest.mark.parametrize('scale', [0.1, 30.0])
def test_norm_margin_and_place_agree_with_geoopt(classifier, scale, monkeypatch):
    monkeypatch.setattr(classifier.head, 'feature_scale', lambda: torch.tensor([scale]))
    found, c = classifier.predict(picture()), classifier.head.curvature().item()
    ball, v = geoopt.PoincareBall(c=c), features_of(classifier, picture())
    assert found.clip == pytest.approx(2 * math.atanh(0.98) / math.sqrt(c), rel=1e-5)
    assert (found.norm > found.clip) == (scale > 1)
    assert found.norm == pytest.approx(2 * v.norm().item())
    clipped = v * min(1, found.clip / found.norm)
    assert ball.dist0(ball.expmap0(clipped)).item() == pytest.approx(min(found.norm, found.clip), rel=1e-5)
    assert found.disk.margin == 0.98
    assert found.disk.point.norm().item() == pytest.approx(math.tanh(math.sqrt(c) * min(found.norm, found.clip) / 2))
    wanted = (math.sqrt(c) * classifier.head.weight.detach().double()).norm(dim=1)
    assert torch.allclose(found.disk.prototypes.norm(dim=1), wanted, rtol=1e-5)
    assert len({tuple(place) for place in found.disk.prototypes.tolist()}) == 10


def test_distances_on_the_disk_are_those_of_the_answer(classifier):
    found = classifier.predict(picture(), most=10)
    c, guesses = classifier.head.curvature().item(), found.guesses
    wanted = torch.tensor([guess.distance for guess in guesses], dtype=torch.float64)
    drawn = geoopt.PoincareBall().dist(found.disk.point, found.disk.prototypes) / math.sqrt(c)
    assert torch.allclose(drawn[[guess.label for guess in guesses]], wanted, rtol=1e-4)
    assert found.disk.nearest / math.sqrt(c) == pytest.approx(wanted.min().item())
    assert found.disk.point[1].abs() < 1e-12
    # The two likeliest classes lie on different sides of the image, as their prototypes do.
    first, second = (found.disk.prototypes[guess.label] for guess in guesses[:2])
    assert first[1] > 0 > second[1]


def test_one_class_has_a_disk(tmp_path):
    found = load(tmp_path, 'vit_tiny_patch4_hyp_head', names=None, num_classes=1).predict(picture())
    assert len(found.guesses) == 1
    assert found.disk.prototypes.isfinite().all()


def test_a_euclidean_classifier_has_classes_alone(tmp_path):
    found = load(tmp_path, 'vit_tiny_patch4_euclid', names=None, num_classes=3).predict(picture())
    assert [guess.name for guess in found.guesses] == [str(guess.label) for guess in found.guesses]
    assert len(found.guesses) == 3
    assert {guess.distance for guess in found.guesses} == {None}
    assert (found.norm, found.clip, found.disk) == (None, None, None)


def test_a_flat_head_has_distances_and_no_disk(tmp_path):
    classifier = load(tmp_path, 'vit_tiny_patch4_flat_head')
    found, v = classifier.predict(picture()), features_of(classifier, picture())
    wanted = 2 * (classifier.head.weight.detach().double() - v).norm(dim=1)
    assert [guess.distance for guess in found.guesses] == pytest.approx(
        wanted[[guess.label for guess in found.guesses]].tolist(), rel=1e-5
    )
    assert (found.clip, found.disk) == (None, None)
    assert found.norm == pytest.approx(2 * v.norm().item())


@pytest.mark.parametrize('mode', ['L', '1', 'P', 'RGBA', 'CMYK', 'I;16'])
def test_any_mode_of_an_image_will_do(classifier, mode):
    image = Image.new(mode, (5, 9)) if mode == 'I;16' else picture(mode)
    assert len(classifier.predict(image).guesses) == 5


def test_sixteen_bits_are_scaled(classifier, tmp_path):
    grey = np.random.default_rng(0).integers(0, 256, (24, 40), dtype=np.uint8)
    Image.fromarray(grey).save(tmp_path / '8.png')
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / '16.png')
    eight, sixteen = (classifier.predict(open_image(tmp_path / f'{bits}.png')).guesses for bits in (8, 16))
    assert eight == sixteen


def test_pixels_of_no_known_range_are_refused(tmp_path):
    Image.fromarray(np.full((8, 8), np.nan, np.float32)).save(tmp_path / 'mine.tif')
    with pytest.raises(UserError, match=r'^mine\.tif: its pixels are floating-point numbers, some .* not finite'):
        open_image(tmp_path / 'mine.tif')


def test_names_may_be_given_by_number(tmp_path):
    names = {str(label): name for label, name in enumerate(NAMES) if label != 1}
    assert load(tmp_path, 'vit_tiny_patch4_euclid', names=names).labels.classes == [NAMES[0], '1', *NAMES[2:]]


def test_a_grey_model_gets_grey_images(tmp_path):
    classifier = load(tmp_path, 'vit_tiny_patch4_hyp_head', in_chans=1)
    assert classifier.mode == 'L'
    assert len(classifier.predict(picture()).guesses) == 5


def test_no_finite_answer_is_no_answer(tmp_path):
    classifier = load(tmp_path, 'vit_tiny_patch4_euclid')
    with torch.no_grad():
        classifier.model.head.bias.fill_(torch.nan)
    with pytest.raises(UserError, match='no finite answer'):
        classifier.predict(picture())


def test_a_photograph_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    picture(size=(40, 24)).save(tmp_path / 'photo.jpg', exif=exif)
    assert open_image(tmp_path / 'photo.jpg').size == (24, 40)


@pytest.mark.parametrize('content', [b'', b'some text', 'cut'])
def test_what_is_no_image_is_named(tmp_path, content):
    path = tmp_path / 'mine.png'
    picture().save(path)
    path.write_bytes(path.read_bytes()[:400] if content == 'cut' else content)
    with pytest.raises(UserError, match=r'mine\.png cannot be read as an image'):
        open_image(path)


def test_a_model_comes_from_the_hub(folder, tmp_path, monkeypatch):
    with LocalHub() as hub:
        connect(monkeypatch, hub, tmp_path / 'cache')
        push_run(folder, 'me/model')
        classifier = Classifier.load('hf_hub:me/model', 'MODEL')
        with pytest.raises(UserError, match='MODEL hf_hub:me/other: '):
            Classifier.load('hf_hub:me/other', 'MODEL')
    assert (classifier.name, classifier.labels.classes) == ('vit_tiny_patch4_hyp_head_pos_res', NAMES)


@pytest.mark.parametrize(
    ('source', 'said'),
    [
        ('nowhere', 'MODEL nowhere: there is no such folder; give the folder that a run leaves, or hf_hub:OWNER/NAME'),
        ('.', 'the folder has no config.json and no model.safetensors'),
        ('hf_hub:model', 'is no OWNER/NAME'),
        ('hf-hub:me/model/x', 'is no OWNER/NAME'),
    ],
)
def test_a_model_that_is_not_there_is_refused_before_it_is_opened(source, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr('timm.create_model', None)
    with pytest.raises(UserError) as caught:
        Classifier.load(source, 'MODEL')
    assert said in str(caught.value)


def test_a_damaged_folder_is_one_line(tmp_path):
    folder = model_folder(tmp_path / 'run', 'vit_tiny_patch4_euclid')
    (folder / 'model.safetensors').write_bytes(b'none')
    with pytest.raises(UserError, match=r'^--against .*model\.safetensors is damaged'):
        Classifier.load(str(folder), '--against')
    config = json.loads((folder / 'config.json').read_text())
    (folder / 'config.json').write_text(json.dumps({**config, 'architecture': 'nosuch'}))
    with pytest.raises(UserError, match=r'^MODEL .*nosuch'):
        Classifier.load(str(folder), 'MODEL')


def test_channels_that_no_image_has(tmp_path):
    folder = model_folder(tmp_path / 'run', 'vit_tiny_patch4_euclid', in_chans=5)
    with pytest.raises(UserError, match=r'^MODEL .*5 channels'):
        Classifier.load(str(folder), 'MODEL')

"""What timm fetches, from a folder or from the Hub, and what is made of it."""

import copy
import json
import os
import pickle
import re
import resource
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import timm
import torch
from hub_helpers import INPUT, TINY, made_run, save_weights, tiny_model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from local_hub import LocalHub, connect
from safetensors.torch import load_file, save_file
from timm.models import register_model

from timm_hyperbolic import HyperbolicVisionTransformer
from timm_hyperbolic.hub import push_run
from timm_hyperbolic.models.pretrained import MAX_ELEMENTS, build_model

IMAGE = torch.linspace(-1, 1, 2 * 3 * 8 * 8).reshape(2, 3, 8, 8)


@pytest.fixture(scope='module')
def model():
    return tiny_model()


@pytest.fixture
def folder(model, tmp_path) -> Path:
    save_weights(tmp_path / 'saved', model)
    return tmp_path / 'saved'


def pull(folder: Path, pretrained: bool = True, **kwargs) -> torch.nn.Module:
    return timm.create_model(f'local-dir:{folder}', pretrained=pretrained, **kwargs).eval()


def rewrite(folder: Path, **parts) -> None:
    """Change entries of config.json, in a part of it each."""
    config = json.loads((folder / 'config.json').read_text())
    for part, values in parts.items():
        config[part].update(values)
    (folder / 'config.json').write_text(json.dumps(config))


# --- what is sound comes back -----------------------------------------------------------------------------------------


def test_a_folder_gives_the_model_back(model, folder):
    pulled = pull(folder)
    with torch.no_grad():
        assert torch.equal(pulled(IMAGE), model(IMAGE))
    cfg = pulled.pretrained_cfg
    assert (cfg['source'], cfg['file']) == ('local-dir', str(folder))
    assert cfg is pulled.default_cfg
    save_weights(folder.parent / 'again', pulled)
    assert 'file' not in json.loads((folder.parent / 'again' / 'config.json').read_text())['pretrained_cfg']


def test_keywords_of_the_user_adapt_it_as_in_timm(model, folder):
    other = pull(folder, num_classes=4, in_chans=1, img_size=16, curvature=0.5)
    assert (other.num_classes, other.patch_embed.img_size) == (4, (16, 16))
    own, theirs = other.state_dict(), model.state_dict()
    body = [name for name in own if own[name].shape == theirs[name].shape and not name.startswith('head.')]
    assert len(body) > 60
    assert all(torch.equal(own[name], theirs[name]) for name in body)
    torch.testing.assert_close(own['patch_embed.proj.weight'], theirs['patch_embed.proj.weight'].sum(1, keepdim=True))
    assert not torch.equal(own['head.weight'], theirs['head.weight'][:4])
    features = pull(folder, features_only=True, out_indices=1)
    torch.testing.assert_close(features(IMAGE)[0], model.forward_intermediates(IMAGE, 1, intermediates_only=True)[0])
    assert pull(folder, num_classes=0)(IMAGE).shape == (2, 24)


def test_without_weights_only_the_configuration_is_read(folder):
    (folder / 'model.safetensors').unlink()
    assert pull(folder, pretrained=False).options.hyperbolic == ('head', 'pos', 'res', 'mlp', 'attn')


def test_other_sources_are_left_to_timm(model, folder):
    name, file = 'vit_tiny_patch4_hyp_all', str(folder / 'model.safetensors')
    pulled = timm.create_model(name, pretrained=True, pretrained_cfg_overlay={'file': file, 'num_classes': 10}, **TINY)
    assert torch.equal(pulled.head.weight, model.head.weight)
    with pytest.raises(RuntimeError, match='No pretrained weights exist'):
        timm.create_model(name, pretrained=True)


# --- tied tensors -----------------------------------------------------------------------------------------------------


def tie(model):
    model.blocks[1].mlp.fc1.weight = model.blocks[0].mlp.fc1.weight
    return model


def test_the_centroids_are_in_the_file_once(folder):
    names = [name for name in load_file(folder / 'model.safetensors') if 'centroid' in name]
    assert names == ['centroids.weight']


def test_a_model_tied_by_hand_comes_back_tied(tmp_path):
    model = tie(tiny_model())
    save_weights(tmp_path, model)
    assert len(load_file(tmp_path / 'model.safetensors')) == len(model.state_dict()) - 1
    pulled = pull(tmp_path)
    assert pulled.blocks[1].mlp.fc1.weight is pulled.blocks[0].mlp.fc1.weight
    with torch.no_grad():
        assert torch.equal(pulled(IMAGE), model(IMAGE))


class _Tied(HyperbolicVisionTransformer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        tie(self)


@register_model
def vit_of_a_user_with_tied_weights(pretrained=False, **kwargs):
    return build_model(_Tied, 'vit_of_a_user_with_tied_weights', pretrained, {'patch_size': 4}, **kwargs)


@pytest.mark.filterwarnings('ignore')
def test_a_class_that_ties_comes_back_tied(tmp_path):
    kwargs = {'hyperbolic': ('res', 'mlp')}
    cfg = {'architecture': 'vit_of_a_user_with_tied_weights', 'first_conv': 'patch_embed.proj', 'classifier': 'head'}
    model = tiny_model('vit_of_a_user_with_tied_weights', pretrained_cfg={**cfg, 'fixed_input_size': True}, **kwargs)
    save_weights(tmp_path, model)
    pulled = pull(tmp_path)
    assert pulled.blocks[1].mlp.fc1.weight is pulled.blocks[0].mlp.fc1.weight
    with torch.no_grad():
        assert torch.equal(pulled(IMAGE), model(IMAGE))


# --- what is not sound is refused -------------------------------------------------------------------------------------


@pytest.fixture
def little_memory() -> Iterator[None]:
    """A gigabyte more than what the process has, so that a giant is an error and not the end of the machine."""
    pages = int(Path('/proc/self/statm').read_text().split()[0]) if Path('/proc/self/statm').exists() else 0
    before = resource.getrlimit(resource.RLIMIT_AS)
    if pages:
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**30, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.parametrize(
    ('part', 'field', 'value', 'message'),
    [
        ('model_args', 'depth', 3, r'does not fit.*missing: blocks\.2\.norm1\.weight, .*, and \d+ more'),
        ('model_args', 'depth', 1, r'does not fit.*unknown: blocks\.1\.'),
        ('model_args', 'embed_dim', 27, r'of another shape: cls_token \[1, 1, 24\] for \[1, 1, 27\]'),
        ('model_args', 'embed_dim', 65535, 'of another shape'),
        ('model_args', 'depth', 10**9, 'depth=1000000000 is of a wrong type or out of range'),
        ('model_args', 'img_size', [8, 8, 8], 'input_size=.* is of a wrong type'),
        ('model_args', 'num_classes', '10', "num_classes=10 is of a wrong type|num_classes='10'"),
        ('model_args', 'num_classes', 9, 'model_args.num_classes=9 and pretrained_cfg.num_classes=10 contradict'),
        ('model_args', 'curvature', -1, 'curvature=-1'),
        ('model_args', 'curvature', float('inf'), 'curvature=inf'),
        ('model_args', 'margin', 'wide', 'margin=wide'),
        ('model_args', 'hyperbolic', ['head', 'os.system'], 'describes no vit_tiny_patch4_hyp_all: hyperbolic='),
        ('model_args', 'norm_layer', 'os.system', 'norm_layer=os.system'),
        ('model_args', 'act_layer', 'system', 'describes no vit_tiny_patch4_hyp_all'),
        ('model_args', 'block_fn', 'os.system', r'unknown field model_args\.block_fn'),
        ('model_args', 'checkpoint_path', '/etc/passwd', r'unknown field model_args\.checkpoint_path'),
        ('model_args', 'pretrained_strict', False, 'unknown field'),
        ('model_args', 'drop_rate', True, 'drop_rate=True'),
        ('pretrained_cfg', 'custom_load', True, 'custom_load=True'),
        ('pretrained_cfg', 'state_dict', {'a': 1}, 'state_dict'),
        ('pretrained_cfg', 'url', 'https://example.org/w.bin', 'url=https://example.org/w.bin'),
        ('pretrained_cfg', 'hf_hub_filename', '../../secret', 'hf_hub_filename'),
        ('pretrained_cfg', 'hf_hub_id', 'a/b', 'hf_hub_id=a/b'),
        ('pretrained_cfg', 'classifier', 'blocks.0.attn.qkv', 'classifier=blocks'),
        ('pretrained_cfg', 'first_conv', None, 'first_conv=None'),
        ('pretrained_cfg', 'label_offset', 1, 'label_offset=1'),
        ('pretrained_cfg', 'mean', ['x'], 'mean='),
        ('pretrained_cfg', 'architecture', 'resnet18', 'architecture=resnet18'),
        ('pretrained_cfg', 'some_field', 1, r'unknown field pretrained_cfg\.some_field'),
    ],
)
def test_a_hostile_configuration(little_memory, folder, part, field, value, message):
    rewrite(folder, **{part: {field: value}})
    start = time.perf_counter()
    with pytest.raises(ValueError, match=message) as error:
        pull(folder)
    assert str(error.value).startswith(f'local-dir:{folder}: ')
    assert time.perf_counter() - start < 5


def test_a_configuration_without_weights_makes_no_giant(little_memory, folder):
    rewrite(folder, model_args={'embed_dim': 24 * 1024, 'depth': 2})
    with pytest.raises(ValueError, match=f'elements, more than {MAX_ELEMENTS:,}'):
        pull(folder, pretrained=False)


class _Bomb:
    def __reduce__(self):
        return os.mkdir, (str(Path.cwd() / 'it-ran'),)


def test_only_safetensors(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tensors = load_file(folder / 'model.safetensors')
    (folder / 'model.safetensors').unlink()
    torch.save(tensors, folder / 'pytorch_model.bin')
    with pytest.raises(ValueError, match=r'no model\.safetensors, and weights in any other format are not loaded'):
        pull(folder)
    (folder / 'model.safetensors').write_bytes(pickle.dumps(_Bomb()))
    with pytest.raises(ValueError, match=r'model\.safetensors is damaged, or no safetensors file'):
        pull(folder)
    assert not (tmp_path / 'it-ran').exists()


def test_all_differences_of_the_weights_are_told(model, folder):
    tensors = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    del tensors['cls_token']
    tensors['more'] = torch.zeros(2)
    tensors['norm.bias'] = torch.zeros(23)
    tensors['norm.weight'] = torch.zeros(24, dtype=torch.int64)
    save_file(tensors, folder / 'model.safetensors')
    with pytest.raises(ValueError, match='does not fit') as error:
        pull(folder)
    told = str(error.value)
    for part in (
        'missing: cls_token;',
        'unknown: more;',
        'norm.bias [23] for [24];',
        'not floating point: norm.weight',
    ):
        assert part in told


def test_tied_names_of_the_metadata_are_no_way_in(model, folder):
    tensors = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    del tensors['norm.bias']
    hostile = {'norm.bias': 'head.weight', '__class__': 'norm.weight', 'blocks.0': 'norm.weight'}
    save_file(tensors, folder / 'model.safetensors', metadata=hostile)
    with pytest.raises(ValueError, match=r'missing: norm\.bias'):
        pull(folder)


# --- whatever stands in the files -------------------------------------------------------------------------------------

_JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(['/etc/passwd', '../..', 'os.system', "__import__('os')", 'none', 'study', 'all', 'resnet18']),
    st.lists(st.one_of(st.integers(-9, 10**9), st.text(max_size=3)), max_size=4),
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=3),
)


@pytest.fixture(scope='module')
def sound(model, tmp_path_factory) -> tuple[Path, dict, bytes]:
    folder = tmp_path_factory.mktemp('sound')
    save_weights(folder, model)
    return folder, json.loads((folder / 'config.json').read_text()), (folder / 'model.safetensors').read_bytes()


def pulls_or_refuses(folder: Path, executed: list[str]) -> None:
    """Nothing runs, nothing takes long, and a model that comes out is as small as its file."""
    start = time.perf_counter()
    for pretrained in (True, False):
        try:
            model = pull(folder, pretrained)
        except Exception as error:  # timm's own complaints about what never reaches us are of any kind
            if isinstance(error, MemoryError) or 'memory' in str(error):
                raise
            continue
        assert sum(tensor.numel() for tensor in model.state_dict().values()) < 10**6
    assert executed == []
    assert time.perf_counter() - start < 20


@pytest.fixture
def executed(monkeypatch) -> list[str]:
    """What was executed that no configuration may have executed."""
    calls: list[str] = []
    monkeypatch.setattr('timm_hyperbolic.models.pretrained.MAX_ELEMENTS', 10**6)
    for name in ('os.system', 'subprocess.Popen', 'builtins.eval', 'pickle.load', 'torch.load'):
        monkeypatch.setattr(name, lambda *args, name=name, **kwargs: calls.append(name))
    return calls


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_mutated_configuration(sound, executed, little_memory, data):
    folder, config, weights = sound
    config = copy.deepcopy(config)
    for _ in range(data.draw(st.integers(1, 3))):
        part = data.draw(st.sampled_from([config, config.get('model_args'), config.get('pretrained_cfg')]))
        if not isinstance(part, dict):
            continue
        known = st.sampled_from(
            ['depth', 'embed_dim', 'norm_layer', 'curvature', 'img_size', 'file', 'block_fn', 'margin']
        )
        key = data.draw(st.one_of(st.sampled_from(sorted(part) or ['x']), known, st.text(max_size=4)))
        if data.draw(st.booleans()) and key in part:
            del part[key]
        else:
            part[key] = data.draw(_JUNK)
    (folder / 'config.json').write_text(json.dumps(config))
    (folder / 'model.safetensors').write_bytes(weights)
    pulls_or_refuses(folder, executed)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_mutated_header(sound, executed, little_memory, data):
    folder, config, weights = sound
    (length,) = struct.unpack('<Q', weights[:8])
    header, body = weights[8 : 8 + length], weights[8 + length :]
    kind = data.draw(st.sampled_from(['length', 'bytes', 'entry', 'cut']))
    if kind == 'length':
        content = struct.pack('<Q', data.draw(st.integers(0, 2**64 - 1))) + header + body
    elif kind == 'cut':
        content = weights[: data.draw(st.integers(0, len(weights) - 1))]
    elif kind == 'bytes':
        at = data.draw(st.integers(0, len(header) - 8))
        header = header[:at] + data.draw(st.binary(min_size=1, max_size=8)) + header[at + 8 :]
        content = struct.pack('<Q', len(header)) + header + body
    else:
        entries = json.loads(header)
        name = data.draw(st.sampled_from(sorted(entries)))
        field = data.draw(st.sampled_from(['dtype', 'shape', 'data_offsets', 'more']))
        if isinstance(entries[name], dict):
            entries[name][field] = data.draw(_JUNK)
        text = json.dumps(entries).encode()
        content = struct.pack('<Q', len(text)) + text + body
    (folder / 'config.json').write_text(json.dumps(config))
    (folder / 'model.safetensors').write_bytes(content)
    pulls_or_refuses(folder, executed)


# --- from the Hub -----------------------------------------------------------------------------------------------------


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with LocalHub() as hub:
        hub.waits = connect(monkeypatch, hub, tmp_path / 'cache')
        push_run(made_run(tmp_path / 'run'), 'me/model', revision='v1')
        yield hub


def fetch(name: str = 'me/model@v1') -> torch.nn.Module:
    return timm.create_model(f'hf_hub:{name}', pretrained=True).eval()


def test_the_hub_gives_the_model_back(model, hub):
    pulled = fetch()
    with torch.no_grad():
        assert torch.equal(pulled(IMAGE), model(IMAGE))
    assert (pulled.pretrained_cfg['source'], pulled.pretrained_cfg['hf_hub_id']) == ('hf-hub', 'me/model@v1')
    assert [path for method, path, _ in hub.requests if method == 'HEAD' and path.endswith('.safetensors')] == [
        '/me/model/resolve/v1/model.safetensors'
    ]
    assert pulled.pretrained_cfg['mean'] == INPUT['mean'] * 3


def test_what_was_fetched_is_there_without_a_network(hub):
    before = fetch()
    hub.fail('HEAD', '.', status=503)
    assert torch.equal(fetch().head.weight, before.head.weight)


def test_a_download_that_breaks_off_goes_on(model, hub, monkeypatch):
    monkeypatch.setattr('huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE', 1024)
    hub.fail('GET', r'model\.safetensors', cut=True, times=2)
    assert torch.equal(fetch().head.weight, model.head.weight)
    assert [path for method, path, status in hub.requests if status == 206 and method == 'GET'] != []


@pytest.mark.parametrize(
    ('method', 'fault', 'message'),
    [
        (
            'GET',
            {'corrupt': True},
            r'me/model@v1: model\.safetensors has the wrong checksum, [0-9a-f]{64}; remove .* and load',
        ),
        ('HEAD', {'status': 401}, '401 Unauthorized'),
        ('HEAD', {'status': 403}, 'cannot find the requested files in the local cache'),
        ('HEAD', {'status': 404, 'headers': {'X-Error-Code': 'EntryNotFound'}}, r'there is no model\.safetensors'),
        ('HEAD', {'status': 500}, 'cannot find the requested files in the local cache'),
        ('GET', {'status': 429, 'headers': {'Retry-After': '3'}}, '429'),
        ('GET', {'status': 500}, '500'),
    ],
)
def test_a_pull_that_fails(hub, tmp_path, method, fault, message):
    hub.fail(method, r'model\.safetensors', **fault)
    with pytest.raises((ValueError, RuntimeError, OSError)) as error:
        fetch()
    assert re.search(message, str(error.value))
    if fault.get('corrupt'):
        hub.faults.clear()
        Path(re.search(r'remove (\S+) and', str(error.value))[1]).unlink()
    hub.faults.clear()
    assert fetch().num_classes == 10

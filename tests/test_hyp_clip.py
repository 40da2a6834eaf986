"""The model of images and texts, and the files of MERU's and HyCoCLIP's authors."""

from __future__ import annotations

import importlib.util
import json
import sys

import pytest
import timm
import torch
import torch.nn.functional as F
from timm.models import load_checkpoint, save_for_hf
from torch import Tensor

from timm_hyperbolic import checkpoint_filter_fn
from timm_hyperbolic.models import HypClip
from timm_hyperbolic.models.text_towers import TEXT_TOWERS
from timm_hyperbolic.models.tokenizers import WordTokenizer, trimmed

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')

#: A small Vision Transformer.
VISUAL = {'visual': 'vit_tiny_patch16_224', 'img_size': 32, 'embed_dim': 32, 'depth': 2, 'num_heads': 2}


def small(**keywords) -> HypClip:
    return timm.create_model('hyp_clip', **VISUAL, dim=16, **keywords)


# --- files of the authors ---------------------------------------------------------------------------------------------


def published(width: int, depth: int, text_width: int, text_depth: int, vocab: int, length: int, dim: int, size=224):
    """The names and shapes of a published file, as the repositories' code makes them."""
    shapes = {'cls_token': (1, 1, width), 'pos_embed': (1, 1 + (size // 16) ** 2, width)}
    shapes |= {'patch_embed.proj.weight': (width, 3, 16, 16), 'patch_embed.proj.bias': (width,)}
    shapes |= {'norm.weight': (width,), 'norm.bias': (width,)}
    for i in range(depth):
        for name, rows, columns in (
            ('attn.qkv', 3 * width, width),
            ('attn.proj', width, width),
            ('mlp.fc1', 4 * width, width),
            ('mlp.fc2', width, 4 * width),
        ):
            shapes |= {f'blocks.{i}.{name}.weight': (rows, columns), f'blocks.{i}.{name}.bias': (rows,)}
        for norm in ('norm1', 'norm2'):
            shapes |= {f'blocks.{i}.{norm}.weight': (width,), f'blocks.{i}.{norm}.bias': (width,)}
    shapes = {f'visual.{name}': shape for name, shape in shapes.items()}
    w = text_width
    shapes |= {'textual.token_embed.weight': (vocab, w), 'textual.posit_embed': (length, w)}
    shapes |= {'textual.attn_mask': (length, length), 'textual.ln_final.weight': (w,), 'textual.ln_final.bias': (w,)}
    for i in range(text_depth):
        block = f'textual.resblocks.{i}'
        shapes |= {f'{block}.attn.in_proj_weight': (3 * w, w), f'{block}.attn.in_proj_bias': (3 * w,)}
        shapes |= {f'{block}.attn.out_proj.weight': (w, w), f'{block}.attn.out_proj.bias': (w,)}
        shapes |= {f'{block}.mlp.c_fc.weight': (4 * w, w), f'{block}.mlp.c_fc.bias': (4 * w,)}
        shapes |= {f'{block}.mlp.c_proj.weight': (w, 4 * w), f'{block}.mlp.c_proj.bias': (w,)}
        for norm in ('ln_1', 'ln_2'):
            shapes |= {f'{block}.{norm}.weight': (w,), f'{block}.{norm}.bias': (w,)}
    shapes |= {'visual_proj.weight': (dim, width), 'textual_proj.weight': (dim, w)}
    shapes |= dict.fromkeys(('logit_scale', 'curv', 'visual_alpha', 'textual_alpha'), ())
    return shapes | {'pixel_mean': (3, 1, 1), 'pixel_std': (3, 1, 1)}


@pytest.mark.parametrize(
    ('name', 'width', 'depth'),
    [('hyp_clip_vit_small', 384, 12), ('hyp_clip_vit_base', 768, 12), ('hyp_clip_vit_large', 1024, 24)],
)
def test_published_file_fills_every_tensor(name, width, depth) -> None:
    with torch.device('meta'):
        model = timm.create_model(name)
        shapes = published(width, depth, 512, 12, 49408, 77, 512)
        state = {key: torch.empty(shape) for key, shape in shapes.items() if not key.startswith('pixel')}
    state |= {'pixel_mean': torch.full((3, 1, 1), 0.25), 'pixel_std': torch.full((3, 1, 1), 0.5)}
    found = model.load_state_dict(checkpoint_filter_fn({'model': state}, model), assign=True)
    assert not found.missing_keys
    assert not found.unexpected_keys
    assert model.pretrained_cfg['mean'] == (0.25, 0.25, 0.25)
    assert model.pretrained_cfg['std'] == (0.5, 0.5, 0.5)
    assert model.visual.blocks[0].attn.num_heads == width // 64 * (2 if width == 384 else 1)
    assert TEXT_TOWERS['base'].heads == 8
    assert {m.eps for m in model.modules() if isinstance(m, torch.nn.LayerNorm)} == {1e-5}


class Plain:
    """The published formulas on a published state dict."""

    def __init__(self, state: dict[str, Tensor], heads: int, text_heads: int) -> None:
        self.s, self.heads, self.text_heads = state, heads, text_heads

    def norm(self, x: Tensor, name: str) -> Tensor:
        x = x - x.mean(-1, keepdim=True)
        return x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt() * self.s[f'{name}.weight'] + self.s[f'{name}.bias']

    def linear(self, x: Tensor, name: str, weight: str = '.weight', bias: str = '.bias') -> Tensor:
        return x @ self.s[name + weight].T + self.s[name + bias]

    def attention(self, qkv: Tensor, heads: int, causal: bool) -> Tensor:
        b, n, w = qkv.shape[0], qkv.shape[1], qkv.shape[2] // 3
        q, k, v = (t.view(b, n, heads, w // heads).transpose(1, 2) for t in qkv.split(w, -1))
        scores = q @ k.mT / (w // heads) ** 0.5
        if causal:
            scores = scores + torch.full((n, n), -torch.inf).triu(1)
        return (scores.softmax(-1) @ v).transpose(1, 2).reshape(b, n, w)

    def image(self, images: Tensor) -> Tensor:
        s = self.s
        x = (images - s['pixel_mean']) / s['pixel_std']
        patches = F.unfold(x, 16, stride=16).mT
        weight = s['visual.patch_embed.proj.weight'].flatten(1)
        x = patches @ weight.T + s['visual.patch_embed.proj.bias']
        x = torch.cat([s['visual.cls_token'].expand(len(x), -1, -1), x], 1) + s['visual.pos_embed']
        for i in range(2):
            block = f'visual.blocks.{i}'
            qkv = self.linear(self.norm(x, f'{block}.norm1'), f'{block}.attn.qkv')
            x = x + self.linear(self.attention(qkv, self.heads, False), f'{block}.attn.proj')
            hidden = F.gelu(self.linear(self.norm(x, f'{block}.norm2'), f'{block}.mlp.fc1'))
            x = x + self.linear(hidden, f'{block}.mlp.fc2')
        return self.lifted(self.norm(x, 'visual.norm')[:, 0] @ s['visual_proj.weight'].T, 'visual_alpha')

    def text(self, tokens: Tensor) -> Tensor:
        s = self.s
        x = s['textual.token_embed.weight'][tokens] + s['textual.posit_embed'][: tokens.shape[1]]
        for i in range(2):
            block = f'textual.resblocks.{i}'
            qkv = self.linear(self.norm(x, f'{block}.ln_1'), f'{block}.attn', '.in_proj_weight', '.in_proj_bias')
            x = x + self.linear(self.attention(qkv, self.text_heads, True), f'{block}.attn.out_proj')
            hidden = F.gelu(self.linear(self.norm(x, f'{block}.ln_2'), f'{block}.mlp.c_fc'))
            x = x + self.linear(hidden, f'{block}.mlp.c_proj')
        x = self.norm(x, 'textual.ln_final')[torch.arange(len(x)), tokens.argmax(-1)]
        return self.lifted(x @ s['textual_proj.weight'].T, 'textual_alpha')

    def lifted(self, f: Tensor, alpha: str) -> Tensor:
        v, c = f * self.s[alpha].exp(), self.s['curv'].exp()
        r = c.sqrt() * v.norm(dim=-1, keepdim=True)
        return r.sinh() * v / r


def example(generator: torch.Generator) -> dict[str, Tensor]:
    sizes = published(32, 2, 128, 2, 40, 48, 16, size=32)
    state = {name: 0.2 * torch.randn(shape, generator=generator) for name, shape in sizes.items()}
    state['pixel_std'] = state['pixel_std'].abs() + 0.5
    state['visual_alpha'], state['textual_alpha'], state['curv'] = map(torch.tensor, (-0.7, -1.2, 0.3))
    return state


def test_forward_of_a_published_file_is_the_published_formula(generator, tmp_path) -> None:
    state = example(generator)
    path = tmp_path / 'meru.pth'
    torch.save({'model': state, 'iteration': 7}, path)
    model = small(text='tiny', vocab_size=40, norm_eps=1e-5).eval()
    load_checkpoint(model, str(path), filter_fn=checkpoint_filter_fn)
    plain = Plain(state, 2, 4)
    images = torch.rand(3, 3, 32, 32, generator=generator)
    mean, std = (torch.tensor(model.pretrained_cfg[key]).view(3, 1, 1) for key in ('mean', 'std'))
    with torch.no_grad():
        found = model.encode_image((images - mean) / std, lift=True)
        assert torch.allclose(found, plain.image(images), rtol=1e-5, atol=1e-5)
        tokens = torch.randint(1, 38, (3, 48), generator=generator)
        tokens[0, 5], tokens[1, 40], tokens[2, 47] = 39, 39, 39
        tokens[0, 6:], tokens[1, 41:] = 0, 0
        texts = model.encode_text(tokens, lift=True)
        assert torch.allclose(texts, plain.text(tokens), rtol=1e-5, atol=1e-5)
        assert torch.allclose(texts[:1], model.encode_text(tokens[:1, :6], lift=True), atol=1e-6)
    # timm's own way to a file, which takes the same filter
    overlay = {'file': str(path)}
    keywords = VISUAL | {'dim': 16, 'text': 'tiny', 'vocab_size': 40, 'norm_eps': 1e-5}
    again = timm.create_model('hyp_clip', pretrained=True, pretrained_cfg_overlay=overlay, **keywords).eval()
    with torch.no_grad():
        assert torch.equal(again.encode_text(tokens, lift=True), texts)


def test_a_file_of_another_tower_is_refused_by_its_keys(generator, tmp_path) -> None:
    state = example(generator)
    with pytest.raises(ValueError, match=r'text.pos_embed \[48, 128\] for \[77, 256\]'):
        checkpoint_filter_fn(state, small(text='small', vocab_size=40))
    state['textual.resblocks.2.ln_1.bias'] = torch.zeros(128)
    del state['curv']
    with pytest.raises(ValueError, match=r'missing: space.log_curvature; unknown: text.blocks.2.norm1.bias'):
        checkpoint_filter_fn(state, small(text='tiny', vocab_size=40))


def test_the_published_small_model_has_twelve_heads() -> None:
    with torch.device('meta'):
        state = {name: torch.empty(s) for name, s in published(384, 12, 512, 12, 49408, 77, 512).items()}
        model = timm.create_model('hyp_clip', visual='vit_small_patch16_224', text='base')
        with pytest.raises(ValueError, match='num_heads=6: the published ViT-S has 12 heads'):
            checkpoint_filter_fn(state, model)


def test_a_file_with_code_is_not_loaded(tmp_path) -> None:
    torch.save({'model': {'curv': torch.tensor(0.0), 'hook': print}}, tmp_path / 'x.pth')
    with pytest.raises(Exception, match='weights_only'):
        load_checkpoint(small(), str(tmp_path / 'x.pth'), filter_fn=checkpoint_filter_fn)


# --- the model --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('geometry', ['lorentz', 'sphere'])
def test_features_tangent_vectors_and_points_agree(generator, geometry) -> None:
    model = small(geometry=geometry).eval()
    images = torch.randn(2, 3, 32, 32, generator=generator)
    tokens = model.create_tokenizer()(['a dog', 'a cat on a mat'])
    with torch.no_grad():
        features, texts = model(images, tokens)
        scale = 16**-0.5 if geometry == 'lorentz' else 1
        assert torch.allclose(model.encode_image(images), scale * features, rtol=1e-5)
        assert torch.allclose(model.encode_text(tokens), scale * texts, rtol=1e-5)
        points = model.encode_text(tokens, lift=True)
        assert torch.allclose(points, model.space.lift(model.encode_text(tokens)))
        if geometry == 'sphere':
            assert torch.allclose(points.norm(dim=-1), torch.ones(2))
        assert torch.allclose(model.encode_text(trimmed(tokens)), model.encode_text(tokens), atol=1e-6)
    assert {'space.logit_scale', 'visual.pos_embed'} <= model.no_weight_decay()


def test_half_precision_lifts_in_float32(generator) -> None:
    model = small().eval()
    with torch.autocast('cpu', torch.bfloat16), torch.no_grad():
        assert model.encode_image(torch.randn(2, 3, 32, 32), lift=True).dtype == torch.float32


@pytest.mark.parametrize('preset', [False, True])
def test_a_saved_model_comes_back(generator, tmp_path, preset) -> None:
    keywords = {'geometry': 'lorentz', 'curvature': 2.0, 'dim': 16}
    if preset:
        keywords |= {'visual': VISUAL['visual'], 'text': 'tiny'} | {k: v for k, v in VISUAL.items() if k != 'visual'}
    model = timm.create_model('hyp_clip_vit_base' if preset else 'hyp_clip', **{**VISUAL, **keywords}).eval()
    save_for_hf(model, str(tmp_path), safe_serialization=True)
    again = timm.create_model(f'local-dir:{tmp_path}', pretrained=True).eval()
    images, tokens = torch.randn(2, 3, 32, 32, generator=generator), model.create_tokenizer()(['one', 'two words'])
    with torch.no_grad():
        for a, b in zip(model(images, tokens), again(images, tokens), strict=True):
            assert torch.equal(a, b)
    assert again.space.curvature().item() == pytest.approx(2)
    assert again.pretrained_cfg['input_size'] == (3, 32, 32)
    config = json.loads((tmp_path / 'config.json').read_text())
    config['model_args']['geometry'] = 'klein'
    (tmp_path / 'config.json').write_text(json.dumps(config))
    with pytest.raises(ValueError, match='geometry'):
        timm.create_model(f'local-dir:{tmp_path}', pretrained=True)


@pytest.mark.parametrize(
    ('keywords', 'message'),
    [
        ({'visual': 'vit_tinny'}, "visual='vit_tinny' is no timm model. Nearest"),
        ({'visual': ''}, 'must be the name of a timm model'),
        ({'text': 'huge'}, "text='huge' must be one of tiny, small, base, or hf:NAME"),
        ({'geometry': 'ball'}, "geometry='ball' must be one of lorentz, sphere"),
    ],
)
def test_wrong_keywords_are_named(keywords, message) -> None:
    with pytest.raises(ValueError, match=message):
        timm.create_model('hyp_clip', **VISUAL | keywords)


# --- texts ------------------------------------------------------------------------------------------------------------


def test_words_are_numbered_without_a_vocabulary() -> None:
    tokens = WordTokenizer(100, 5)(['A dog.', 'a Dog', 'one two three four five'])
    assert torch.equal(tokens[0], tokens[1])
    assert tokens[0, 0] == 98
    assert tokens[0].tolist()[3:] == [99, 0]
    assert tokens[2, -1] == 99
    assert tokens.max() == 99
    assert trimmed(tokens[:2]).shape == (2, 4)


def hugging_face(folder) -> str:
    """A tiny BERT with a tokenizer of its own, made here."""
    transformers = pytest.importorskip('transformers')
    words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a', 'dog', 'cat', 'photo', 'of']
    (folder / 'vocab.txt').write_text('\n'.join(words))
    transformers.BertTokenizerFast(str(folder / 'vocab.txt')).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    transformers.BertModel(config).save_pretrained(folder)
    return str(folder)


def test_a_text_model_of_hugging_face_is_a_tower(generator, tmp_path) -> None:
    (tmp_path / 'bert').mkdir()
    name = hugging_face(tmp_path / 'bert')
    model = small(text=f'hf:{name}', pretrained=False).eval()
    tokens = model.create_tokenizer()(['a dog', 'a photo of a cat'])
    assert tokens.shape == (2, 77)
    assert tokens[0, :5].tolist() == [2, 5, 6, 3, 0]
    with torch.no_grad():
        texts = model.encode_text(tokens)
        assert torch.allclose(texts, model.encode_text(trimmed(tokens)), atol=1e-5)  # the padding has no part in it
    save_for_hf(model, str(tmp_path / 'saved'), safe_serialization=True)
    (tmp_path / 'bert' / 'config.json').unlink()  # the saved model needs neither the folder nor the Hub
    again = timm.create_model(f'local-dir:{tmp_path / "saved"}', pretrained=True).eval()
    with torch.no_grad():
        assert torch.allclose(again.encode_text(tokens), texts, atol=1e-6)


def test_a_tokenizer_that_is_not_there_is_one_clear_line(monkeypatch) -> None:
    model = small(tokenizer='/no/such/tokenizer')
    if importlib.util.find_spec('transformers') is not None:
        with pytest.raises(ValueError, match="tokenizer='/no/such/tokenizer' is not on this machine"):
            model.create_tokenizer()
    monkeypatch.setitem(sys.modules, 'transformers', None)
    with pytest.raises(ValueError, match=r"it needs transformers: pip install 'timm_hyperbolic\[text\]'"):
        model.create_tokenizer()
    with pytest.raises(ValueError, match=r"text='hf:bert'.*pip install"):
        small(text='hf:bert')

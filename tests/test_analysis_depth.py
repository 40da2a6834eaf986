import timm

from timm_hyperbolic import named_curvatures
from timm_hyperbolic.analysis.depth import Place, places


def test_places_of_a_vision_transformer():
    model = timm.create_model('vit_tiny_patch4_hyp_all', embed_dim=12, depth=2, num_heads=3, img_size=8)
    found = places(named_curvatures(model))
    assert found['blocks.1.residual2'] == Place('residual2', 1)
    assert found['blocks.0.attn.qkv.2'] == Place('attn.qkv.2', 0)
    assert found['blocks.1.mlp.fc1'] == Place('mlp.fc1', 1)
    assert found['head'] == Place('head', None)


def test_blocks_of_stages_are_counted_through():
    names = ['layers.0.blocks.0.residual1', 'layers.0.blocks.1.residual1', 'layers.1.blocks.0.residual1', 'head.fc']
    assert [place.block for place in places(names).values()] == [0, 1, 2, None]
    assert places(names)['head.fc'].kind == 'head.fc'

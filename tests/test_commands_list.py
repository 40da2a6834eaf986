from timm_hyperbolic import cli


def test_models_are_listed_with_their_size_and_what_is_hyperbolic(capsys):
    assert cli.main(['list', 'vit_tiny_patch4_*_head_pos']) == 0
    lines = [line.split(maxsplit=3) for line in capsys.readouterr().out.splitlines()]
    assert [(line[0], line[2:]) for line in lines] == [
        ('vit_tiny_patch4_flat_head_pos', ['M', 'head, pos at curvature 0']),
        ('vit_tiny_patch4_hyp_head_pos', ['M', 'head, pos']),
    ]
    assert all(5 < float(line[1]) < 6 for line in lines)
    assert cli.main(['list', 'resnet18_small*']) == 0
    lines = [line.split(maxsplit=3) for line in capsys.readouterr().out.splitlines()]
    assert [(line[0], line[3]) for line in lines] == [('resnet18_small', 'none'), ('resnet18_small_hyp', 'every layer')]
    assert cli.main(['list', 'resnet50*']) == 2
    assert 'resnet50*: no model of timm_hyperbolic has such a name' in capsys.readouterr().err

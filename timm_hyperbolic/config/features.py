"""The configurations of the commands about features: extracting them, few-shot episodes, δ-hyperbolicity."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from .argtypes import one_of, real, whole
from .options import option
from .trained import ResultsConfig, TrainedConfig, read_trained

__all__ = ['GEOMETRIES', 'DeltaConfig', 'EpisodeConfig', 'ExtractConfig', 'FeatureSourceConfig', 'FewshotConfig']
__all__ += ['ProjectionConfig', 'read_delta_options', 'read_extract_options', 'read_fewshot_options']

GEOMETRIES = ('euclidean', 'cosine', 'hyperbolic')


@dataclass(frozen=True, kw_only=True)
class FeatureFileConfig:
    """Where the features of a model go."""

    title: ClassVar[str] = 'features'

    output: str | None = option(None, metavar='FILE', help='where to write the features, a name in .safetensors')
    overwrite: bool = option(
        False, negatable=False, help='replace a file that holds the features of another model or of other images'
    )


@dataclass(frozen=True, kw_only=True)
class FeatureSourceConfig:
    """Where features come from."""

    title: ClassVar[str] = 'features'

    features: str | None = option(
        None,
        metavar='FILE',
        help='features that "timm-hyperbolic extract" wrote, in place of a model and its data; with --model, they must '
        "be that model's, and a file that does not exist is written",
    )


@dataclass(frozen=True, kw_only=True)
class EpisodeConfig:
    """The episodes of a few-shot evaluation, and the space of its prototypes."""

    title: ClassVar[str] = 'episodes'

    way: int = option(5, type=whole(2), metavar='N', help='classes in an episode')
    shot: int = option(1, type=whole(1), metavar='N', help='labelled images of each class')
    query: int = option(15, type=whole(1), metavar='N', help='images of each class to be classified')
    episodes: int = option(1000, type=whole(2), metavar='N', help='episodes to evaluate on')
    geometry: str | None = option(
        None,
        type=one_of(GEOMETRIES),
        metavar='NAME',
        help=f'space of the prototypes: {", ".join(GEOMETRIES)} (default: all three, on the same episodes)',
    )
    curvature: float = option(1.0, type=real(0), metavar='C', help='c of the hyperbolic space of curvature -c')
    max_norm: float = option(
        2.3,
        type=real(positive=True),
        metavar='X',
        help='largest length of a feature as a tangent vector of the hyperbolic space',
    )
    novel: float = option(
        0.2,
        type=real(positive=True),
        metavar='N',
        help='classes to evaluate on, a share of all or a number; --dim learns on the others',
    )
    seed: int = option(0, type=whole(0), metavar='N', help='seed of the classes, the projection and the episodes')


@dataclass(frozen=True, kw_only=True)
class ProjectionConfig:
    """The projection of features to few dimensions."""

    title: ClassVar[str] = 'episodes'

    dim: int | None = option(
        None,
        type=whole(1),
        metavar='N',
        help='project the features to N dimensions, by a linear map that is learnt on episodes of the other classes in '
        'the same geometry (default: the features as they are, divided by their mean length)',
    )
    steps: int = option(300, type=whole(1), metavar='N', help='with --dim: steps of 16 episodes to learn the map in')
    lr: float = option(3e-3, type=real(positive=True), metavar='X', help='with --dim: learning rate of the map')


@dataclass(frozen=True, kw_only=True)
class DrawConfig:
    """The draws of a δ-hyperbolicity."""

    title: ClassVar[str] = 'δ-hyperbolicity'

    samples: int = option(1000, type=whole(4), metavar='N', help='features in a draw')
    draws: int = option(5, type=whole(1), metavar='N', help='how many draws')
    seed: int = option(0, type=whole(0), metavar='N', help='seed of the draws')


@dataclass(frozen=True, kw_only=True)
class ExtractConfig(TrainedConfig):
    """All options of `timm-hyperbolic extract`."""

    file: FeatureFileConfig = field(default_factory=FeatureFileConfig)


@dataclass(frozen=True, kw_only=True)
class FewshotConfig(TrainedConfig):
    """All options of `timm-hyperbolic fewshot`."""

    source: FeatureSourceConfig = field(default_factory=FeatureSourceConfig)
    episodes: EpisodeConfig = field(default_factory=EpisodeConfig)
    projection: ProjectionConfig = field(default_factory=ProjectionConfig)
    results: ResultsConfig = field(default_factory=ResultsConfig)


@dataclass(frozen=True, kw_only=True)
class DeltaConfig(TrainedConfig):
    """All options of `timm-hyperbolic delta`."""

    source: FeatureSourceConfig = field(default_factory=FeatureSourceConfig)
    draw: DrawConfig = field(default_factory=DrawConfig)
    results: ResultsConfig = field(default_factory=ResultsConfig)


def read_extract_options(argv: list[str] | None = None, prog: str | None = None) -> ExtractConfig:
    """Return the configuration of an extraction that a command line asks for.

    Args:
        argv: The command line without the program's name, by default `sys.argv[1:]`.
        prog: Name of the program, for the help.

    Raises:
        UserError: A flag or value does not exist or is out of range, or an option would have no effect.
    """
    return read_trained(
        ExtractConfig,
        argv,
        prog,
        'Write the features of the images of a split: what enters the last layer of the classifier, with the labels.',
    )


def read_fewshot_options(argv: list[str] | None = None, prog: str | None = None) -> FewshotConfig:
    """Return the configuration of a few-shot evaluation that a command line asks for.

    Args:
        argv: The command line without the program's name, by default `sys.argv[1:]`.
        prog: Name of the program, for the help.

    Raises:
        UserError: A flag or value does not exist or is out of range, or an option would have no effect.
    """
    what = 'Classify images of new classes by the nearest mean of a few labelled ones.'
    return _read_with_features(FewshotConfig, argv, prog, what)


def read_delta_options(argv: list[str] | None = None, prog: str | None = None) -> DeltaConfig:
    """Return the configuration of a measurement of δ-hyperbolicity that a command line asks for.

    Args:
        argv: The command line without the program's name, by default `sys.argv[1:]`.
        prog: Name of the program, for the help.

    Raises:
        UserError: A flag or value does not exist or is out of range, or an option would have no effect.
    """
    what = 'Measure how far features are from a tree, beside Gaussians, and the curvature that this suggests.'
    return _read_with_features(DeltaConfig, argv, prog, what)


def _read_with_features(config_class: type, argv: list[str] | None, prog: str | None, description: str) -> Any:
    return read_trained(config_class, argv, prog, f'{description} --features FILE alone is enough.', 'features')

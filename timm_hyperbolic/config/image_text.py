"""Options of the commands about models of images and texts."""

from dataclasses import dataclass, field
from typing import ClassVar

from .argtypes import one_of, real, whole
from .captions import GlossConfig
from .options import option
from .trained import ResultsConfig, TrainedConfig, read_trained

__all__ = ['ClipTaskConfig', 'PromptConfig', 'TraversalConfig', 'TraverseConfig', 'ZeroshotConfig']
__all__ += ['read_traverse_options', 'read_zeroshot_options']


@dataclass(frozen=True, kw_only=True)
class ClipTaskConfig:
    """What the model was trained for."""

    title: ClassVar[str] = 'model'

    task: str = option(
        'contrastive',
        type=one_of(('contrastive',)),
        metavar='NAME',
        help='what the model was trained for: only contrastive',
    )


@dataclass(frozen=True, kw_only=True)
class PromptConfig(GlossConfig):
    """The texts that images are compared with."""

    title: ClassVar[str] = 'texts'

    classes: str | None = option(
        None,
        metavar='FILE',
        help='text file of the names of the classes, one a line in the order of the labels (default: the names of the '
        'data set)',
    )
    prompts: tuple[str, ...] = option(
        ('a photo of a {}.',),
        nargs='+',
        metavar='TEXT|FILE',
        help='texts with {} for the name of a class, or a text file of one a line; their tangent vectors are averaged. '
        'gloss stands for the name and the gloss of the class in WordNet',
    )
    at: tuple[int, ...] = option(
        (1, 5, 10), type=whole(1), nargs='+', metavar='K', help='numbers of neighbours of the retrieval'
    )


@dataclass(frozen=True, kw_only=True)
class TraversalConfig(GlossConfig):
    """The way from images to the root."""

    title: ClassVar[str] = 'traversal'

    image: tuple[str, ...] = option(
        (), nargs='+', metavar='FILE', help='images to start from (default: images of the data set)'
    )
    texts: str | None = option(
        None,
        metavar='FILE',
        help='text file of the texts to pass, one a line (default: the names and glosses of the classes of the data '
        'set and of all hypernyms of them in WordNet)',
    )
    steps: int = option(50, type=whole(2), metavar='N', help='points on the way')
    nested: float | None = option(
        None,
        type=real(0, positive=True),
        metavar='X',
        help='each text of a chain must entail the text before it: the text before must lie in its cone, whose width '
        'is multiplied by X (default: take the nearest text that entails the point, whatever text came before)',
    )
    images: int = option(12, type=whole(1), metavar='N', help='images of the data set, where no --image is given')
    output: str | None = option(None, metavar='FILE', help='picture of the chains, .png or .svg')


@dataclass(frozen=True, kw_only=True)
class ZeroshotConfig(TrainedConfig):
    """All options of `timm-hyperbolic zeroshot`."""

    clip: ClipTaskConfig = field(default_factory=ClipTaskConfig)
    prompts: PromptConfig = field(default_factory=PromptConfig)
    results: ResultsConfig = field(default_factory=ResultsConfig)


@dataclass(frozen=True, kw_only=True)
class TraverseConfig(TrainedConfig):
    """All options of `timm-hyperbolic traverse`."""

    clip: ClipTaskConfig = field(default_factory=ClipTaskConfig)
    traversal: TraversalConfig = field(default_factory=TraversalConfig)
    results: ResultsConfig = field(default_factory=ResultsConfig)


def read_zeroshot_options(argv: list[str] | None = None, prog: str | None = None) -> ZeroshotConfig:
    """Return the configuration of a classification by texts that a command line asks for.

    Args:
        argv: Words of the command line without the name of the program; None for those of this process.
        prog: Name of the program, for the help; None for that of this process.

    Raises:
        UserError: A flag or value does not exist or is out of range, or an option would have no effect.
    """
    return read_trained(
        ZeroshotConfig,
        argv,
        prog,
        'Classify images by the texts of their classes, with a model of images and texts. The similarity is that of '
        'the model, and in a second column the cosine of the tangent vectors. With --dataset TABLE.csv: retrieval of '
        'captions by images and of images by captions.',
    )


def read_traverse_options(argv: list[str] | None = None, prog: str | None = None) -> TraverseConfig:
    """Return the configuration of a traversal that a command line asks for.

    Args:
        argv: Words of the command line without the name of the program; None for those of this process.
        prog: Name of the program, for the help; None for that of this process.

    Raises:
        UserError: A flag or value does not exist or is out of range, or an option would have no effect.
    """
    return read_trained(
        TraverseConfig,
        argv,
        prog,
        'Go from an image to the root of the space in equal steps, and print the nearest text that entails each point.',
    )

"""The configurations of the commands about taxonomies and the models of the space, and how they are read."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from ..errors import UserError
from .argtypes import one_of, real, whole
from .command_line import create_parser, read_command_line
from .options import from_values, option
from .trained import ResultsConfig

__all__ = ['EmbedConfig', 'GeometryConfig', 'read_embed_options', 'read_geometry_options']

METHODS = ('distances', 'closed', 'cones')
SPACES = ('poincare', 'lorentz', 'euclidean')
TASKS = ('reconstruction', 'prediction', 'entailment')
TYPES = ('bfloat16', 'float32', 'float64')


@dataclass(frozen=True, kw_only=True)
class TaxonomyConfig:
    """The tree of names."""

    title: ClassVar[str] = 'taxonomy'

    taxonomy: str = option(
        'cifar100',
        metavar='NAME|FILE',
        help='wordnet (its nouns), cifar100 (classes and superclasses), or a file with a name on each line, indented '
        'below its parent',
    )
    wordnet_dir: Path | None = option(
        None, type=Path, metavar='DIR', help="folder of WordNet's files (default: where Debian or NLTK puts them)"
    )
    subtree: str | None = option(None, metavar='NODE', help='take this node and what is below it: mammal.n.01')


@dataclass(frozen=True, kw_only=True)
class EmbeddingConfig:
    """The space and how the points are found."""

    title: ClassVar[str] = 'embedding'

    method: str = option(
        'distances',
        type=one_of(METHODS),
        metavar='NAME',
        help='distances: trained so that related nodes are near each other; cones: trained entailment cones; closed: '
        'the tree by closed form, without training',
    )
    model: str = option('poincare', type=one_of(SPACES), metavar='NAME', help=f'the space: {", ".join(SPACES)}')
    dim: int = option(5, type=whole(1), metavar='N', help='dimension of the space')
    tau: float | None = option(
        None,
        type=real(positive=True),
        metavar='X',
        help='length of an edge of the closed form (default: the longest that leaves the deepest node its digits)',
    )


@dataclass(frozen=True, kw_only=True)
class DescentConfig:
    """How points are trained."""

    title: ClassVar[str] = 'training'

    epochs: int | None = option(
        None,
        type=whole(1),
        metavar='N',
        help='how many times each relation is visited (default: 300, and up to 3000 for trees of few relations)',
    )
    lr: float | None = option(
        None, type=real(positive=True), metavar='X', help='learning rate (default: 0.1 for distances, 0.01 for cones)'
    )
    burn_in: int = option(
        20, type=whole(0), metavar='N', help='first epochs of distances, in which the learning rate is a hundredth'
    )
    negatives: int | None = option(
        None,
        type=whole(1),
        metavar='N',
        help='unrelated nodes sampled for each relation (default: 50 for distances, 10 for cones)',
    )
    seed: int = option(0, type=whole(0), metavar='N', help='seed of all random numbers')


@dataclass(frozen=True, kw_only=True)
class TaskConfig:
    """What is trained on, and what is measured."""

    title: ClassVar[str] = 'task'

    task: str | None = option(
        None,
        type=one_of(TASKS),
        metavar='NAME',
        help='reconstruction: train on all relations and rank them; prediction: rank relations that were held out; '
        'entailment: tell held-out relations from unrelated pairs (default: entailment for cones, else reconstruction)',
    )
    percent: float | None = option(
        None,
        type=real(0, 90),
        metavar='X',
        help='share of the relations implied by others that is trained on (default: 50 for entailment, 90 for '
        'prediction)',
    )
    rows: int = option(200, type=whole(1), metavar='N', help='nodes of the sample that is ranked during training')


@dataclass(frozen=True, kw_only=True)
class EmbedOutputConfig:
    """Where the embedding goes."""

    title: ClassVar[str] = 'output'

    output: Path | None = option(
        None, type=Path, metavar='DIR', help='folder to write into (default: output/embed/ROOT-METHOD)'
    )
    resume: bool = option(False, negatable=False, help='go on with the training whose files are in the folder')
    draw: bool = option(False, negatable=False, help='draw the tree on the Poincaré disk, as SVG and PNG (--dim 2)')
    animate: bool = option(False, negatable=False, help='draw the training as a GIF (--dim 2)')


@dataclass(frozen=True, kw_only=True)
class EmbedConfig:
    """All options of `timm-hyperbolic embed`."""

    tree: TaxonomyConfig = field(default_factory=TaxonomyConfig)
    embedding: EmbeddingConfig = field(default_factory=EmbeddingConfig)
    training: DescentConfig = field(default_factory=DescentConfig)
    task: TaskConfig = field(default_factory=TaskConfig)
    output: EmbedOutputConfig = field(default_factory=EmbedOutputConfig)

    @property
    def chosen_task(self) -> str:
        """The task, with its default filled in."""
        default = 'entailment' if self.embedding.method == 'cones' else 'reconstruction'
        return self.task.task or default


@dataclass(frozen=True, kw_only=True)
class SpaceModelsConfig:
    """Which points are measured, and where the table goes."""

    title: ClassVar[str] = 'measurement'

    dim: int = option(8, type=whole(2), metavar='N', help='dimension of the space')
    pairs: int = option(20_000, type=whole(100), metavar='N', help='pairs of points at each radius')
    radius: tuple[float, ...] = option(
        (1.0, 2.0, 4.0, 8.0, 10.0, 12.0, 16.0),
        type=real(positive=True),
        nargs='+',
        metavar='R',
        help='distances of the points from the origin',
    )
    types: tuple[str, ...] = option(TYPES, type=one_of(TYPES), nargs='+', metavar='TYPE', help='number types')
    seed: int = option(0, type=whole(0), metavar='N', help='seed of the points')


@dataclass(frozen=True, kw_only=True)
class GeometryConfig:
    """All options of `timm-hyperbolic geometry`."""

    measurement: SpaceModelsConfig = field(default_factory=SpaceModelsConfig)
    results: ResultsConfig = field(default_factory=ResultsConfig)


def read_embed_options(argv: list[str] | None = None, prog: str | None = None) -> EmbedConfig:
    """Return the configuration of an embedding that a command line asks for.

    Args:
        argv: Words of the command line without the name of the program; None for those of this process.
        prog: Name of the program, for the help; None for that of this process.

    Raises:
        UserError: A flag or value does not exist, or options do not go together.
    """
    description = (
        'Embed a tree of names: write embedding.safetensors, the points and their names, and print how well they give '
        'back the relations of the tree.'
    )
    given = read_command_line(create_parser(EmbedConfig, prog, description), argv)
    config = from_values(EmbedConfig, given)
    _check(config, given)
    return config


def _check(config: EmbedConfig, given: dict[str, Any]) -> None:
    """Refuse options that do not go together."""
    method, model = config.embedding.method, config.embedding.model
    if method != 'distances' and model == 'euclidean':
        raise UserError(f'--model euclidean: --method {method} needs hyperbolic space; take poincare or lorentz')
    if method == 'closed':
        for name in ('epochs', 'lr', 'burn_in', 'negatives', 'percent', 'resume', 'animate', 'rows'):
            if name in given:
                raise UserError(f'--{name.replace("_", "-")}: --method closed trains nothing; leave it out')
        if config.chosen_task != 'reconstruction':
            raise UserError(f'--task {config.chosen_task}: --method closed embeds the whole tree; leave it out')
    elif 'tau' in given:
        raise UserError(f'--tau {config.embedding.tau}: the length of an edge is for --method closed')
    if config.chosen_task == 'reconstruction' and 'percent' in given:
        raise UserError('--percent: --task reconstruction trains on all relations; leave it out')
    if method == 'cones' and config.chosen_task == 'prediction':
        raise UserError('--task prediction: cones have no distances to rank; take --task entailment')
    if 'wordnet_dir' in given and config.tree.taxonomy != 'wordnet':
        raise UserError(f'--wordnet-dir {config.tree.wordnet_dir}: needs --taxonomy wordnet')
    for name in ('draw', 'animate'):
        if getattr(config.output, name) and (config.embedding.dim != 2 or model == 'euclidean'):
            raise UserError(f'--{name}: the Poincaré disk has two dimensions; give --dim 2 and a hyperbolic --model')


def read_geometry_options(argv: list[str] | None = None, prog: str | None = None) -> GeometryConfig:
    """Return the configuration of a measurement that a command line asks for.

    Args:
        argv: Words of the command line without the name of the program; None for those of this process.
        prog: Name of the program, for the help; None for that of this process.

    Raises:
        UserError: A flag or value does not exist or is out of range.
    """
    description = (
        'Measure precision and speed of distances in the models of hyperbolic space, by number type and by the '
        'distance of the points from the origin, and print the largest radius at which distances are right to a '
        'hundredth.'
    )
    return from_values(GeometryConfig, read_command_line(create_parser(GeometryConfig, prog, description), argv))

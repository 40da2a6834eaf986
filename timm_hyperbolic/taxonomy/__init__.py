"""Trees of names, such as the classes of a data set or WordNet's nouns, and their embedding in hyperbolic space.

- `tree`: `Taxonomy`, names with their parents; `reading` and `wordnet` read it, `cifar100` has CIFAR-100's classes.
- `nodes`: the base class of `Taxonomy`, which answers questions about nodes; `graphs` has the functions on links.
- `chains`: trees without the nodes that separate no two classes.
- `embedding`: points of hyperbolic space for the nodes, by closed form; `directions` spreads the children of a node.
- `points`: named points of any embedding, and their file; `training` trains them on related pairs, by the compiled
  `descent`.
- `cone_training`: entailment cones; `entailment`: relations held out of training, and their classification.
- `reconstruction`: how well points give back the relations of a taxonomy.
- `memory`: the limit on the memory of a computation.
"""

from .chains import without_chains
from .cone_training import ConeSettings, ConeTraining
from .directions import spread
from .embedding import TreeEmbedding, edge_length, embed_tree
from .entailment import Classification, Split, classify_relations, cone_scores, distance_scores, split_relations
from .points import NodePoints
from .reconstruction import Ranking, Report, rank_relations, relations_of, report
from .training import DistanceTraining, TrainingSettings
from .tree import Taxonomy

__all__ = [
    'Classification',
    'ConeSettings',
    'ConeTraining',
    'DistanceTraining',
    'NodePoints',
    'Ranking',
    'Report',
    'Split',
    'Taxonomy',
    'TrainingSettings',
    'TreeEmbedding',
    'classify_relations',
    'cone_scores',
    'distance_scores',
    'edge_length',
    'embed_tree',
    'rank_relations',
    'relations_of',
    'report',
    'split_relations',
    'spread',
    'without_chains',
]

"""What the training command is made of.

`parse_options` reads a command line, `train` runs it, `main` does both and turns errors into one line.
The parts: `parser`, `defaults` and `options` (what to do), `data`, `loaders`, `memory` and `model` (with what),
`loop` (how), `selection`, `output`, `provenance` and `report` (what remains), `publish` (where it goes). The other
commands: `validate` measures a model that was trained, `report_page` draws what it learned (both open it by `trained`),
`card` describes it, `push` sends it to the Hub.
"""

from .command import main, train
from .errors import EngineError, TrainingError, UserError
from .options import parse_options

__all__ = ['EngineError', 'TrainingError', 'UserError', 'main', 'parse_options', 'train']

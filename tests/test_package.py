"""The package as a package: one version, imports that run one way, and a guest's manners in timm."""

import ast
import configparser
import importlib.metadata
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / 'timm_hyperbolic'

# What a storey may import of ours: itself and those before it. `version` is the ground, the rest of the files directly
# in the package (its `__init__`, the command line) are the roof.
STOREYS = (
    'version',
    'errors',
    'constants',
    'files',
    'lazy',
    'geometry',
    'taxonomy',
    'layers',
    'models',
    'losses',
    'optim',
    'analysis',
    'config',
    'data',
    'train',
    'evaluate',
    'hub',
    'commands',
)


def setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / 'setup.cfg', encoding='utf-8')
    return parser


# --- metadata -------------------------------------------------------------------------------------------------------


def test_version_is_the_same_everywhere() -> None:
    from timm_hyperbolic import __version__

    newest = re.search(r'^## \[(.+?)\]', (ROOT / 'CHANGELOG.md').read_text(encoding='utf-8'), re.MULTILINE)
    assert newest is not None
    citation = yaml.safe_load((ROOT / 'CITATION.cff').read_text(encoding='utf-8'))
    assert {
        'CHANGELOG.md': newest[1],
        'CITATION.cff': citation['version'],
        'installed': importlib.metadata.version('timm_hyperbolic'),
    } == dict.fromkeys(('CHANGELOG.md', 'CITATION.cff', 'installed'), __version__)


def test_citation_has_what_the_format_requires() -> None:
    citation = yaml.safe_load((ROOT / 'CITATION.cff').read_text(encoding='utf-8'))
    assert citation['cff-version'] == '1.2.0'
    assert citation['title'] == setup_cfg()['metadata']['name']
    assert citation['license'] == setup_cfg()['metadata']['license'] == 'MIT'
    assert all(author.get('name') for author in citation['authors'])
    assert citation['message']
    assert (ROOT / 'LICENSE').read_text(encoding='utf-8').startswith('MIT License')


def test_files_that_are_no_modules_are_shipped() -> None:
    files = {str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob('*') if path.is_file()}
    others = {name for name in files if not name.endswith('.py') and '__pycache__' not in name}
    assert 'py.typed' in others
    assert set(setup_cfg()['options.package_data']['timm_hyperbolic'].split()) == others


def test_every_folder_is_a_package_and_so_is_installed() -> None:
    folders = {path.parent for path in PACKAGE.rglob('*.py')}
    assert PACKAGE / 'models' in folders
    assert [str(folder) for folder in folders if not (folder / '__init__.py').is_file()] == []


def test_console_script_exists() -> None:
    (script,) = importlib.metadata.entry_points(group='console_scripts', name='timm-hyperbolic')
    assert callable(script.load())


def test_pre_commit_and_setup_cfg_name_the_same_ruff() -> None:
    hooks = yaml.safe_load((ROOT / '.pre-commit-config.yaml').read_text(encoding='utf-8'))['repos'][0]['hooks']
    pinned = {name for hook in hooks for name in hook['additional_dependencies'] if name.startswith('ruff')}
    wanted = {line for line in setup_cfg()['options.extras_require']['dev'].split() if line.startswith('ruff')}
    assert pinned == wanted
    assert len(wanted) == 1


def test_every_dependency_has_a_lower_bound() -> None:
    wanted = [line for line in setup_cfg()['options']['install_requires'].split('\n') if line]
    assert len(wanted) > 5
    # `.ci/oldest` installs these versions exactly
    bound = re.compile(r'\S+ >= [\d.]+(; python_version < "[\d.]+")?')
    assert [line for line in wanted if not bound.fullmatch(line)] == []
    assert os.access(ROOT / '.ci' / 'oldest', os.X_OK)


def test_no_file_is_longer_than_400_lines() -> None:
    printed = PACKAGE / 'geometry' / 'kernels' / 'printed'  # generated, not read
    assert printed.is_dir()
    lengths = {
        str(path.relative_to(PACKAGE)): len(path.read_text(encoding='utf-8').splitlines())
        for path in PACKAGE.rglob('*.py')
        if printed not in path.parents
    }
    assert {name: length for name, length in lengths.items() if length > 400} == {}


# --- imports --------------------------------------------------------------------------------------------------------


def imported(path: Path) -> Iterator[str]:
    """The absolute names of all modules that a file of the package imports, wherever in the file it does."""
    package = path.relative_to(PACKAGE.parent).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = '.'.join((*base, *(node.module.split('.') if node.module else ())))
            # `from timm_hyperbolic import layers` imports `timm_hyperbolic.layers`.
            yield from (f'{module}.{alias.name}' for alias in node.names) if module == 'timm_hyperbolic' else (module,)


def storey(module: str) -> str:
    """`timm_hyperbolic.layers.head` stands on the storey `layers`, `timm_hyperbolic` itself on `__init__`."""
    return (*module.split('.'), '__init__')[1]


def wrong_imports(path: Path) -> list[str]:
    """What a file imports from above its own storey, or from outside what its storey may know."""
    own, *inner = path.relative_to(PACKAGE).with_suffix('').parts
    allowed = ('numpy', 'numba', 'llvmlite', 'triton') if 'kernels' in inner else ()
    wrong = []
    for module in imported(path):
        top = module.split('.')[0]
        if top == 'timm_hyperbolic':
            if own in STOREYS and storey(module) not in STOREYS[: STOREYS.index(own) + 1]:
                wrong.append(module)
        elif own == 'geometry' and top not in {'torch', *allowed} and top not in sys.stdlib_module_names:
            wrong.append(module)
    return wrong


SOURCES = sorted(PACKAGE.rglob('*.py'))


@pytest.mark.parametrize('path', SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path: Path) -> None:
    assert wrong_imports(path) == []


def test_every_folder_of_the_package_has_its_storey() -> None:
    folders = {path.relative_to(PACKAGE).parts[0] for path in SOURCES if path.parent != PACKAGE}
    assert folders <= set(STOREYS)


@pytest.mark.parametrize(
    ('source', 'wrong'),
    [
        ('from ..layers import head', ['timm_hyperbolic.layers']),
        ('def f():\n    import timm_hyperbolic.models.x', ['timm_hyperbolic.models.x']),
        ('from timm_hyperbolic import optim', ['timm_hyperbolic.optim']),
        ('import timm_hyperbolic', ['timm_hyperbolic']),
        ('import geoopt\nimport numpy.linalg', ['geoopt', 'numpy.linalg']),
        ('import math\nimport torch.nn as nn\nfrom . import limits\nfrom .limits import x', []),
    ],
)
def test_the_check_of_imports_sees(source: str, wrong: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    path = PACKAGE / 'geometry' / 'some.py'
    monkeypatch.setattr(Path, 'read_text', lambda self, **_: source)
    assert wrong_imports(path) == wrong


# --- docstrings -----------------------------------------------------------------------------------------------------

# Functions that Numba and Triton compile are for the operations beside them only.
DOCUMENTED = [path for path in SOURCES if PACKAGE / 'geometry' / 'kernels' not in path.parents]


def public_names(tree: ast.Module) -> set[str]:
    """The names in the lists that a file assigns or adds to `__all__`."""
    assigned = [node for node in tree.body if isinstance(node, ast.Assign | ast.AugAssign)]
    lists = [node.value for node in assigned if ast.unparse(node).startswith('__all__')]
    return {name for value in lists for name in ast.literal_eval(value)}


def arguments(function: ast.FunctionDef) -> list[str]:
    """The names of the arguments of a function or a constructor; those that begin with `_` are not for callers."""
    of = function.args
    every = [*of.posonlyargs, *of.args, of.vararg, *of.kwonlyargs, of.kwarg]
    return [each.arg for each in every if each is not None and each.arg != 'self' and not each.arg.startswith('_')]


def fields(node: ast.ClassDef) -> list[str]:
    """The fields of a dataclass; an option has a help text, and a component of a configuration its own docstring."""
    own = [each for each in node.body if isinstance(each, ast.AnnAssign) and 'ClassVar' not in ast.unparse(each)]
    described_elsewhere = re.compile(r'option\(|field\(default_factory=\w+Config\)')
    return [each.target.id for each in own if not each.value or not described_elsewhere.match(ast.unparse(each.value))]


def described(docstring: str | None, *sections: str) -> list[str]:
    """The names that sections of a docstring describe."""
    found = [re.search(rf'^{title}:\n((?: {{4}}.*\n|\n)+)', f'{docstring}\n', re.MULTILINE) for title in sections]
    return [name for each in found if each for name in re.findall(r'^ {4}\**(\w+):', each[1], re.MULTILINE)]


def undescribed(source: str) -> list[str]:
    """What the docstrings of the public functions and classes of a file leave out, and what they describe in vain."""
    tree, wrong = ast.parse(source), []
    public = public_names(tree)
    for node in tree.body:
        if getattr(node, 'name', None) not in public:
            continue
        wanted, sections = [], ('Args',)
        if isinstance(node, ast.FunctionDef):
            wanted = arguments(node)
        else:
            sections = ('Args', 'Attributes')
            made = [each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == '__init__']
            if made:
                wanted = arguments(made[0])
            elif any('dataclass' in ast.unparse(each) for each in node.decorator_list):
                wanted = fields(node)
        named = described(ast.get_docstring(node), *sections)
        wrong += [f'{node.name}: {name} is not described' for name in wanted if name not in named]
        if isinstance(node, ast.FunctionDef):
            wrong += [f'{node.name} has no {name}' for name in named if name not in wanted]
    return wrong


def test_docstrings_describe_every_argument() -> None:
    found = {str(path.relative_to(PACKAGE)): undescribed(path.read_text(encoding='utf-8')) for path in DOCUMENTED}
    assert len(found) > 100
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


def test_the_check_of_docstrings_sees() -> None:
    source = """
__all__ = ['F', 'f']
__all__ += ['g']
def f(x, *rest, y=1):
    '''Add.

    Args:
        x: A number.
        z: None.

    Returns:
        y: The sum.
    '''
def g(x): 'Nothing.'
def h(x): 'Nothing.'
class F:
    '''Nothing.

    Args:
        a: A number.
    '''
    def __init__(self, a, **others): ...
"""
    missing = ['f: rest is not described', 'f: y is not described', 'f has no z', 'g: x is not described']
    assert undescribed(source) == [*missing, 'F: others is not described']


# --- a guest in timm ------------------------------------------------------------------------------------------------

PROBE = """
import json, sys, torch, warnings
for name in ('sklearn', 'datasets', 'matplotlib', 'pandas'):
    sys.modules[name] = None  # as if it were not installed
import timm
heavy = lambda: [name for name in ('geoopt', 'scipy', 'numba', 'sympy', 'torch._dynamo', 'torch._inductor')
                 if name in sys.modules]
heavy_of_timm = heavy()
import timm.optim
entry = lambda: {name: timm.model_entrypoint(name).__module__ for name in timm.list_models()}
optim = lambda: {name: str(timm.optim.get_optimizer_info(name)) for name in timm.optim.list_optimizers()}
models, optims, modules = entry(), optim(), timm.list_modules()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter('always')
    import timm_hyperbolic
    found = dict(heavy=heavy(), loaded=[name for name in sys.modules if name.startswith('timm_hyperbolic')])
    head = torch.load(sys.argv[1], weights_only=False)
    model = timm.create_model('vit_tiny_patch4_hyp_all', depth=1)
    optimizer = timm.optim.create_optimizer_v2(model, 'hypadamw')
print(json.dumps(dict(
    models=models, models_after=entry(), optims=optims, optims_after=optim(), modules=modules,
    modules_after=timm.list_modules(), warnings=[f'{w.filename}: {w.message}' for w in caught],
    heavy_of_timm=heavy_of_timm, **found,
    made=[type(head.weight).__name__, type(model.head.weight).__name__, type(optimizer).__name__],
)))
"""


@pytest.fixture(scope='module')
def probe(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a fresh interpreter without the packages of the extras sees before and after the import and first use."""
    from timm_hyperbolic.layers import HyperbolicHead

    folder = tmp_path_factory.mktemp('elsewhere')
    torch.save(HyperbolicHead(4, 3), folder / 'head.pt')
    result = subprocess.run([sys.executable, '-c', PROBE, 'head.pt'], capture_output=True, text=True, cwd=folder)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout) | {'stderr': result.stderr}


def test_import_overwrites_nothing_of_timm(probe: dict[str, Any]) -> None:
    assert len(probe['models']) > 1000
    assert probe['models'] == {name: probe['models_after'].get(name) for name in probe['models']}
    assert probe['optims'] == {name: probe['optims_after'].get(name) for name in probe['optims']}


def test_import_adds_the_riemannian_optimizers(probe: dict[str, Any]) -> None:
    assert set(probe['optims_after']) - set(probe['optims']) == {'hypadamw', 'hypsgd'}


def test_import_adds_models_under_modules_of_their_own(probe: dict[str, Any]) -> None:
    new = {name: module for name, module in probe['models_after'].items() if name not in probe['models']}
    assert 'vit_tiny_patch4_hyp_res' in new
    assert all(module.startswith('timm_hyperbolic.models.') for module in new.values())
    # timm files a model under the last part of its module's name: a name that timm has would merge with timm's.
    assert {module.rpartition('.')[2] for module in new.values()}.isdisjoint(probe['modules'])


def test_import_and_first_use_are_silent(probe: dict[str, Any]) -> None:
    assert probe['warnings'] == []
    assert probe['stderr'] == ''


def test_import_needs_no_extra(probe: dict[str, Any]) -> None:
    assert 'timm_hyperbolic.models' in probe['loaded']
    # Nor does it load what only a training run needs.
    loaded = {name.split('.')[1] for name in probe['loaded'] if '.' in name}
    assert loaded == {'version', 'lazy', 'errors', 'files', 'geometry', 'taxonomy', 'layers', 'models', 'optim'}


def test_import_loads_nothing_heavy_that_timm_does_not_load(probe: dict[str, Any]) -> None:
    assert probe['heavy'] == probe['heavy_of_timm']
    assert probe['made'] == ['ManifoldParameter', 'ManifoldParameter', 'HyperbolicAdamW']


# --- programs -------------------------------------------------------------------------------------------------------

ANSWER = """
import runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name='__main__')
except SystemExit as leave:
    assert not leave.code
print(*(name for name in ('torch', 'timm', 'geoopt') if name in sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize(
    'words',
    [['train_hyp.py', '--help'], *(['timm-hyperbolic', *words] for words in (['--version'], ['validate', '--help']))],
    ids=' '.join,
)
def test_help_and_version_need_no_torch(words: list[str], tmp_path: Path) -> None:
    program = ROOT / words[0]
    if not program.exists():  # the script that pip makes of the entry point
        program = tmp_path / words[0]
        program.write_text('import sys\nfrom timm_hyperbolic.cli import main\nsys.exit(main())\n')
    done = subprocess.run(
        [sys.executable, '-c', ANSWER, str(program), *words[1:]], capture_output=True, text=True, cwd=ROOT
    )
    assert (done.returncode, done.stderr) == (0, '\n')
    assert done.stdout

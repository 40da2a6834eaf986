"""What the build of the documentation does besides: formulas, links, helps, and whether the reference is complete."""

import logging
import os
import runpy
from types import SimpleNamespace

import pytest
from doc_blocks import ROOT

HOOKS = {path.stem: runpy.run_path(str(path)) for path in (ROOT / 'docs' / 'hooks').glob('*.py')}


def page(path: str = 'page.md', markdown: str = '') -> SimpleNamespace:
    return SimpleNamespace(file=SimpleNamespace(src_uri=path), markdown=markdown)


# --- mathml ---------------------------------------------------------------------------------------------------------


def test_formulas_become_mathml_in_line_and_on_their_own() -> None:
    content = r'<span class="arithmatex">\(a &lt; b\)</span><div class="arithmatex">\[\frac{1}{2}\]</div>'
    content = HOOKS['mathml']['on_page_content'](content, page())
    assert content.startswith('<span class="formula"><math')
    assert 'display="inline"' in content
    assert '&lt;</mo>' in content or '&#x0003C;</mo>' in content
    assert '<div class="formula"><math' in content
    assert 'display="block"' in content
    assert '<mfrac>' in content


def test_bars_are_no_higher_than_parentheses() -> None:
    text = HOOKS['mathml']['to_mathml'](r'\lVert v\rVert \frac{1}{2}', 'inline')
    assert text.count('<mo stretchy="false">&#x02016;</mo>') == 2


@pytest.mark.parametrize('latex', [r'\nosuchcommand{x}', r'\frac{1}'])
def test_a_formula_that_is_not_understood_is_a_warning(latex: str, caplog: pytest.LogCaptureFixture) -> None:
    content = f'<span class="arithmatex">\\({latex}\\)</span>'
    assert HOOKS['mathml']['on_page_content'](content, page('some/page.md')) == content
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert 'some/page.md' in record.getMessage()


# --- outside --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('of', 'link', 'turned'),
    [
        ('index.md', '[a](docs/graphs.md)', '[a](graphs.md)'),
        ('index.md', '![a](docs/idea.svg)', '![a](idea.svg)'),
        ('index.md', '[a](CONTRIBUTING.md#rules)', '[a](contributing.md#rules)'),
        ('index.md', '[MIT](LICENSE)', 'MIT'),
        ('index.md', '[a](https://example.org/b.md)', '[a](https://example.org/b.md)'),
        ('index.md', '[a](#b)', '[a](#b)'),
        ('recipes.md', '[a](../README.md)', '[a](index.md)'),
        ('speed.md', '[a](../README.md)', '[a](index.md)'),
        ('speed.md', '[a](tutorial.md)', '[a](tutorial.md)'),
        ('speed.md', '[a](nosuch.md)', '[a](nosuch.md)'),  # left for the build to refuse
        ('api/index.md', '[a](../tutorial.md#b)', '[a](../tutorial.md#b)'),
        ('api/index.md', '[a](models.md)', '[a](models.md)'),
        ('api/index.md', '[a](../../README.md)', '[a](../index.md)'),
        ('api/index.md', '[a](../../benchmarks/speed.py)', 'a'),
    ],
)
def test_links_of_the_repository_become_those_of_the_site(of: str, link: str, turned: str) -> None:
    assert HOOKS['outside']['on_page_markdown'](f'see {link}.', page(of)) == f'see {turned}.'


def test_pages_from_outside_exist() -> None:
    assert [source for source in HOOKS['outside']['PAGES'] if not (ROOT / source).is_file()] == []


# --- commands -------------------------------------------------------------------------------------------------------


def test_the_help_of_a_command_is_put_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('COLUMNS', '40')
    text = HOOKS['commands']['on_page_markdown']('a\n\n<!-- help -->\n\n<!-- help: push -->\n')
    assert text.startswith('a\n\n```text\nusage: timm-hyperbolic [-h]')
    assert '```text\nusage: timm-hyperbolic push' in text
    assert text.count('```') == 4
    assert os.environ['COLUMNS'] == '40'


def test_the_page_of_the_commands_has_each() -> None:
    from timm_hyperbolic.cli import _COMMANDS

    text = (ROOT / 'docs' / 'api' / 'commands.md').read_text(encoding='utf-8')
    assert [name for name in _COMMANDS if f'<!-- help: {name} -->' not in text] == []


# --- reference ------------------------------------------------------------------------------------------------------


def test_a_name_that_the_reference_lacks_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    markdown = '# `timm_hyperbolic.hub`\n'
    places = ''.join(f'<h2 id="timm_hyperbolic.hub.{name}">' for name in ('PushError', 'Run', 'model_card', 'push_run'))
    HOOKS['reference']['on_page_content'](places, page(markdown=markdown))
    assert caplog.records == []
    HOOKS['reference']['on_page_content'](places.replace('model_card', 'card'), page('api/hub.md', markdown))
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == 'api/hub.md: model_card of timm_hyperbolic.hub is not in the reference'


# --- tables ---------------------------------------------------------------------------------------------------------


def test_code_may_be_broken_between_names_in_tables_only() -> None:
    """Between names that are links too, and never in a number."""
    html = (
        '<p><code>a_b</code> 1e-5</p><td class="x">c_d <code>e_f(g=0.5, h.i_*)</code></td><thead><th>1e-5</th></thead>'
    )
    html += '<td id="a_b"><code><i title="1e-5">S_t</i>[<i>f</i>]</code></td>'
    broken = html.replace('e_f(g=0.5, h.i_*)', 'e_<wbr>f(<wbr>g=0.5, h.<wbr>i_*)')
    broken = broken.replace('<th>1e-5', '<th><span class="number">1e-5</span>').replace(
        'S_t</i>[', 'S_<wbr>t</i>[<wbr>'
    )
    assert HOOKS['tables']['on_post_page'](html, page=page()) == broken

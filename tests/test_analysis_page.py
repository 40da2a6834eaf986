from html.parser import HTMLParser

from timm_hyperbolic.analysis.page import Fact, LeftOut, PageFigure, Section, render

VOID = {'meta', 'link', 'img', 'br', 'source'}


class Page(HTMLParser):
    """Tags, attributes and text of a page; fails where a tag is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.found, self.text = [], [], {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.text.setdefault(self.open[-1], []).append(data)

    def all(self, tag: str) -> list[dict]:
        return [attrs for name, attrs in self.found if name == tag]


def check(text: str) -> Page:
    """A page that needs nothing else: no script, no address but its own parts, each picture described."""
    page = Page(text)
    assert text.startswith('<!DOCTYPE html>')
    ids = [attrs['id'] for _, attrs in page.found if 'id' in attrs]
    assert len(ids) == len(set(ids))
    for tag, attrs in page.found:
        assert tag not in ('script', 'iframe', 'object', 'embed', 'video')
        assert not [name for name in attrs if name.startswith('on')]
        for name in ('src', 'href', 'srcset', 'action'):
            value = attrs.get(name, 'data:')
            assert value.startswith('data:') or value[1:] in ids, (tag, value)
    (style,) = page.text['style']
    assert 'url(' not in style
    assert '@import' not in style
    assert all(image['alt'] for image in page.all('img'))
    assert page.all('html') == [{'lang': 'en'}]
    assert len(page.text['title']) == 1
    return page


def test_sections_figures_and_facts():
    figure = PageFigure('a', 'what it shows', 'a caption', b'<svg/>', b'', b'<svg />')
    sections = [
        LeftOut('none', 'Third', 'the model is flat'),
        Section('one', 'First', 'How it is read.', [figure]),
        Section('two', 'Second', 'Likewise.', [figure]),
        LeftOut('nil', 'Fourth', 'the model is flat'),
        LeftOut('nought', 'Fifth', 'there are no images'),
    ]
    page = check(render('some_model', [Fact('data', 'digits'), Fact('command', 'do it', is_code=True)], sections))
    assert page.text['title'] == ['What some_model learned']
    assert page.text['h2'] == ['First', 'Second']
    assert [s['id'] for s in page.all('section')] == ['one', 'two']
    assert [a['href'] for a in page.all('a')] == ['#one', '#two']
    assert page.all('img') == [{'src': 'data:image/svg+xml;base64,PHN2Zy8+', 'alt': 'what it shows'}] * 2
    narrow = {'media': '(max-width: 600px)', 'srcset': 'data:image/svg+xml;base64,PHN2ZyAvPg=='}
    assert page.all('source') == [narrow] * 2
    assert page.text['figcaption'] == ['a caption'] * 2
    assert page.text['p'] == ['How it is read.', 'Likewise.']
    assert page.text['dt'] == ['data', 'command', 'left out']
    assert page.text['dd'] == ['digits', 'do it', 'Third, Fourth: the model is flat. Fifth: there are no images.']


def test_what_comes_from_outside_is_text():
    nasty = '"><script>alert(1)</script>'
    figure = PageFigure('a', nasty, nasty, b'', b'', b'')
    sections = [Section('one', nasty, nasty, [figure]), LeftOut('two', nasty, nasty)]
    page = check(render(nasty, [Fact(nasty, nasty)], sections))
    assert nasty in ''.join(page.text['dd'])
    assert page.all('img')[0]['alt'] == nasty

"""Source, markdown and HTML of a notebook as HTML of a feedback page, all through the sanitiser."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

import mistune
from markupsafe import Markup, escape
from pygments import highlight  # type: ignore[import-untyped]
from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]
from pygments.lexers import PythonLexer  # type: ignore[import-untyped]

from grokedu.grading.page.sanitise import IMAGES, LONGEST_TEXT, TAGS, clean_html, picture, plain

# What parsers are given: they take two seconds for 40 000 characters made to be slow. A tag of HTML
# counts as more, since each is sought among those that are open.
_READ_AT_ONCE = 40_000
_READ_IN_ALL = 300_000
_TAG = 20

_HEADINGS = frozenset(f"h{level}" for level in range(1, 7))
_LEXER = PythonLexer(stripnl=False, ensurenl=False)
_FORMATTER = HtmlFormatter(nowrap=True)


def figure(kind: Any, data: Any, alt: str) -> Markup | None:
    """An image with its content in the page; None when it is no sound PNG or JPEG, or too large.

    It is shown as the type that it is, not as the type that it is said to be.
    """
    found = picture(data) if kind in IMAGES else None
    if found is None:
        return None
    html = '<img src="data:{};base64,{}" alt="{}" width="{}" height="{}">'
    described = plain(alt, 2000)
    return Markup(html).format(found.kind, found.content, described, found.width, found.height)


class Reader:
    """Reads the source, markdown and HTML of one page, as far as that is quick; else shows text.

    Headings take the levels that keep those of the page in order.

    Attributes:
        level: the level of the last heading of the page.
        section: the level of the heading of the course under which the page stands.
    """

    def __init__(self) -> None:
        self.level = self.section = 1
        self._left = _READ_IN_ALL

    def code(self, source: Any) -> Markup:
        """Python source with its words marked by pygments' short classes, for inside of ``<pre>``.

        >>> Reader().code("x < 1")
        Markup('<span class="n">x</span> <span class="o">&lt;</span> <span class="mi">1</span>')
        """
        shown = plain(source)
        if not self._affords(len(shown)):
            return escape(shown)
        return Markup(highlight(shown, _LEXER, _FORMATTER).rstrip("\n"))

    def markup(self, html: Any) -> Markup | None:
        """HTML with only tables, lists and emphasis left, nothing that styles or runs.

        None where there is too much of it to be read.

        >>> Reader().markup('<b onclick="x()">5</b><script>x</script> <a href="data:,x">go</a>')
        Markup('<b>5</b> <a rel="noopener noreferrer nofollow">go</a>')
        """
        shown = plain(html, 5 * LONGEST_TEXT)
        if not self._affords(len(shown) // 5 + _TAG * (shown.count("<") + shown.count("&"))):
            return None
        return Markup(clean_html(shown, TAGS - _HEADINGS - {"img"}))

    def prose(self, source: Any, attachments: Any = None) -> Markup:
        """What a learner or a grader wrote in markdown; its headings stand below the section's."""
        shown = plain(source)
        if self._affords(len(shown)):
            try:
                return Markup(clean_html(_parse(shown, _Renderer(self, attachments))))
            except RecursionError:
                pass
        return Markup("<pre>{}</pre>").format(shown)

    def headings(self, source: Any) -> list[tuple[int, Markup]]:
        """The headings of a markdown text, with their levels as they were written.

        >>> Reader().headings("# One\\ntext\\n\\n### Write `f`")
        [(1, Markup('One')), (3, Markup('Write <code>f</code>'))]
        """
        shown = plain(source)
        return list(_headings(shown)) if self._affords(len(shown)) else []

    def heading(self, level: int) -> int:
        """The level for a heading of the course: its own, but never one that skips a level.

        >>> reader = Reader()
        >>> reader.heading(3), reader.heading(3), reader.heading(2), reader.heading(1)
        (2, 3, 2, 2)
        """
        self.section = self.level = max(2, min(level, self.level + 1))
        return self.level

    def _affords(self, characters: int) -> bool:
        if characters > min(_READ_AT_ONCE, self._left):
            return False
        self._left -= characters
        return True


class _Renderer(mistune.HTMLRenderer):
    """Mistune's, with raw HTML as text, TeX as it is written, and images that are in the text."""

    def __init__(self, reader: Reader, attachments: Any) -> None:
        super().__init__(escape=True)
        self.reader, self.attachments = reader, attachments
        self.headings: list[tuple[int, str]] = []

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        self.headings.append((level, text))
        page = self.reader
        page.level = min(page.section + level, page.level + 1, 6)
        return f"<h{page.level}>{text}</h{page.level}>\n"

    def image(self, text: str, url: str, title: str | None = None) -> str:
        alt = Markup(text).striptags() or "Figure without a description"
        kind, data = _embedded(url, self.attachments)
        return str(figure(kind, data, alt) or Markup("(image not shown: {})").format(alt))

    def inline_math(self, text: str) -> str:
        return str(Markup("<code>${}$</code>").format(text))

    def block_math(self, text: str) -> str:
        return str(Markup("<pre>$${}$$</pre>").format(text))


@functools.lru_cache(maxsize=500)  # every student of a lesson has the same
def _headings(source: str) -> tuple[tuple[int, Markup], ...]:
    renderer = _Renderer(Reader(), None)
    try:
        _parse(source, renderer)
    except RecursionError:
        return ()
    inline = TAGS & {"code", "em", "strong", "sub", "sup"}
    return tuple((level, Markup(clean_html(text, inline))) for level, text in renderer.headings)


def _parse(source: str, renderer: _Renderer) -> str:
    plugins = ["math", "table", "strikethrough"]
    return str(mistune.create_markdown(renderer=renderer, plugins=plugins)(source))


def _embedded(url: str, attachments: Any) -> tuple[Any, Any]:
    """The type and the base64 text of an image that the notebook itself holds."""
    if match := re.fullmatch(r"(?s)data:(image/[a-z]+);base64,(.*)", url):
        return match[1], match[2]
    name = url.removeprefix("attachment:")
    files = attachments.get(name) if isinstance(attachments, Mapping) else None
    if name != url and isinstance(files, Mapping):
        return next(((kind, files[kind]) for kind in IMAGES if kind in files), (None, None))
    return None, None

"""HTML of what a notebook holds, with nothing in it that runs, loads or breaks out of its place.

Whoever handed a notebook in may have put anything anywhere in it. What these functions return can
stand in a page as it is: text is escaped, markup passes an allow-list, figures are read before they
are shown, and nothing is fetched from anywhere.
"""

from __future__ import annotations

import base64
import binascii
import functools
import io
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import bleach  # type: ignore[import-untyped]
import mistune
from markupsafe import Markup, escape
from nbconvert.filters import strip_ansi
from PIL import Image
from pygments import highlight  # type: ignore[import-untyped]
from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]
from pygments.lexers import PythonLexer  # type: ignore[import-untyped]

FIGURES = ("image/png", "image/jpeg")
_FIGURE_BYTES = 4_000_000
_FIGURE_PIXELS = 40_000_000
_TEXT = 50_000
# What parsers are given: they take two seconds for 40 000 characters made to be slow. A tag of HTML
# counts as more, since each is sought among those that are open.
_READ_AT_ONCE = 40_000
_READ_IN_ALL = 300_000
_TAG = 20

_TAGS = frozenset(
    """
    a b blockquote br caption code dd div dl dt em h1 h2 h3 h4 h5 h6 hr i img li ol p pre s span
    strong sub sup table tbody td tfoot th thead tr ul
    """.split()
)
_HEADINGS = frozenset(f"h{level}" for level in range(1, 7))
_LEXER = PythonLexer(stripnl=False, ensurenl=False)
_FORMATTER = HtmlFormatter(nowrap=True)
_UNSEEN = re.compile(r"(?is)<(script|style|template|noscript|title)\b.*?(?:</\1\s*>|\Z)")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain(value: Any, limit: int = _TEXT) -> str:
    r"""Text without terminal colours, control characters and lone surrogates, cut at a limit.

    >>> plain("\x1b[31mred\x1b[0m\x00\r\n")
    'red\n'
    >>> plain(["a", "b"])
    'ab'
    >>> plain(None)
    ''
    """
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        value = "".join(value)
    if not isinstance(value, str):
        return ""
    cut = value[:limit] + ("\n… (cut here)" if len(value) > limit else "")
    sound = cut.encode("utf-8", "replace").decode("utf-8")
    return _CONTROL.sub("", strip_ansi(sound.replace("\r\n", "\n").replace("\r", "\n")))


def figure(kind: Any, data: Any, alt: str) -> Markup | None:
    """An image with its content in the page; None when it is no sound PNG or JPEG, or too large."""
    if kind not in FIGURES or not isinstance(data, str) or len(data) > 1.4 * _FIGURE_BYTES:
        return None
    try:
        content = base64.b64decode("".join(data.split()), validate=True)
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as image:
            width, height = image.size
            # As it is, whatever it was called.
            kind = f"image/{str(image.format).lower()}"
    except (binascii.Error, ValueError, OSError, SyntaxError, Image.DecompressionBombError):
        return None
    if len(content) > _FIGURE_BYTES or width * height > _FIGURE_PIXELS:
        return None
    encoded = base64.b64encode(content).decode("ascii")
    html = '<img src="data:{};base64,{}" alt="{}" width="{}" height="{}">'
    return Markup(html).format(kind, encoded, plain(alt, 2000), width, height)


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
        Markup('<b>5</b> <a>go</a>')
        """
        shown = plain(html, 5 * _TEXT)
        if not self._affords(len(shown) // 5 + _TAG * (shown.count("<") + shown.count("&"))):
            return None
        return _clean(_UNSEEN.sub("", shown), _TAGS - _HEADINGS - {"img"})

    def prose(self, source: Any, attachments: Any = None) -> Markup:
        """What a learner or a grader wrote in markdown; its headings stand below the section's."""
        shown = plain(source)
        if self._affords(len(shown)):
            try:
                return _clean(_parse(shown, _Renderer(self, attachments)), _TAGS)
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
    inline = _TAGS & {"code", "em", "strong", "sub", "sup"}
    return tuple((level, _clean(text, inline)) for level, text in renderer.headings)


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
        return next(((kind, files[kind]) for kind in FIGURES if kind in files), (None, None))
    return None, None


def _clean(html: str, tags: frozenset[str]) -> Markup:
    return Markup(
        bleach.clean(html, tags=tags, attributes=_allowed, protocols=_PROTOCOLS, strip=True)
    )


_PROTOCOLS = frozenset({"http", "https", "mailto", "data"})
_ROLES = {("div", "role", "group"), ("span", "aria-hidden", "true")}


def _allowed(tag: str, name: str, value: str) -> bool:
    """Whether an attribute may stay: links that lead out, images that are here, table headers."""
    if (tag, name) == ("a", "href"):
        try:
            return urlsplit(value.strip()).scheme in ("http", "https", "mailto")
        except ValueError:
            return False
    if (tag, name) == ("img", "src"):
        return value.startswith(tuple(f"data:{kind};base64," for kind in FIGURES))
    if tag == "img":
        return name == "alt" or (name in ("width", "height") and value.isdecimal())
    if tag in ("td", "th"):
        return name == "scope" or (name in ("colspan", "rowspan") and value.isdecimal())
    return (tag, name) == ("div", "aria-label") or (tag, name, value) in _ROLES

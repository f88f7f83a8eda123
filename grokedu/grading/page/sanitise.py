"""The one place where what a learner handed in is made harmless, for whatever shows it.

Whoever handed a notebook in may have put anything anywhere in it. `clean_html` keeps what one
allow-list names, by `nh3 <https://nh3.readthedocs.io>`_; `plain` makes text of anything; `picture`
reads an image before it is shown; `clean_markdown` breaks what a renderer of Markdown would take
for a tag, a link or a formula. Outputs, markdown and the feedback page all go through these
functions, and nothing that a notebook holds makes them raise.
"""

from __future__ import annotations

import base64
import html
import io
import re
import warnings
from collections import Counter
from collections.abc import Collection, Container
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import nh3
from PIL import Image

LONGEST_TEXT = 50_000
LONGEST_HTML = 50_000
MOST_IMAGE_BYTES = 4_000_000
MOST_PIXELS = 40_000_000
IMAGES = {"image/png": "PNG", "image/jpeg": "JPEG"}

# The allow-list: these tags, and of their attributes those that `_allowed` lets through.
TAGS = frozenset(
    (
        "a abbr b blockquote br caption code col colgroup dd del div dl dt em h1 h2 h3 h4 h5 h6 hr "
        "i img ins kbd li ol p pre s samp small span strong sub sup table tbody td tfoot th thead "
        "tr u ul var"
    ).split()
)
_ATTRIBUTES = {
    "*": set[str](),
    "a": {"href"},
    "abbr": {"title"},
    "img": {"alt", "height", "src", "width"},
    "td": {"colspan", "rowspan", "scope"},
    "th": {"colspan", "rowspan", "scope"},
}
_SCHEMES = {"http", "https", "mailto"}
_HIDDEN = {"noscript", "script", "style", "template", "title"}  # their content goes with them
# A parser's time goes with the square of the depth, and with the number of tags.
_DEEPEST_HTML = 40
_MOST_TAGS = 5_000
_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)", re.IGNORECASE)
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())

# Colours and moves of a terminal (ECMA-48), titles and links of one, and other control characters.
_TERMINAL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def clean_html(source: str, tags: Collection[str] = TAGS) -> str:
    """HTML in which nothing runs, loads, styles or leads anywhere but to the web.

    Its time grows with the square of the depth of ``source``: see `is_quick_to_clean`.

    Args:
        tags: keep these only; all of them must be in `TAGS`.

    >>> clean_html('<b onclick="x()">so</b><script>y()</script>')
    '<b>so</b>'
    """
    return nh3.clean(
        _CONTROL.sub("\ufffd", source),
        tags=set(tags) & TAGS,
        clean_content_tags=_HIDDEN,
        attributes=_ATTRIBUTES,
        attribute_filter=_allowed,
        url_schemes={*_SCHEMES, "data"},  # the last for images; `_allowed` refuses it elsewhere
        link_rel="noopener noreferrer nofollow",
    )


def is_quick_to_clean(source: str) -> bool:
    """Whether HTML is short and flat enough to be cleaned in a short time."""
    signs = source.count("<") + source.count("&")
    return len(source) <= LONGEST_HTML and signs <= _MOST_TAGS and _depth(source) <= _DEEPEST_HTML


def plain(value: Any, limit: int = LONGEST_TEXT) -> str:
    r"""Text without terminal commands, control characters and halves of letters, cut at a limit.

    >>> plain("\x1b[31mred\x1b[0m\x00\r\n")
    'red\ufffd\n'
    >>> plain(["a", "b"])
    'ab'
    >>> plain(None)
    ''
    """
    text = text_of(value)
    cut = text[:limit] + ("\n… (cut here)" if len(text) > limit else "")
    lines = without_terminal_commands(cut).replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("\ufffd", lines)


def text_of(value: Any) -> str:
    """The text of a notebook's field, which may be a list of lines; "" when it is neither."""
    if isinstance(value, list):
        value = "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""


def without_terminal_commands(text: str) -> str:
    """Text without the colours, titles and links that a terminal would obey."""
    return _TERMINAL.sub("", text)


@dataclass(frozen=True)
class Picture:
    """A sound image: its type by its content, the content in base64, and its size in pixels."""

    kind: str
    content: str
    width: int
    height: int


def picture(value: Any) -> Picture | None:
    """The PNG or JPEG image that a base64 text holds; None when it is unsound or too large."""
    text = text_of(value)
    if not text or len(text) > 1.4 * MOST_IMAGE_BYTES:
        return None
    try:
        content = base64.b64decode("".join(text.split()), validate=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content), formats=list(IMAGES.values())) as image:
                width, height = image.size
                kind = f"image/{str(image.format).lower()}"
    except Exception:  # Pillow raises many kinds of errors at a damaged file
        return None
    if len(content) > MOST_IMAGE_BYTES or not 0 < width * height <= MOST_PIXELS:
        return None
    return Picture(kind, base64.b64encode(content).decode("ascii"), width, height)


def clean_attachments(attachments: Any) -> dict[str, dict[str, str]]:
    """Those of a cell's attachments that are real images, by name."""
    kept = {}
    for name, data in attachments.items() if isinstance(attachments, dict) else ():
        if images := clean_images(data):
            kept[str(name)] = images
    return kept


def clean_images(data: Any) -> dict[str, str]:
    """The images among a bundle of data that are of the type they are said to be."""
    kept = {}
    for kind in IMAGES:
        found = picture(data.get(kind)) if isinstance(data, dict) else None
        if found is not None and found.kind == kind:
            kept[kind] = found.content
    return kept


def _allowed(tag: str, name: str, value: str) -> str | None:
    """An attribute that may stay: links to the web, images with their content, spans of tables."""
    if name == "href":
        try:
            return value if urlsplit(value.strip()).scheme in _SCHEMES else None
        except ValueError:
            return None
    if name == "src":
        return value if value.startswith(tuple(f"data:{kind};base64," for kind in IMAGES)) else None
    if name in ("colspan", "height", "rowspan", "width"):
        return value if value.isdecimal() else None
    return value


def _depth(source: str) -> int:
    """How deep tags may lie within each other at the most."""
    unclosed: Counter[str] = Counter()
    deepest = depth = 0
    for closing, tag in _TAG.findall(source):
        name = tag.lower()
        if not closing and name not in _VOID:
            unclosed[name] += 1
            depth += 1
            deepest = max(deepest, depth)
        elif closing and unclosed[name]:
            unclosed[name] -= 1
            depth -= 1
    return deepest


JOINER = "\u2060"
# Signs that begin a tag, a comment or an instruction (HTML Standard, 13.2.5.6 "Tag open state").
_OPENING = re.compile(r"<(?=[^\W\d_]|[/!?])")
_REFERENCE = re.compile(
    r"&(?:#(?:x0*(?P<hex>[0-9a-f]{1,8})|0*(?P<decimal>[0-9]{1,9}));?|[a-z][a-z0-9]{1,31};?)",
    re.IGNORECASE,
)
_REFERENCES_IN_REFERENCES = 3
# Browsers pass over blanks and line ends within a scheme (URL Standard, 4.4), Markdown a backslash.
_RUNNING = ("javascript", "vbscript", "data")
_SCHEME = re.compile(
    "|".join(r"[\s\\\x00-\x1f]*".join(f"{scheme}:") for scheme in _RUNNING), re.IGNORECASE
)
# MathJax's and KaTeX's commands that make links and attributes (MathJax docs, "Safe" extension).
_COMMAND = re.compile(
    r"\\(?=href|url|class|style|cssId|data|html|mmlToken|bbox|require|includegraphics)"
)
# nbconvert puts a mermaid block into the page without escaping it.
_DIAGRAM = re.compile(f"(?<!{JOINER})(?=mermaid)", re.IGNORECASE)
_IMAGE = re.compile(r"!(?=\[)")
_OWN_IMAGE = re.compile(r"!\[[^]\[\\`<$!&\n]*\]\(attachment:([A-Za-z0-9._-]+)\)")
# For each of these nbconvert looks through all the rest of the text.
_FORMULA = re.compile(r"(?<=\\\\)(?=[\[(])|(?<=\\)(?=begin\{)")
_MOST_FORMULAS = 100
# So it does for each bracket that could open a link.
_MOST_BRACKETS = 500


def clean_markdown(source: str, attachments: Container[str] = ()) -> str:
    """The same text, in which nothing runs, loads or embeds anything when it is shown.

    Links of the schemes ``javascript``, ``vbscript`` and ``data`` lead nowhere; images become
    links, except the cell's own; a mermaid diagram shows its source. What is longer than 50 000
    characters is cut. Cleaning twice gives the same as cleaning once.

    Args:
        attachments: names of the cell's attachments that were kept, see `clean_attachments`.

    >>> clean_markdown("a < b, $x<y$") == "a < b, $x<\u2060y$"
    True
    """
    text = _CONTROL.sub("\ufffd", source.replace("\r\n", "\n").replace("\r", "\n"))
    if text.count("[") > _MOST_BRACKETS:
        text = text.replace("[", "&#91;")
    if len(text) > LONGEST_TEXT:
        left_out = len(text) - LONGEST_TEXT
        text = f"{text[:LONGEST_TEXT]}\n\n({left_out} more characters were left out)"
    spots = {found.end() for found in _OPENING.finditer(text)}
    for found in _IMAGE.finditer(text):
        own = _OWN_IMAGE.match(text, found.start())
        if not (own and own[1] in attachments):
            spots.add(found.end())
    formulas = [found.end() for found in _FORMULA.finditer(text)]
    if len(formulas) > _MOST_FORMULAS:
        spots.update(formulas)
    seen, places = _as_seen(text)
    spots.update(places[found.end() - 1] for found in _SCHEME.finditer(seen))
    spots.update(places[found.end()] for found in _COMMAND.finditer(seen))
    spots.update(places[found.end()] for found in _DIAGRAM.finditer(seen))
    edges = [0, *sorted(spots), len(text)]
    return JOINER.join(text[start:end] for start, end in pairwise(edges))


def _as_seen(text: str) -> tuple[str, list[int]]:
    """The text with character references resolved, and where each of its signs is written."""
    places = list(range(len(text)))
    for _ in range(_REFERENCES_IN_REFERENCES):
        parts: list[str] = []
        moved: list[int] = []
        at = 0
        for found in _REFERENCE.finditer(text):
            sign = _resolved(found)
            parts += [text[at : found.start()], sign]
            moved += places[at : found.start()] + [places[found.start()]] * len(sign)
            at = found.end()
        if not parts:
            break
        text, places = "".join([*parts, text[at:]]), moved + places[at:]
    return text, places


def _resolved(reference: re.Match[str]) -> str:
    if reference["hex"]:
        return html.unescape(f"&#x{reference['hex']};")
    if reference["decimal"]:
        return html.unescape(f"&#{reference['decimal']};")
    return html.unescape(reference[0])

"""Markdown that a learner wrote, made harmless in whatever shows it, and looking as before.

Renderers differ in what they take for a tag, a link or a formula, and nbconvert passes raw HTML and
any link through. So nothing is parsed here: an invisible sign, U+2060 WORD JOINER, is put into
every spot that any of them could take for one.
"""

from __future__ import annotations

import html
import re
from collections.abc import Container
from itertools import pairwise

JOINER = "\u2060"
LONGEST = 50_000
# Signs that begin a tag, a comment or an instruction (HTML Standard, 13.2.5.6 "Tag open state").
_TAG = re.compile(r"<(?=[^\W\d_]|[/!?])")
_REFERENCE = re.compile(
    r"&(?:#(?:x0*(?P<hex>[0-9a-f]{1,8})|0*(?P<decimal>[0-9]{1,9}));?|[a-z][a-z0-9]{1,31};?)",
    re.IGNORECASE,
)
_REFERENCES_IN_REFERENCES = 3
# Browsers pass over blanks and line ends within a scheme (URL Standard, 4.4), Markdown a backslash.
_SCHEMES = ("javascript", "vbscript", "data")
_SCHEME = re.compile(
    "|".join(r"[\s\\\x00-\x1f]*".join(f"{scheme}:") for scheme in _SCHEMES), re.IGNORECASE
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
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def clean_markdown(source: str, attachments: Container[str] = ()) -> str:
    """The same text with nothing in it that runs, loads or embeds anything when it is shown.

    Links of the schemes ``javascript``, ``vbscript`` and ``data`` lead nowhere; images become
    links, but for the cell's own; a mermaid diagram shows its source. What is longer than 50 000
    characters is cut. Cleaning twice gives the same as cleaning once.

    Args:
        attachments: names of the cell's attachments that were kept, see `clean_attachments`.

    >>> clean_markdown("a < b, $x<y$") == "a < b, $x<\u2060y$"
    True
    """
    text = _CONTROL.sub("\ufffd", source.replace("\r\n", "\n").replace("\r", "\n"))
    if text.count("[") > _MOST_BRACKETS:
        text = text.replace("[", "&#91;")
    if len(text) > LONGEST:
        left_out = len(text) - LONGEST
        text = f"{text[:LONGEST]}\n\n({left_out} more characters were left out)"
    spots = {found.end() for found in _TAG.finditer(text)}
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

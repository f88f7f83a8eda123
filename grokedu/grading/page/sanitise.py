"""A learner's outputs and attachments, kept for a person to see, rid of what runs in a browser.

Kept are text, real PNG and JPEG images, and plain HTML; scripts, widgets, vector graphics and pages
in pages are not. Nothing a notebook holds makes these functions raise.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

import bleach  # type: ignore[import-untyped]
from bleach.html5lib_shim import Filter  # type: ignore[import-untyped]
from PIL import Image

MOST_OUTPUTS = 50
LONGEST_TEXT = 20_000
LONGEST_HTML = 50_000
MOST_IMAGE_BYTES = 4 * 2**20
MOST_PIXELS = 40_000_000
_IMAGES = {"image/png": "PNG", "image/jpeg": "JPEG"}
_LEFT_OUT = "(the rest was left out)"
# Colours and moves of a terminal (ECMA-48), titles and links of one, and other control characters.
_TERMINAL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)", re.IGNORECASE)
_HIDDEN = re.compile(r"<(script|style)\b", re.IGNORECASE)
# bleach's time goes with the square of the depth, and with the number of tags.
_DEEPEST_HTML = 40
_MOST_TAGS = 5_000
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
_TAGS = frozenset(
    (
        "a abbr b blockquote br caption code col colgroup dd del div dl dt em h1 h2 h3 h4 h5 h6 hr "
        "i ins kbd li ol p pre s samp small span strong sub sup table tbody td tfoot th thead tr "
        "u ul var"
    ).split()
)
_SPANS = ["colspan", "rowspan", "scope"]


def clean_outputs(outputs: Any) -> list[dict[str, Any]]:
    """A code cell's outputs as any renderer may show them; at most 50.

    Args:
        outputs: what the notebook holds as the cell's outputs, of whatever shape.
    """
    cleaned: list[dict[str, Any]] = []
    for output in outputs if isinstance(outputs, list) else []:
        made = _clean_output(output) if isinstance(output, dict) else None
        if made is None:
            continue
        last = cleaned[-1] if cleaned else {}
        if made["output_type"] == "stream" and made["name"] == last.get("name"):
            if not last["text"].endswith(_LEFT_OUT):
                last["text"] = _cut(last["text"] + made["text"])
        elif len(cleaned) == MOST_OUTPUTS - 1:
            cleaned.append(_stream(f"(only the first {len(cleaned)} outputs are kept)\n"))
            break
        else:
            cleaned.append(made)
    return cleaned


def clean_attachments(attachments: Any) -> dict[str, dict[str, str]]:
    """Those of a cell's attachments that are real images, by name."""
    kept = {}
    for name, data in attachments.items() if isinstance(attachments, dict) else ():
        images = dict(_images(data))
        if images:
            kept[str(name)] = images
    return kept


def clean_html(source: str) -> str:
    """HTML with tables and plain formatting alone: no styles, no images, links only to the web.

    Formulas in it stay text. What is too long or too deep to be cleaned in short time gives "".

    >>> clean_html('<b onclick="x()">so</b><script>y()</script>')
    '<div class="mathjax_ignore tex2jax_ignore"><b>so</b></div>'
    """
    signs = source.count("<") + source.count("&")
    if len(source) > LONGEST_HTML or signs > _MOST_TAGS or _depth(source) > _DEEPEST_HTML:
        return ""
    try:
        text = _cleaner().clean(_without_code(_CONTROL.sub("\ufffd", source))).strip()
    except RecursionError:
        return ""
    # Their commands can make links and attributes of their own.
    return f'<div class="mathjax_ignore tex2jax_ignore">{text}</div>' if text else ""


def _clean_output(output: dict[str, Any]) -> dict[str, Any] | None:
    kind = output.get("output_type")
    if kind == "stream":
        name = "stderr" if output.get("name") == "stderr" else "stdout"
        return _stream(_plain(output.get("text")), name)
    if kind == "error":
        name, value = (_cut(_plain(output.get(key)), 2000) for key in ("ename", "evalue"))
        lines = output.get("traceback")
        text = _plain("\n".join(filter(_is_text, lines)) if isinstance(lines, list) else lines)
        trace = _cut(text).split("\n") if text else []
        return {"output_type": kind, "ename": name, "evalue": value, "traceback": trace}
    if kind not in ("display_data", "execute_result"):
        return None
    made = {"output_type": kind, "metadata": {}, "data": _clean_data(output.get("data"))}
    if kind == "execute_result":
        count = output.get("execution_count")
        made["execution_count"] = count if type(count) is int and 0 <= count < 2**31 else None
    return made


def _clean_data(data: Any) -> dict[str, str]:
    if not isinstance(data, dict):
        data = {}
    kept = dict(_images(data))
    if markup := clean_html(_text(data.get("text/html"))):
        kept["text/html"] = markup
    text = _plain(data.get("text/plain"))
    if not text or text.startswith("<IPython.core.display."):
        for kind in ("text/markdown", "text/latex"):
            text = _plain(data.get(kind)) or text
    if text:
        kept["text/plain"] = _cut(text)
    if not kept:
        kinds = ", ".join(_plain(kind)[:60] for kind in list(data)[:3]) or "an unknown kind"
        kept["text/plain"] = f"(an output of kind {kinds} was left out)"
    return kept


def _images(data: Any) -> Iterator[tuple[str, str]]:
    """The images among an output's data that are what they say they are, encoded anew."""
    for kind, form in _IMAGES.items():
        text = _text(data.get(kind)) if isinstance(data, dict) else ""
        if not text or len(text) > 2 * MOST_IMAGE_BYTES:
            continue
        try:
            content = base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            continue
        if len(content) <= MOST_IMAGE_BYTES and _is_image(content, form):
            yield kind, base64.b64encode(content).decode("ascii")


def _is_image(content: bytes, form: str) -> bool:
    """Whether the bytes begin as an image of that form, not so large as to choke a browser."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content), formats=[form]) as image:
                width, height = image.size
    except Exception:  # Pillow raises many kinds at a file that is none
        return False
    return 0 < width * height <= MOST_PIXELS


def _stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": _cut(text)}


def _text(value: Any) -> str:
    """The text of a notebook's field, which may be a list of lines."""
    if isinstance(value, list):
        value = "".join(filter(_is_text, value))
    return value if isinstance(value, str) else ""


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _plain(value: Any) -> str:
    """Text as a terminal would have left it, without colours."""
    # Far more than is shown is not looked at.
    text = _TERMINAL.sub("", _text(value)[: 20 * LONGEST_TEXT]).replace("\r\n", "\n")
    if "\r" in text:  # a progress bar writes its line anew each time
        text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return _CONTROL.sub("\ufffd", text)


def _cut(text: str, longest: int = LONGEST_TEXT) -> str:
    return text if len(text) <= longest else f"{text[:longest]}\n{_LEFT_OUT}"


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


def _without_code(source: str) -> str:
    """HTML without scripts and style sheets, of which bleach would leave the text."""
    parts, at = [], 0
    while opening := _HIDDEN.search(source, at):
        parts.append(source[at : opening.start()])
        closing = re.compile(rf"</{opening[1]}[^>]*>", re.IGNORECASE).search(source, opening.end())
        if closing is None:
            return "".join(parts)
        at = closing.end()
    return "".join([*parts, source[at:]])


def _cleaner() -> bleach.Cleaner:
    return bleach.Cleaner(
        tags=_TAGS,
        attributes={"a": _leads_out, "abbr": ["title"], "td": _SPANS, "th": _SPANS},
        protocols=["http", "https", "mailto"],
        strip=True,
        filters=[_ForeignLinks],
    )


def _leads_out(tag: str, name: str, value: str) -> bool:
    return name == "href" and re.match(r"(?:https?://|mailto:)", value, re.IGNORECASE) is not None


class _ForeignLinks(Filter):
    """Says of each link that the page it leads to is not to know of this one."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for token in super().__iter__():
            if token["type"] == "StartTag" and token["name"] == "a":
                token["data"][None, "rel"] = "noopener noreferrer nofollow"
            yield token

"""What does something in a browser, and how to see that it does."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from typing import Any

from PIL import Image

ALLOWED = set(
    "a abbr b blockquote br code dd del div dl dt em h1 h2 h3 h4 h5 h6 hr i img input ins kbd li "
    "ol p pre s samp small span strong sub sup table tbody td th thead tr u ul var".split()
)


COMMAND = re.compile(r"\\(?:href|style|class|cssId|mmlToken|bbox|htmlStyle|url)\b")


class Dangers(HTMLParser):
    """Lists what would run, load or embed something in a browser."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ALLOWED:
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            target = re.sub(r"[\t\n\r]", "", value or "").lstrip("".join(map(chr, range(33))))
            if name.startswith("on") or name in ("style", "srcdoc", "background", "formaction"):
                self.found.append(name)
            if name == "class" and "mermaid" in target.split():
                self.found.append("mermaid")
            if name == "src" and not re.match("data:image/(png|jpeg);base64,", target):
                self.found.append(f"src={target}")
            if name != "src" and re.match("(?i)(javascript|vbscript|data):", target):
                self.found.append(target)

    def handle_data(self, data: str) -> None:
        self.found += COMMAND.findall(data)


def dangers(markup: str) -> list[str]:
    parser = Dangers()
    parser.feed(markup)
    parser.close()
    return parser.found


def picture(form: str = "PNG", size: tuple[int, int] = (2, 3)) -> str:
    stream = io.BytesIO()
    Image.new("RGB", size).save(stream, form)
    return base64.b64encode(stream.getvalue()).decode()


# Each does something in what nbconvert makes of it today; the first test says so.
MARKDOWN = [
    "<script>alert(1)</script>",
    "before <img src=x onerror=alert(1)> after",
    "<svg onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=x></object>",
    "<details open ontoggle=alert(1)>",
    "<form action=/formgrader><button formaction=x>",
    "<style>*{display:none}</style>",
    "<base href=//example.org>",
    "<ScRiPt\n>alert(1)</sCrIpT\t>",
    "- a list\n\n  <script>alert(1)</script>",
    "> a quotation <u onclick=alert(1)>",
    "| a |\n|---|\n| <u onmouseover=alert(1)> |",
    "# A heading <img src=x onerror=alert(1)>",
    "<!-- --><script>alert(1)</script>",
    "<?x ><img src=x onerror=alert(1)>?>",
    "</p><script>alert(1)</script>",
    "```mermaid\n<img src=x onerror=alert(1)>\n```",
    "~~~ mermaid\ngraph LR; A-->B; click A href 'javascript:alert(1)'\n~~~",
    "```mermaid\n</pre><script>alert(1)</script>\n```",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](javascript&colon;alert(1))",
    "[x](java&#115;cript:alert(1))",
    "[x](java&#x73;cript&#58;alert(1))",
    "[x](java&amp;#115;cript:alert(1))",
    "[x](javascript\\:alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](data&#0000058;text/html;base64,PHNjcmlwdD4=)",
    "[x][y]\n\n[y]: javascript:alert(1)",
    "[x]\n\n[x]: <data:text/html;base64,PHNjcmlwdD4=> 'a title'",
    "<javascript:alert(1)>",
    "![x](https://example.org/watch.png)",
    "![x][y]\n\n[y]: /formgrader/api/logout",
    "![ [a](attachment:a.png) ](https://example.org/watch.png)",
    "![x](data:image/svg+xml;base64,PHN2Zz4=)",
    "$\\href{javascript:alert(1)}{x}$",
    "$\\def\\x#1{\\href{java#1}{x}}\\x{script:alert(1)}$",
    "&#36;&#92;&#104;ref{java&#115;cript:alert(1)}{x}&#36;",
    "&#36;&#92;style{position:fixed}{x}&#36;",
    "$$\\mmlToken{mi}[href='javascript:alert(1)']{x}$$",
    "\\begin{align}\\bbox[position:fixed]{x}\\end{align}",
]


HTML = [
    *(payload for payload in MARKDOWN[:18] if "\n\n" not in payload),
    "<a href='javascript:alert(1)'>x</a>",
    "<a href=' java&Tab;script&colon;alert(1)'>x</a>",
    "<a href=/logout target=_top>x</a>",
    "<img src=https://example.org/watch.png>",
    "<div style='position:fixed;inset:0'>x</div>",
    "<link rel=stylesheet href=//example.org>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<textarea><script>alert(1)</script>",
    "<table background=javascript:alert(1)><tr><td>x",
    "<b onclick=alert(1)>bold</b>",
    "<xmp><script>alert(1)</script></xmp>",
]


def data(**kinds: Any) -> dict[str, Any]:
    given = {kind.replace("_", "/", 1).replace("_", "."): value for kind, value in kinds.items()}
    return {"output_type": "display_data", "metadata": {}, "data": given}


def stream(text: Any, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}

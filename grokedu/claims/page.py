"""The page of all claims, ``docs/claims.md``, from the results that stand in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from grokedu.claims import results

QUICK = "quick"  # the folder, inside the results', of those made with --quick

HEAD = """# What became of each claim

Made from `results/` by `grokedu reproduce NAME`, which trains over several seeds, measures, draws
and judges by a fixed rule. Intervals are 95 % bootstrap intervals over runs. *Full* is the size
that the claim asks for, on a GPU or with patience; *quick* has fewer seeds or steps, and two cores
take less than two minutes; `icl-stages` takes about ten.

| claim | quick | full |
|---|---|---|
"""


def claims_page(claims: dict[str, str], folder: Path, link: str = "../results") -> str:
    """Markdown: a table of verdicts, then each claim with what was published, found and drawn.

    Args:
        claims: what each claim says, by name.
        folder: where ``NAME.json`` and ``NAME.png`` are; quick ones in ``quick`` there.
        link: the folder as the page links to it.

    >>> import tempfile
    >>> page = claims_page({"a-claim": "it is so"}, Path(tempfile.mkdtemp()))
    >>> page.splitlines()[-1]
    '| a-claim: it is so | not run | not run |'
    """
    rows, sections = [], []
    for name, what in claims.items():
        sizes = {"quick": (folder / QUICK, f"{link}/{QUICK}"), "full": (folder, link)}
        found = {
            size: results.read(place, name)
            for size, (place, _) in sizes.items()
            if (place / f"{name}.json").exists()
        }
        verdicts = (found[size]["verdict"] if size in found else "not run" for size in sizes)
        title = f"[{name}](#{name})" if found else name
        rows.append(f"| {title}: {what} | {' | '.join(verdicts)} |")
        if found:
            sections.append(_section(name, what, found, sizes))
    return HEAD + "\n".join(rows) + "\n" + "".join(sections)


def _section(
    name: str,
    what: str,
    found: dict[str, dict[str, Any]],
    sizes: dict[str, tuple[Path, str]],
) -> str:
    largest = [*found][-1]
    lines = [
        f"\n## {name}\n",
        f"*{what[:1].upper()}{what[1:]}.*\n",
        f"Published: {found[largest]['published'].rstrip('.')}.\n",
    ]
    lines += [
        f"Here, {size}, **{one['verdict']}**: {one['says'].rstrip('.')}.\n"
        for size, one in found.items()
    ]
    place, link = sizes[largest]
    if (place / f"{name}.png").exists():
        with Image.open(place / f"{name}.png") as picture:
            alt = picture.info.get("Description", "").translate({ord("["): "(", ord("]"): ")"})
        lines.append(f"![{alt}]({link}/{name}.png)\n")
    return "\n".join(lines)

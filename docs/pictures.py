"""Make the pictures of the instructor's guide and of README.md: `python docs/pictures.py`.

Those of the guide are screenshots that `tests/browser/test_formgrader.py` takes in chromium, with
fewer colours. That of README.md is drawn by its own example.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
from PIL import Image

HERE = Path(__file__).resolve().parent
COLOURS = 64


def main() -> int:
    """Run the example of README.md and the test that takes the screenshots.

    Returns:
        The exit status of the test.
    """
    readme = (HERE.parent / "README.md").read_text(encoding="utf-8")
    for example in re.findall(r"```python\n(.*?)```", readme, re.S):
        exec(example, {})
    plt.savefig(HERE / "ensemble.png", dpi=90)
    with tempfile.TemporaryDirectory() as folder:
        test = [sys.executable, "-m", "pytest", "-q", "tests/browser/test_formgrader.py"]
        test += ["-k", "not guide"]  # that test compares the pictures with the guide
        settings = os.environ | {"GROKEDU_SCREENSHOTS": folder}
        status = subprocess.run(test, cwd=HERE.parent, env=settings, check=False).returncode
        for taken in sorted(Path(folder).glob("*.png")):
            kept = HERE / "pictures" / taken.name
            with Image.open(taken) as picture:
                picture.convert("RGB").quantize(COLOURS).save(kept, optimize=True)
            print(f"{kept.relative_to(HERE.parent)}: {kept.stat().st_size:,} bytes")
    return status


if __name__ == "__main__":
    sys.exit(main())

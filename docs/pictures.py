"""Make the pictures of the instructor's guide again: `python docs/pictures.py`.

They are what `tests/browser/test_formgrader.py` sees in chromium, with fewer colours.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

HERE = Path(__file__).resolve().parent
COLOURS = 64


def main() -> int:
    """Run the test that takes the pictures, and keep them small; returns its exit status."""
    with tempfile.TemporaryDirectory() as folder:
        test = [sys.executable, "-m", "pytest", "-q", "tests/browser/test_formgrader.py"]
        test += ["-k", "not guide"]  # which compares the pictures with the guide
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

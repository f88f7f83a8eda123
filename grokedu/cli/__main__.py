"""``python -m grokedu.cli``, the same as ``grokedu``."""

import sys

from grokedu.cli import main

sys.exit(main())

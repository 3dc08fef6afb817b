"""python -m tools.lessons: see `run.py`."""

import sys

from tools.lessons.run import main

sys.exit(main())

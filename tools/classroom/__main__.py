"""python -m tools.classroom: see `grading.py`."""

import sys

from tools.classroom.grading import main

sys.exit(main())

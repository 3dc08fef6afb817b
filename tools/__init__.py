"""What makes the course: the runner of lessons, the classroom, and the repository's own care."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Kernels run in other folders, where a relative path, such as that of JAX, would lead nowhere.
if "PYTHONPATH" in os.environ:
    paths = os.environ["PYTHONPATH"].split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, paths))

"""What makes the course: the runner of lessons, the classroom, and the repository's own care."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

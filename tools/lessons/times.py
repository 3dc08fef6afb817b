"""How long lessons take: on two idle cores, as was measured, and here, the last time."""

import json
from pathlib import Path

import pandas as pd

from tools import ROOT

MEASURED = ROOT / "results" / "lessons.csv"
LAST = ROOT / "build" / "seconds" / "lessons.json"


def spoken(seconds: float) -> str:
    """Seconds as one says them: 48 s, or 7 min 12 s."""
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def last(path: Path = LAST) -> dict:
    """Lesson to the seconds that it took here the last time it ran to its end."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def remember(runs, path: Path = LAST) -> None:
    """Keeps the seconds of the lessons that ran to their end, beside those of the others."""
    seconds = {run.name: round(run.seconds, 1) for run in runs if not run.failures}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(last(path) | seconds, indent=1), encoding="utf-8")


def expectation(names: list[str], path: Path = LAST) -> str:
    """What starts now and how long it took before, as far as each lesson has been timed."""
    idle = pd.read_csv(MEASURED, index_col="lesson")["seconds"].to_dict()
    places = {"on two idle cores (results/lessons.csv)": idle, "here the last time": last(path)}
    told = [
        f"{spoken(sum(seconds[name] for name in names))} {where}"
        for where, seconds in places.items()
        if set(names) <= set(seconds)
    ]
    count = f"{len(names)} lesson{'s' * (len(names) > 1)}"
    return f"{': '.join(filter(None, [count, ', '.join(told)]))}. Nothing fails for being slow."

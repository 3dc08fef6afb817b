"""The tables of results/, as the page reads them: files only, nothing is computed."""

import json
from functools import cache
from pathlib import Path

import pandas as pd

from study.words import AT_A_THRESHOLD, FITS, NUMBERS, PLAIN, cell, command

KEYS = ["model", "against", "part", "effects", "threshold", "metric", "attribute", "group"]


class Results:
    """The files of results/, and the figures in them.

    Args:
        folder: Path.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.table, self.index = cache(self.table), cache(self.index)

    def table(self, name):
        """A table of strings and numbers."""
        path = self.folder / f"{name}.csv"
        if not path.exists():
            raise FileNotFoundError(f"`results/{path.name}` is not there: {command(name)}")
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        numbers = [column for column in NUMBERS if column in table]
        table[numbers] = table[numbers].apply(pd.to_numeric)
        return table

    def index(self, name):
        """The rows of a table by their keys."""
        table = self.table(name)
        keys = [key for key in KEYS if key in table]
        rows = {tuple(row[key] for key in keys): row for row in table.to_dict("records")}
        if len(rows) < len(table):
            raise ValueError(f"Each row of {name}.csv must have its own keys. Received: doubles.")
        return rows

    def find(self, name, model, metric, attribute="", group="", **where):
        """The row of one figure of a summary or, with `against`, of a change; or `None`."""
        chosen = {"part": "seen", "effects": "mixed", "threshold": "youden"} | where
        threshold = chosen["threshold"] if metric.startswith(AT_A_THRESHOLD) else ""
        against = (chosen["against"],) if "against" in where else ()
        for name_of_threshold in (threshold, "own" if threshold else ""):
            place = chosen["part"], chosen["effects"], name_of_threshold
            row = self.index(name).get((model, *against, *place, metric, attribute, group))
            if row is not None:
                return row
        return None

    def mean(self, study, model, metric, attribute="", **where):
        """The cell of a mean."""
        return cell(self.find(f"study_{study}", model, metric, attribute, **where), "mean")

    def change(self, study, model, metric, attribute="", against=PLAIN, **where):
        """The row of a paired difference."""
        where |= {"against": against}
        return self.find(f"study_{study}_change", model, metric, attribute, **where)

    def attributes(self, study):
        """The sensitive attributes of a data set."""
        table = self.table(f"study_{study}")
        return list(table.loc[table["attribute"] != "", "attribute"].unique())

    def recipe(self, study):
        """What `study_recipe.json` says of a data set."""
        studies = self.whole_recipe()["studies"]
        if study not in studies:
            told = command(f"study_{study}")
            raise FileNotFoundError(f"`results/study_recipe.json` says nothing of it: {told}")
        return studies[study]

    def of_earlier_fits(self):
        """The data sets that were fitted before the library's fits last changed."""
        known = (self.folder / "study_recipe.json").exists()
        sizes = self.whole_recipe().get("data", {}) if known else {}
        return [name for name, size in sizes.items() if size.get("fits", 0) < FITS]

    def whole_recipe(self):
        """What `study_recipe.json` says."""
        path = self.folder / "study_recipe.json"
        if not path.exists():
            raise FileNotFoundError(f"`results/{path.name}` is not there: {command('study')}")
        return json.loads(path.read_text(encoding="utf-8"))

    def choices(self, study):
        """The settings that were chosen for a data set."""
        table = self.table("study_choices")
        return table[table["study"] == study]

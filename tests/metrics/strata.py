"""Write the tables that intersections.R reads, into build: python tests/metrics/strata.py."""

import numpy as np
import pandas as pd

from fairmedl_lite import intersections, load_adult, load_wage_panel


def adult_strata():
    """Positives and cases of each of Adult's strata that has rows, with its attributes."""
    data = load_adult()
    table = data.sensitive.assign(stratum=intersections(data.sensitive), y=data.y)
    counted = table.groupby(["stratum", *data.sensitive])["y"].agg(hits="sum", cases="size")
    return counted.reset_index()


def wage_rows():
    """The wage panel's rows with four attributes: ethnicity, married, union and schooling."""
    data = load_wage_panel()
    school = np.select([data.x["school"] < 12, data.x["school"] == 12], ["below 12", "12"], "more")
    rows = pd.DataFrame(
        {
            "ethnicity": data.sensitive["ethnicity"],
            "married": np.where(data.x["married"] == 1, "married", "single"),
            "union": np.where(data.x["union"] == 1, "union", "none"),
            "school": school,
        }
    )
    return rows.assign(stratum=intersections(rows), wage=data.y)


if __name__ == "__main__":
    adult_strata().to_csv("build/strata_adult.csv", index=False)
    wage_rows().to_csv("build/strata_wages.csv", index=False)

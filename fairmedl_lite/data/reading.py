"""What loaders share: files and downloads, codes and numbers, and errors that name the column."""

import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from fairmedl_lite.data.clustered import AGE_BANDS, ClusteredData, Swap, age_band

GROUPS = ("race", "sex", "marital_status")


def people(x, y, clusters, *, name, task, dropped, sensitive_in_x, weights=None):
    """Return people as `ClusteredData`, whose sensitive attributes are age bands and `GROUPS`.

    Args:
        x: DataFrame with `age` and some of `GROUPS`.
        y: Series of outcomes.
        clusters: Series of labels.
        name: What the data are called.
        task: `"classification"` or `"regression"`.
        dropped: Dictionary of reason to number of rows.
        sensitive_in_x: Whether `x` keeps the attributes.
        weights: Series of how many people each row stands for, or `None`.
    """
    band = pd.Categorical(age_band(x["age"]), categories=list(AGE_BANDS))
    groups = x[[group for group in GROUPS if group in x]]
    sensitive = pd.DataFrame({"age": band, **groups}, index=x.index)
    return ClusteredData(
        x=x if sensitive_in_x else x.drop(columns=list(sensitive)),
        y=y,
        clusters=clusters,
        sensitive=sensitive,
        task=task,
        name=name,
        swaps=_swaps(x, sensitive) if sensitive_in_x else {},
        dropped=dropped,
        weights=weights,
    )


def _swaps(x, sensitive):
    """The `Swap` of each attribute: an age band's median age, else the group itself."""
    ages = x["age"].groupby(sensitive["age"], observed=True).median().to_dict()
    groups = {name: sorted(sensitive[name].unique()) for name in sensitive if name != "age"}
    return {"age": Swap("age", ages)} | {
        name: Swap(name, {group: group for group in found}) for name, found in groups.items()
    }


def drop(table, reasons):
    """Leave rows out, each counted under the first reason that holds.

    Args:
        table: DataFrame.
        reasons: Dictionary of reason to boolean Series.

    Returns:
        The rest of the table, and dictionary of reason to number of rows.
    """
    kept, dropped = np.ones(len(table), dtype=bool), {}
    for reason, mask in reasons.items():
        dropped[reason] = int((kept & mask.to_numpy()).sum())
        kept &= ~mask.to_numpy()
    if not kept.any():
        raise ValueError(f"At least one row must stay. Received: {len(table)} rows, {dropped}.")
    return (table if kept.all() else table[kept]), dropped


def label(table, column, labels, advice="Is the file of another year or release?"):
    """Return the labels of a column of codes, as a categorical Series.

    Args:
        table: DataFrame.
        column: The column of codes.
        labels: Dictionary of code to label; `None` stands for a missing value.
        advice: What an error says one can do.

    Raises:
        ValueError: If a code is unknown.
    """
    codes = table[column]
    refuse(table, column, ~codes.isin(list(labels)), "a known code", advice)
    names = list(dict.fromkeys(name for name in labels.values() if name is not None))
    position = {name: number for number, name in enumerate(names)} | {None: -1}
    numbers = codes.astype(object if codes.dtype == "category" else codes.dtype)
    numbers = numbers.map({code: position[name] for code, name in labels.items()})
    values = pd.Categorical.from_codes(numbers.to_numpy("int16"), names)
    return pd.Series(values, index=table.index, name=column)


def number(table, column, low, high, dtype="uint8"):
    """Return a column of numbers, checked to lie in `[low, high]`.

    Args:
        table: DataFrame.
        column: The column.
        low: Its smallest value.
        high: Its largest value.
        dtype: What to turn it into.

    Raises:
        ValueError: If a value is missing or lies outside.
    """
    outside = ~table[column].between(low, high)
    advice = "Is the file of another year or release?"
    refuse(table, column, outside, f"a number from {low} to {high}", advice)
    return table[column].astype(dtype)


def refuse(table, column, bad, expected, advice):
    """Raise if a value is bad. The error names the first, its place, and how many there are.

    Args:
        table: DataFrame. Where its index is named, the error calls a row by that name.
        column: The column.
        bad: Boolean Series: the rows to refuse.
        expected: What the column must hold.
        advice: What one can do.
    """
    if bad.any():
        value, place = table[column][bad].tolist()[0], table.index.get_level_values(-1)[bad][0]
        raise ValueError(
            f"{column} must hold {expected}. Received: {value!r} in "
            f"{table.index.names[-1] or 'row'} {place} ({int(bad.sum())} in all). {advice}"
        )


def check_columns(found, columns, source, advice):
    """Raise if columns are absent.

    Args:
        found: DataFrame, or names of columns.
        columns: What there must be.
        source: What to call the source.
        advice: What one can do.
    """
    absent = [column for column in columns if column not in found]
    if absent:
        raise ValueError(
            f"{source} must have the column{'s' * (len(absent) > 1)} {', '.join(absent)}. "
            f"Received: {list(found)[:20]}. {advice}"
        )


def local_file(pattern):
    """Return the one file of this pattern in the folder `FAIRMEDL_DATA`, or `None`.

    Args:
        pattern: Name with wildcards.
    """
    if not os.environ.get("FAIRMEDL_DATA"):
        return None
    folder = Path(os.environ["FAIRMEDL_DATA"])
    if not folder.is_dir():
        raise FileNotFoundError(f"FAIRMEDL_DATA must name a folder. Received: {str(folder)!r}.")
    paths = sorted(folder.glob(pattern))
    if len(paths) > 1:
        names = [path.name for path in paths]
        raise ValueError(f"There must be one {pattern}. Received: {names}. Move the others away.")
    return paths[0] if paths else None


def read_parquet(path):
    """Return a parquet file as a DataFrame, read by the engine that is installed.

    Args:
        path: The file.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The 'fastparquet' engine is deprecated")
            return pd.read_parquet(path)
    except ImportError as error:
        raise ImportError(
            f"Reading {path} needs fastparquet. Install it: pip install fastparquet."
        ) from error
    except Exception as error:  # each engine has its own for a damaged file
        raise ValueError(
            f"{path} must be a whole parquet file. Received: {type(error).__name__}: {error}. "
            "It may be cut off: copy it again, and compare its size with the source."
        ) from error


def download(fetch, name, **options):
    """Call a fetcher of fairlearn or scikit-learn; say what to do where there is no network.

    Args:
        fetch: The function.
        name: What the file may be called in `FAIRMEDL_DATA`.
        **options: Passed to it.
    """
    try:
        return fetch(as_frame=True, **options)
    except OSError as error:
        raise OSError(
            f"The download failed: it needs the network and a home folder. Received: "
            f"{error}. Try again later, or put {name} in a folder and name the folder in the "
            "environment variable FAIRMEDL_DATA."
        ) from error


def csv_columns(path):
    """Return the names of the columns of a CSV file, whose last line must be whole.

    Args:
        path: The file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There must be a file {path}. Received: no such file.")
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 1))
        last = file.read()
    if path.suffix != ".gz" and last not in (b"\n", b"\r", b""):
        raise ValueError(
            f"{path} must end with a line break. Received: a last line without one. It may be cut "
            "off: copy it again; if its last line is whole, add a line break."
        )
    return next(read_csv(path, chunksize=1)).columns


def read_csv(path, chunksize, **options):
    """Yield pieces of a CSV file, whose index counts the lines of the file.

    Args:
        path: The file.
        chunksize: Rows of a piece.
        **options: Passed to `pandas.read_csv`.
    """
    try:
        with pd.read_csv(path, chunksize=chunksize, skip_blank_lines=False, **options) as pieces:
            for piece in pieces:
                piece.index = pd.RangeIndex(piece.index[0] + 2, piece.index[-1] + 3, name="line")
                yield piece
    except (pd.errors.ParserError, pd.errors.EmptyDataError, EOFError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path} must be a whole CSV file. Received: {error}. It may be cut off or of another "
            "layout: copy it again."
        ) from error


def whole_numbers(table, columns, path, weights=()):
    """Return columns as whole numbers, and raise at the first line that has none.

    Args:
        table: DataFrame whose index counts lines.
        columns: Names of columns.
        path: The file, for the error.
        weights: Names of columns of weights, which may have decimals.
    """
    numbers = table[columns].apply(pd.to_numeric, errors="coerce")
    advice = f"{path} may be cut off (copy it again), or hold labels (order codes)."
    for column in columns:
        bad = numbers[column].isna() | (numbers[column] % 1 != 0)
        refuse(table, column, bad, "a whole number", advice)
    numbers = numbers.astype("int32")
    for column in weights:
        numbers[column] = pd.to_numeric(table[column], errors="coerce")
        refuse(table, column, ~(numbers[column] >= 0), "a weight", advice)
    return numbers

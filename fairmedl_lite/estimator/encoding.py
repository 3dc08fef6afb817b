"""The encoding of a DataFrame: what a network reads of a table, as learned from training rows."""

import math
import warnings
from numbers import Real

import numpy as np
import pandas as pd

from fairmedl_lite.checks import as_numbers, is_number, standard
from fairmedl_lite.tables import check_columns

FARTHEST = 1e15  # standard deviations: beyond it 32 bits give no number


class TableEncoder:
    """Turns a DataFrame into the float array a network reads, as learned from training rows.

    Numbers are standardised, categories become one column each. A missing value becomes the
    median, or no category, and a column `..._missing` marks it.
    """

    unused = 0  # columns of zeros at the end

    def __init__(self):
        self.told = set()  # the columns and values, new in rows to encode, that were warned of

    def fit(self, table):
        """Learn medians, means, scales and categories.

        Args:
            table: DataFrame of shape `(rows, columns)`: numbers, booleans, strings, categories.

        Raises:
            ValueError: If a number is infinite, or a column is of another kind or all missing.
        """
        table, self.told = as_table(table), set()
        self.columns = {name: self._learn(name, as_numbers(table[name])) for name in table}
        return self

    def widen(self, whole):
        """Read as many columns as an encoder of more rows: those beyond its own hold zeros.

        So an encoding has one width, whichever rare categories its training rows have.

        Args:
            whole: A fitted `TableEncoder`.
        """
        self.unused = len(whole.feature_names) - len(self.feature_names)

    def _learn(self, name, column):
        if column.isna().all():
            raise ValueError(
                f"Columns of X must have known values. Received: none in {name!r}. Drop it."
            )
        missing = bool(column.isna().any())
        if is_number(column):
            values = _finite(name, column)
            median = float(values.median())
            mean, scale = standard(values.fillna(median).to_numpy(), f"Column {name!r} of X")
            spread = {"median": median, "mean": mean, "scale": scale or math.inf}
            return {"kind": "number", "missing": missing, **spread}
        if not _is_category(column):
            raise ValueError(
                f"Columns of X must hold numbers, booleans, strings or categories. Received: "
                f"{column.dtype} in {name!r}. Turn it into one of these."
            )
        categories = sorted(column.dropna().astype(str).unique())
        return {"kind": "category", "missing": missing, "categories": categories}

    def transform(self, table):
        """Encode rows.

        Args:
            table: DataFrame with the columns that were fitted, in any order.

        Returns:
            Float32 array of shape `(rows, len(self.feature_names))`.

        Raises:
            ValueError: If columns are missing or unknown, or a number is infinite or no number.

        Warns:
            UserWarning: For categories, or missing values, that training rows did not have: once
                for each.
        """
        table = as_table(table)
        self._check_columns(table)
        encoded = np.zeros((len(table), len(self.feature_names)), dtype="float32")
        for name, learned, place in self.places():
            _encode(name, as_numbers(table[name]), learned, encoded[:, place], self.told)
        return encoded

    def places(self):
        """Yields each column of a table, what was learned of it, and the slice of its encoding."""
        start = 0
        for name, learned in self.columns.items():
            stop = start + len(learned.get("categories", [None])) + learned["missing"]
            yield name, learned, slice(start, stop)
            start = stop

    def _check_columns(self, table):
        absent = [name for name in self.columns if name not in table]
        unknown = [name for name in table if name not in self.columns]
        if absent or unknown:
            raise ValueError(
                f"X must have the columns of the training data. Received: {len(absent)} missing "
                f"{absent[:5]}, {len(unknown)} unknown {unknown[:5]}. Pass "
                f"X[{list(self.columns)[:3]} ...] as in fit."
            )

    def positions(self, name):
        """Where the values of a column of the table stand among the encoded columns.

        Args:
            name: The column. The mark of its missing values is left out.
        """
        for other, learned, place in self.places():
            if other == name:
                return tuple(range(place.start, place.stop - learned["missing"]))
        raise ValueError(
            f"random_effects must name columns of X. Received: {name!r}, not among "
            f"{list(self.columns)}."
        )

    @property
    def feature_names(self):
        """Names of the encoded columns."""
        names = []
        for name, learned in self.columns.items():
            names += [f"{name}_{value}" for value in learned.get("categories", [])] or [name]
            names += [f"{name}_missing"] * learned["missing"]
        return names + ["unused"] * self.unused

    def get_config(self):
        """What was learned, as JSON can hold it."""
        return [[name, learned] for name, learned in self.columns.items()]

    @classmethod
    def from_config(cls, config):
        """Rebuild a fitted encoder."""
        encoder = cls()
        encoder.columns = dict(config)
        return encoder


def as_table(table):
    """Return x as a DataFrame whose columns differ in name.

    Args:
        table: DataFrame, or array of shape `(rows, columns)`, whose columns become x0, x1, ...
    """
    if isinstance(table, pd.DataFrame):
        check_columns(table, "X")
        return table
    table = np.asarray(table)
    if table.ndim != 2:
        raise ValueError(f"X must be a DataFrame, or have two axes. Received: shape {table.shape}.")
    return pd.DataFrame(table, columns=[f"x{number}" for number in range(table.shape[1])])


def _encode(name, column, learned, block, told):
    """Fill the block of encoded columns that a column of the table has, in place."""
    if learned["missing"]:
        block[:, -1] = column.isna()
        block = block[:, :-1]
    elif gaps := column.isna().sum():
        _warn(f"{gaps} rows miss {name!r}, which no training row did.", {(name, None)}, told)
    if learned["kind"] == "number":
        block[:, 0] = _standardised_numbers(name, column, learned)
    else:
        codes = _codes(name, column, learned["categories"], told)
        np.equal(codes[:, None], np.arange(block.shape[1]), out=block)


def _is_category(column):
    if column.dtype == object:  # codes may be words and numbers: "E10" and 101
        return all(isinstance(each, str | Real) for each in column.dropna())
    return isinstance(column.dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(column)


def _finite(name, column):
    values = column.astype("float64")
    if np.isinf(values).any():
        raise ValueError(
            f"X must be finite. Received: {int(np.isinf(values).sum())} infinite values in "
            f"{name!r}. Replace them by numbers, or by missing values."
        )
    return values


def _standardised_numbers(name, column, learned):
    if not is_number(column):
        example = column.dropna().iloc[:1].tolist()
        if example:
            raise ValueError(
                f"Column {name!r} of X held numbers in training. Received: {column.dtype}, such as "
                f"{example[0]!r}. Convert it with pd.to_numeric."
            )
    values = _finite(name, column).fillna(learned["median"])
    values = (values - learned["mean"]) / learned["scale"]
    if values.abs().max() > FARTHEST:
        raise ValueError(
            f"Column {name!r} of X must be like that of training rows. Received: a value "
            f"{values.abs().max():.0e} standard deviations away. Look at its units."
        )
    return values


def _codes(name, column, categories, told):
    """The number of each row's category, -1 where it is missing or unknown."""
    values = column
    if not isinstance(column.dtype, pd.CategoricalDtype):
        values = column.astype(str).where(column.notna()).astype("category")
    position = pd.Index(categories).get_indexer(values.cat.categories.astype(object).astype(str))
    codes = np.append(position, -1)[values.cat.codes]
    unknown = (codes < 0) & column.notna()
    if unknown.any():
        new = column[unknown].astype(str).unique()
        _warn(
            f"{unknown.sum()} rows have a category of {name!r} that no training row had "
            f"({', '.join(new[:3])}). They count as none of the known ones.",
            {(name, value) for value in new},
            told,
        )
    return codes


def _warn(message, found, told):
    """Warn of what is found, unless all of it was told before."""
    if not found <= told:
        warnings.warn(message, UserWarning, stacklevel=3)
    told |= found

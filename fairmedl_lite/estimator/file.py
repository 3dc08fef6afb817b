"""One file for a fitted model: a zip of JSON and arrays. Nothing in it is run when it is read."""

import io
import json
import zipfile
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from fairmedl_lite.estimator.rows import Rows
from fairmedl_lite.estimator.settings import check_settings

FILE_FORMAT = "fairmedl_lite 2"
LEAST, TIMES = 2**26, 20  # bytes that any file may unpack to, and how often its own size besides
LEARNED = (
    "feature_names_in_",
    "n_features_in_",
    "history_",
    "chance_levels_",
    "verdict_",
    "lower_bound_",
    "random_effects_",
    "variance_components_",
    "effect_covariances_",
    "fixed_effects_",
)


class Saving:
    """The part of an estimator that writes it to a file, and reads it."""

    def save(self, path: str | Path) -> None:
        """Write the fitted model to one file: a zip of JSON and arrays.

        Args:
            path: Where to write.
        """
        check_is_fitted(self, "model_")
        tables = {name: getattr(self, name) for name in LEARNED if hasattr(self, name)}
        description = {
            "estimator": type(self).__name__,
            "params": self.get_params(),
            **self.rows_.get_config(),
            "groups": self.groups_,
            "model": self.model_.get_config(),
            "learned": tables | self.outcome_.get_config(),
        }
        weights = {"model": self.model_.get_weights()}
        for number, predictor in enumerate(self.cluster_predictors_):
            weights[f"cluster_predictor_{number}"] = predictor.get_weights()
        write(path, description, weights)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model that `save` wrote. Nothing in the file is run.

        Args:
            path: The file.

        Raises:
            ValueError: If the file is not such a model, or is damaged.
        """
        return read(path, cls._restore)

    @classmethod
    def _restore(cls, description, weights):
        if description["estimator"] != cls.__name__:
            raise ValueError(f"it holds a {description['estimator']}, not a {cls.__name__}")
        params = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in description["params"].items()
        }
        self, learned = cls(**params), description["learned"]
        check_settings(self)
        known = {name: value for name, value in description.items() if name != "learned"}
        if _has_nan([known, cls._outcome.from_config(learned).get_config(), *weights.values()]):
            raise ValueError("a number of it is NaN")
        for name in learned.keys() & set(LEARNED):
            value = learned[name]
            setattr(self, name, np.array(value) if isinstance(value, list) else value)
        self.rows_ = Rows.from_config(description, self.within_between)
        self.outcome_ = cls._outcome.from_config(learned)
        self.groups_ = {name: np.array(part) for name, part in description["groups"].items()}
        self._assemble(description["model"])
        self.model_.set_weights(weights["model"])
        for number, predictor in enumerate(self.cluster_predictors_):
            predictor.set_weights(weights[f"cluster_predictor_{number}"])
        self.outcome_.set_noise(self.model_.family.noise())
        return self


def write(path, description, weights):
    """Write a model file: what JSON can hold and DataFrames, and lists of arrays by name."""
    text = json.dumps({"format": FILE_FORMAT, **description}, default=_to_json)
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("model.json", text)
            for name, arrays in weights.items():
                file.writestr(f"{name}.npz", _pack(arrays))
    except OSError as error:
        raise type(error)(f"path must be writable. Received: {error}. Name another.") from error


def read(path, restore):
    """Read a model file, and return what `restore` makes of its description and weights.

    What is no such file, or damaged, is a ValueError; what may not be read at all an OSError.
    """
    try:
        most = LEAST + TIMES * Path(path).stat().st_size
        with zipfile.ZipFile(path) as file:
            _check_size(file, most)
            description = json.loads(file.read("model.json"), object_hook=_from_json)
            if description["format"] != FILE_FORMAT:
                raise ValueError(f"its format is {description['format']!r}")
            names = [name for name in file.namelist() if name.endswith(".npz")]
            weights = {name.removesuffix(".npz"): _unpack(file.read(name), most) for name in names}
        return restore(description, weights)
    except OSError:
        raise
    except Exception as error:  # whatever a foreign file makes its readers raise
        raise ValueError(
            f"The file must be a model written by save ({FILE_FORMAT!r}). "
            f"Received: {str(path)!r}, which cannot be read as one: {str(error).rstrip('.')}."
        ) from error


def _to_json(value):
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, pd.DataFrame):
        index = {"index": value.index.tolist(), "index_name": value.index.name}
        return {"columns": value.to_dict("list"), **index}
    if isinstance(value, pd.Index | np.ndarray):
        return value.tolist()
    raise TypeError(
        f"A model file holds numbers and strings. Received: {value!r} of {type(value)}. "
        "Convert it, for instance with .astype(str), and fit again."
    )


def _from_json(value):
    if set(value) == {"columns", "index", "index_name"}:
        index = pd.Index(value["index"], name=value["index_name"])
        return pd.DataFrame(value["columns"], index=index)
    return value


def _pack(arrays):
    buffer = io.BytesIO()
    np.savez(buffer, *arrays)
    return buffer.getvalue()


def _check_size(file, most):
    size = sum(part.file_size for part in file.infolist())
    if size > most:
        raise ValueError(f"it would unpack to {size:,} bytes, and may to {most:,}")


def _has_nan(value):
    """Whether a number is missing in nested parts, DataFrames and arrays among them."""
    if isinstance(value, dict | list):
        return any(map(_has_nan, value.values() if isinstance(value, dict) else value))
    return bool(np.any(np.asarray(value != value)))


def _unpack(content, most):
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        _check_size(arrays.zip, most)
        return [arrays[f"arr_{number}"] for number in range(len(arrays.files))]

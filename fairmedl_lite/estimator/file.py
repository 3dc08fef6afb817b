"""One file for a fitted model: a zip of JSON and arrays. Nothing in it is run when it is read."""

import io
import json
import zipfile

import numpy as np
import pandas as pd

FILE_FORMAT = "fairmedl_lite 2"


def write(path, description, weights):
    """Write a model file.

    Args:
        path: Where to write.
        description: Dictionary of what JSON can hold, and of DataFrames.
        weights: Dictionary of name to a list of arrays.

    Raises:
        TypeError: If the description holds something else.
    """
    text = json.dumps({"format": FILE_FORMAT, **description}, default=_to_json)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("model.json", text)
        for name, arrays in weights.items():
            file.writestr(f"{name}.npz", _pack(arrays))


def read(path, restore):
    """Read a model file.

    Args:
        path: The file.
        restore: Function of description and weights to what is returned.

    Raises:
        OSError: If there is no such file, or it may not be read.
        ValueError: If the file is not such a model, or is damaged.
    """
    try:
        with zipfile.ZipFile(path) as file:
            description = json.loads(file.read("model.json"), object_hook=_from_json)
            if description["format"] != FILE_FORMAT:
                raise ValueError(f"its format is {description['format']!r}")
            names = [name for name in file.namelist() if name.endswith(".npz")]
            weights = {name.removesuffix(".npz"): _unpack(file.read(name)) for name in names}
        return restore(description, weights)
    except OSError:
        raise
    except Exception as error:  # whatever a foreign file makes its readers raise
        raise ValueError(
            f"The file must be a model written by save ({FILE_FORMAT!r}). "
            f"Received: {str(path)!r}, which cannot be read as one: {error}."
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


def _unpack(content):
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return [arrays[f"arr_{number}"] for number in range(len(arrays.files))]

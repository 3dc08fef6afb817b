"""A table is encoded as its training rows say, whatever the order or kind of its columns."""

import json
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from fairmedl_lite.estimator.encoding import TableEncoder


def encode(train, table=None):
    return TableEncoder().fit(train).transform(train if table is None else table)


def test_numbers_and_their_indicator_by_hand():
    # Median 2 fills the gap: 1, 2, 2, 3 has mean 2 and variance 1/2.
    table = pd.DataFrame({"a": [1.0, 2.0, np.nan, 3.0]})
    encoder = TableEncoder().fit(table)
    root = np.sqrt(2)
    expected = [[-root, 0], [0, 0], [0, 1], [root, 0]]
    np.testing.assert_allclose(encoder.transform(table), expected, rtol=1e-6)
    assert encoder.feature_names == ["a", "a_missing"]
    new = pd.DataFrame({"a": [7.0, np.nan]})
    np.testing.assert_allclose(encoder.transform(new), [[5 * root, 0], [0, 1]], rtol=1e-6)


def test_categories_and_their_indicator_by_hand():
    table = pd.DataFrame({"job": ["smith", None, "cook", "cook"]})
    encoder = TableEncoder().fit(table)
    assert encoder.feature_names == ["job_cook", "job_smith", "job_missing"]
    expected = [[0, 1, 0], [0, 0, 1], [1, 0, 0], [1, 0, 0]]
    np.testing.assert_array_equal(encoder.transform(table), expected)


def test_a_constant_column_becomes_zero():
    np.testing.assert_array_equal(encode(pd.DataFrame({"a": [4.0, 4.0]})), [[0], [0]])


def test_parity_with_scikit_learn(tiny):
    train, new = tiny.x.iloc[:150], tiny.x.iloc[150:]
    ours = encode(train, new)
    score = StandardScaler().fit(train[["score"]]).transform(new[["score"]])
    job = OneHotEncoder(sparse_output=False).fit(train[["job"]]).transform(new[["job"]])
    np.testing.assert_allclose(ours[:, 2:3], score, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(ours[:, 3:], job)
    assert ours.dtype == np.float32


def test_numbers_are_standardised_by_training_rows_alone(tiny):
    encoder = TableEncoder().fit(tiny.x.iloc[:100])
    once = encoder.transform(tiny.x.iloc[100:110])
    np.testing.assert_array_equal(encoder.transform(tiny.x.iloc[100:])[:10], once)


def test_order_of_columns_does_not_matter(tiny):
    np.testing.assert_array_equal(encode(tiny.x, tiny.x[["job", "score", "age"]]), encode(tiny.x))


def test_json_holds_all_that_was_learned(tiny):
    encoder = TableEncoder().fit(tiny.x)
    stored = json.loads(json.dumps(encoder.get_config()))
    again = TableEncoder.from_config(stored)
    assert again.feature_names == encoder.feature_names
    np.testing.assert_array_equal(again.transform(tiny.x), encoder.transform(tiny.x))


def test_an_array_is_encoded_as_a_table_of_numbers():
    array = np.random.default_rng(0).normal(3, 2, (50, 3))
    np.testing.assert_allclose(
        encode(array), StandardScaler().fit_transform(array), rtol=1e-4, atol=1e-6
    )
    assert TableEncoder().fit(array).feature_names == ["x0", "x1", "x2"]


@pytest.mark.parametrize("dtype", ["bool", "boolean"])
def test_booleans_are_numbers(dtype):
    encoded = encode(pd.DataFrame({"a": pd.Series([True, False, False], dtype=dtype)}))
    np.testing.assert_allclose(encoded[:, 0], [np.sqrt(2), -(0.5**0.5), -(0.5**0.5)], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["object", "string", "category", "str"])
def test_kinds_of_strings_are_encoded_alike(dtype):
    table = pd.DataFrame({"a": pd.Series(["x", None, "y"], dtype=dtype)})
    np.testing.assert_array_equal(encode(table), [[1, 0, 0], [0, 0, 1], [0, 1, 0]])


@pytest.mark.parametrize("dtype", ["float64", "float32", "Int64", "Float64"])
def test_kinds_of_numbers_are_encoded_alike(dtype):
    table = pd.DataFrame({"a": pd.Series([1, None, 3], dtype=dtype)})
    side = 1.5**0.5
    np.testing.assert_allclose(encode(table), [[-side, 0], [0, 1], [side, 0]], rtol=1e-6)


def test_a_number_read_as_nullable_fits_what_was_plain():
    train = pd.DataFrame({"a": [1, 2, 3]})
    new = pd.DataFrame({"a": pd.array([3, 1], "Int64")})
    np.testing.assert_array_equal(encode(train, new), encode(train)[[2, 0]])


def test_a_category_that_has_a_dtype_but_no_row_gets_no_column():
    column = pd.Categorical(["x", "y"], categories=["w", "x", "y"])
    assert encode(pd.DataFrame({"a": column})).shape == (2, 2)


def test_the_encoded_array_is_made_once():
    random = np.random.default_rng(0)
    column = pd.Categorical.from_codes(
        random.integers(0, 20, 200_000), list("abcdefghijklmnopqrst")
    )
    table = pd.DataFrame({"a": column, "b": column, "c": random.normal(size=200_000)})
    encoder = TableEncoder().fit(table)
    tracemalloc.start()
    encoded = encoder.transform(table)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert encoded.nbytes < peak < 1.5 * encoded.nbytes


def test_an_unknown_category_counts_as_none():
    with pytest.warns(UserWarning, match="2 rows have a category of 'a'"):
        encoded = encode(pd.DataFrame({"a": ["x", "y"]}), pd.DataFrame({"a": ["z", "x", "w"]}))
    np.testing.assert_array_equal(encoded, [[0, 0], [1, 0], [0, 0]])


def test_what_training_rows_did_not_have_is_told_once_a_fit_for_each_column_and_value():
    encoder = TableEncoder().fit(pd.DataFrame({"a": ["x", "y"], "b": [1.0, 2.0]}))
    rows = pd.DataFrame({"a": ["z", "z"], "b": [1.0, np.nan]})
    with pytest.warns(UserWarning) as told:
        for table in (rows, rows.iloc[1:], rows.assign(a=["z", "w"]), rows):
            encoder.transform(table)
    texts = [str(each.message) for each in told]
    assert [text.split(" that")[0].split(", which")[0] for text in texts] == [
        "2 rows have a category of 'a'",
        "1 rows miss 'b'",
        "2 rows have a category of 'a'",
    ]
    assert "(z, w)" in texts[2]
    with pytest.warns(UserWarning, match="2 rows have a category of 'a'"):  # another fit
        encoder.fit(rows.fillna(3.0)).transform(rows.assign(a=["x", "x"]).fillna(3.0))


@pytest.mark.parametrize("table", [np.zeros(3), np.zeros((2, 2, 2))])
def test_arrays_without_two_axes_are_refused(table):
    with pytest.raises(ValueError, match="have two axes. Received: shape"):
        TableEncoder().fit(table)


def test_columns_of_one_name_are_refused():
    table = pd.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(ValueError, match="columns of different names"):
        TableEncoder().fit(table)


def test_a_widened_encoding_has_the_width_of_all_rows_and_zeros_beyond_its_own_columns():
    every = pd.DataFrame({"a": ["x", "y", "z", None], "b": [1.0, 2.0, None, 4.0]})
    some = every.iloc[:2]
    own, widened, whole = (TableEncoder().fit(table) for table in (some, some, every))
    widened.widen(whole)
    found = widened.transform(some)
    np.testing.assert_array_equal(found[:, :3], own.transform(some))
    assert whole.feature_names == ["a_x", "a_y", "a_z", "a_missing", "b", "b_missing"]
    assert widened.feature_names == ["a_x", "a_y", "b", "unused", "unused", "unused"]
    np.testing.assert_array_equal(found[:, 3:], np.zeros((2, 3)))

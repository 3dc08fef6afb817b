"""What a fitted model says of itself: by hand, and against dense linear algebra."""

import numpy as np
import pandas as pd
import pytest

from fairmedl_lite.estimator.encoding import TableEncoder
from fairmedl_lite.linear.henderson import Effects
from fairmedl_lite.model.random_effects import SPEED, RandomEffects
from fairmedl_lite.summaries import tables as summaries

TABLE = pd.DataFrame(
    {
        "age": [20.0, 30.0, np.nan, 70.0],
        "job": ["smith", None, "cook", "nurse"],
        "pay": [1.0, 5.0, 2.0, 4.0],
        "sex": ["m", "f", "f", "m"],
    }
)
# As a statistician writes it: a gap is filled by the median, and marked; the first category is
# the reference.
NATURAL = {
    "intercept": [1, 1, 1, 1],
    "age": [20, 30, 30, 70],
    "age_missing": [0, 0, 1, 0],
    "job_nurse": [0, 0, 0, 1],
    "job_smith": [1, 0, 0, 0],
    "job_missing": [0, 1, 0, 0],
    "pay": [1, 5, 2, 4],
    "sex_m": [1, 0, 0, 1],
}


@pytest.fixture(scope="module")
def encoder():
    return TableEncoder().fit(TABLE)


def with_ones(columns):
    return np.column_stack([np.ones(len(columns)), columns])


def test_coefficients_in_the_datas_units_give_the_same_predictions(encoder):
    encoded = with_ones(encoder.transform(TABLE))
    coefficients = np.random.default_rng(0).normal(size=encoded.shape[1])
    names, matrix, _ = summaries.coefficient_map(encoder)
    assert names == list(NATURAL)
    natural = np.column_stack(list(NATURAL.values()))
    np.testing.assert_allclose(natural @ matrix @ coefficients, encoded @ coefficients, rtol=1e-5)


def test_coefficient_map_by_hand():
    table = pd.DataFrame({"pay": [1.0, 3.0, 5.0, 3.0], "sex": ["m", "f", "f", "m"]})
    names, matrix, keep = summaries.coefficient_map(TableEncoder().fit(table))
    root = 2**0.5  # pay has mean 3 and standard deviation 2 ** .5; sex has two columns, f and m
    assert names == ["intercept", "pay", "sex_m"]
    np.testing.assert_allclose(
        matrix, [[1, -3 / root, 1, 0], [0, 1 / root, 0, 0], [0, 0, -1, 1]], rtol=1e-12
    )
    assert keep.tolist() == [True, True, False, True]


def test_columns_that_stay_have_full_rank(encoder):
    table = pd.concat([TABLE] * 4, ignore_index=True)
    table["pay"] = np.random.default_rng(1).normal(size=16)
    table.loc[::5, "age"] = 3.0
    table["sex"] = np.random.default_rng(2).choice(["f", "m"], 16)
    design = with_ones(encoder.transform(table))
    _, matrix, keep = summaries.coefficient_map(encoder)
    rank = np.linalg.matrix_rank
    assert rank(design[:, keep]) == rank(design) == keep.sum() == len(matrix)
    assert rank(matrix[:, keep]) == len(matrix)


def test_effect_map_by_hand():
    table = pd.DataFrame({"pay": [1.0, 3.0, 5.0, 3.0], "sex": ["m", "f", "f", "m"]})
    root = 2**0.5
    names, matrix = summaries.effect_map(TableEncoder().fit(table), (0, 2))
    assert names == ["intercept", "pay", "sex_m"]
    expected = [[1, -3 / root, 0], [0, 1 / root, 0], [0, 0, 1]]
    np.testing.assert_allclose(matrix, expected, rtol=1e-12)
    names, matrix = summaries.effect_map(TableEncoder().fit(table), ())
    assert names == ["intercept"] and matrix.tolist() == [[1]]


def test_effects_in_the_datas_units_are_the_same_on_every_row(encoder):
    columns = range(len(encoder.feature_names))
    names, matrix = summaries.effect_map(encoder, columns)
    assert names == ["intercept", *encoder.feature_names]
    filled = TABLE.fillna({"age": 30.0})
    marks = {"age_missing": TABLE["age"].isna(), "job_missing": TABLE["job"].isna()}
    natural = pd.DataFrame({"age": filled["age"], "pay": filled["pay"]} | marks)
    for column in ("job", "sex"):
        natural = natural.join(pd.get_dummies(TABLE[column], prefix=column))
    natural = with_ones(natural[encoder.feature_names].to_numpy("float64"))
    effects = np.random.default_rng(0).normal(size=len(names))
    expected = with_ones(encoder.transform(TABLE)) @ effects
    np.testing.assert_allclose(natural @ matrix @ effects, expected, rtol=1e-5)


def test_posterior_table_by_hand():
    layer = RandomEffects(2, correlated=True)
    layer.build((None, 1))
    zeros = np.zeros((2, 2))
    mean, log_scale = [[1.0, 2.0], [-1.0, -2.0]], np.log([[0.5, 1.0], [0.25, 2.0]])
    prior, lower = np.log([2.0, 1.0]), np.array([[0, 0], [3.0, 0]])
    posterior_lower = np.stack([np.array([[0, 0], [0.5, 0]]), zeros])
    weights = [mean, log_scale, prior, posterior_lower, lower]
    layer.set_weights([np.asarray(weight) / SPEED for weight in weights])
    # u = [[2, 0], [3, 1]] v: of the first cluster (2, 5), of the second (-2, -5). The roots of its
    # covariances are that matrix times L: [[1, 0], [2, 1]] and [[.5, 0], [.75, 2]].
    matrix = np.array([[1.0, -1.0], [0.0, 10.0]])
    found = summaries.posterior_table(layer, matrix, ["intercept", "x"], ["a", "b"], [7, 9])
    sds = np.sqrt([1 + 1, 100 * (4 + 1), 0.25**2 + 4, 100 * (0.75**2 + 4)])
    assert found["cluster"].tolist() == ["a", "a", "b", "b"]
    assert found["effect"].tolist() == ["intercept", "x"] * 2
    assert found["n"].tolist() == [7, 7, 9, 9]
    np.testing.assert_allclose(found["mean"], [2 - 5, 50, 5 - 2, -50], rtol=1e-5)
    np.testing.assert_allclose(found["sd"], sds, rtol=1e-5)


def test_posterior_table_takes_a_combination_for_each_cluster():
    layer = RandomEffects(2)
    layer.build((None, 1))
    log_scale = np.log([[0.3, 0.4], [0.6, 0.8]])
    weights = np.array([[1.0, 3.0], [-1.0, -3.0]]), log_scale, np.zeros(2)
    layer.set_weights([weight / SPEED for weight in weights])
    matrix = np.array([[[1.0, 1.0]], [[1.0, -0.5]]])
    found = summaries.posterior_table(layer, matrix, ["average"], ["a", "b"], [1, 2])
    np.testing.assert_allclose(found["mean"], [4, 0.5], rtol=1e-5)
    np.testing.assert_allclose(found["sd"], [0.5, (0.36 + 0.16) ** 0.5], rtol=1e-5)


def test_variance_table_by_hand():
    names = ["intercept", "x"]
    pupils = pd.DataFrame([[4.0, -3.0], [-3.0, 9.0]], names, names)
    schools = pd.DataFrame([[1.0]], ["intercept"], ["intercept"])
    table = summaries.variance_table({"pupil": pupils, "school": schools}, [10.0, 1.0], 9.0)
    expected = pd.DataFrame(
        [
            ("pupil", "intercept", 2.0, np.nan, 0.5),
            ("pupil", "x", 3.0, -0.5, 0.5),
            ("school", "intercept", 1.0, np.nan, 0.05),
            ("residual", "", 3.0, np.nan, 0.45),
        ],
        columns=["variable", "effect", "sd", "correlation", "share"],
    )
    pd.testing.assert_frame_equal(table, expected)


ROWS = 60


def two_variables(slopes):
    """Design, precision, and for two crossed variables the clusters and their scaled design."""
    random = np.random.default_rng(3)
    design = with_ones(random.normal(size=(ROWS, 2)))
    precision = random.uniform(0.5, 2, ROWS)
    first = (
        random.integers(0, 7, ROWS),
        design[:, : 1 + slopes] @ np.tril(random.normal(size=(1 + slopes, 1 + slopes))),
    )
    return design, precision, [first, (random.integers(0, 4, ROWS), np.full((ROWS, 1), 0.7))]


def as_effects(parts):
    return [Effects(ids, scaled, ids.max() + 1, True) for ids, scaled in parts] or [
        Effects.none(ROWS)
    ]


def dense_covariance(design, precision, effects):
    """inv(X' V^-1 X), with V written out."""
    v = np.diag(1 / precision)
    for ids, scaled in effects:
        v += (scaled @ scaled.T) * (ids[:, None] == ids)
    return np.linalg.inv(design.T @ np.linalg.inv(v) @ design)


@pytest.mark.parametrize("slopes", [0, 1])
@pytest.mark.parametrize("variables", [0, 1, 2])
def test_coefficient_covariance_is_that_of_generalised_least_squares(slopes, variables):
    design, precision, effects = two_variables(slopes)
    parts = design, precision, effects[:variables]
    found = summaries.coefficient_covariance(design, precision, as_effects(parts[2]))
    np.testing.assert_allclose(found, dense_covariance(*parts), rtol=1e-8)


def test_a_cluster_without_rows_changes_no_standard_error():
    design, precision, ((ids, scaled), _) = two_variables(0)
    every, second = (
        summaries.coefficient_covariance(design, precision, as_effects([(n * ids, scaled)]))
        for n in (1, 2)
    )
    np.testing.assert_allclose(second, every, rtol=1e-8)


def test_coefficient_table_by_hand():
    covariance = np.array([[4.0, 0.1], [0.1, 0.25]])
    table = summaries.coefficient_table(["intercept", "x"], np.array([3.0, -1.0]), covariance)
    assert table.to_dict("list") == {
        "term": ["intercept", "x"],
        "estimate": [3, -1],
        "se": [2, 0.5],
        "z": [1.5, -2],
    }


def test_what_a_summary_writes():
    names = ["intercept"]
    pupils = pd.DataFrame([[4.0]], names, names)
    variances = summaries.variance_table({"pupil": pupils}, [4.0], 12.0)
    coefficients = summaries.coefficient_table(names, np.array([3.0]), np.array([[4.0]]))
    text = summaries.write("Title", {"pupil": 1234}, variances, coefficients, ["A note."])
    parts = text.split("\n\n")
    assert parts[0] == "Title" and parts[-1] == "A note." and len(parts) == 6
    assert parts[1] == "Random effects (clusters: 1,234 of 'pupil')"
    assert parts[2].split() == [
        *["variable", "effect", "sd", "correlation", "share"],
        *["pupil", "intercept", "2", "0.25", "residual", "3.464", "0.75"],
    ]
    assert parts[3] == "Fixed effects"
    assert parts[4].split() == ["term", "estimate", "se", "z", "intercept", "3", "2", "1.5"]
    assert summaries.write("Title", {}, None, None, []) == "Title"


def test_the_latent_residual_is_that_of_the_logistic_distribution():
    x = np.linspace(-40, 40, 400_001)
    density = 1 / (4 * np.cosh(x / 2) ** 2)
    variance = np.sum(x**2 * density) * (x[1] - x[0])
    assert summaries.LATENT_VARIANCE == pytest.approx(variance, rel=1e-6)

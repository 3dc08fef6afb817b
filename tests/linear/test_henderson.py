"""The mixed model equations against dense linear algebra."""

import numpy as np
import pytest
from scipy import sparse

from fairmedl_lite.linear import henderson
from fairmedl_lite.linear.gaussian import GaussianLikelihood
from fairmedl_lite.linear.henderson import Effects, Factor, Products, Solution, split, stacked

ROWS = 80


def some_effects(*widths, seed=0):
    """A cluster variable for each width, the first with the most clusters, and their Lambda."""
    random = np.random.default_rng(seed)
    effects, roots = [], []
    for number, width in enumerate(widths):
        clusters = 12 - 4 * number
        design = np.column_stack([np.ones(ROWS), random.normal(size=(ROWS, width - 1))])
        effects.append(Effects(random.integers(0, clusters, ROWS), design, clusters, True))
        roots.append(np.tril(random.normal(size=(width, width))))
    return effects, roots, random.uniform(0.5, 2, ROWS)


def dense(effects, roots, weights):
    """Z Lambda and M, written out."""
    z = np.hstack(
        [part.scaled(root).sparse().toarray() for part, root in zip(effects, roots, strict=True)]
    )
    return z, np.eye(z.shape[1]) + z.T @ (weights[:, None] * z)


SHAPES = [(1,), (2,), (1, 1), (2, 1), (1, 2), (2, 1, 1)]


@pytest.fixture(params=[0, 1000], ids=["dense", "sparse"])
def either(request, monkeypatch):
    """What is left for the other variables is solved densely, or sparsely."""
    monkeypatch.setattr(henderson, "DENSE", request.param)


@pytest.mark.parametrize("widths", SHAPES, ids=str)
def test_solutions_and_determinant_are_those_of_the_dense_matrix(widths, either):
    effects, roots, weights = some_effects(*widths)
    _, m = dense(effects, roots, weights)
    factor = Factor(Products(effects, weights), roots)
    right = np.random.default_rng(1).normal(size=(len(m), 3))
    np.testing.assert_allclose(factor.solve(right), np.linalg.solve(m, right), rtol=1e-8)
    assert factor.log_determinant == pytest.approx(np.linalg.slogdet(m)[1])


@pytest.mark.parametrize("columns", [1, 5, 64])
@pytest.mark.parametrize("widths", SHAPES, ids=str)
def test_blocks_are_those_of_the_dense_inverse(widths, columns, either, monkeypatch):
    monkeypatch.setattr(henderson, "COLUMNS", columns)
    effects, roots, weights = some_effects(*widths)
    inverse, start = np.linalg.inv(dense(effects, roots, weights)[1]), 0
    factor = Factor(Products(effects, weights), roots)
    found = zip(effects, factor.blocks(), factor.sums(), strict=True)
    for part, blocks, total in found:
        np.testing.assert_allclose(total, blocks.sum(axis=0), rtol=1e-8, atol=1e-12)
        assert blocks.shape == (part.clusters, part.width, part.width)
        for block in blocks:
            place = slice(start, start + part.width)
            np.testing.assert_allclose(block, inverse[place, place], rtol=1e-8, atol=1e-12)
            start += part.width


@pytest.mark.parametrize("widths", SHAPES, ids=str)
def test_coefficients_and_effects_solve_both_equations(widths):
    effects, roots, weights = some_effects(*widths)
    random = np.random.default_rng(2)
    x, y = random.normal(size=(ROWS, 2)), random.normal(size=ROWS)
    z, m = dense(effects, roots, weights)
    table = np.column_stack([x, y])
    whole = np.block([[x.T @ (weights[:, None] * x), x.T @ (weights[:, None] * z)],
                      [z.T @ (weights[:, None] * x), m]])  # fmt: skip
    expected = np.linalg.solve(whole, np.concatenate([x.T @ (weights * y), z.T @ (weights * y)]))
    found = Solution(
        Factor(Products(effects, weights), roots),
        z.T @ (weights[:, None] * table),
        table.T @ (weights[:, None] * table),
    )
    np.testing.assert_allclose([*found.coefficients, *found.effects], expected, rtol=1e-8)
    np.testing.assert_allclose(found.inverse.T @ found.inverse, np.linalg.inv(whole)[:2, :2])
    residual = y - x @ found.coefficients - z @ found.effects
    assert found.rest == pytest.approx(residual @ (weights * y))


@pytest.mark.parametrize("widths", SHAPES, ids=str)
def test_the_profiled_likelihood_is_that_of_the_dense_covariance(widths):
    effects, roots, weights = some_effects(*widths)
    random = np.random.default_rng(3)
    x, y = random.normal(size=(ROWS, 2)), random.normal(size=ROWS)
    fit = GaussianLikelihood(x, y, effects, np.ones(ROWS)).at(roots)
    z, _ = dense(effects, roots, np.ones(ROWS))
    v = fit.residual**2 * (np.eye(ROWS) + z @ z.T)
    error = y - x @ fit.coefficients
    quadratic = error @ np.linalg.solve(v, error)
    expected = -0.5 * (np.linalg.slogdet(v)[1] + quadratic + ROWS * np.log(2 * np.pi))
    assert fit.value == pytest.approx(expected)


def test_a_stack_is_split_into_what_it_was_made_of():
    effects, _, _ = some_effects(2, 1)
    parts = [np.random.default_rng(4).normal(size=(e.clusters, e.width, 3)) for e in effects]
    for found, part in zip(split(stacked(parts), effects), parts, strict=True):
        np.testing.assert_array_equal(found, part)


def test_products_are_those_of_the_sparse_design():
    (effects,), _, weights = some_effects(2)
    columns = np.random.default_rng(5).normal(size=(ROWS, 3))
    expected = effects.sparse().T @ sparse.diags_array(weights) @ columns
    np.testing.assert_allclose(effects.products(weights, columns).reshape(-1, 3), expected)

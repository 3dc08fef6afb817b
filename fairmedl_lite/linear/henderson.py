"""The random effects of a linear mixed model: their cross-products, and what they solve.

With effects u = Lambda v and v ~ N(0, I) a priori, everything that is asked of them is asked of
M = I + Lambda' Z' W Z Lambda (Henderson 1953; Bates et al. 2015, section 3). The first cluster
variable makes a block of M for each cluster; the others are what is left when it is eliminated.
"""

from copy import copy

import numpy as np
from scipy import linalg, sparse
from scipy.sparse.linalg import splu

from fairmedl_lite.model.running import in_chunks

DENSE, LARGEST = 10, 8_000  # non-zeros a row from which a sparse factor fills up; rows of a dense
COLUMNS = 256  # of an inverse, at a time


class Effects:
    """The effects of one cluster variable on the rows, Z.

    Args:
        ids: Integer array of shape `(rows,)`, the number of each row's cluster.
        design: Array of shape `(rows, effects)`: ones, and what the slopes stand on.
        clusters: Integer.
        correlated: Whether the prior's covariance is full, or diagonal.
    """

    def __init__(self, ids, design, clusters, correlated):
        self.ids, self.design, self.clusters = ids, np.asarray(design, "float64"), clusters
        self.correlated, self.width = correlated, design.shape[1]
        self.size = clusters * self.width
        ones = np.ones(len(ids))
        self.rows_of = sparse.csr_matrix((ones, (ids, np.arange(len(ids)))), (clusters, len(ids)))

    def products(self, weights, columns):
        """Z' W times columns `(rows, k)`: `(clusters, effects, k)`."""
        found = np.empty((self.clusters, self.width, columns.shape[1]))
        for number, part in enumerate(self.design.T):
            found[:, number] = self.rows_of @ ((weights * part)[:, None] * columns)
        return found

    @classmethod
    def none(cls, rows):
        """No effects, of one cluster."""
        return cls(np.zeros(rows, "int32"), np.empty((rows, 0)), 1, False)

    def scaled(self, root):
        """The effects v of which these are Lambda v."""
        effects = copy(self)
        effects.design = self.design @ root
        return effects

    def of_rows(self, means):
        """What means `(clusters, effects)` are on each row: `(rows,)`."""
        return np.einsum("ia,ia->i", self.design, means[self.ids])

    def variance(self, covariances):
        """What covariances `(clusters, effects, effects)` are on each row: `(rows,)`."""

        def of_rows(design, ids):
            return np.einsum("ia,iab,ib->i", design, covariances[ids], design)

        return in_chunks(of_rows, self.design, self.ids)

    def sparse(self):
        """Z as a sparse matrix: `(rows, clusters * effects)`."""
        rows, width = self.design.shape
        columns = self.ids[:, None] * width + np.arange(width)
        starts = np.arange(0, rows * width + 1, width)
        return sparse.csr_matrix((self.design.ravel(), columns.ravel(), starts), (rows, self.size))


class Products:
    """Z' W Z of one or several cluster variables.

    Args:
        effects: List of `Effects`.
        weights: Array of shape `(rows,)`.
    """

    def __init__(self, effects, weights):
        self.blocks = [part.products(weights, part.design) for part in effects]
        self.between = self.others = None
        if len(effects) > 1:
            first, *others = [part.sparse() for part in effects]
            others = sparse.hstack(others, format="csr")
            weighted = sparse.diags_array(weights) @ others
            self.between = (first.T @ weighted).tocsr()
            self.others = (others.T @ weighted).tocsr()


class Factor:
    """M, factored.

    Args:
        products: A `Products`.
        roots: For each cluster variable Lambda, of shape `(effects, effects)`.
    """

    def __init__(self, products, roots):
        blocks = [_penalised(*part) for part in zip(products.blocks, roots, strict=True)]
        self.first = np.linalg.inv(blocks[0])  # (clusters, effects, effects)
        self.own = [self.first, *(np.linalg.inv(block) for block in blocks[1:])]
        self.others, self.of_others = None, 0.0
        if len(roots) > 1:
            scale = [_repeated(root, len(block)) for root, block in zip(roots, blocks, strict=True)]
            others = sparse.block_diag(scale[1:], format="csr")
            self.between = scale[0].T @ products.between @ others
            self.reduced = (_block_diagonal(self.first) @ self.between).tocsr()
            left = others.T @ products.others @ others - self.between.T @ self.reduced
            left = (left + sparse.identity(left.shape[0])).tocsr()
            self.others, self.of_others = _factored(left)

    @property
    def log_determinant(self):
        """The logarithm of the determinant of M."""
        return self.of_others - float(np.linalg.slogdet(self.first)[1].sum())

    def solve(self, right):
        """M^-1 times a matrix of shape `(effects of all clusters, k)`."""
        clusters, width, _ = self.first.shape
        size = clusters * width
        first = self.first @ right[:size].reshape(clusters, width, right.shape[1])
        first = first.reshape(size, right.shape[1])
        if self.others is None:
            return first
        others = self.others(right[size:] - self.between.T @ first)
        return np.concatenate([first - self.reduced @ others, others])

    def blocks(self):
        """The blocks of M^-1 that belong to one cluster: `(clusters, effects, effects)` each."""
        clusters, width, _ = self.first.shape
        found = [self.first, *(np.empty_like(block) for block in self.own[1:])]
        for number, part, columns, inverse in self._columns():
            found[number][part] = _diagonal(inverse[columns], found[number].shape[1])
            left = (self.reduced @ inverse).reshape(clusters, width, -1)
            right = self.reduced[:, columns].toarray().reshape(clusters, width, -1)
            found[0] = found[0] + left @ np.swapaxes(right, 1, 2)
        return found

    def sums(self):
        """The same blocks, summed over the clusters: `(effects, effects)` each."""
        found = [self.first.sum(axis=0), *(np.zeros(block.shape[1:]) for block in self.own[1:])]
        width = len(found[0])
        of_effect = [self.reduced[number::width] for number in range(width) if len(self.own) > 1]
        between = [[(one.T @ other).tocsc() for other in of_effect] for one in of_effect]
        for number, _, columns, inverse in self._columns():
            found[number] += _diagonal(inverse[columns], len(found[number])).sum(axis=0)
            for place in np.ndindex(width, width):
                one = between[place[0]][place[1]][:, columns]
                found[0][place] += one.multiply(inverse).sum()
        return found

    def _columns(self):
        """The inverse of what is left for the other variables, some clusters at a time.

        Yields the number of the variable, which of its clusters, which columns, and these columns.
        """
        start = 0
        for number, (clusters, width, _) in enumerate((b.shape for b in self.own[1:]), start=1):
            for first in range(0, clusters, max(1, COLUMNS // width)):
                part = slice(first, min(first + max(1, COLUMNS // width), clusters))
                columns = slice(start + part.start * width, start + part.stop * width)
                unit = np.zeros((self.reduced.shape[1], columns.stop - columns.start))
                unit[columns] = np.eye(unit.shape[1])
                yield number, part, columns, self.others(unit)
            start += clusters * width


def _diagonal(square, width):
    """The blocks on the diagonal of a matrix: `(blocks, width, width)`."""
    number = np.arange(len(square) // width)
    return square.reshape(len(number), width, len(number), width)[number, :, number]


class Solution:
    """Coefficients and effects that solve the mixed model equations.

    Args:
        factor: A `Factor`.
        cross: Lambda' Z' [W X, r], of shape `(effects of all clusters, coefficients + 1)`, where r
            is the right side: W y, or the pull of a step of Newton's.
        gram: X' [W X, r], or with a row r' [W X, r] below it, of `coefficients + 1` columns.

    Attributes:
        coefficients: beta, of shape `(coefficients,)`.
        effects: v, stacked.
        lower: The root of the coefficients' information, and `inverse` its inverse.
        along: How v moves with beta: `(effects of all clusters, coefficients)`.
        rest: Float. Of r' y what beta and v leave.
    """

    def __init__(self, factor, cross, gram):
        solved = factor.solve(cross)
        left = gram - cross[:, : len(gram)].T @ solved
        count = gram.shape[1] - 1
        self.lower = linalg.cholesky(left[:count, :count], lower=True)
        self.inverse = linalg.solve_triangular(self.lower, np.eye(len(self.lower)), lower=True)
        found = self.inverse @ left[:count, -1]
        self.coefficients = self.inverse.T @ found
        self.along = -solved[:, :-1]
        self.effects = solved[:, -1] + self.along @ self.coefficients
        self.rest = float(left[-1, -1] - found @ found)


def stacked(parts):
    """Arrays `(clusters, effects, k)`, one a cluster variable, as one matrix of k columns."""
    return np.concatenate(
        [part.reshape(len(part) * part.shape[1], part.shape[2]) for part in parts]
    )


def split(stack, effects):
    """The reverse of `stacked`, of a vector or a matrix."""
    parts = zip(np.split(stack, np.cumsum([e.size for e in effects])[:-1]), effects, strict=True)
    return [part.reshape(own.clusters, own.width, *stack.shape[1:]) for part, own in parts]


def _penalised(block, root):
    return np.eye(len(root)) + root.T @ block @ root


def _block_diagonal(blocks):
    """A sparse matrix with these blocks on its diagonal."""
    clusters, width, _ = blocks.shape
    return sparse.bsr_matrix(
        (blocks, np.arange(clusters), np.arange(clusters + 1)), shape=(clusters * width,) * 2
    )


def _repeated(root, clusters):
    return _block_diagonal(np.broadcast_to(root, (clusters, *root.shape)).copy())


def _factored(matrix):
    """A function that solves for a symmetric positive definite matrix, and its log determinant."""
    if matrix.nnz > DENSE * len(matrix.indptr) and matrix.shape[0] <= LARGEST:
        lower = linalg.cho_factor(matrix.toarray(), lower=True)
        return lambda right: linalg.cho_solve(lower, right), 2 * np.log(lower[0].diagonal()).sum()
    options = {"diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
    found = splu(matrix.tocsc(), "MMD_AT_PLUS_A", **options)
    return found.solve, np.log(found.U.diagonal()).sum()

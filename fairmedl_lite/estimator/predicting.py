"""What a fitted model says of rows: predictions, the clusters' effects, draws of the posterior."""

import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.utils.validation import check_is_fitted

from fairmedl_lite import checks
from fairmedl_lite.estimator import posterior
from fairmedl_lite.estimator.encoding import as_table
from fairmedl_lite.model.running import (
    CHUNK,
    average_design,
    in_chunks,
    outputs,
    slope_features,
    with_ones,
)
from fairmedl_lite.summaries.tables import posterior_table

EFFECTS = ("fixed", "random", "mixed")
UNSEEN = (None, "fixed", "prior", "predict", "shuffled")


class Predicting:
    """The part of an estimator that reads new rows, of seen and of new clusters."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.string = tags.input_tags.categorical = True
        return tags

    def cluster_effects(self, X, *, clusters, variable=None, level=0.9) -> pd.DataFrame:
        """The random effect of each cluster, averaged over its rows, with a posterior interval.

        The interval leaves out that the fixed effects are estimated too.

        Args:
            X: DataFrame of shape `(rows, columns)`.
            clusters: Series of shape `(rows,)`, of seen clusters, or DataFrame as in `fit`.
            variable: Which cluster variable; `None` if there is one.
            level: Float in (0, 1). The probability that the interval holds.

        Returns:
            DataFrame with `cluster`, `rows`, and on the link scale `mean`, `sd`, `low`, `high`.
        """
        number = self._variable(variable, "cluster_effects")
        x, every_id = self._read(X, clusters, unseen=None)
        ids, labels = every_id[number], list(self.rows_.index.labels.values())[number]
        matrix = self.outcome_.scale * average_design(self.model_, x, ids, number)
        layer, rows = self.model_.random_effects[number], np.bincount(ids)
        table = posterior_table(layer, matrix, ["average"], labels, rows)
        table = table.rename(columns={"n": "rows"})[["cluster", "rows", "mean", "sd"]]
        half = norm.ppf((1 + level) / 2) * table["sd"]
        return table.assign(low=table["mean"] - half, high=table["mean"] + half)

    def posterior_draws(self, X, *, clusters=None, unseen=None, draws=1000, seed=0) -> np.ndarray:
        """Draws of each row's prediction on the link scale; rows of one cluster share an effect.

        Args:
            X: DataFrame of shape `(rows, columns)`.
            clusters: As in `fit`; new clusters with one label share an effect, and without
                clusters each row is a new cluster.
            unseen: As in `predict`. `"predict"` draws a seen cluster for each row and draw.
            draws: Integer.
            seed: Integer.

        Returns:
            Float array of shape `(draws, rows)`. The fixed effects are estimates and do not vary,
            nor does the residual.
        """
        drawn = self._drawn(X, clusters, unseen, draws, seed)
        return self.outcome_.centre + self.outcome_.scale * drawn.astype("float64")

    def _drawn(self, X, clusters, unseen, draws, seed):
        """The draws as the model has them, of a standardised outcome: float32 `(draws, rows)`."""
        x, ids = self._read(X, clusters, unseen)
        generator = np.random.default_rng(seed)
        labels = self.rows_.labels(clusters, len(x))
        drawn = np.tile(outputs(self.model_, x, ids)["fixed"], (draws, 1))
        for number, features in enumerate(slope_features(self.model_, x)):
            new = ids[number] < 0
            soft = unseen in ("predict", "shuffled") and new.any()
            drawn += posterior.draw_effects(
                self.model_.random_effects[number],
                with_ones(features),
                ids[number],
                labels.iloc[:, number].to_numpy(),
                unseen=unseen,
                membership=self._membership(x[new], number, unseen) if soft else None,
                draws=draws,
                random=generator,
            )
        return drawn

    def predict_interval(self, X, *, clusters=None, unseen=None, level=0.9, draws=1000, seed=0):
        """Interval from posterior draws: what is not known of a row, given the fixed effects.

        For a 0/1 outcome it is that of the probability of the positive class: how little is known
        of the row's cluster. For a continuous one it is that of the outcome, the residual too.
        With `unseen="prior"` a new cluster's row gets the width of the clusters' differences.

        Args:
            X: DataFrame of shape `(rows, columns)`.
            clusters: As in `posterior_draws`.
            unseen: As in `posterior_draws`.
            level: Float in (0, 1). The probability that the interval holds.
            draws: Integer.
            seed: Integer.

        Returns:
            DataFrame with `low` and `high`, of shape `(rows, 2)`, with the index of X.
        """
        if not 0 < level < 1:
            raise ValueError(f"level must lie between 0 and 1. Received: {level!r}.")
        drawn = self._drawn(X, clusters, unseen, draws, seed)
        ends = [(1 - level) / 2, (1 + level) / 2]
        ends = np.quantile(self.outcome_.draws(drawn, seed), ends, axis=0)
        low, high = self.outcome_.centre + self.outcome_.scale * ends
        return pd.DataFrame({"low": low, "high": high}, index=as_table(X).index)

    def membership(self, X, *, clusters=None, variable=None) -> pd.DataFrame:
        """How the cluster predictor shares each row out over the seen clusters.

        Args:
            X: DataFrame of shape `(rows, columns)`.
            clusters: As in `fit`; needed with `within_between` only.
            variable: Which cluster variable; `None` if there is one.

        Returns:
            DataFrame of shape `(rows, clusters)`, with the index of X, whose rows add up to one.
            Compare it with the true clusters by `membership_report`.
        """
        number = self._variable(variable, "membership")
        x, _ = self._read(X, clusters, unseen="predict")
        share = self._membership(x, number, "predict")
        labels = list(self.rows_.index.labels.values())[number][: share.shape[1]]
        return pd.DataFrame(share, index=as_table(X).index, columns=labels)

    def _variable(self, variable, what):
        """The number of a cluster variable that has random effects or a predictor."""
        check_is_fitted(self, "model_")
        if what == "cluster_effects" and not self.model_.random_effects:
            raise ValueError(f"{what} needs random effects. Received: a model without.")
        names = list(self.rows_.index.labels)
        if variable is None and len(names) == 1:
            return 0
        checks.check_choice("variable", variable, names)
        return names.index(variable)

    def _read(self, X, clusters, unseen):
        """The encoded rows, and the numbers of their clusters, -1 where a cluster is new."""
        check_is_fitted(self, "model_")
        checks.check_choice("unseen", unseen, UNSEEN)
        refuse_new = unseen is None and bool(self.model_.random_effects)
        return self.rows_.read(X, clusters, refuse_new=refuse_new)

    def _link(self, X, clusters, effects, unseen):
        """Predictions on the link scale, and the standard deviation of what is yet unknown.

        The latter is that of the effects of new clusters if `unseen="prior"`, else 0.
        """
        check_is_fitted(self, "model_")
        if effects == "random" and not self.model_.random_effects:
            raise ValueError(
                "effects='random' needs random effects. Received: a model without them. "
                "Pass effects='fixed'."
            )
        plain = effects in ("fixed", "population") or not self.model_.random_effects
        x, ids = self._read(X, clusters, "fixed" if plain else unseen)
        found = outputs(self.model_, x, ids)
        nothing = np.zeros(len(x))
        if not self.model_.random_effects:
            return found["mixed"], nothing
        if plain:
            everyone = np.linalg.norm(found["prior_scale"], axis=1)
            return found["fixed"], everyone if effects == "population" else nothing
        link, new = found[effects], np.column_stack(ids) < 0
        if unseen in ("predict", "shuffled"):
            self._add_predicted(link, x, new, unseen)
        scale = np.linalg.norm(found["prior_scale"] * new, axis=1)
        return link, scale if unseen == "prior" else nothing

    def _add_predicted(self, link, x, new, unseen):
        """Add, in place, the effects of the clusters that rows of new clusters resemble."""
        for number, layer in enumerate(self.model_.random_effects):
            rows = np.flatnonzero(new[:, number])
            for part in (rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)):
                share = self._membership(x[part], number, unseen)
                features = slope_features(self.model_, x[part])[number]
                link[part] += np.asarray(layer(features, share))[:, 0]

    def _membership(self, x, number, unseen):
        if not self.cluster_predictors_:
            raise ValueError(
                f"unseen={unseen!r} needs a cluster predictor. Received: a model without one. "
                "Fit with cluster_predictor=True, or pass unseen='fixed' or 'prior'."
            )
        share = in_chunks(self.cluster_predictors_[number], x)
        if unseen == "shuffled":
            share = np.random.default_rng(self.seed).permutation(share)
        return share

"""What a fitted model is: variance components, coefficients, the bound of its likelihood."""

import math

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from fairmedl_lite.linear.exact import effects_of, has_exact_fit
from fairmedl_lite.model.running import (
    average_design,
    outputs,
    posterior_variance,
    with_ones,
)
from fairmedl_lite.summaries import tables as summaries

CROSSED = (
    "With several cluster variables the posterior is mean-field across them: the intervals of "
    "the effects are too narrow."
)


class Describing:
    """The part of an estimator that sums up what was learned."""

    @property
    def intercept_(self) -> float:
        """The intercept, in the units of the data. Linear models have one."""
        return float(self.fixed_effects_["estimate"].iloc[0])

    @property
    def coef_(self) -> pd.Series:
        """Series of the coefficient of each term, in the units of the data."""
        table = self.fixed_effects_.set_index("term")["estimate"].iloc[1:]
        return table.rename("coefficient").rename_axis(None)

    def summary(self) -> str:
        """What a reader of a mixed model's summary looks for, as text.

        The log likelihood's lower bound (ELBO), the variance components with the number of
        clusters, and with `hidden=()` the coefficients with standard errors.
        """
        check_is_fitted(self, "model_")
        rows = self.model_.settings["num_rows"]
        title = (
            f"{type(self).__name__}: {rows:,.0f} rows, fixed effects "
            f"{'linear' if not self.hidden else f'a network of {self.hidden} units'}\n"
            f"{self._kind_of_likelihood()} {self.lower_bound_:.1f}"
        )
        counts = dict(zip(self.rows_.index.labels, self.rows_.index.counts, strict=True))
        notes = [f"{word.capitalize()}: {text}" for word, text in self.verdict_.items()]
        if len(counts) > 1 and not self._is_exact():
            notes.append(CROSSED)
        return summaries.write(
            title,
            counts,
            getattr(self, "variance_components_", None),
            getattr(self, "fixed_effects_", None),
            notes,
        )

    def _summarise(self, x, ids, outcome, sample_weight, exact=None):
        """Set the attributes that say what was learned."""
        sample_weight = np.ones(len(x)) if sample_weight is None else sample_weight
        effects = effects_of(self.model_, x, ids, scaled=True)
        if exact is None:
            self.lower_bound_ = self._bound(x, ids, outcome, sample_weight)
        else:
            self.lower_bound_ = self._in_units(exact.log_likelihood, x, sample_weight)
        if self.model_.random_effects:
            self._summarise_effects(x, ids, effects)
        if not self.hidden:
            self._summarise_coefficients(x, effects, sample_weight)

    def _bound(self, x, ids, outcome, sample_weight):
        """The lower bound of the log likelihood, in nats."""
        link = outputs(self.model_, x, ids)["mixed"]
        kl = sum(float(layer.kl()) for layer in self.model_.random_effects)
        scale = np.sqrt(posterior_variance(self.model_, x, *ids))
        expected = self.outcome_.expected_log_likelihood(outcome, link, scale)
        return float(sample_weight @ expected) - kl

    def _in_units(self, log_likelihood, x, sample_weight):
        """An exact fit's log likelihood, of y and x in the units of the data."""
        rows = sample_weight.sum()
        if self.reml:
            _, matrix, candidates = summaries.coefficient_map(self.rows_.encoder)
            kept = summaries.identified(self.rows_.encoder, x, sample_weight)
            terms = matrix[np.isin(np.flatnonzero(candidates), kept)][:, kept]
            log_likelihood += np.linalg.slogdet(terms)[1]
            rows -= len(kept)
        return log_likelihood - rows * math.log(self.outcome_.scale)

    def _kind_of_likelihood(self):
        if self.reml:
            return "Restricted log likelihood:"
        return "Log likelihood:" if self._is_exact() else "Log likelihood: at least"

    def _is_exact(self):
        """Whether the posterior is exact, and the bound the log likelihood itself."""
        return has_exact_fit(self) and self.outcome_.family == "gaussian"

    def _summarise_effects(self, x, ids, effects):
        tables, self.effect_covariances_ = [], {}
        of_rows = [np.mean(np.sum(np.square(part.design), axis=1)) for part in effects]
        variances = self.outcome_.scale**2 * np.array(of_rows)
        for number, variable in enumerate(self.rows_.index.labels):
            shown = self._shown_effects(number, x, ids[number], variances[number])
            names, matrix, self.effect_covariances_[variable] = shown
            tables.append(self._posterior_table(number, matrix, names, ids[number]))
        self.random_effects_ = pd.concat(tables, ignore_index=True)
        self.variance_components_ = summaries.variance_table(
            self.effect_covariances_, variances, self.outcome_.residual_variance()
        )

    def _posterior_table(self, number, matrix, names, ids):
        """The posterior of the clusters of these rows, for one cluster variable."""
        variable, labels = list(self.rows_.index.labels.items())[number]
        layer, rows = self.model_.random_effects[number], np.bincount(ids)
        table = summaries.posterior_table(layer, matrix, names, labels, rows)
        table.insert(0, "variable", variable)
        return table

    def _shown_effects(self, number, x, ids, variance):
        """Names of the effects shown, how they follow from the layer's, and their covariance."""
        kind = self.model_.settings["random_effects"][number]
        if kind == "slopes" and self.hidden:
            names, matrix = [summaries.AVERAGE], average_design(self.model_, x, ids, number)
            matrix, covariance = self.outcome_.scale * matrix, variance.reshape(1, 1)
        else:
            columns = {"slopes": range(x.shape[1]), "intercept": ()}.get(kind, kind)
            names, matrix = summaries.effect_map(self.rows_.encoder, columns)
            matrix = self.outcome_.scale * matrix
            prior = self.model_.random_effects[number].prior_scale_tril()
            root = matrix @ np.asarray(prior, "float64")
            covariance = root @ root.T
        return names, matrix, pd.DataFrame(covariance, index=names, columns=names)

    def _summarise_coefficients(self, x, effects, sample_weight):
        names, matrix, candidates = summaries.coefficient_map(self.rows_.encoder)
        kept = summaries.identified(self.rows_.encoder, x, sample_weight)
        kernel, bias = (np.asarray(part, "float64") for part in self.model_.fixed_head.weights)
        coefficients, design = np.concatenate([bias, kernel[:, 0]]), with_ones(x)
        estimate = self.outcome_.scale * matrix @ coefficients
        estimate[0] += self.outcome_.centre
        link = design @ coefficients
        for part, layer in zip(effects, self.model_.random_effects, strict=False):
            link += part.of_rows(np.asarray(layer.posterior_mean, "float64"))
        precision = self.outcome_.precision(link) * sample_weight
        design = np.ascontiguousarray(design[:, kept], "float64")
        covariance = summaries.coefficient_covariance(design, precision, effects)
        mapping = self.outcome_.scale * matrix[:, kept]
        covariance = mapping @ covariance @ mapping.T
        aliased = ~np.isin(np.flatnonzero(candidates), kept)
        estimate[aliased] = covariance[aliased] = np.nan
        self.fixed_effects_ = summaries.coefficient_table(names, estimate, covariance)

# What lme4 says of schools it did not meet, its parameters held at those of the other schools.
#     Rscript tests/linear/lme4/adapt.R     (lme4 1.1-31; prints what test_adapting.py holds)
library(lme4)
data <- read.csv("tests/linear/lme4/crossed.csv.gz")
data$school <- factor(data$school)
new <- data$school %in% levels(data$school)[1:5]
fitted <- lmer(y ~ x + (1 + x | school), data[!new, ], REML = FALSE)
data$rest <- data$y - as.vector(model.matrix(~x, data) %*% fixef(fitted))
# The same random effects of what the coefficients leave, at the same theta: no search.
parts <- lFormula(rest ~ 0 + (1 + x | school), data, REML = FALSE)
deviance <- do.call(mkLmerDevfun, parts)
theta <- getME(fitted, "theta")
invisible(deviance(theta))
at <- mkMerMod(environment(deviance), list(par = theta, fval = 0, conv = 0, message = ""),
               parts$reTrms, parts$fr)
effects <- ranef(at, condVar = TRUE)$school
# lme4 scales the variances by the sigma of all rows: here it is that of the fit.
scale <- sigma(fitted) / sigma(at)
sds <- scale * t(apply(attr(effects, "postVar"), 3, function(v) sqrt(diag(v))))
print(round(cbind(effects, sds)[1:5, ], 6))
print(round((predict(fitted, data, re.form = NA) + predict(at, data))[new][1:5], 6))

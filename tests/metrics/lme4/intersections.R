# MAIHDA by lme4 1.1-31: what test_intersections.py holds the library to.
#     python tests/metrics/strata.py, then Rscript tests/metrics/lme4/intersections.R
library(lme4)
told <- function(null, additive) {
  sds <- c(attr(VarCorr(null)$stratum, "stddev"), attr(VarCorr(additive)$stratum, "stddev"))
  cat(sprintf("sd_null %.6f sd_additive %.6f pcv %.6f\n", sds[1], sds[2], 1 - sds[2]^2 / sds[1]^2))
  effects <- ranef(additive, condVar = TRUE)$stratum
  sd <- sqrt(c(attr(effects, "postVar")))
  shown <- order(-abs(effects[, 1]))[1:6]
  print(data.frame(stratum = rownames(effects)[shown], mode = round(effects[shown, 1], 5),
                   sd = round(sd[shown], 5)))
}
adult <- read.csv("build/strata_adult.csv", stringsAsFactors = TRUE)
for (nodes in c(1, 25)) {
  fit <- function(formula) glmer(formula, adult, binomial, nAGQ = nodes)
  told(fit(cbind(hits, cases - hits) ~ 1 + (1 | stratum)),
       fit(cbind(hits, cases - hits) ~ age + race + sex + marital_status + (1 | stratum)))
}
wages <- read.csv("build/strata_wages.csv", stringsAsFactors = TRUE)
told(lmer(wage ~ 1 + (1 | stratum), wages, REML = FALSE),
     lmer(wage ~ ethnicity + married + union + school + (1 | stratum), wages, REML = FALSE))

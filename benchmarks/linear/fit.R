# One fit by lme4, as JSON: Rscript fit.R FOLDER FORMULA BINARY. `fits.py` is the same in Python.
suppressMessages(library(lme4))
arguments <- commandArgs(trailingOnly = TRUE)
folder <- arguments[1]
model <- as.formula(arguments[2])
binary <- arguments[3] == "binary"

fit <- function(table) {
  if (binary) fitted <- glmer(model, table, family = binomial)
  else fitted <- lmer(model, table, REML = FALSE)
  capture.output(print(summary(fitted)))
  fitted
}

invisible(suppressMessages(suppressWarnings(fit(read.csv(file.path(folder, "tiny.csv"))))))
table <- read.csv(file.path(folder, "table.csv"))
start <- proc.time()
fitted <- fit(table)
used <- proc.time() - start
components <- as.data.frame(VarCorr(fitted))
sds <- components$sdcor[is.na(components$var2)]
cat(sprintf(
  '{"seconds": %.4f, "log_likelihood": %.6f, "sds": [%s]}\n',
  used[["user.self"]] + used[["sys.self"]], as.numeric(logLik(fitted)),
  paste(sprintf("%.8f", sds), collapse = ", ")
))

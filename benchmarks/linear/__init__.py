"""How long linear mixed models take, beside lme4, GPBoost and statsmodels."""

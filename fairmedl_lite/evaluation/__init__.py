"""Many models on many resamples: what is measured, and what may be said of it."""

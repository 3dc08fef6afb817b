"""Exact fits of linear mixed models: the equations of Henderson, one file an outcome."""

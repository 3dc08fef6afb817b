"""The sections of the study's page: each reads the results, and the numbers choose the words."""

"""The estimators: Fair MEDL for people with a DataFrame."""

"""Figures by seaborn, each with a text that says what is to be seen."""

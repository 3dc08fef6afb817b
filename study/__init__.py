"""The paper's study, redone: what is fitted, what was found, and the page that says so."""

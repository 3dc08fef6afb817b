"""Lessons: their sources, how they are run, and the book and the slides made of them."""

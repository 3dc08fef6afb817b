"""Assignments for a class, with nbgrader: release, grade, feedback, pool."""

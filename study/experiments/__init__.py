"""Smaller experiments beside the study: one question, one table in results/ each."""

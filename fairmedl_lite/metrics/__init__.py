"""What a prediction is worth, and how it differs by group."""

"""Clustered data: the bundled and the downloaded, the simulated, and their splits."""

"""What measures time and memory: run on a machine that does nothing else."""

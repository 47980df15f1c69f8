"""Where cells run: on this machine, on a Ray cluster, through SLURM."""

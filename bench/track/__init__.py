"""Live tracking of runs by other tools, beside the files, which stay the truth."""

"""Side-by-side timings: what the harness costs, and how fast it is beside other libraries with the same layers."""

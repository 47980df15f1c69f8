"""Side-by-side timings: the harness's cost, and our models beside other libraries' with the same layers."""

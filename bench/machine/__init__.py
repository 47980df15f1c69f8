"""The machine a run uses: clocks, the heap, matrix products."""

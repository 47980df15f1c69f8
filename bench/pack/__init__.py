"""Several runs that differ only in what leaves the step's shapes alone, trained as one batched model."""

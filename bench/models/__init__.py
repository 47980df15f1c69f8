"""The entries: one file per model, all under the contract of `bench.models.entry`."""

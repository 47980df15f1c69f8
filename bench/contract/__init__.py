"""The entry contract as checks: a stage to watch an entry on, and one file for each side of the contract."""

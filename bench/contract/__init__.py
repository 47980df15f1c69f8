"""The entry contract as checks: the testbeds an entry is trained on, and one file for each side of the contract."""

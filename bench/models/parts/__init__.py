"""Networks, priors and base classes that several entries share."""

"""Equal tuning: the same number of trials for every entry, from one declared space, chosen on validation."""

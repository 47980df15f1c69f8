"""What was trained, used: a stored run loaded, sampled, scored, encoded and exported."""

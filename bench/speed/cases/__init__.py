"""What is timed: one comparison a file."""

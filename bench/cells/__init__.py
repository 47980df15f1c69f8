"""One process for each cell: what a user's code does in it is its own row and nobody else's."""

"""Features of pictures, by a small classifier of their data set that comes with the package."""

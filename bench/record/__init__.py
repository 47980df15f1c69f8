"""The record of a run: its columns, its folder, where it comes from."""

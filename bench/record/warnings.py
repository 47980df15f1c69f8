"""Words of warnings that a report looks for in its rows."""

UNBOUNDED = "where a likelihood grows without bound"
"""Stands in the warning of data that have no density, such as columns with ties."""

"""Velocity fields of continuous flows, separately usable."""

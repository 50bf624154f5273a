"""Periodic work: what has to be looked at again when time has passed."""

"""Counters folded from the event log, and the one place that reads them."""

"""Fan events out: one delivery row for each event and subscription."""

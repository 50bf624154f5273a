"""Pages over messages, events and statistics; no rule of its own."""

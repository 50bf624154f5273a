"""From "asked" to "promised": every send, from any door, becomes a Draft and goes through accept."""

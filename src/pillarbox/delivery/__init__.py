"""From "promised" to "known": attempts, outcomes, and what is learned later."""

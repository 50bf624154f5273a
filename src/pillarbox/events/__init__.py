"""Facts about messages: what they are, who writes them down, how they are told and followed."""

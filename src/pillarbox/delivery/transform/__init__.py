"""What is changed in a message for one attempt; the stored message stays as it was given."""

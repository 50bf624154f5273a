"""AWS shapes to domain calls and back; a rule found here is in the wrong room."""

"""What operators do, for the command line and the dashboard alike."""

"""The leaf: what every room may use and that uses no room itself."""

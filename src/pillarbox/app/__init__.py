"""Builds what lives as long as the server, starts it in order of need and stops it in reverse. Imports every room."""

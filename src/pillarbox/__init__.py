"""Pillarbox: the self-hosted Amazon SES."""

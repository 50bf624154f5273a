"""Clients and subscribers in JavaScript, with the packages that they need."""

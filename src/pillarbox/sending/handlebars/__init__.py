"""The Handlebars that SES renders templates with: a subset, and no code runs.

Pure. Text goes through lexer, parser and whitespace into a tree, and compiler
turns the tree into closures; there is no exec and no attribute access. It
follows Handlebars.js 4.7 without escaping, except that a missing variable is
an error. Called by sending/render.py.
"""

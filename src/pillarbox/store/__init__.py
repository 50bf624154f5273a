"""SQL and nothing else: one file per noun, and an engine that runs it.

A store function is a *plan*: a generator that yields statements and receives
their rows, so that the same function runs on SQLite and on PostgreSQL and no
function knows whether it is waiting. `Store` (store/engine.py) runs plans.
"""

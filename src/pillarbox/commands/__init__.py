"""The subcommands of `pillarbox`, one module for each family; like app.py they may use every room."""

"""The subcommands of `pillarbox`, one module for each family; like app/ they may use every room."""

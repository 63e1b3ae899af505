"""The command ``dropscape``: a module for each subcommand, which ``main`` loads when it is asked for."""

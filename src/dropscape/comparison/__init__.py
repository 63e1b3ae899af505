"""Two results beside each other: verdicts, values, figures, settings, versions and machines."""

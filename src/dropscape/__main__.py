"""``python -m dropscape`` is the command ``dropscape``."""

import sys

from dropscape.commands.main import main

sys.exit(main())

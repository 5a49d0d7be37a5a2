"""`python -m nuqta` is the command `nuqta`."""

import sys

from nuqta.cli import main

if __name__ == "__main__":
    sys.exit(main())

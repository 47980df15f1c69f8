"""`python -m bench`: the `bench` command, where that is not on the path."""

import sys

from bench.cli import main

sys.exit(main())

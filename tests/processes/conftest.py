"""Ray remembers the first token of a process, so all clusters of the tests have the same; its settings come first."""

import os

from underbudget.processes import RAY_SETTINGS

os.environ.setdefault("RAY_AUTH_TOKEN", "0" * 32)
os.environ |= RAY_SETTINGS  # a test imports Ray before open_workers does

"""Ray remembers the first token of a process, so all pools and clusters of the tests have the same."""

import os

os.environ.setdefault("RAY_AUTH_TOKEN", "0" * 32)

"""Build th_b: train, prune, quantise, compress, evaluate.

Its limits and recipes are in scripts/underbudget/versions/th_b.py.
"""

from underbudget.determinism import deterministic

deterministic()
# isort: split
from underbudget.version_script import version_main
from underbudget.versions.th_b import VERSION

if __name__ == "__main__":
    version_main(VERSION, __doc__)

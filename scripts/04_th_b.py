"""Build th_b: train, prune, quantise, compress, evaluate.

Its limits and recipes are in scripts/pipeline/versions/th_b.py.
"""

from pipeline.version_script import version_main
from pipeline.versions.th_b import VERSION

if __name__ == "__main__":
    version_main(VERSION, __doc__)

"""Build kws_a: train, prune, quantise, compress, evaluate.

Its limits and recipes are in scripts/pipeline/versions/kws_a.py.
"""

from pipeline.versions.kws_a import VERSION
from pipeline.versions.main import version_main

if __name__ == "__main__":
    version_main(VERSION, __doc__)

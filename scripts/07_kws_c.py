"""Build kws_c: train, prune, quantise, compress, evaluate.

Its limits and recipes are in scripts/pipeline/versions/kws_c.py.
"""

from pipeline.version_script import version_main
from pipeline.versions.kws_c import VERSION

if __name__ == "__main__":
    version_main(VERSION, __doc__)

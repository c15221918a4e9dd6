"""Show what int8 weights cost the report's spotters: the same weights in float and in int8, by each kind of kernel.

Kernels that compute on int8 weights round the inputs of their layer to int8, too; XNNPACK's and the built-in ones do so
in different ways. The inputs of the first layer are the features of the clip. So each run of 14_seeds.py, and of
Keras' own fit (02_baselines.py keras_fit), is tested

  in float
  in int8, by XNNPACK's kernels, as it is published
  in int8, by the runtime's built-in kernels, as in 2020
  in int8, with the first layer in float
  in int8, with the first layer's weights dequantised before it computes, so that its inputs stay in float

Runs that were tested before are not tested again.
"""

from underbudget.determinism import deterministic

deterministic()
# isort: split
from underbudget import cli
from underbudget.device.command_line import parser, run
from underbudget.reproduction import kernels, runs

EXAMPLES = """\
  .venv/bin/python scripts/14_seeds.py report --seeds 10 --versions kws_c
  .venv/bin/python scripts/21_kernels.py"""


def main() -> None:
    options = parser(__doc__, EXAMPLES)
    cli.add_sources(options)
    path = kernels.measure_all(cli.sources(options.parse_args()))
    print("\n".join(runs.summary_lines(path)))


if __name__ == "__main__":
    run(main)

"""Everything that runs on the workstation: data, training, shrinking, evaluation, reports. It imports device/.

TensorFlow, numpy and their libraries read these settings when they are first imported: scripts that train import from
here before they import anything else.
"""

import os

from device import require

# by the names that they are imported by; a test holds them to requirements.txt
PACKAGES = (
    *("tensorflow", "tf_keras", "tensorflow_model_optimization", "scipy", "pandas", "soundfile", "requests", "zopfli"),
    *("matplotlib", "markdown", "tqdm", "espeakng_loader"),
)
require(*PACKAGES)

# tensorflow-model-optimization works with Keras 2 only
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# The same sums in the same order on every x86-64 processor with AVX2, so that a seed gives the same model everywhere:
# no kernels that are chosen by the processor, nor sums that are split by the number of threads.
os.environ["NPY_DISABLE_CPU_FEATURES"] = "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL"
os.environ["OPENBLAS_CORETYPE"] = "Haswell"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL"] = "0"
os.environ["XLA_FLAGS"] = (
    "--xla_cpu_max_isa=AVX2 --xla_cpu_multi_thread_eigen=false"
    " --xla_cpu_enable_platform_dependent_math=false"  # its matrix products, too, are the same everywhere
)

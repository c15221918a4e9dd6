"""Settings of TensorFlow, numpy and their libraries by which a seed gives the same bytes on every machine."""

import os
import sys

from underbudget.device.errors import UserError
from underbudget.device.quiet import held_stderr
from underbudget.device.start import prepare, require

# by the names that they are imported by; a test holds them to requirements.txt
PACKAGES = (
    *("tensorflow", "tf_keras", "tensorflow_model_optimization", "scipy", "pandas", "soundfile", "requests", "zopfli"),
    *("matplotlib", "markdown", "tqdm", "espeakng_loader"),
)
# The same sums in the same order on every x86-64 processor with AVX2: no kernels that are chosen by the processor, nor
# sums that are split by the number of threads.
SETTINGS = {
    "TF_USE_LEGACY_KERAS": "1",  # tensorflow-model-optimization works with Keras 2 only
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL",
    "OPENBLAS_CORETYPE": "Haswell",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL": "0",
    "XLA_FLAGS": (
        "--xla_cpu_max_isa=AVX2 --xla_cpu_multi_thread_eigen=false"
        " --xla_cpu_enable_platform_dependent_math=false"  # its matrix products, too, are the same everywhere
        " --xla_cpu_experimental_ynn_fusion_type="  # no kernels for sums that are chosen by the processor
        " --xla_disable_hlo_passes=tree_reduction_rewriter"  # no sums in stages, which take four times as long
        # products in the order that XLA writes, not by a library that cuts them by the processor's cache
        " --xla_backend_extra_options=xla_force_enable_experimental_llvm_ir_gemm=true"
        ",xla_llvm_ir_gemm_tile_size=6:8:2*vectwidth"
    ),
}
# for a process that others run beside, which the variable SIDE_BY_SIDE names: a small network uses one core best
ONE_THREAD = {f"{name}_THREADS": "1" for name in ("TF_NUM_INTRAOP", "TF_NUM_INTEROP", "OMP_NUM")}


def deterministic() -> None:
    """Set what a process needs that trains: its environment, which libraries read when they are first imported.

    Raises:
        UserError: numpy or TensorFlow was imported before, with other settings.
        SystemExit: no AVX2, or a script of ours was started by a Python that lacks the packages; one
            line says what to run.
    """
    require("numpy", *PACKAGES)
    late = [name for name in ("numpy", "tensorflow") if name in sys.modules]
    if late and any(os.environ.get(name) != value for name, value in SETTINGS.items()):
        raise UserError(f"{late[0]} is imported already: call deterministic() before, in a process of its own")
    os.environ.update(SETTINGS)
    if os.environ.get("SIDE_BY_SIDE"):
        os.environ.update(ONE_THREAD)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    prepare()
    if not has_avx2():
        sys.exit(
            "error: this processor has no AVX2, with which all here is computed: use one with it (Intel: from 2013,"
            " AMD: from 2015); 10_listen.py and 11_forecast.py run on this one"
        )


def has_avx2() -> bool:
    """Tell whether the processor has AVX2 and FMA, by what numpy asked it: an emulator may show another's cpuinfo."""
    from numpy._core._multiarray_umath import __cpu_features__ as features

    return bool(features.get("AVX2") and features.get("FMA3"))


def import_tensorflow() -> None:
    """Import TensorFlow without its start-up messages, which no log level silences; a failure still raises."""
    with held_stderr():
        import tensorflow
        import tensorflow_model_optimization
        import tf_keras

        assert tensorflow and tf_keras and tensorflow_model_optimization

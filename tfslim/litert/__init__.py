"""Convert Keras models to .tflite files; run and check these."""

from tfslim._support.lazy import lazy_names

_HOMES = {
    "convert": ".conversion.converter",
    "ConversionError": ".conversion.converter",
    "FileSummary": ".flatbuffer.summary",
    "lint": ".edgetpu.linter",
    "LintResult": ".edgetpu.linter",
    "ModelFileError": ".flatbuffer.model_file",
    "read": ".flatbuffer.summary",
    "slim_file": ".slimming",
    "Runner": ".runtime.runner",
    "predict": ".runtime.runner",
    "verify": ".runtime.comparison",
    "Verification": ".runtime.comparison",
    "diagnose": ".edgetpu.keras_linter",
    "Diagnosis": ".edgetpu.keras_linter",
    "prepare_for_edgetpu": ".edgetpu.preparation",
    "Metadata": ".conversion.metadata",
    "read_metadata": ".conversion.metadata",
    "with_metadata": ".conversion.metadata",
    "benchmark": ".runtime.timing",
    "Timing": ".runtime.timing",
}
__all__ = sorted(_HOMES)
__getattr__, __dir__ = lazy_names(__name__, _HOMES)

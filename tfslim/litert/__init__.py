"""From a Keras model to a .tflite file, and that file run and compared with the model it came from."""

from tfslim.lazy_names import lazy_names

_HOMES = {
    "convert": "conversion",
    "ConversionError": "conversion",
    "FileSummary": "file_summary",
    "lint": "linting",
    "LintResult": "linting",
    "ModelFileError": "flatfile",
    "read": "file_summary",
    "slim_file": "slimming",
    "Runner": "runner",
    "predict": "runner",
    "verify": "verification",
    "Verification": "verification",
    "diagnose": "doctor",
    "Diagnosis": "doctor",
    "prepare_for_edgetpu": "preparing",
    "Metadata": "metadata",
    "with_metadata": "metadata",
    "benchmark": "timing",
    "Timing": "timing",
}
__all__ = sorted(_HOMES)
__getattr__, __dir__ = lazy_names(__name__, _HOMES)

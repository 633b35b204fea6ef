"""Conversion of Keras models to .tflite files, and checks."""

from typing import TYPE_CHECKING

from tfslim._support.lazy import lazy_names

if TYPE_CHECKING:  # for type checkers and editors, which do not run lazy_names
    from tfslim.litert.conversion.converter import (
        ConversionError as ConversionError,
        convert as convert,
    )
    from tfslim.litert.conversion.metadata import (
        Metadata as Metadata,
        read_metadata as read_metadata,
        with_metadata as with_metadata,
    )
    from tfslim.litert.edgetpu.keras_linter import (
        Diagnosis as Diagnosis,
        diagnose as diagnose,
    )
    from tfslim.litert.edgetpu.linter import (
        LintResult as LintResult,
        lint as lint,
    )
    from tfslim.litert.edgetpu.preparation import prepare_for_edgetpu as prepare_for_edgetpu
    from tfslim.litert.flatbuffer.model_file import ModelFileError as ModelFileError
    from tfslim.litert.flatbuffer.summary import (
        FileSummary as FileSummary,
        read as read,
    )
    from tfslim.litert.runtime.comparison import (
        Verification as Verification,
        verify as verify,
    )
    from tfslim.litert.runtime.runner import (
        Runner as Runner,
        predict as predict,
    )
    from tfslim.litert.runtime.timing import (
        Timing as Timing,
        benchmark as benchmark,
    )
    from tfslim.litert.slimming import slim_file as slim_file

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

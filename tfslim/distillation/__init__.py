"""Knowledge distillation from a frozen teacher to a smaller student.

`Distiller` wraps student and teacher into a model with `compile` and `fit`. The losses define which outputs the student
imitates. `write_teacher_outputs` runs the teacher once and stores its outputs for many epochs;
`tfslim.distillation.cached_batches`, which needs TensorFlow and is imported by its own name, joins them to a `tf.data`
stream.
"""

from tfslim._support.extras import naming_extra

with naming_extra(__name__):
    import keras  # noqa: F401  first, so that without a backend the extra is named

from tfslim.distillation.distillation_loss import DistillationLoss
from tfslim.distillation.distiller import Distiller
from tfslim.distillation.feature_losses import AttentionTransfer, FeatureDistance
from tfslim.distillation.frozen_teacher import FrozenTeacher
from tfslim.distillation.layer_outputs import teacher_layers
from tfslim.distillation.model_fingerprint import fingerprint
from tfslim.distillation.target_losses import BernoulliTargets, SoftTargets
from tfslim.distillation.teacher_outputs import TeacherOutputs, read_teacher_outputs, write_teacher_outputs

__all__ = [
    "AttentionTransfer",
    "BernoulliTargets",
    "DistillationLoss",
    "Distiller",
    "FeatureDistance",
    "FrozenTeacher",
    "SoftTargets",
    "TeacherOutputs",
    "fingerprint",
    "read_teacher_outputs",
    "teacher_layers",
    "write_teacher_outputs",
]

"""Learning from a teacher: a student model is trained on labels and on what a larger, frozen model makes of the images.

`Distiller` wraps student and teacher into a model with `compile` and `fit`; the losses say what the student copies;
`write_teacher_outputs` runs the teacher once and keeps its outputs for many epochs. What joins kept outputs to a
`tf.data` stream needs TensorFlow and is imported by its own name: `tfslim.distillation.cached_batches`.
"""

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

#!/usr/bin/env bash
# Keras trains a layer whose regularizer, initializer or constraint is a plain Python function, but can't clone it.
#
# Seen with Keras 3.15.1 on JAX: `keras.models.clone_model` of a model that Keras has just built and called
# raises "Could not interpret ... identifier" for a plain function as regularizer, initializer and constraint, although
# the function is at hand and a clone in memory needs no name for it. A plain function as activation is the same. One
# would guess that what can be built can be cloned: clone_model's documentation names no such limit.
# It hurts who prunes or quantizes a copy of somebody's model; tfslim's `graph.clone_model` carries the functions over.
#
# Exits 0 while this is so, 1 if it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keras==3.15.1 jax==0.10.2 jaxlib==0.10.2
cat >"$folder/try.py" <<'PYTHON'
import re

import keras

print("keras", keras.__version__, "backend", keras.backend.backend())


def small(weights):
    return 1e-4 * keras.ops.sum(keras.ops.square(weights))


def all_ones(shape, dtype=None):
    return keras.ops.ones(shape, dtype)


def unit(weights):
    return weights / (1e-7 + keras.ops.norm(weights))


def bent(x):
    return keras.ops.maximum(x, 0.1 * x)


settings = {
    "kernel_regularizer": small,
    "kernel_initializer": all_ones,
    "kernel_constraint": unit,
    "activation": bent,
}
refused = []
for name, function in settings.items():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(3, **{name: function})(inputs))
    print(name, "built, output", model(keras.ops.ones((1, 4))).shape, end="; ")
    try:
        keras.models.clone_model(model)
        print("cloned")
    except (ValueError, TypeError) as error:
        print("clone_model:", re.search(r"Could not \w+ [^.:]*|$", str(error))[0] or str(error)[-60:])
        refused.append(name)
raise SystemExit(0 if refused == list(settings) else 1)
PYTHON
KERAS_BACKEND=jax "$folder/venv/bin/python" "$folder/try.py"

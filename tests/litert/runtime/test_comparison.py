"""The figures of verify against the same worked out with plain loops."""

import json

import keras
import numpy as np
import pytest

import tfslim.litert
from tfslim.litert.runtime.output_differences import embedding_changes


@pytest.fixture(scope="module")
def both(files, branching, pictures):
    """Logits of the model and of its int8 file, (48, 5) each."""
    return branching.predict(pictures, verbose=0), tfslim.litert.predict(files["int8"][0], pictures)


@pytest.fixture(scope="module")
def thresholds(both):
    """The model's median of each output, so that small errors do flip answers."""
    return np.median(both[0], axis=0)


def test_errors_flips_and_accuracy_of_attributes(files, branching, pictures, both, thresholds):
    labels = np.random.default_rng(3).integers(0, 2, (48, 5), dtype="uint8")
    names = ["Bald", "Smiling", "Young", "Male", "Bangs"]
    found = tfslim.litert.verify(branching, files["int8"][0], pictures, labels, thresholds=thresholds, names=names)
    largest = total = flips = right_keras = right_file = 0
    by_name = dict.fromkeys(names, 0)
    for image in range(48):
        for column, name in enumerate(names):
            old, new = float(both[0][image, column]), float(both[1][image, column])
            largest, total = max(largest, abs(old - new)), total + abs(old - new)
            yes_old, yes_new = old > thresholds[column], new > thresholds[column]
            by_name[name] += yes_old != yes_new
            flips += yes_old != yes_new
            right_keras += yes_old == bool(labels[image, column])
            right_file += yes_new == bool(labels[image, column])
    assert flips > 0, "a comparison without a difference shows nothing"
    figures = found.figures
    assert figures["max_abs_logit_error"] == pytest.approx(largest, abs=1e-6)
    assert figures["mean_abs_logit_error"] == pytest.approx(total / 240, abs=1e-6)
    assert (figures["images"], figures["answers"], figures["flips"]) == (48, 240, flips)
    assert figures["flip_share"] == pytest.approx(flips / 240)
    assert figures["accuracy_keras"] == pytest.approx(right_keras / 240)
    assert figures["accuracy_tflite"] == pytest.approx(right_file / 240)
    assert {name: row["flips"] for name, row in found.per_attribute.items()} == by_name
    mean = np.mean([row["accuracy_tflite"] for row in found.per_attribute.values()])
    assert mean == pytest.approx(figures["accuracy_tflite"])
    assert json.loads(json.dumps(found.to_dict()))["per_attribute"]["Bald"]["flips"] == by_name["Bald"]


def test_largest_logit_answers_for_identities(files, branching, pictures, both):
    labels = np.random.default_rng(4).integers(0, 5, 48)
    found = tfslim.litert.verify(branching, files["int8"][0], pictures, labels)
    best = [[max(range(5), key=lambda column: row[column]) for row in logits] for logits in both]
    same = sum(old == new for old, new in zip(*best, strict=True))
    assert found.figures["top1_agreement"] == pytest.approx(same / 48)
    assert (found.figures["answers"], found.figures["flips"]) == (48, 48 - same)
    assert found.figures["accuracy_keras"] == pytest.approx(np.mean(np.array(best[0]) == labels))
    assert found.figures["accuracy_tflite"] == pytest.approx(np.mean(np.array(best[1]) == labels))
    assert found.per_attribute == {}
    unlabelled = tfslim.litert.verify(branching, files["int8"][0], pictures, task="identities")
    assert unlabelled.figures["top1_agreement"] == pytest.approx(same / 48)
    assert "accuracy_keras" not in unlabelled.figures


def test_embeddings_are_compared_as_vectors(files, branching, pictures, both):
    found = tfslim.litert.verify(branching, files["int8"][0], pictures, task="embeddings")
    cosines, errors = [], []
    for old, new in zip(*(outputs.astype("float64") for outputs in both), strict=True):
        cosines.append(sum(old * new) / (sum(old**2) ** 0.5 * sum(new**2) ** 0.5))
        errors += [abs(one - other) for one, other in zip(old, new, strict=True)]
    assert min(cosines) < 1 - 1e-5, "a comparison without a difference shows nothing"
    assert found.figures == {
        "images": 48,
        "min_cosine": pytest.approx(min(cosines), abs=1e-6),
        "mean_cosine": pytest.approx(np.mean(cosines), abs=1e-6),
        "max_abs_error": pytest.approx(max(errors), abs=1e-5),
        "mean_abs_error": pytest.approx(np.mean(errors), abs=1e-5),
    }
    assert found.per_attribute == {} and "embeddings" in found.done[0]
    same = tfslim.litert.verify(branching, files["none"][0], pictures, task="embeddings").figures
    assert same["min_cosine"] > 1 - 1e-5 and same["max_abs_error"] < 1e-4


def test_cosine_sees_the_direction_alone_and_errors_the_length_too():
    vectors = np.array([[3.0, 4.0], [1.0, 0.0], [0.0, 0.0]], "float32")
    figures = embedding_changes(vectors, np.array([[6.0, 8.0], [0.0, 2.0], [0.0, 0.0]], "float32"))
    assert (figures["min_cosine"], figures["mean_cosine"]) == (0.0, pytest.approx(1 / 3))
    assert (figures["max_abs_error"], figures["mean_abs_error"]) == (4.0, pytest.approx(10 / 6))


def test_embeddings_may_come_from_a_sigmoid(files, branching, pictures):
    likely = keras.Model(branching.inputs, keras.layers.Activation("sigmoid")(branching.outputs[0]), name="likely")
    found = tfslim.litert.verify(likely, files["none"][0], pictures[:4], task="embeddings").figures
    expected, logits = likely.predict(pictures[:4], verbose=0), branching.predict(pictures[:4], verbose=0)
    assert found["max_abs_error"] == pytest.approx(np.abs(logits - expected).max(), abs=1e-4)


def test_float32_file_flips_nothing(files, branching, pictures):
    found = tfslim.litert.verify(branching, files["none"][0], pictures)
    assert found.figures["flips"] == 0 and found.figures["max_abs_logit_error"] < 1e-4
    assert list(found.per_attribute) == [f"output {number}" for number in range(5)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": np.zeros((48, 4))}, r"labels of shape \(48, 4\); expected \(48, 5\) for attributes"),
        ({"labels": np.full((48, 5), -1)}, "labels range from -1 to -1; expected 0 to 1"),
        ({"labels": np.full(48, 5)}, "labels range from 5 to 5; expected 0 to 4 for identities"),
        ({"thresholds": [0.0]}, r"thresholds of shape \(1,\)"),
        ({"names": ["Bald"]}, "got 1 names for 5 outputs; expected one for each"),
        ({"task": "faces"}, "task='faces'; expected one of 'attributes', 'identities', 'embeddings'"),
        ({"task": "embeddings", "labels": np.zeros(48)}, "labels are for attributes or identities; the task is emb"),
        (
            {"task": "embeddings", "names": list("abcde")},
            "names are for attributes or identities; the task is embeddings",
        ),
        ({"task": "identities", "thresholds": [0.0] * 5}, "thresholds are for attributes; the task is identities"),
    ],
)
def test_what_does_not_fit_is_refused(files, branching, pictures, arguments, message):
    with pytest.raises(ValueError, match=message):
        tfslim.litert.verify(branching, files["none"][0], pictures, **arguments)


def test_model_with_lost_weights_is_no_silent_success(files, branching, pictures):
    damaged = keras.models.clone_model(branching)
    damaged.set_weights([np.full_like(weights, np.nan) for weights in branching.get_weights()])
    with pytest.raises(ValueError, match="'branching' returns NaN or infinity in 240 of 240 outputs"):
        tfslim.litert.verify(damaged, files["none"][0], pictures)


def test_empty_set_and_probabilities_are_refused(files, branching, pictures):
    with pytest.raises(ValueError, match="no images to compare"):
        tfslim.litert.verify(branching, files["none"][0], pictures[:0])
    likely = keras.Model(branching.inputs, keras.layers.Activation("sigmoid")(branching.outputs[0]), name="likely")
    with pytest.raises(ValueError, match="'likely' returns probabilities \\(sigmoid in"):
        tfslim.litert.verify(likely, files["none"][0], pictures)


def test_swapped_arguments_and_other_models_are_named(files, branching, pictures):
    path = files["none"][0]
    with pytest.raises(
        TypeError, match=r"verify takes the model first, then the path; got a path as model: .*none\.tflite"
    ):
        tfslim.litert.verify(path, branching, pictures)
    with pytest.raises(TypeError, match="model must be a keras.Model, got dict"):
        tfslim.litert.verify({}, path, pictures)


def test_each_class_has_its_own_figures(files, branching, pictures):
    labels = np.arange(48) % 3
    names = list("abcde")
    found = tfslim.litert.verify(branching, files["int8"][0], pictures, labels, names=names)
    assert list(found.per_label) == ["a", "b", "c"] and found.to_dict()["per_label"] == found.per_label
    assert [figures["images"] for figures in found.per_label.values()] == [16, 16, 16]
    assert sum(figures["flips"] for figures in found.per_label.values()) == found.figures["flips"]
    answers = branching.predict(pictures, verbose=0).argmax(1)
    assert found.per_label["b"]["accuracy_keras"] == (answers[labels == 1] == 1).mean()


def test_outputs_are_compared_as_numbers(monkeypatch):
    from tfslim.litert.runtime.output_differences import output_changes

    expected = np.array([[3.0, 4.0], [0.0, 0.0]])
    figures = output_changes(expected, np.array([[3.0, 4.0], [0.0, 0.5]]))
    assert figures == {"max_abs_error": 0.5, "mean_abs_error": 0.125, "snr_db": 20.0, "top1_agreement": 0.5}
    assert output_changes(expected, expected)["snr_db"] == np.inf
    assert output_changes(expected[:, 0], expected[:, 0]).keys() == {"max_abs_error", "mean_abs_error", "snr_db"}

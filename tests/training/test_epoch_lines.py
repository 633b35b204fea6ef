"""Lines of a training off a terminal."""

import keras
import numpy as np

from tfslim.training.epoch_lines import EpochLines, epoch_reporting


def test_an_epoch_is_a_line_with_the_time_that_is_left():
    times, written = iter([0.0, 0.0, 100.0, 100.0, 110.0, 110.0, 120.0]), []
    lines = EpochLines(3, 5, "epoch", written.append, lambda: next(times))
    for epoch in range(3):
        lines.begin(epoch)
        lines.end(epoch, {"loss": 0.25, "accuracy": 0.5})
    assert written == [
        "epoch 1/3: accuracy 0.5, loss 0.25; 1:40, 3:20 left",
        "epoch 2/3: accuracy 0.5, loss 0.25; 0:10, 0:10 left",  # the first, which compiles, no longer counts
        "epoch 3/3: accuracy 0.5, loss 0.25; 0:10",
    ]


def test_a_long_epoch_has_lines_within():
    times, written = iter([0.0, 0.0, 500.0, 520.0, 540.0, 545.0]), []
    lines = EpochLines(2, 8, "cut-01 drop", written.append, lambda: next(times))
    lines.begin(0)
    for step in (1, 2, 4, 5):
        lines.step(step)
    assert written == ["cut-01 drop 1/2: step 4/8, 0:40 left"]


def test_fit_prints_one_line_an_epoch(capsys):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    verbose, callbacks = epoch_reporting(2, epochs=2, steps=1)
    model.fit(np.ones((4, 2)), np.ones((4, 1)), batch_size=4, epochs=2, verbose=verbose, callbacks=callbacks)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("epoch 1/2: loss ") and first.endswith(" left")
    assert second.startswith("epoch 2/2: loss ")


def test_other_ways_to_report_are_left_to_keras():
    assert epoch_reporting(1, 2, 1) == (1, []) and epoch_reporting(0, 2, 1) == (0, [])

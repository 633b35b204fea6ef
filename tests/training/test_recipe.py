"""Numbers that make no sense are refused when the recipe is made."""

import pytest

from tfslim.training.recipe import Network, Optimization, Recipe, Stage


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"validate_every": 0}, "validate_every=0; expected 1 or more"),
        ({"cache_gigabytes": -1.0}, "cache_gigabytes=-1.0; expected 0 or more"),
        ({"seed": -1}, "seed=-1; expected 0 or more"),
        ({"split_seed": -2}, "split_seed=-2; expected 0 or more"),
        ({"stages": []}, "stages: found none; give at least one"),
    ],
)
def test_senseless_recipes(options, message):
    Recipe(**{"data": "celeba", "model": Network("SlimNet"), "stages": [Stage(1, (8, 8))]})
    with pytest.raises(ValueError, match=message):
        Recipe(**{"data": "celeba", "model": Network("SlimNet"), "stages": [Stage(1, (8, 8))]} | options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size and learning_rate must be above 0"),
        ({"weight_decay": -0.1}, "weight_decay=-0.1 must be 0 or more"),
        ({"final_rate": 1.5}, "final_rate=1.5 between 0 and 1"),
        ({"average": 1.0}, "average=1.0 must be 0 or more and below 1"),
        ({"label_smoothing": 1.0}, "label_smoothing=1.0 must be 0 or more and below 1"),
    ],
)
def test_senseless_optimizations(options, message):
    Optimization(final_rate=1.0, average=0.0)
    with pytest.raises(ValueError, match=message):
        Optimization(**options)

"""The loop of a training, on a tiny model."""

import numpy as np
import session
from recipe import Network, Optimization, Recipe, Stage

from tests.tiny_model import NAMES, SIZE, tiny_model
from tfslim.data import CelebA


def test_a_run_killed_in_its_first_epoch_is_resumed_from_its_beginning(faces, tmp_path):
    recipe = Recipe(
        data=str(faces),
        model=Network("any"),
        stages=[Stage(1, SIZE)],
        optimization=Optimization(batch_size=8),
        attributes=list(NAMES),
    )
    celeba = CelebA(faces, attributes=NAMES)
    states = []
    for name, resume in (("whole", False), ("resumed", True)):
        (tmp_path / name).mkdir()
        session.fit(session.prepare(recipe, celeba, plain=tiny_model()), tmp_path / name, resume, verbose=0)
        with np.load(tmp_path / name / "state.npz") as file:
            states.append({each: file[each] for each in file.files if each != "record"})
    for each, values in states[0].items():
        np.testing.assert_array_equal(states[1][each], values)

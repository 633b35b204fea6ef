"""The fixtures of programs, for this folder."""

from tests.program_fixtures import (  # noqa: F401
    faces,
    identity_run,
    lfw,
    model,
    own_faces,
    people_faces,
    people_run,
    run_folder,
    trained,
)

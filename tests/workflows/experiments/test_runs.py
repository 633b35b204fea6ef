"""Many runs: each when what it needs is there, resumed when begun before, stopped together."""

import sys

from tfslim.workflows.experiments import runs
from tfslim.workflows.experiments.runs import Run

PROGRAM = """
import pathlib, sys, time, yaml
arguments = sys.argv[1:]
options = yaml.safe_load(open(arguments[arguments.index("--config") + 1]))
folder = pathlib.Path(arguments[arguments.index("--out") + 1])
folder.mkdir(exist_ok=True)
with open(folder.parent / "order.txt", "a") as order:
    order.write(f"{folder.name} {'again' if '--resume' in arguments else 'anew'} {options['speed']}\\n")
time.sleep(options["speed"])
if options.get("fails"):
    sys.exit(3)
(folder / "report.json").write_text("{}")
"""


def make(tmp_path, monkeypatch, **changes):
    (tmp_path / "program.py").write_text(PROGRAM)
    monkeypatch.setattr(runs, "COMMAND", (sys.executable, str(tmp_path / "program.py")))
    monkeypatch.setattr(runs.time, "sleep", lambda seconds, sleep=runs.time.sleep: sleep(seconds / 20))
    out = tmp_path / "out"
    out.mkdir()
    teacher = Run(out / "teacher", "train", {"speed": 0.3} | changes, "teacher", 0)
    kept = {"speed": 0.2, "teacher_outputs": "kept"}
    students = [Run(out / f"student-{n}", "train", kept, "student", n, True, teacher) for n in (1, 2)]
    other = Run(out / "other", "train", {"speed": 0.1}, "other", 0)
    return out, [teacher, *students, other]


def order(out):
    return [line.split()[:2] for line in (out / "order.txt").read_text().splitlines()]


def test_a_student_waits_for_its_teacher_and_those_who_share_outputs_for_one_another(tmp_path, monkeypatch):
    out, all_runs = make(tmp_path, monkeypatch)
    assert runs.run_all(all_runs, jobs=4) == 0
    assert all(run.done for run in all_runs)
    names = [name for name, _ in order(out)]
    assert sorted(names[:2]) == ["other", "teacher"] and names[2:] == ["student-1", "student-2"]
    assert runs.run_all(all_runs, jobs=1) == 0 and len(order(out)) == 4  # nothing is done twice


KEEPING = """
import json, pathlib, sys, time, yaml
arguments = sys.argv[1:]
options = yaml.safe_load(open(arguments[arguments.index("--config") + 1]))
folder = pathlib.Path(arguments[arguments.index("--out") + 1])
folder.mkdir(exist_ok=True)
manifest = pathlib.Path(options["teacher_outputs"]) / "manifest.json"
if not manifest.exists():
    manifest.parent.mkdir()  # which fails where another student is at it
    part = {"teacher": "its fingerprint", "stream": {}, "steps": 1, "batch_size": 1, "dtype": "float16"}
    part |= {"version": 2, "views": 2, "outputs": {"output": [4]}, "files": {"epoch000_output.npy": 0}}
    manifest.write_text(json.dumps(part))
    time.sleep(0.5)
    whole = part | {"files": {f"epoch00{view}_output.npy": 0 for view in (0, 1)}}
    (manifest.parent / "beside").write_text(json.dumps(whole))
    (manifest.parent / "beside").rename(manifest)
assert len(json.loads(manifest.read_text())["files"]) == 2
end = time.monotonic() + 20
while not (folder.parent / options["beside"]).exists():
    assert time.monotonic() < end, "the other student is not begun"
    time.sleep(0.05)
(folder / "report.json").write_text("{}")
"""


def test_students_of_whole_outputs_train_side_by_side(tmp_path, monkeypatch):
    make(tmp_path, monkeypatch)
    (tmp_path / "program.py").write_text(KEEPING)
    students = []
    for number, other in ((1, 2), (2, 1)):
        options = {"teacher_outputs": str(tmp_path / "kept"), "beside": f"student-{other}"}
        students.append(Run(tmp_path / "out" / f"student-{number}", "train", options, "student", number, True))
    assert runs.run_all(students, jobs=2) == 0


def test_a_run_that_was_begun_is_resumed(tmp_path, monkeypatch):
    out, all_runs = make(tmp_path, monkeypatch)
    (out / "teacher").mkdir()
    (out / "teacher" / "recipe.yaml").touch()  # and no state yet
    assert runs.run_all(all_runs, jobs=1) == 0
    assert order(out)[0] == ["teacher", "again"] and order(out)[1][1] == "anew"


def test_what_needs_a_failed_run_is_not_begun(tmp_path, monkeypatch, capsys):
    out, all_runs = make(tmp_path, monkeypatch, fails=True)
    assert runs.run_all(all_runs, jobs=2) == 3
    assert sorted(name for name, _ in order(out)) == ["other", "teacher"]
    said = capsys.readouterr().out
    assert "failed teacher with 3" in said and "not begun, as it needs another: student-2" in said

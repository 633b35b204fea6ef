"""Check the floors of the house: who imports whom, how full the rooms are, and what is public."""

import ast
import importlib
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOUSE = ROOT / "tfslim"
MODULES = sorted(HOUSE.rglob("*.py"))
PROGRAMS = [file for top in ("training", "export", "benchmarks") for file in sorted((ROOT / top).rglob("*.py"))]
# Rooms that run on every Keras backend; the other ones may load TensorFlow.
ANY_BACKEND = ["layers", "graph", "losses", "metrics", "cost", "models", "distillation", "pruning", "quantization"]
ANY_BACKEND += ["report"]
PACKAGES = [file for file in MODULES if file.name == "__init__.py"]
# First words that open a clause, and those that open a noun phrase, which suit a class but not a function.
CLAUSES = {"What", "Whether", "How", "Where", "Which", "When", "Who", "Why", "If"}
NOUN_PHRASES = {"The", "A", "An", "This", "Its", "Their", "Each", "Every", "All", "One", "Two", "No", "Not", "None"}
# Imperative verbs that end like "Returns" does.
VERBS_IN_S = {"Process", "Compress", "Decompress", "Pass", "Discuss", "Express", "Guess", "Miss", "Access", "Address"}


def syntax(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"))


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def place(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def imported_modules(node: ast.AST) -> list[str]:
    """Return the modules that an import statement names; none for another node."""
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


def run_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is executed when a module is imported: nothing inside functions or `if TYPE_CHECKING`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from run_at_import(child)


def listed_names(file: Path) -> list[str] | None:
    """Return a module's `__all__`, or None; `losses.py` and the rooms may be imported for it, workers may not."""
    assigned = [node for node in syntax(file).body if isinstance(node, ast.Assign)]
    if not any(ast.unparse(node.targets[0]) == "__all__" for node in assigned):
        return None
    return list(importlib.import_module(module_name(file)).__all__)


def exports(package: Path) -> dict[str, str]:
    """Return name -> defining module for what the `__init__` of a room offers from our own modules."""
    room, found = module_name(package), {}
    for node in syntax(package).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tfslim."):
            if not node.module.startswith("tfslim._support."):
                found |= {alias.asname or alias.name: node.module for alias in node.names}
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("_HOMES", "_FUNCTIONS"):
            homes = ast.literal_eval(node.value)
            found |= {name: importlib.util.resolve_name(home, room) for name, home in homes.items()}
    return found


EXPORTING = [package for package in PACKAGES if exports(package)]


def test_no_import_goes_up_and_none_in_a_circle():
    """The contracts stand in pyproject.toml; import-linter names the imports that break them."""
    command = "import sys; from importlinter.cli import lint_imports_command as run; run(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", command, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 kept, 0 broken" in done.stdout


def test_few_modules_stand_at_the_root():
    assert len(list(HOUSE.glob("*.py"))) <= 6, sorted(file.name for file in HOUSE.glob("*.py"))


@pytest.mark.parametrize("folder", sorted({file.parent for file in MODULES}), ids=place)
def test_no_room_is_overfull(folder):
    assert len(list(folder.glob("*.py"))) <= 20, "split the room: a folder holds at most 20 modules"


@pytest.mark.parametrize("file", [*MODULES, *PROGRAMS], ids=place)
def test_no_module_edits_the_path_or_imports_keras_internals(file):
    for node in ast.walk(syntax(file)):
        if isinstance(node, ast.Attribute):
            assert ast.unparse(node) not in ("sys.path", "keras.src"), f"{place(file)}:{node.lineno}"
        for module in imported_modules(node):
            assert not module.startswith(("keras.src", "keras._")), f"{place(file)}:{node.lineno}: {module}"
            named = [alias.name for alias in node.names]
            assert (module, "path" in named) != ("sys", True), f"{place(file)}:{node.lineno}"


@pytest.mark.parametrize("room", ANY_BACKEND)
def test_rooms_for_every_backend_do_not_import_tensorflow(room):
    for file in MODULES:
        if file.relative_to(HOUSE).parts[0].removesuffix(".py") == room:
            for node in run_at_import(syntax(file)):
                heavy = {module.split(".")[0] for module in imported_modules(node)} & {"tensorflow", "tf_keras"}
                assert not heavy, f"{place(file)}:{node.lineno} imports {heavy}; import it inside the function"


@pytest.mark.parametrize("package", EXPORTING, ids=place)
def test_a_room_lists_its_names_and_so_do_the_modules_that_define_them(package):
    """A public name stands in `__all__` of its room and of the module that the room takes it from."""
    listed = listed_names(package)
    assert listed is not None and set(exports(package)) <= set(listed)
    for name, home in exports(package).items():
        listed_there = getattr(importlib.import_module(home), "__all__", ())
        assert name in listed_there, f"add {name!r} to __all__ of {home}"


@pytest.mark.parametrize("file", [HOUSE / f"{name}.py" for name in ("losses", "report")], ids=place)
def test_public_modules_at_the_root_list_their_names(file):
    assert listed_names(file)


@pytest.mark.parametrize("file", [file for file in MODULES if "__all__ =" in file.read_text("utf-8")], ids=place)
def test_every_listed_name_is_there(file):
    module = importlib.import_module(module_name(file))
    assert len(module.__all__) == len(set(module.__all__))
    assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize("package", EXPORTING, ids=place)
def test_no_submodule_is_called_like_a_public_name(package):
    """Importing such a module would put it in the place of the name."""
    for name in exports(package):
        assert importlib.util.find_spec(f"{module_name(package)}.{name}") is None, name


@pytest.mark.parametrize("package", [file for file in EXPORTING if "lazy_names" in file.read_text("utf-8")], ids=place)
def test_type_checkers_see_what_is_loaded_on_first_use(package):
    """The imports under `if TYPE_CHECKING` name what `_HOMES` does."""
    guarded = [line for node in syntax(package).body if isinstance(node, ast.If) for line in node.body]
    seen = {alias.asname: node.module for node in guarded for alias in node.names}
    assert seen == exports(package)


def docstring_faults(tree: ast.Module) -> Iterator[str]:
    """Yield the first lines of docstrings that break CONTRIBUTING's rule."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first = (ast.get_docstring(node) or "").split("\n\n")[0].split()
        if not first:
            continue
        verb = first[0].rstrip(",:;")
        wrong = len(first) > 10 or verb in CLAUSES
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            third_person = verb.endswith("s") and verb not in VERBS_IN_S
            wrong = wrong or verb in NOUN_PHRASES or third_person or not (verb.isalpha() and verb[0].isupper())
        if wrong:
            yield f"{getattr(node, 'name', 'module')}: {' '.join(first)}"


@pytest.mark.parametrize("file", MODULES, ids=place)
def test_docstrings_open_with_at_most_ten_words_and_functions_with_a_verb(file):
    faults = list(docstring_faults(syntax(file)))
    assert not faults, "open with at most 10 words, a function with an imperative verb:\n" + "\n".join(faults)


@pytest.mark.parametrize(
    "line",
    ["Returns it.", "The sum.", "Whether it is.", "(height, width).", "Return a b c d e f g h i j."],
)
def test_a_docstring_of_another_form_is_found(line):
    assert list(docstring_faults(ast.parse(f'def f():\n    """{line}"""')))


@pytest.mark.parametrize("line", ["Return it.", "Flip, rotate and shift.", "Compress it.", "Return 1.\n\n    The end."])
def test_a_docstring_of_the_right_form_passes(line):
    assert not list(docstring_faults(ast.parse(f'def f():\n    """{line}"""')))

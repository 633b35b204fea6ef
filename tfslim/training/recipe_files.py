"""The recipes in the package, found by their names."""

import difflib
from pathlib import Path

FOLDER = Path(__file__).parent / "recipes"
# subcommand -> options that it alone has, the most special first
PROGRAMS = {
    "stage2": {"curve"},
    "stage1": {"rows"},
    "prune": {"pruning"},
    "quantize": {"quantization", "sparsity", "clustering", "int8"},
    "distill": {"distillation"},
}


def recipe_names() -> list[str]:
    """List the names of the packaged recipes.

    Example:
        >>> recipe_names()[0]
        'demo'
    """
    return sorted(file.stem for file in FOLDER.glob("*.yaml"))


def find_recipe(name: str) -> Path:
    """Return the path of a recipe.

    It is a file of one's own, or a packaged one by its name.

    Args:
        name: a path, or a name as `recipe_names` lists it, with or without ".yaml".

    Raises:
        FileNotFoundError: there is neither such a file nor such a recipe.

    Example:
        >>> find_recipe("slimnet-attributes").name
        'slimnet-attributes.yaml'
    """
    if Path(name).is_file():
        return Path(name)
    stem, known = name.removesuffix(".yaml"), recipe_names()
    if stem in known:
        return FOLDER / f"{stem}.yaml"
    close = difflib.get_close_matches(Path(stem).name, known, 3)
    advice = f"did you mean {', '.join(close)}?" if close else f"the recipes are {', '.join(known)}"
    raise FileNotFoundError(f"{name}: expected a YAML file or the name of a recipe, found neither; {advice}")


def describe_recipe(name: str) -> dict[str, str]:
    """Summarize a recipe.

    Args:
        name: a path, or a name as `recipe_names` lists it.

    Returns:
        Its name, program, network with its variant, final image size and epochs.

    Example:
        >>> describe_recipe("demo")
        {'recipe': 'demo', 'program': 'train', 'model': 'SlimNet', 'size': '109x89', 'epochs': '10'}
    """
    import yaml

    path = find_recipe(name)
    recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    model, stages = recipe["model"], recipe["stages"]
    variant = [str(model["arguments"][key]) for key in ("module", "alpha") if key in model.get("arguments", {})]
    return {
        "recipe": path.stem,
        "program": _program(recipe),
        "model": " ".join([model["name"], *variant]),
        "size": "x".join(map(str, stages[-1]["size"])),
        "epochs": str(sum(stage["epochs"] for stage in stages)),
    }


def recipe_program(name: str) -> str | None:
    """Return the subcommand that a recipe is for.

    None is returned if the recipe can't be read.

    Args:
        name: a path, or a name as `recipe_names` lists it.

    Example:
        >>> recipe_program("demo-pruned")
        'prune'
    """
    import yaml

    try:
        recipe = yaml.safe_load(find_recipe(name).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return None
    return _program(recipe) if isinstance(recipe, dict) else None


def _program(recipe: dict) -> str:
    """Return the subcommand that a recipe is for.

    It is found by the options that only this subcommand has.
    """
    for program, keys in PROGRAMS.items():
        if keys & recipe.keys():
            return program
    return "train"

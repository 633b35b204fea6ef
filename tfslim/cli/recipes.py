"""`tfslim recipes`: list the packaged recipes, or print one."""

from functools import partial

from tfslim.cli import app

DESCRIPTION = """\
Lists the recipes in the package: the program that each is for, its network, image size and epochs. With a name, prints
that recipe, so that it can be saved and changed.

examples:
  tfslim recipes
  tfslim recipes slimnet-attributes > mine.yaml
  tfslim train --config slimnet-attributes --data celeba --out runs/slimnet
"""


def main(name: str | None = None) -> None:
    """List recipes.

    Args:
        name: the recipe to print; all are listed by default
    """
    from tfslim._support.text import text_table
    from tfslim.training.recipe_files import describe_recipe, find_recipe, recipe_names

    if name is not None:
        print(find_recipe(name).read_text(encoding="utf-8"), end="")
        return
    rows = [list(describe_recipe(each).values()) for each in recipe_names()]
    print(text_table(rows, "<<<<>", ["recipe", "program", "model", "size", "epochs"]))


run = partial(app.run, main, DESCRIPTION, positional={"name": "the recipe to print; all are listed by default"})

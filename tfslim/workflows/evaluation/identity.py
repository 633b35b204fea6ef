"""Evaluation of models that identify people."""

from pathlib import Path
from typing import TYPE_CHECKING

from tfslim._support.files import write_json, write_rows
from tfslim._support.terminal import progress_bar
from tfslim.workflows.evaluation.results import NO_IDENTITIES, percent, print_skipped, result_folders

if TYPE_CHECKING:
    from tfslim.data import CelebA, Records
    from tfslim.inference.identifier import Identifier
    from tfslim.training.provenance import Split

HEADS = {"top_1": "top-1", "top_5": "top-5", "balanced_accuracy": "balanced", "majority": "majority"}


def evaluate_identity(
    names: list[str],
    files: list[Path],
    data: str,
    split: "Split",
    why: str,
    part: str,
    out: str | None,
    batch_size: int,
    on_error: str,
) -> None:
    """Write how often each model names the right person.

    The figures are printed too.

    Args:
        names: the models' names.
        files: their files.
        data: folder with CelebA's label files and images.
        split: how the images are split.
        why: the reason for that split, to print.
        part: the part to evaluate on.
        out: folder for the results; evaluation-PART beside each model by default.
        batch_size: images a model takes at once.
        on_error: "raise" or "skip".

    Raises:
        ValueError: a model and the data do not fit.
    """
    import rich.table
    from rich.markup import escape

    from tfslim._support.terminal import print_table
    from tfslim.data import CelebA
    from tfslim.inference.identifier import load_identifier

    celeba = CelebA(data, split=split.kind, seed=split.seed, on_error=on_error)
    records = celeba.part(part)
    if records.identities is None:
        raise ValueError(NO_IDENTITIES.format(celeba.folder))
    identifiers = [load_identifier(file, batch_size) for file in files]
    known = [identifier.people.known(records, part, identifier.path) for identifier in identifiers]
    folders = result_folders(files, out, f"evaluation-{part}")
    print(f"{split}: {why}")

    shown = rich.table.Table("model", title=f"whose face it is: {part} part ({split}), %")
    for head in ("people", "images", *HEADS.values()):
        shown.add_column(head, justify="right")
    rows, skipped = [], {}
    for name, folder, identifier, theirs in zip(names, folders, identifiers, known, strict=True):
        settings = {"data": data, "split": split.kind, "split_seed": split.seed, "part": part}
        settings |= {"unknown_images": len(records) - len(theirs)}
        result = _report(name, identifier, celeba, theirs, folder, settings, batch_size)
        skipped |= result["skipped"]
        rows.append({key: result[key] for key in ("model", "file_bytes", "people", "images", *HEADS)})
        figures = (percent(result[column]) for column in HEADS)
        shown.add_row(escape(name), f"{result['people']:,}", f"{result['images']:,}", *figures)
    print_table(shown)
    print_skipped(skipped)
    if len(rows) > 1:
        write_json(folders[0] / "comparison.json", rows)
        write_rows(folders[0] / "comparison.csv", rows)
    for name, folder in zip(names, folders, strict=True):
        print(f"wrote {folder / name}.json and .csv")


def _report(
    name: str,
    identifier: "Identifier",
    celeba: "CelebA",
    records: "Records",
    folder: Path,
    settings: dict,
    batch_size: int,
) -> dict:
    """Run a model on the images and write its files.

    Its figures are returned.
    """
    from tfslim.inference.identifier import identify

    with progress_bar(name) as move:
        table, undecodable = identify(identifier, celeba.source, records, batch_size, celeba.on_error, move)
    skipped = celeba.skipped | undecodable
    result = {"model": name, "file_bytes": identifier.path.stat().st_size, **settings, **table.to_dict()}
    write_json(folder / f"{name}.json", result | {"skipped": skipped})
    table.to_csv(folder / f"{name}.csv", identifier.people.identities)
    return result | {"skipped": skipped}

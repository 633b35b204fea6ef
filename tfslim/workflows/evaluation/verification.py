"""The part of evaluate.py that asks whether two images show the same person."""

from pathlib import Path
from typing import TYPE_CHECKING

from tfslim._support.files import write_json, write_rows
from tfslim._support.terminal import progress_bar
from tfslim.workflows.evaluation.results import percent, print_skipped, result_folders

if TYPE_CHECKING:
    import numpy as np

    from tfslim.data.celeba.people import People
    from tfslim.data.celeba.records import Records
    from tfslim.data.sources import ImageArchive, ImageFolder
    from tfslim.data.verification.pairs import Pairs
    from tfslim.inference.embedder import Embedder
    from tfslim.metrics.error_rates import ErrorCurve
    from tfslim.metrics.verification import VerificationTable

HELD_OUT = "held out"
HELD_OUT_PEOPLE = "people held out of training"
NO_IDENTITIES = "{}: there are no identities in this data (no identity_CelebA.txt)"


def evaluate_verification(
    names: list[str],
    files: list[Path],
    data: str,
    split: str,
    part: str,
    seed: int,
    pairs_file: str | None,
    against: str | None,
    template: int,
    distance: str,
    fars: list[float] | None,
    out: str | None,
    batch_size: int,
    on_error: str,
) -> None:
    """Prints, writes and draws how well each model tells whether two images show the same person.

    Arguments as evaluate.py; `part` auto is the people held out of training where there are any, else the test part.
    """
    from tfslim.data.celeba.people import read_people
    from tfslim.inference.embedder import load_embedder
    from tfslim.plots.verification import det_plot, roc_plot

    whom = [read_people(file) for file in files]
    pairs, source, what, of = _pairs(files, whom, data, split, part, seed, pairs_file, against, template, on_error)
    embedders = [load_embedder(file, batch_size) for file in files]
    side = "single images" if template == 1 else f"templates of {template} images"
    folder_name = "-".join(["verification", *what.split(), *(["templates-of", str(template)] if template > 1 else [])])
    folders = result_folders(files, out, folder_name + ("-chi-squared" if distance == "chi_squared" else ""))

    settings = {"data": data, "pairs": what, "template": template, "distance": distance, "seed": seed}
    rows, curves, tables, skipped = [], {}, {}, {}
    for name, folder, embedder in zip(names, folders, embedders, strict=True):
        table, curve, judged, left_out = judge(
            name, embedder, source, pairs, distance, fars, seed, batch_size, on_error
        )
        tables[name], curves[name], skipped = table, curve, skipped | left_out
        file_bytes = embedder.path.stat().st_size
        result = {"model": name, "file_bytes": file_bytes, **settings, "crop": embedder.crop, **table.to_dict()}
        counts = {"pairs_left_out": len(pairs) - len(judged), "people_with_too_few_images": pairs.too_few}
        counts |= {"existing_pairs": pairs.existing, "skipped": left_out}
        write_json(folder / f"{name}.json", result | counts)
        rows.append({"model": name, "file_bytes": file_bytes, **table.row()})
    _print(f"{what}{of}, {side}, {distance.replace('_', '-')}", tables, pairs)
    print_skipped(skipped)
    title = f"{what}, {side}"
    det_plot(curves, folders[0] / "det.png", title)
    roc_plot(curves, folders[0] / "roc.png", title)
    write_rows(folders[0] / "verification.csv", rows)
    for name, folder in zip(names, folders, strict=True):
        print(f"wrote {folder / name}.json")
    print(f"wrote {folders[0] / 'verification.csv'}, det.png and roc.png")


def _pairs(
    files: list[Path],
    whom: list["People | None"],
    data: str,
    split: str,
    part: str,
    seed: int,
    pairs_file: str | None,
    against: str | None,
    template: int,
    on_error: str,
) -> tuple["Pairs", "ImageFolder | ImageArchive", str, str]:
    """The pairs, where their images lie, what to call them, and of which split they are, if of any."""
    from tfslim.data.celeba.dataset import CelebA
    from tfslim.data.celeba.listing import find_label_file
    from tfslim.data.verification.pairs import pairs
    from tfslim.data.verification.people_folder import PeopleFolder, people_folder
    from tfslim.training.provenance import split_asked_for

    folder = Path(data)
    if pairs_file:
        return _listed_pairs(folder, pairs_file, on_error), PeopleFolder(folder), Path(pairs_file).stem, ""
    if folder.is_dir() and not any(find_label_file(folder, stem) for stem in ("identity_CelebA", "list_attr_celeba")):
        for option, given in (("part", part), ("split", split)):
            if given != "auto":  # as --part must be where there is an --against
                why = f"{folder} is a folder of people without label files, so it has no parts"
                raise ValueError(f"--{option} {given}: {why}")
        drawn = pairs(people_folder(folder), template=template, seed=seed)
        return drawn, PeopleFolder(folder), folder.resolve().name, ""
    if part == "auto":
        part = HELD_OUT if any(people and people.held_out for people in whom) else "test"
    if part == HELD_OUT:
        # Held-out people were in no part, so all their images count, and any split has them all.
        celeba = CelebA(folder, split="7:2:1", on_error=on_error)
        records = held_out_records(celeba, _held_out_numbers(files, whom))
        return pairs(records, template=template, seed=seed), celeba.source, HELD_OUT_PEOPLE, ""
    parted, why = split_asked_for(split, seed, files)
    celeba = CelebA(folder, split=parted.kind, seed=parted.seed, on_error=on_error)
    parts = [each for each in (part, against) if each]
    sides = [celeba.part(each) for each in parts]
    if sides[0].identities is None:
        raise ValueError(NO_IDENTITIES.format(celeba.folder))
    there = set().union(*(side.identities.tolist() for side in sides))
    trained_on = set().union(*(people.identities for people in whom if people)) & there
    if trained_on:
        print(f"note: {len(trained_on)} of these people were trained on, so these figures flatter the models")
    print(f"{parted}: {why}")
    what = " against ".join(f"{each} part" for each in parts)
    return pairs(*sides, template=template, seed=seed), celeba.source, what, f" ({parted})"


def _listed_pairs(folder: Path, pairs_file: str, on_error: str) -> "Pairs":
    from tfslim.data.verification.lfw_file import read_pairs
    from tfslim.data.verification.people_folder import people_folder

    there = people_folder(folder).files.tolist()
    pairs = read_pairs(pairs_file, there)
    missing = sorted(set(pairs.files()) - set(there))
    if missing and on_error == "raise":
        raise ValueError(f"{folder}: {len(missing)} images of {pairs_file} are not there, such as {missing[0]}")
    return pairs


def _held_out_numbers(files: list[Path], whom: list["People | None"]) -> tuple[int, ...]:
    """CelebA's numbers of the people whom all the models were kept from."""
    said = {file: people.held_out for file, people in zip(files, whom, strict=True) if people}
    if not any(said.values()):
        raise ValueError("--part 'held out': no people.json beside a model tells of people held out of its training")
    if len(set(said.values())) > 1:
        raise ValueError(f"the people held out of training are not the same for {' and '.join(map(str, said))}")
    return next(iter(said.values()))


def held_out_records(celeba, numbers: tuple[int, ...]) -> "Records":
    import numpy as np

    from tfslim.data.celeba.records import Records

    parts = [celeba.part(part) for part in ("train", "validation", "test")]
    if parts[0].identities is None:
        raise ValueError(NO_IDENTITIES.format(celeba.folder))
    files, identities, codes = (
        np.concatenate([getattr(records, column) for records in parts]) for column in ("files", "identities", "parts")
    )
    absent = np.setdiff1d(numbers, identities)
    if len(absent):
        raise ValueError(
            f"{celeba.folder}: {len(absent)} of {len(numbers)} people held out of training are not in this data, such "
            f"as {absent[0]}: give the data the model was trained on"
        )
    return Records(files, None, identities, codes)[np.isin(identities, numbers)]


def judge(
    name: str,
    embedder: "Embedder",
    source: "ImageFolder | ImageArchive",
    pairs: "Pairs",
    distance: str,
    fars: list[float] | None,
    seed: int,
    batch_size: int,
    on_error: str,
) -> tuple["VerificationTable", "ErrorCurve", "Pairs", dict[str, str]]:
    """A model's figures and curve, the pairs they are of, and the images left out."""
    from tfslim.inference.embedder import embed_files
    from tfslim.inference.pair_scoring import pair_scores
    from tfslim.metrics.verification import FARS, error_curve, verification_table

    with progress_bar(name) as move:
        embedded = embed_files(embedder, source, pairs.files(), batch_size, on_error, move)
    judged = pairs.without(embedded.skipped)
    scores: np.ndarray = pair_scores(embedded, judged, distance)
    table = verification_table(scores, judged.genuine, fars or FARS, judged.folds, seed)
    return table, error_curve(scores, judged.genuine), judged, embedded.skipped


def _print(title: str, tables: dict[str, "VerificationTable"], pairs: "Pairs") -> None:
    import rich.table
    from rich.markup import escape

    from tfslim._support.terminal import print_table

    points = next(iter(tables.values())).tar
    shown = rich.table.Table("model", title=escape(f"same person or not: {title}, %"))
    for head in ("EER", *(f"TAR@FAR {100 * point.far:g}" for point in points), "AUC", "accuracy"):
        shown.add_column(head, justify="right", no_wrap=True)
    for name, table in tables.items():
        tars = (percent(point.tar if point.resolved else None) for point in table.tar)
        accuracy = "-"
        if table.accuracy:
            accuracy = f"{percent(table.accuracy.mean)} ± {percent(table.accuracy.error)}"
        shown.add_row(escape(name), percent(table.eer), *tars, percent(table.auc), accuracy)
    print_table(shown)
    genuine = int(pairs.genuine.sum())
    print(f"{genuine:,} genuine and {len(pairs) - genuine:,} impostor pairs of {len(pairs.files()):,} images")
    if pairs.existing and pairs.existing != (genuine, len(pairs) - genuine):
        print("drawn from {:,} genuine and {:,} impostor pairs".format(*pairs.existing))
    if pairs.too_few:
        print(f"{pairs.too_few:,} people have too few images for a template and are in no pair")
    if any(not point.resolved for table in tables.values() for point in table.tar):
        print("-: there are fewer impostor pairs than it takes to measure so low a FAR")

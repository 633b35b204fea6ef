"""Evaluation of face verification.

Verification decides whether two images show the same person.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfslim._support.files import write_json, write_rows
from tfslim._support.terminal import progress_bar
from tfslim.workflows.evaluation.results import NO_IDENTITIES, percent, print_skipped, result_folders

if TYPE_CHECKING:
    import numpy as np

    from tfslim.data.celeba.dataset import CelebA
    from tfslim.data.celeba.people import People
    from tfslim.data.celeba.records import Records
    from tfslim.data.sources import ImageArchive, ImageFolder
    from tfslim.data.verification.pairs import Pairs
    from tfslim.inference.embedder import Embedder
    from tfslim.metrics.error_rates import ErrorCurve
    from tfslim.metrics.verification import VerificationTable

HELD_OUT = "held out"
HELD_OUT_PEOPLE = "people held out of training"


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
    """Print, write and draw each model's verification figures.

    Args:
        names: the models' names.
        files: their files.
        data: folder with CelebA's label files and images, or with a sub-folder of images for each person.
        split: how the images are split, or "auto" for the split of the training.
        part: the part to draw pairs from; "auto" is the people held out of training if there are any, else the test
            part.
        seed: of a random split, drawn pairs and folds.
        pairs_file: a file of pairs in the form of LFW's pairs.txt, in place of drawn ones.
        against: another part, whose images those of `part` are compared with.
        template: images of a person taken as one on each side of a pair.
        distance: "cosine" or "chi_squared".
        fars: the FARs in 0..1 to compute the TAR at; None for 0.1, 0.01 and 0.001.
        out: folder for the results; verification-... beside each model by default.
        batch_size: images a model takes at once.
        on_error: "raise" or "skip".

    Raises:
        ValueError: models, data and options do not fit.
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
        table, curve, judged, left_out = verify_pairs(
            name, embedder, source, pairs, distance, fars, seed, batch_size, on_error
        )
        tables[name], curves[name], skipped = table, curve, skipped | left_out
        file_bytes = embedder.path.stat().st_size
        result = {"model": name, "file_bytes": file_bytes, **settings, "crop": embedder.crop, **table.to_dict()}
        counts: dict[str, Any] = {
            "pairs_left_out": len(pairs) - len(judged),
            "people_with_too_few_images": pairs.too_few,
        }
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
    """Return the pairs to verify and where they come from.

    They come with the source of their images, a name for them, and the split to print, or an empty string.
    """
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
            if given != "auto":  # with --against, --part is given too
                why = f"{folder} is a folder of people without label files, so it has no parts; leave the option out"
                raise ValueError(f"--{option} {given}: {why}")
        drawn = pairs(people_folder(folder), template=template, seed=seed)
        return drawn, PeopleFolder(folder), folder.resolve().name, ""
    if part == "auto":
        part = HELD_OUT if any(people and people.held_out for people in whom) else "test"
    if part == HELD_OUT:
        # Held-out people were in none of the parts, so all their images count, and any split has them all.
        celeba = CelebA(folder, split="7:2:1", on_error=on_error)
        records = held_out_records(celeba, _held_out_numbers(files, whom))
        return pairs(records, template=template, seed=seed), celeba.source, HELD_OUT_PEOPLE, ""
    parted, why = split_asked_for(split, seed, files)
    celeba = CelebA(folder, split=parted.kind, seed=parted.seed, on_error=on_error)
    parts = [each for each in (part, against) if each]
    sides = [celeba.part(each) for each in parts]
    if sides[0].identities is None:
        raise ValueError(NO_IDENTITIES.format(celeba.folder))
    there = set().union(*(side.identities.tolist() for side in sides if side.identities is not None))
    trained_on = set().union(*(people.identities for people in whom if people)) & there
    if trained_on:
        print(f"note: {len(trained_on)} of these people were trained on, so these figures flatter the models")
    print(f"{parted}: {why}")
    what = " against ".join(f"{each} part" for each in parts)
    drawn = pairs(sides[0], sides[1] if against else None, template=template, seed=seed)
    return drawn, celeba.source, what, f" ({parted})"


def _listed_pairs(folder: Path, pairs_file: str, on_error: str) -> "Pairs":
    from tfslim.data.verification.lfw_file import read_pairs
    from tfslim.data.verification.people_folder import people_folder

    there = people_folder(folder).files.tolist()
    pairs = read_pairs(pairs_file, there)
    missing = sorted(set(pairs.files()) - set(there))
    if missing and on_error == "raise":
        raise ValueError(
            f"{folder}: {len(missing)} images of {pairs_file} are missing, such as {missing[0]}: add them, or leave "
            "their pairs out with --on_error skip"
        )
    return pairs


def _held_out_numbers(files: list[Path], whom: list["People | None"]) -> tuple[int, ...]:
    """Return CelebA's numbers of the people held out.

    They are held out of the training of all the models.
    """
    said = {file: people.held_out for file, people in zip(files, whom, strict=True) if people}
    if not any(said.values()):
        raise ValueError("--part 'held out': no people.json beside a model tells of people held out of its training")
    if len(set(said.values())) > 1:
        raise ValueError(f"the people held out of training are not the same for {' and '.join(map(str, said))}")
    return next(iter(said.values()))


def held_out_records(celeba: "CelebA", numbers: tuple[int, ...]) -> "Records":
    """Return all images of the people held out of training.

    Args:
        celeba: the data, with nobody held out.
        numbers: CelebA's numbers of these people.

    Raises:
        ValueError: the data have no identities, or not all of these people.
    """
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


def verify_pairs(
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
    """Measure a model on pairs.

    Args:
        name: the model's name.
        embedder: the model.
        source: the images.
        pairs: the pairs.
        distance: "cosine" or "chi_squared".
        fars: the FARs to compute the TAR at; None for the defaults.
        seed: of the folds.
        batch_size: images the model takes at once.
        on_error: "raise" or "skip".

    Returns:
        Its figures and curve, the pairs they were measured on, and image -> why it was left out.
    """
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
        print("-: too few impostor pairs to measure so low a FAR")

"""What is in a directory or `.zip` of images, before anything is trained on it."""

import hashlib
import math
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jaxgan.data import images
from jaxgan.data.files import open_files
from jaxgan.data.folder import SPLITS, classes_of, common_shape, folder, listing, size_text, try_each
from jaxgan.errors import JaxganError, shown
from jaxgan.literals import stated
from jaxgan.registry import options_of

DEFAULT_SIZE = 64
"""Pixels of a side that images are fitted to where their sizes differ, as by the recipe `folder`."""

LARGEST_NATIVE = 128
"""Pixels of the longer side up to which images that are all of one size are taken as they are."""

_LINES = 10  # of a list in the text, then a count
_EXAMPLES = 3  # of duplicates in the text
_DIGEST = 16  # bytes: of 2**32 pictures two have equal ones by chance with a probability of 2**-65

_KINDS = {
    "1": "black and white",
    "L": "grey",
    "LA": "grey with alpha",
    "I": "16-bit grey",
    "I;16": "16-bit grey",
    "I;16B": "16-bit grey",
    "I;16L": "16-bit grey",
    "RGB": "colour",
    "RGBA": "colour with alpha",
    "P": "palette",
    "PA": "palette with alpha",
    "CMYK": "CMYK",
    "F": "floating point",
}


class Wish(NamedTuple):
    """What the images are looked at for.

    Attributes:
      split: sub-folder to look at, "" for all.
      image_size: as of `folder`; None: as they are where that is one small size, otherwise DEFAULT_SIZE.
      resize: as of `folder`.
    """

    split: str = ""
    image_size: images.ImageSize | None = None
    resize: images.Resize = "crop"


class _Seen(NamedTuple):
    """What is kept of a picture once it is decoded: the report's memory does not grow with their sizes."""

    header: images.Header
    digest: bytes


def examine(place: str, wish: Wish, device_limit_mib: int) -> dict[str, Any]:
    """Decodes every image once, in threads, with a progress bar on a terminal; broken ones are part of the result.

    Args:
      place: a directory or `.zip`.
      wish: what it is looked at for.
      device_limit_mib: the recipe's, see `config.SHARED`.

    Returns:
      plain values, for JSON:
        place, split: as given.
        images: how many can be read. broken: name -> reason. passed_over: kind -> how many files, as of `Files.others`.
        splits: top folder -> images, where the top folders are splits; otherwise empty.
        classes: class -> images, of the split that the settings name; empty without classes.
        sizes: "HxW" -> images, the most frequent first. smallest, largest: names, by number of pixels.
        kinds: how they are stored -> images. transparent: how many have transparency.
        duplicates: files that show the same picture: `groups` of names; of these `between_splits`, `between_classes`.
        enlarged: images that are smaller than what they are fitted to.
        training: shape, images, bytes, where; None if it is refused.
        refused: why they cannot be trained on as they are, or None.
        settings: of `config.data`, with which they can.

    Raises:
      JaxganError: there is nothing there, no image, a place that cannot be listed, or an impossible image size.
    """
    images.target_size(wish.image_size or 0, native=(1, 1))  # refuses it now, not after all have been read
    files = open_files(place, wish.split)
    seen, broken = try_each(lambda name: _look(files.read(name)), files.names, "reading")
    splits = [] if wish.split else _splits(files.names)
    split = wish.split or _chosen(splits)
    prefix = f"{split}/" if splits else ""
    headers = {name: one.header for name, one in seen.items()}
    inside = [name for name in files.names if name.startswith(prefix)]
    by_pixels = sorted(headers, key=lambda name: math.prod(headers[name].size))
    sizes = Counter(size_text(header.size) for header in headers.values())
    facts: dict[str, Any] = dict(
        place=place,
        split=wish.split,
        images=len(seen),
        broken=broken,
        passed_over=dict(files.others.most_common()),
        splits={name: sum(one.startswith(f"{name}/") for one in seen) for name in splits},
        sizes=dict(sizes.most_common()),
        smallest=by_pixels[0] if by_pixels else None,
        largest=by_pixels[-1] if by_pixels else None,
        kinds=dict(Counter(_KINDS.get(one.mode, one.mode) for one in headers.values()).most_common()),
        transparent=sum(one.transparent for one in headers.values()),
        duplicates=_duplicates(seen, bool(splits)),
    )
    used = {name: header for name, header in headers.items() if name.startswith(prefix)}
    return facts | _training(place, inside, prefix, used, split, wish, device_limit_mib)


def _look(data: bytes) -> _Seen:
    """Of equal pictures, upright and in colour, digests are equal, however they are stored."""
    header = images.probe(data)
    pixels = images.decode(data, (*header.size, 3), "exact")
    return _Seen(header, hashlib.blake2b(pixels, digest_size=_DIGEST, salt=str(header.size).encode()[:16]).digest())


def _splits(names: Sequence[str]) -> list[str]:
    """The top folders, if all of them are splits."""
    tops = {name.partition("/")[0] if "/" in name else "" for name in names}
    return sorted(tops) if SPLITS.issuperset(tops) else []


def _chosen(splits: Sequence[str]) -> str:
    return "" if not splits else "train" if "train" in splits else splits[0]


def _duplicates(seen: Mapping[str, _Seen], splits: bool) -> dict[str, list[list[str]]]:
    by_digest: dict[bytes, list[str]] = {}
    for name, one in seen.items():
        by_digest.setdefault(one.digest, []).append(name)
    groups = [names for names in by_digest.values() if len(names) > 1]
    depth = 1 if splits else 0  # of the folder that is a class

    def between(part: int) -> list[list[str]]:
        return [names for names in groups if len({_folder(name, part) for name in names}) > 1]

    return dict(groups=groups, between_splits=between(0) if splits else [], between_classes=between(depth))


def _folder(name: str, depth: int) -> str:
    folders = name.split("/")[:-1]
    return folders[depth] if len(folders) > depth else ""


def _training(
    place: str,
    names: Sequence[str],
    prefix: str,
    headers: Mapping[str, images.Header],
    split: str,
    wish: Wish,
    device_limit_mib: int,
) -> dict[str, Any]:
    """What becomes of the images of one split in training, by the rules of `folder`."""
    size = _image_size({header.size for header in headers.values()}) if wish.image_size is None else wish.image_size
    settings: dict[str, Any] = dict(name="folder", data_dir=place, split=split, image_size=size, resize=wish.resize)
    nothing = dict(classes={}, enlarged=0, training=None, settings=None)
    try:
        if not headers:
            raise JaxganError(f"none of the images{f' of the split {split}' if split else ''} can be read.")
        class_names, label_of = classes_of([name.removeprefix(prefix) for name in names])
        shape = common_shape(headers, size, wish.resize, channels=0)
    except JaxganError as error:
        return nothing | dict(refused=str(error))
    counts = Counter(class_names[label_of[name.removeprefix(prefix)]] for name in headers if label_of)
    if len(headers) < len(names):
        settings["broken"] = "skip"
    return dict(
        classes={name: counts[name] for name in class_names},
        enlarged=sum(any(map(int.__lt__, header.size, shape[:2])) for header in headers.values()),
        training=dict(
            images=len(headers),
            shape=shape,
            bytes=len(headers) * math.prod(shape),
            where=_where(len(headers) * math.prod(shape), device_limit_mib),
        ),
        refused=None,
        settings=settings,
    )


def _image_size(sizes: set[tuple[int, int]]) -> images.ImageSize:
    height, width = next(iter(sizes)) if len(sizes) == 1 else (0, 0)
    if not 0 < max(height, width) <= LARGEST_NATIVE:
        return DEFAULT_SIZE
    return height if height == width else (height, width)


def _where(size: int, device_limit_mib: int) -> str:
    """Where a decoded set of so many bytes is kept, as `Undecoded.decoded` and `feed.make_feed` decide it."""
    memory_gib = options_of(folder)["memory_gib"].default
    if size > memory_gib * 2**30:
        return f"decoded anew whenever read: over memory_gib={memory_gib:g}"
    if size > device_limit_mib * 2**20:
        return f"kept in the host's memory, streamed: over device_limit_mib={device_limit_mib}"
    return f"kept on the device: within device_limit_mib={device_limit_mib}"


def command(settings: Mapping[str, Any]) -> str:
    """The command that trains on the images by the recipe `folder`."""
    given = {key: value for key, value in settings.items() if key != "name" and value != ""}
    if given["resize"] == options_of(folder)["resize"].default:
        del given["resize"]
    options = (f"--config.data.{key}={shown(shlex.quote(stated(value)))}" for key, value in given.items())
    return " ".join(["jaxgan train --config folder", *options])


def describe(facts: Mapping[str, Any]) -> str:
    """The result of `examine` as text: a line a finding, with a title or under one, and the command at the end."""
    rows = [("images", f"{facts['images']:,} in {shown(facts['place'])}")]
    if facts["passed_over"]:
        kinds = _counts({kind or "no suffix": count for kind, count in facts["passed_over"].items()})
        rows.append(("passed over", f"{sum(facts['passed_over'].values()):,} others: {kinds}"))
    if facts["splits"]:
        rows.append(("splits", _counts(facts["splits"])))
    if facts["classes"]:
        of = f" of {facts['settings']['split']}" if facts["splits"] else ""
        rows.append(("classes", f"{len(facts['classes']):,}{of}: {_counts(facts['classes'])}"))
    if facts["images"]:
        rows += _pictures(facts)
    if facts["broken"]:
        reasons = [f"{shown(name)}: {shown(reason)}" for name, reason in facts["broken"].items()]
        more = [f"and {len(reasons) - _LINES:,} more"] if len(reasons) > _LINES else []
        rows += [("broken", f"{len(reasons):,}"), *(("", line) for line in reasons[:_LINES] + more)]
    rows += _training_rows(facts)
    width = max(len(title) for title, _ in rows)
    text = "\n".join(f"{title:{width}}  {line}" for title, line in rows)
    return text if facts["refused"] else f"{text}\n\n{command(facts['settings'])}"


def _pictures(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = [("sizes", f"height x width: {_counts(facts['sizes'])}")]
    if len(facts["sizes"]) > 1:
        rows.append(("", f"fewest pixels: {shown(facts['smallest'])}, most: {shown(facts['largest'])}"))
    rows.append(("stored as", f"{_counts(facts['kinds'])}; {facts['transparent']:,} with transparency"))
    found = facts["duplicates"]
    extra = sum(map(len, found["groups"])) - len(found["groups"])
    rows.append(("duplicates", f"{extra:,} show the very pixels of another"))
    for key, title in (("between_splits", "in two splits"), ("between_classes", "in two classes")):
        if found[key]:
            examples = listing([" = ".join(names[:2]) for names in found[key]], _EXAMPLES)
            rows.append(("", f"{len(found[key]):,} {title}: {examples}"))
    return rows


def _training_rows(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    if facts["refused"]:
        first, *others = facts["refused"].split("\n")
        return [("refused", first), *(("", line) for line in others)]
    training = facts["training"]
    shape, size = "x".join(map(str, training["shape"])), training["bytes"] / 2**20
    rows = [("training", f"{training['images']:,} of {shape}: {size:,.1f} MiB, {training['where']}")]
    if facts["enlarged"]:
        rows.append(("", f"{facts['enlarged']:,} are smaller than that, and are enlarged"))
    if facts["classes"]:
        rows.append(("", "to make images by class add --config.system.conditional=True"))
    return rows


def _counts(counts: Mapping[str, int]) -> str:
    return listing([f"{name} {count:,}" for name, count in counts.items()])

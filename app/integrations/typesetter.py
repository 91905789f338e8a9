"""Typeset one document in a process of its own: JSON on stdin, PDF on stdout.

Typst keeps the memory of what it has typeset for as long as its process runs. This file is executed
as a script and imports no module of the app, which takes 20 times longer to load than Typst does.
"""

import json
import logging
import os
import re
import signal
import struct
import subprocess
import sys
import zlib
from datetime import UTC, datetime
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import Any

log = logging.getLogger(__name__)

TEMPLATES = Path(__file__).parent / "typst"
FONT_PACKAGES = (
    "fontpkg_noto_sans",
    "fontpkg_ibm_plex_sans_arabic",
    "fontpkg_noto_sans_arabic",
    "fontpkg_noto_sans_devanagari",
    "fontpkg_hind_siliguri",  # Bengali
    "fontpkg_noto_sans_tamil",
    "fontpkg_noto_sans_telugu",
    "fontpkg_noto_sans_thai",
)
# Chinese, Japanese, Korean and rarer scripts: 39 MB that only some institutions need.
EXTRA_FONT_PACKAGES = ("manimgx_fonts", "manimgx_fonts_cjk")
CREATOR = re.compile(rb"(?<=Creator[(])Typst [0-9.]+|(?<=CreatorTool>)Typst [0-9.]+")
# One thread and one arena of memory: a document must not take the other cores, and fits in less.
ENVIRONMENT = {"RAYON_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
TIMEOUT = 20  # seconds; a document of the maximum size takes one of CPU
MAX_WAIT = 10  # seconds until a document is refused because another is being typeset
KILLED = (-signal.SIGKILL, -signal.SIGTERM)  # from outside, as for want of memory
MAX_WAITING = 1  # requests; each occupies a thread

_places = BoundedSemaphore(1 + MAX_WAITING)
_typesetting = Lock()


class TypesetterBusy(Exception):
    """Too many documents are requested at once, one takes too long, or its process was killed."""


class TypesetterFailed(RuntimeError):
    """Typst could not typeset a document."""


def typeset(document: dict[str, Any], fonts: list[str], created_at: datetime | None) -> bytes:
    """Return the PDF of a document that ``pdf.py`` has built.

    A process typesets one document at a time; the same content gives the same bytes. ``fonts`` are
    tried first, then all others. Raises TypesetterBusy and TypesetterFailed.
    """
    seconds = created_at and int(created_at.timestamp())
    task = json.dumps({"document": json.dumps(document), "fonts": fonts, "createdAt": seconds})
    if not _places.acquire(blocking=False):
        raise TypesetterBusy
    try:
        if not _typesetting.acquire(timeout=MAX_WAIT):
            raise TypesetterBusy
        try:
            return _run_script(task.encode())
        finally:
            _typesetting.release()
    finally:
        _places.release()


def _run_script(task: bytes) -> bytes:
    """Run this file in a new process. Raises TypesetterFailed.

    Raises TypesetterBusy after TIMEOUT, or if the process was killed.
    """
    command = [sys.executable, "-I", __file__]
    try:
        process = subprocess.run(  # noqa: S603 (a fixed command)
            command,
            input=task,
            capture_output=True,
            check=False,
            timeout=TIMEOUT,
            env={**os.environ, **ENVIRONMENT},
        )
    except subprocess.TimeoutExpired:
        raise TypesetterBusy from None
    if process.returncode in KILLED:
        log.warning("the typesetter was killed by signal %d", -process.returncode)
        raise TypesetterBusy
    if process.returncode:
        raise TypesetterFailed(f"The typesetter failed: {process.stderr.decode(errors='replace')}")
    return process.stdout


def font_folders() -> list[Path]:
    """Return the folders of our packages' fonts; no others, so that all machines render alike."""
    specs = map(find_spec, (*FONT_PACKAGES, *EXTRA_FONT_PACKAGES))
    return [
        Path(folder) for spec in specs if spec for folder in spec.submodule_search_locations or ()
    ]


def compile_pdf(document: str, first_fonts: list[str], created_at: int | None) -> bytes:
    """Typeset ``document``, which is JSON, in this process."""
    import typst  # noqa: PLC0415 (only the script loads it)

    fonts = typst.Fonts(False, False, [str(folder) for folder in font_folders()])
    families = [*first_fonts, *sorted({*fonts.families()} - {*first_fonts})]
    pdf: bytes = typst.compile(
        TEMPLATES / "document.typ",
        root=TEMPLATES,
        format="pdf",
        font_paths=fonts,
        sys_inputs={"document": document, "fonts": json.dumps(families)},
        timestamp=created_at and datetime.fromtimestamp(created_at, UTC),
    )
    # Remove the version of Typst, without changing the length: a PDF stores byte offsets.
    return pack_objects(CREATOR.sub(lambda match: b"Typst".ljust(len(match[0])), pdf))


def pack_objects(pdf: bytes) -> bytes:
    """Compress the objects that are no streams, most of which are tags: a third of the file.

    ``pdf`` has a single table of objects, as Typst writes it. Source: ISO 32000-1, 7.5.7 and 7.5.8.
    """
    table = pdf[int(pdf[pdf.rindex(b"startxref") + 9 :].split()[0]) :]
    entries, trailer = table.split(b"trailer", 1)
    offsets = {
        number: int(entry[:10])
        for number, entry in enumerate(entries.splitlines()[2:])
        if entry[17:18] == b"n"
    }
    ends = dict(pairwise([*sorted(offsets.values()), len(pdf) - len(table)]))
    objects = {number: pdf[offset : ends[offset]] for number, offset in offsets.items()}
    plain = {
        number: text.partition(b" obj")[2].rpartition(b"endobj")[0].strip()
        for number, text in objects.items()
        if b"endstream" not in text[-20:]
    }
    packed_number, xref_number = max(offsets) + 1, max(offsets) + 2
    heads, packed = b"", b""
    for number, text in plain.items():
        heads += b"%d %d " % (number, len(packed))
        packed += text + b"\n"
    extra = b"/Type/ObjStm/N %d/First %d" % (len(plain), len(heads))
    output = pdf[: min(offsets.values())]
    rows = {0: (0, 0, 65535)} | {
        number: (2, packed_number, index) for index, number in enumerate(plain)
    }
    streams = {number: text for number, text in objects.items() if number not in plain}
    streams[packed_number] = _stream_object(packed_number, extra, heads + packed)
    for number, text in streams.items():
        rows[number] = (1, len(output), 0)
        output += text
    start = rows[xref_number] = (1, len(output), 0)
    # Typst numbers its objects without gaps, so that one section has them all.
    xref = b"".join(struct.pack(">BIH", *rows[number]) for number in range(xref_number + 1))
    names = re.sub(rb"/Size \d+|^\s*<<|>>\s*startxref.*", b"", trailer, flags=re.DOTALL)
    extra = b"/Type/XRef/Size %d/W[1 4 2]" % (xref_number + 1) + names
    output += _stream_object(xref_number, extra, xref)
    return output + b"startxref\n%d\n%%%%EOF\n" % start[1]


def _stream_object(number: int, extra: bytes, content: bytes) -> bytes:
    data = zlib.compress(content, 9)
    head = b"%d 0 obj\n<<%s/Filter/FlateDecode/Length %d>>" % (number, extra, len(data))
    return head + b"\nstream\n" + data + b"\nendstream\nendobj\n"


def main() -> None:
    """Read a document from stdin and write its PDF to stdout."""
    task = json.load(sys.stdin.buffer)
    sys.stdout.buffer.write(compile_pdf(task["document"], task["fonts"], task["createdAt"]))


if __name__ == "__main__":
    main()

"""Small sample files, and the requests that upload and download them."""

import secrets
from struct import pack
from urllib.parse import quote
from zlib import compress, crc32

UPLOAD, UPLOADS = "/api/upload", "/api/uploads"

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89\0\0\0\0IEND"
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xdb\0\x43\0" + b"\1" * 64 + b"\xff\xd9"


def make_png(width=3, height=1):
    """Return a whole PNG file of one colour."""

    def chunk(kind, content):
        return pack(">I", len(content)) + kind + content + pack(">I", crc32(kind + content))

    header = pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits of red, green and blue
    rows = (b"\0" + b"\x11\x59\x4b" * width) * height
    chunks = (chunk(b"IHDR", header), chunk(b"IDAT", compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def multipart_form(content=PNG, name="scan.png", kind="image/png", *, field="file", filename=None):
    """Return a multipart body with one file, and its content type with a new boundary.

    ``filename`` replaces the whole ``filename="…"`` parameter.
    """
    boundary = f"form-{secrets.token_hex(8)}"
    parameter = filename or f'filename="{name}"'
    head = (
        f'Content-Disposition: form-data; name="{field}"; {parameter}\r\nContent-Type: {kind}\r\n'
    )
    body = f"--{boundary}\r\n{head}\r\n".encode() + content + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


def make_content(size, start=PNG):
    """Return the content of a file of ``size`` bytes."""
    return start + bytes(size - len(start))


def send(person, content=PNG, name="scan.png", kind="image/png", *, key=None, **options):
    """Upload a file and return the response."""
    body, content_type = multipart_form(content, name, kind, **options)
    headers = {"Idempotency-Key": key} if key else {}
    return person.post(UPLOAD, data=body, content_type=content_type, headers=headers)


def upload(person, *args, **kwargs):
    """Upload a file and return its stored name."""
    response = send(person, *args, **kwargs)
    assert response.status_code == 200, response.text
    return response.json["filename"]


def fetch(person, name, method="GET", **headers):
    """Download a file to its end and return the response."""
    with person.open(f"{UPLOADS}/{quote(name)}", method=method, headers=headers) as response:
        response.get_data()
        return response

"""Archives with the code of the Lambda functions.

The same sources always give the same bytes, so that the digest that Lambda reports tells whether a
function must be updated. boto3 is in Lambda's Python; nothing else is needed.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from pathlib import Path

import newsclf

API_MODULES = (
    "lambda_src/__init__.py",
    "lambda_src/handler.py",
    "lambda_src/openapi.py",
    "newsclf/__init__.py",
    "newsclf/contract/__init__.py",
    "newsclf/contract/answers.py",
    "newsclf/contract/explanation.py",
    "newsclf/contract/labels.py",
    "newsclf/contract/limits.py",
    "newsclf/contract/requests.py",
)
"""The modules that the API's handler imports, with their paths; a test compares."""
AUTHORIZER_MODULES = ("lambda_src/__init__.py", "lambda_src/authorizer.py")
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest date that a zip can hold."""
_UNIX = 3
_READABLE_FILE = 0o100644 << 16  # Lambda's user must be able to read it


def zipped(modules: tuple[str, ...]) -> bytes:
    """An archive of modules of this installation, not compressed: zlib's versions differ."""
    root = Path(newsclf.__file__).parents[1]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for name in sorted(modules):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = _UNIX
            info.external_attr = _READABLE_FILE
            file.writestr(info, (root / name).read_bytes())
    return archive.getvalue()


def code_sha256(archive: bytes) -> str:
    """The digest as Lambda reports it: SHA-256 in base64."""
    return base64.b64encode(hashlib.sha256(archive).digest()).decode()

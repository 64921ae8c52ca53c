"""Checks stored.zip, which this project's writer made, with Python's zipfile, and packs the same files as deflated.zip.

    python make_zip.py
"""

import zipfile
from pathlib import Path

HERE = Path(__file__).parent
stored = zipfile.ZipFile(HERE / "stored.zip")
assert stored.testzip() is None
with zipfile.ZipFile(HERE / "deflated.zip", "w", zipfile.ZIP_DEFLATED) as deflated:
    deflated.comment = b"a comment"
    deflated.writestr(zipfile.ZipInfo("moby/"), "")
    for name in stored.namelist():
        info = zipfile.ZipInfo(name)
        info.compress_type = zipfile.ZIP_DEFLATED
        deflated.writestr(info, stored.read(name))

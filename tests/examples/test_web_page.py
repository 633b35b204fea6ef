"""The page of examples/web in headless Chromium: the same answers as LiteRT in Python, and a screenshot."""

import functools
import http.server
import json
import shutil
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tfslim.litert
from tests.examples.conftest import NAMES

PAGE = Path(__file__).resolve().parents[2] / "examples" / "web"
SCRIPT = Path(__file__).with_name("try_page.mjs")


@pytest.fixture(scope="module")
def site(labelled_files, tmp_path_factory):
    """A folder with the page and its packages, and the address that it is served at."""
    for program in ("node", "npm", "chromium"):
        if not shutil.which(program):
            pytest.skip(f"no {program} on this machine")
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(PAGE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
    shutil.copy(labelled_files[1], folder / "model.tflite")
    shutil.copy(labelled_files[2], folder / "int8.tflite")
    install = ["npm", "install", "--no-save", "--no-audit", "--no-fund", "@litertjs/core", "playwright-core"]
    done = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"npm can't install the page's packages: {done.stderr.strip()[-200:]}")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://localhost:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.slow
def test_photo_and_camera(site, labelled_files, photo, wide_photo, tmp_path):
    folder, address = site
    (tmp_path / "broken.png").write_bytes(b"no picture")
    screenshot = tmp_path / "page.png"
    playwright = folder / "node_modules" / "playwright-core" / "index.mjs"
    command = ["node", SCRIPT, playwright.as_uri(), shutil.which("chromium"), address]
    done = subprocess.run(
        [*command, wide_photo, tmp_path / "broken.png", screenshot], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    logits = tfslim.litert.predict(labelled_files[1], np.asarray(Image.open(photo))[None])[0]
    expected = {name.replace("_", " "): float(1 / (1 + np.exp(-x))) for name, x in zip(NAMES, logits, strict=True)}
    assert dict(found["answers"]) == pytest.approx(expected, abs=0.02)  # kernels of another machine round otherwise
    assert [share for _, share in found["answers"]] == sorted((s for _, s in found["answers"]), reverse=True)
    assert found["height"] == pytest.approx(40 / 32 * found["width"], abs=1)  # of the photo on the page
    assert len(found["camera"]) == len(NAMES) and all(0 <= share <= 1 for _, share in found["camera"])
    assert "404" in found["missing"] and "--io float32" in found["int8"] and found["said"] and found["errors"] == []
    with Image.open(screenshot) as picture:
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    blue = (np.abs(pixels.astype(int) - (0x2F, 0x6F, 0x9F)) <= 2).all(1)  # the bars
    assert blue.sum() > 500 and len(np.unique(pixels, axis=0)) > 200  # and the photo

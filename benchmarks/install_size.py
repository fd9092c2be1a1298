"""Disk space of networks for scikit-learn: what pip adds to an empty environment.

Each line of packages is installed by pip, from wheels, into a fresh environment of Python's venv.
What counts is the files below ``site-packages``, less those of the empty environment, as ``du``
adds them up, before anything is imported. PyTorch and TensorFlow are their builds without CUDA; for
PyTorch pip has to know of its own index, as ``make benchmark-install`` tells it. Ten minutes.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from venv import create

from common import HERE, save

PACKAGES = {
    "scikit-learn": ["scikit-learn"],
    "skdropout": [str(HERE.parent)],
    "PyTorch, skorch": ["torch==2.13.0", "skorch"],
    "TensorFlow, SciKeras": ["tensorflow-cpu", "scikeras"],
}


def packages_of(folder):
    """The folder ``site-packages`` of an environment."""
    return next(folder.glob("lib*/python*/site-packages"))


def megabytes(folder):
    """What the files below a folder take on the disk."""
    du = subprocess.run(["du", "-sk", folder], capture_output=True, text=True, check=True)
    return int(du.stdout.split()[0]) / 1024


def measure(packages):
    """Megabytes and distributions that an installation adds, with the versions of all."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        create(folder, with_pip=True)
        empty = megabytes(packages_of(folder))
        pip = [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--quiet", "--no-compile", *packages], check=True)
        listed = [*pip, "list", "--format", "freeze", "--exclude", "pip", "--exclude", "setuptools"]
        found = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()
        return {"megabytes": megabytes(packages_of(folder)) - empty, "packages": found}


if __name__ == "__main__":
    results = {}
    for name, packages in PACKAGES.items():
        results[name] = measure(packages)
        print(f"{name}: {results[name]['megabytes']:.0f} MB", flush=True)
    save("install_size", {"python": sys.version.split()[0], "compiled": False}, results)

"""A base image made of the Python that runs the tests, for where no registry can be reached.

It stands in for `python:…-slim`: an interpreter under /usr/local with pip and ensurepip, a shell,
and nothing else. Never part of what is shipped.
"""

import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

PREFIX = Path("usr/local")
LEFT_OUT = shutil.ignore_patterns(
    "__pycache__", "test", "tests", "idlelib", "tkinter", "turtledemo", "config-*", "lib2to3"
)
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def make_root(root: Path) -> None:
    """Fill the folder `root` with a small root file system. Raises OSError, CalledProcessError."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    stdlib = Path(sysconfig.get_path("stdlib"))
    for folder in ("bin", "dev", "etc/ssl/certs", "proc", "root", "sys", "usr/bin", "var/lib"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "tmp").mkdir(mode=0o1777)
    (root / "tmp").chmod(0o1777)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/ld.so.conf").write_text("/usr/local/lib\n")
    (root / "etc/group").write_text("root:x:0:\n")

    library = root / PREFIX / "lib" / version
    shutil.copytree(
        stdlib,
        library,
        symlinks=True,
        ignore=lambda folder, names: {
            *LEFT_OUT(folder, names),
            *(names if Path(folder).name in ("site-packages", "dist-packages") else ()),
        },
    )
    program = root / PREFIX / "bin" / version
    program.parent.mkdir()
    _add_pip(library / "site-packages")
    interpreter = Path(sys.base_prefix) / "bin" / version
    shutil.copy2(interpreter.resolve(), program)
    (program.parent / "python3").symlink_to(version)
    shutil.copy2(Path("/bin/sh").resolve(), root / "bin/sh")
    modules = (library / "lib-dynload").glob("*.so")
    _add_libraries(root, [program, root / "bin/sh", *modules, *_debian_libraries()])
    if CERTIFICATES.is_file():
        shutil.copy2(CERTIFICATES, root / CERTIFICATES.relative_to("/"))
    subprocess.run(["ldconfig", "-r", str(root)], check=True, capture_output=True, timeout=60)


def _add_pip(site_packages: Path) -> None:
    """What slim images have: pip as a package, which the final stage must take out again."""
    wheel = next((site_packages.parent / "ensurepip/_bundled").glob("pip-*.whl"))
    shutil.unpack_archive(wheel, site_packages, "zip")
    command = site_packages.parents[2] / "bin/pip"
    command.write_text(
        "#!/usr/local/bin/python3\nfrom pip._internal.cli.main import main\nmain()\n"
    )
    command.chmod(0o755)


def _debian_libraries() -> list[Path]:
    """What wheels count on and every Debian has: libraries of the compilers and of glibc."""
    cache = subprocess.run(
        ["ldconfig", "-p"], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    names = r"lib(?:gcc_s|stdc\+\+|rt|pthread|dl|util|m|resolv)\.so\.\d+"
    found = dict(re.findall(rf"\s({names}) .*=> (/\S+)", cache))
    return [Path(path) for path in found.values()]


def _add_libraries(root: Path, programs: Sequence[Path]) -> None:
    listed = subprocess.run(
        ["ldd", *map(str, programs)], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    needed = {path for path in programs if not path.is_relative_to(root)}
    for found in {*re.findall(r"(/\S+) \(0x", listed), *map(str, needed)}:
        library = Path(found)
        inside = library.is_relative_to(sys.base_prefix) and sys.base_prefix != "/usr"
        place = PREFIX / "lib" / library.name if inside else library.relative_to("/")
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(library.resolve(), root / place)

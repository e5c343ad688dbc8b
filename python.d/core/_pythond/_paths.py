"""The module search path that user code sees."""
from __future__ import annotations

import os
import site
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable


def open_to_user_code(core: str, roots: list[str], warn: Callable[[str, str], None]) -> None:
    """Give sys.path what a shell would give it, which -I left out, then the core folder and the bundle's roots.

    They stand at the END, as in DataKit: the standard library and installed packages win over a user's file of the
    same name. The current folder never stands there.
    """
    packages = _first_packages_entry()
    user_site = _user_site()
    if user_site:
        before = len(sys.path)
        try:
            site.addsitedir(user_site)
        except Exception as error:  # a .pth file may run any line
            warn('user-site', 'a .pth file in {} failed: {}'.format(user_site, error))
        added = sys.path[before:]
        del sys.path[before:]
        sys.path[packages:packages] = added
    sys.path[:0] = _pythonpath(warn)
    sys.path[:] = [entry for entry in sys.path if entry not in ('', '.')]
    for folder in (core, *roots):
        if folder not in sys.path:
            sys.path.append(folder)


def folders_of_user_code() -> list[str]:
    """What open_to_user_code() will add of the user's own, told before any line of a .pth file runs."""
    folders = _pythonpath(lambda _code, _message: None)
    user_site = _user_site()
    if user_site is None:
        return folders
    folders.append(user_site)
    for name in sorted(os.listdir(user_site)):
        if name.endswith('.pth'):
            folders += _folders_in(user_site, name)
    return folders


def _folders_in(folder: str, name: str) -> list[str]:
    try:
        with open(os.path.join(folder, name), encoding='utf-8', errors='replace') as file:
            lines = [line.strip() for line in file if line.strip() and not line.startswith(('#', 'import ', 'import\t'))]
    except OSError:
        return []
    return [os.path.join(folder, line) for line in lines]


def _pythonpath(warn: Callable[[str, str], None]) -> list[str]:
    entries = []
    for entry in os.environ.get('PYTHONPATH', '').split(os.pathsep):
        if os.path.isabs(entry):
            entries.append(entry)
        elif entry:
            warn('pythonpath-relative', 'PYTHONPATH holds "{}": relative folders are left out, since the current '
                 'folder of a run is its temporary one. Write it as an absolute path.'.format(entry))
    return entries


def _first_packages_entry() -> int:
    """Where in sys.path the user's site-packages belong: before the interpreter's own."""
    for index, entry in enumerate(sys.path):
        if os.path.basename(entry) in ('site-packages', 'dist-packages'):
            return index
    return len(sys.path)


def _user_site() -> str | None:
    """The folder of `pip install --user`, where a shell's python would show it."""
    if os.environ.get('PYTHONNOUSERSITE') or os.getuid() != os.geteuid() or os.getgid() != os.getegid():
        return None
    if sys.prefix != sys.base_prefix and not _venv_shows_system():
        return None
    folder = site.getusersitepackages()
    return folder if folder and os.path.isdir(folder) else None


def _venv_shows_system() -> bool:
    try:
        with open(os.path.join(sys.prefix, 'pyvenv.cfg'), encoding='utf-8') as file:
            lines = [line.partition('=') for line in file]
    except (OSError, ValueError):
        return False
    return any(key.strip().lower() == 'include-system-site-packages' and value.strip().lower() == 'true'
               for key, _, value in lines)

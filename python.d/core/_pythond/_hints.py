"""Remedies for modules that can't be imported: the manual's FAQ, as sentences that fit the case."""
from __future__ import annotations

import linecache
import os
import sys

from ._failures import last_user_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._setup import Module

# Libraries whose name for pip is not the one in the import statement.
_PIP_NAMES = {
    'bs4': 'beautifulsoup4',
    'cv2': 'opencv-python',
    'dotenv': 'python-dotenv',
    'MySQLdb': 'mysqlclient',
    'PIL': 'Pillow',
    'psycopg2': 'psycopg2-binary',
    'sklearn': 'scikit-learn',
    'yaml': 'PyYAML',
}


def hint(error: BaseException, module: Module, bundle_root: str) -> str | None:
    """One sentence about the remedy, or None where the error speaks for itself."""
    path = os.path.join(bundle_root, module.file)
    if isinstance(error, ModuleNotFoundError) and isinstance(error.name, str) and error.name:
        where = _where(error, bundle_root) or module.file
        return where + ': ' + _missing(error.name, path, bundle_root)
    if isinstance(error, SyntaxError) or type(error) is ValueError:
        return _bad_text(path, module.file)
    if isinstance(error, SystemExit):
        return module.file + ' ends the interpreter while it is imported: put such code under ' \
            'if __name__ == "__main__":'
    return None


def _where(error: BaseException, bundle_root: str) -> str | None:
    found = last_user_line(error)
    if found is None:
        return None
    file_name, number = found
    source = linecache.getline(file_name, number).strip()
    shown = os.path.relpath(file_name, bundle_root) if file_name.startswith(bundle_root + os.sep) else file_name
    return '{}, line {}{}'.format(shown, number, ' (' + source[:200] + ')' if source else '')


def _missing(name: str, path: str, bundle_root: str) -> str:
    top, _, rest = name.partition('.')
    other = _other_capitals(top, [os.path.dirname(path)] + sys.path)
    if other:
        shown = os.path.relpath(other, bundle_root) if other.startswith(bundle_root + os.sep) else other
        return 'there is no module "{}", but there is {}: capital letters count.'.format(top, shown)
    if rest and _exists(top):
        return 'there is a module "{}", but no "{}" in it: check the name, and the version that is installed ' \
            '({} -m pip show {}).'.format(top, rest, sys.executable, _PIP_NAMES.get(top, top))
    if top in getattr(sys, 'stdlib_module_names', ()):
        return '"{}" belongs to the standard library, but {} was built without it.'.format(top, sys.executable)
    return 'there is no module "{}" for this Python. Install it with: {} -m pip install {}'.format(
        top, sys.executable, _PIP_NAMES.get(top, top))


def _exists(top: str) -> bool:
    from importlib.util import find_spec

    try:
        return top in sys.modules or find_spec(top) is not None
    except (ImportError, ValueError):
        return False


def _other_capitals(name: str, folders: list[str]) -> str | None:
    """A module of the same name but for capitals."""
    for folder in folders:
        try:
            entries = os.listdir(folder)
        except OSError:
            continue
        for entry in entries:
            stem, extension = os.path.splitext(entry)
            path = os.path.join(folder, entry)
            if (stem != name and stem.lower() == name.lower()
                    and (extension == '.py' or (not extension and os.path.isdir(path)))):
                return path
    return None


def _bad_text(path: str, shown: str) -> str | None:
    try:
        with open(path, 'rb') as file:
            data = file.read()
    except OSError:
        return None
    if b'\0' in data:
        return shown + ' holds NUL bytes: it is not a text file, or was saved as UTF-16. Save it as UTF-8.'
    try:
        data.decode('utf-8')
    except UnicodeDecodeError as error:
        if b'coding' not in data[:200]:
            return '{} is not UTF-8 (byte {}): save it as UTF-8, or name its encoding in the first line, such as ' \
                '# -*- coding: latin-1 -*-'.format(shown, error.start)
    return None

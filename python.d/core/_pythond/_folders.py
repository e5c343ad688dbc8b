"""The private temporary folders of runs: one a concurrency slot, used again once it is empty."""
from __future__ import annotations

import os
from os import chdir, chmod, environ, listdir, mkdir, rmdir, scandir, unlink
from os.path import islink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator


class Folders:
    """Slots are free, taken, or being emptied.

    Nearly every run leaves its folder empty, and looking is one call. What a run leaves is deleted a little at a
    time between other work (`tidy`), so that a million files delay no kill. A folder that can't be emptied is given
    up: the worker deletes the whole of `root` when the host ends.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._free: list[str] = []
        self._count = 0
        self._entered = ''
        self._emptying: list[tuple[str, Iterator[None]]] = []
        os.makedirs(root, 0o700, exist_ok=True)

    def enter(self) -> str:
        """Take a slot and make it the current and the temporary folder of this process, for a child to inherit.

        Done before the fork: a host with one run at a time gets the same slot again, and has nothing to do.
        """
        path = self._take()
        if path != self._entered:
            self._entered = path
            chdir(path)
            environ['TMPDIR'] = path
        return path

    def _take(self) -> str:
        if self._free:
            return self._free.pop()
        while True:
            path = '{}/run-{}'.format(self._root, self._count)
            self._count += 1
            try:
                mkdir(path, 0o700)
                return path
            except FileExistsError:
                pass  # left by an earlier host of this root

    def give(self, path: str) -> None:
        try:
            if not listdir(path) and not islink(path):
                self._free.append(path)
                return
        except OSError:
            pass  # the run took its own rights away, or deleted the folder
        if islink(path):
            return  # put there by the run: what it points to is not ours to empty
        self._emptying.append((path, _deletions(path)))

    def _is_mounted(self) -> bool:
        return bool(mounts_below(self._root))

    @property
    def busy(self) -> bool:
        return bool(self._emptying)

    def tidy(self, steps: int = 200) -> None:
        """Delete up to `steps` entries of what runs left behind."""
        if self._emptying and self._is_mounted():
            self._emptying.clear()  # given up: what is below a mount is somebody else's
        while self._emptying and steps > 0:
            path, deletions = self._emptying[-1]
            try:
                for _ in deletions:
                    steps -= 1
                    if steps <= 0:
                        return
                if not listdir(path):
                    self._free.append(path)
            except (OSError, RecursionError):
                pass
            self._emptying.pop()


def mounts_below(root: str) -> list[str]:
    """Where something is mounted in a folder. A run with the rights to may bind any folder of the machine there."""
    try:
        with open('/proc/self/mountinfo', 'rb') as table:
            points = [line.split(b' ', 5)[4].replace(b'\\040', b' ') for line in table]
    except OSError:
        return []  # not Linux: a run can't mount
    prefix = os.fsencode(os.path.realpath(root)) + b'/'
    return [os.fsdecode(point) for point in points if (point + b'/').startswith(prefix)]


def _deletions(folder: str) -> Iterator[None]:
    """Delete everything in `folder`, a step at each yield; links are deleted and never followed."""
    _ignoring(chmod, folder, 0o700)
    with scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _deletions(entry.path)
                _ignoring(rmdir, entry.path)
            else:
                _ignoring(unlink, entry.path)
            yield


def _ignoring(call, *args) -> None:
    try:
        call(*args)
    except OSError:
        pass

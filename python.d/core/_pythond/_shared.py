"""multiprocessing without /dev/shm.

A semaphore or a shared block of the C library is a file in /dev/shm, under a name: two runs could meet there, and so
could a run and whatever else has the same user. That folder stays closed. Locks, queues and pools of multiprocessing
get semaphores in unnamed memory instead, and its named blocks lie in the run's own temporary folder; both reach every
process of the run and nothing else. Programs that are not Python keep the C library's, and are refused.

Each piece is put in place when the module that needs it is imported, so that nobody else pays for it.
"""
from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Callable


def provide(may_fork_server: bool) -> None:
    """Before user code is imported. The fork server of Python 3.14 needs to listen on a unix socket."""
    patches = {'_multiprocessing': _semaphores, '_posixshmem': _blocks, 'multiprocessing.heap': _arenas}
    if not may_fork_server:
        patches['multiprocessing.context'] = _start_by_fork
    sys.meta_path.insert(0, _Finder(patches))


class _Finder:
    def __init__(self, patches: dict[str, Callable[[ModuleType], None]]) -> None:
        self._patches = patches

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name not in self._patches:
            return None
        for finder in sys.meta_path:
            find_spec = None if finder is self else getattr(finder, 'find_spec', None)
            spec = find_spec(name, path, target) if find_spec is not None else None
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _Loader(spec.loader, self._patches[name])
                return spec
        return None


class _Loader:
    """The module's own loader, and a change to what it loaded."""

    def __init__(self, loader: Any, patch: Callable[[ModuleType], None]) -> None:
        self._loader = loader
        self._patch = patch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        self._patch(module)


def _semaphores(module: ModuleType) -> None:
    from ._semaphore import SemLock

    module.SemLock = SemLock
    module.sem_unlink = lambda _name: None


def _arenas(module: ModuleType) -> None:
    module.Arena._dir_candidates = []  # then it takes the temporary folder; the file has no name for long


def _start_by_fork(module: ModuleType) -> None:
    default = module._default_context
    if default._default_context.get_start_method() == 'forkserver':
        default._default_context = module._concrete_contexts['fork']


def _blocks(module: ModuleType) -> None:
    def place(name: str) -> str:
        return os.path.join(os.environ['TMPDIR'], '.shm.' + name.strip('/').replace('/', '_'))

    def shm_open(path: str, flags: int, mode: int = 0o777) -> int:
        return os.open(place(path), flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode)

    def shm_unlink(path: str) -> None:
        os.unlink(place(path))

    module.shm_open = shm_open
    module.shm_unlink = shm_unlink

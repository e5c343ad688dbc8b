"""The host's start: from the setup frame to `ready`, then the loop."""
from __future__ import annotations

import gc
import io
import os
import sys
from _thread import get_ident
from functools import partial
from os import _exit, getpid, kill
from signal import SIGKILL
from time import monotonic
from types import ModuleType

from . import _frames as frames
from ._atfork import guard, still
from ._catalogue import Catalogue
from ._child import Inheritance, flush
from ._control import Control, Gone
from ._descriptors import settle
from ._failures import describe
from ._folders import Folders
from ._host import Host
from ._imports import ImportOutput
from ._leavings import Leavings
from ._linux import Children, give_memory_back
from ._load import load_collectors
from ._rehearsal import rehearse
from ._resident import Residence
from ._setup import PROTOCOL, Setup
from ._signals import take_over
from ._sink import ImportSink
from ._state import States
from ._state_bundle import Bundle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._confine import Confinement

_BROKEN = 70
_CONTROL = 3


def main(core: str) -> None:
    """Serve until the worker says stop or leaves. Never returns."""
    settle(_CONTROL)
    try:
        os.setsid()  # Ctrl-C on the worker's terminal is for the worker to act on
    except OSError:
        pass  # the worker has seen to it
    control = Control(_CONTROL)
    try:
        host = _start(control, core)
    except Gone:
        _exit(0)
    except BaseException as error:
        _give_up(control, error)
    try:
        host.serve()
    except (Gone, KeyboardInterrupt):
        pass
    except BaseException as error:
        _give_up(control, error, host)
    host.shut_down()
    _exit(0)


def _give_up(control: Control, error: BaseException, host: Host | None = None) -> None:
    """Tell the worker why the host can't go on, and exit."""
    try:
        if host is not None:
            host.shut_down()
        told = describe(error, whole=True)
        code = error.code if isinstance(error, frames.FrameError) else 'internal'
        control.last_words(code, '{}: {}'.format(told['type'], told['message']), told['traceback'])
    finally:
        _exit(_BROKEN)


def _start(control: Control, core: str) -> Host:
    me = getpid()
    setup = Setup(control.wait_for(frames.SETUP))
    folders = Folders(setup.tmp_root)
    children = Children()
    _settle(folders)
    framework = _framework(core)
    guard()
    confinement = _confine(setup, core)  # all that the host needs is open, no user code has run yet
    output = ImportOutput(setup.limits.output_kept_bytes, control.descriptor, partial(_leave, children))
    catalogue = Catalogue(framework.DataKitFramework, setup.bundle_root)
    catalogue.confinement = confinement
    began = monotonic()
    framework._sink = import_sink = ImportSink(catalogue.warn)
    if not setup.resident:
        catalogue.leavings = Leavings(setup.bundle_root, output.thread)
        load_collectors(core, setup, catalogue)
    import_ms = (monotonic() - began) * 1000
    if getpid() != me:  # a process that an import forked and did not end
        _exit(0)
    flush()
    printed = output.finish()
    if not control.intact():
        _exit(_BROKEN)  # an import closed it: there is nobody to tell
    threads = _user_threads(output.thread)
    states = States(Bundle(setup.bundle_root), catalogue.instances)
    inheritance = Inheritance(framework, take_over(), threads, confinement, states, (import_sink, catalogue))
    if setup.resident:
        inheritance.residence = Residence(core, setup)
    if not threads:  # which may hold any lock
        rehearse(inheritance)
        still(True)
    gc.collect()
    give_memory_back()
    gc.freeze()  # or the collector would write to every inherited object, and copy its page, in every run
    control.say(frames.READY, {
        'protocol': PROTOCOL, 'pid': me,
        'python': {'version': sys.version.split()[0], 'executable': sys.executable, 'prefix': sys.prefix},
        'importMs': round(import_ms, 3), 'threads': threads,
        'collectors': catalogue.collectors, 'failures': catalogue.failures, 'warnings': catalogue.warnings,
        'leavings': catalogue.leavings.reasons() if catalogue.leavings is not None else [],
        'stdout': printed[0], 'stderr': printed[1]})
    return Host(control, setup.limits, catalogue.instances, inheritance, folders, children, output.readers)


def _confine(setup: Setup, core: str) -> Confinement | None:
    """Enter the sandbox, where the worker wants one."""
    if setup.policy.get('level', 'none') == 'none':
        return None
    from ._confine import Confinement

    confinement = Confinement(setup, core, os.environ['TMPDIR'])
    confinement.enter_host()
    return confinement


def _leave(children: Children) -> None:
    """The worker has gone while the imports go on."""
    for pid in children.pids():
        kill(pid, SIGKILL)
    _exit(0)


def _settle(folders: Folders) -> None:
    """Streams, current folder and temporary folder, as user code shall find them."""
    for name, descriptor in (('stdin', 0), ('stdout', 1), ('stderr', 2)):
        stream = getattr(sys, name)
        if stream is None:  # the descriptor was closed when the interpreter started
            stream = io.TextIOWrapper(io.FileIO(descriptor, 'r' if descriptor == 0 else 'w', closefd=False))
            setattr(sys, name, stream)
            setattr(sys, '__{}__'.format(name), stream)
        if descriptor:
            stream.reconfigure(encoding='utf-8', errors='backslashreplace', line_buffering=True)
    folders.enter()  # a slot that is never given back: what imports leave there lives as long as the host


def _framework(core: str) -> ModuleType:
    """Our own datakit_framework, whatever else has that name."""
    sys.path.insert(0, core)
    import datakit_framework

    sys.path.remove(core)
    return datakit_framework


def _user_threads(own: int) -> int:
    """Python threads that the imports left. Those of native libraries (BLAS) don't count: they cope with forks."""
    return sum(1 for ident in sys._current_frames() if ident not in (own, get_ident()))

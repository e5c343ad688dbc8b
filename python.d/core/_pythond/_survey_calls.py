"""What a script asks of the machine and of the network, by what it calls and what it writes down."""
from __future__ import annotations

import ast
import re
import shlex

from ._survey_values import OWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

    from ._survey_values import Values

_COMMANDS = frozenset(
    'blkid df dmesg dmidecode docker du ethtool free hdparm ifconfig iostat ip ipmitool iptables journalctl last lsblk '
    'lscpu lsof mount mpstat netstat nfsstat nvidia-smi pidstat ps pgrep rpm dpkg sar sensors service smartctl ss swapon '
    'systemctl top uptime vmstat w who zpool zfs'.split())
_RUNNERS = frozenset(
    ['os.system', 'os.popen', 'commands.getoutput', 'commands.getstatusoutput'] +
    ['subprocess.' + name for name in ('run', 'call', 'Popen', 'check_call', 'check_output', 'getoutput', 'getstatusoutput')] +
    ['asyncio.create_subprocess_exec', 'asyncio.create_subprocess_shell'])
_HOST_CALLS = frozenset(['os.getloadavg', 'os.statvfs', 'shutil.disk_usage', 'resource.getrusage'])
_HOST_NAMES = frozenset(['socket.gethostname', 'socket.getfqdn', 'platform.node', 'os.uname', 'platform.uname'])
_SERVERS = ('.serve_forever', '.start_http_server', '.start_server', '.create_server', '.run_forever', 'uvicorn.run',
            'waitress.serve', 'web.run_app', '.loop_forever', '.start_consuming', '.listen')
_SERVER_MAKERS = frozenset(['Flask', 'FastAPI', 'Bottle', 'HTTPServer', 'ThreadingHTTPServer', 'TCPServer', 'UDPServer',
                            'ThreadingTCPServer', 'SimpleXMLRPCServer'])
_READERS = frozenset(
    ['open', 'io.open', 'codecs.open', 'gzip.open', 'bz2.open', 'sqlite3.connect', 'linecache.getlines', 'os.open',
     'os.listdir', 'os.scandir', 'os.walk', 'os.stat', 'os.path.exists', 'os.path.isfile', 'os.path.isdir',
     'os.path.getsize', 'os.path.getmtime', 'glob.glob', 'glob.iglob', 'ctypes.CDLL', 'configparser.ConfigParser().read',
     'numpy.loadtxt', 'pandas.read_csv', 'pandas.read_excel', 'fileinput.input'])
_WRITERS = frozenset(
    ['os.makedirs', 'os.mkdir', 'os.remove', 'os.unlink', 'os.rename', 'os.replace', 'os.rmdir', 'shutil.rmtree',
     'logging.FileHandler', 'logging.handlers.RotatingFileHandler', 'logging.handlers.TimedRotatingFileHandler',
     'logging.handlers.WatchedFileHandler', 'shelve.open', 'dbm.open'])
_PATH_READS = frozenset(['read_text', 'read_bytes', 'iterdir', 'exists', 'is_file', 'is_dir', 'stat', 'glob', 'rglob'])
_PATH_WRITES = frozenset(['write_text', 'write_bytes', 'mkdir', 'unlink', 'touch', 'rmdir'])
_ENVIRON = ('os.environ.get', 'os.environ.pop', 'os.environ.setdefault', 'os.getenv', 'environ.get')
_DATAKIT = re.compile(r'https?://(?:127\.0\.0\.1|localhost|\[::1\]):9529(?:/|$)')
_OWN_POSTS = ('http_post_json', 'http_post_raw', 'construct_url')


class Calls:
    """Facts of one module, each told once for its kind and what it is about."""

    def __init__(self, tree: ast.Module, values: Values) -> None:
        self._tree = tree
        self._values = values
        self._told: Set[Any] = set()
        self._facts: List[Dict[str, Any]] = []
        self._quiet: Set[int] = set()
        self.search_paths: List[str] = []

    def facts(self) -> List[Dict[str, Any]]:
        docs = _docstrings(self._tree)
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call):
                self._call(node, self._values.dotted(node.func) or '')
            elif isinstance(node, ast.Subscript):
                self._subscript(node)
            elif isinstance(node, ast.Attribute) and self._values.dotted(node) == 'socket.AF_UNIX':
                self._add('unix-socket', node, 'socket.AF_UNIX')
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                self._import(node)
            elif isinstance(node, ast.FunctionDef) and node.name == 'run':
                self._endless(node)
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
                self._text(node, node.value)
        return self._facts

    def _add(self, kind: str, node: ast.AST, what: Optional[str], **more: Any) -> None:
        key = (kind, what, tuple(sorted(more.items())))
        if key not in self._told:
            self._told.add(key)
            self._facts.append({'kind': kind, 'line': getattr(node, 'lineno', 1), 'what': what, **more})

    def _import(self, node: Any) -> None:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or '']
        if any(name.partition('.')[0] == 'psutil' for name in names):
            self._add('host', node, 'psutil', sure=True)

    def _call(self, node: ast.Call, name: str) -> None:
        last = name.rpartition('.')[2]
        if name in _RUNNERS:
            self._command(node)
        elif name in _HOST_CALLS:
            self._add('host', node, name + '()', sure=True)
        elif name in _HOST_NAMES:
            self._add('host', node, name + '()', sure=False)
        elif name in _ENVIRON:
            sure = name.endswith('.pop') and len(node.args) < 2
            self._environment(node, node.args[0] if node.args else None, sure)
        elif last in _SERVER_MAKERS or name.endswith(_SERVERS):
            self._add('server', node, last + '()')
        elif name in ('docker.from_env', 'docker.DockerClient'):
            self._add('unix-socket', node, name + '()')
        elif last in _OWN_POSTS:
            self._quiet.update(id(one) for arg in node.args for one in ast.walk(arg))
        elif name in ('sys.path.append', 'sys.path.insert'):
            self._search_path(node)
        elif name in ('super().__init__', 'datakit_framework.DataKitFramework.__init__'):
            self._destination(node)
        else:
            self._path_call(node, name, last)

    def _command(self, node: ast.Call) -> None:
        first = node.args[0] if node.args else None
        if isinstance(first, (ast.List, ast.Tuple)):
            first = first.elts[0] if first.elts else None
        text = self._values.text(first)
        if not text:
            return
        for part in re.split(r'[|;&]+', text):
            try:
                words = [word for word in shlex.split(part) if '=' not in word and word not in ('sudo', 'env', 'timeout')]
            except ValueError:
                words = part.split()
            program = words[0].rpartition('/')[2] if words else ''
            if program in _COMMANDS:
                self._add('host', node, program, sure=True)
                return

    def _subscript(self, node: ast.Subscript) -> None:
        if self._values.dotted(node.value) in ('os.environ', 'environ') and isinstance(node.ctx, ast.Load):
            index: Any = node.slice
            self._environment(node, getattr(index, 'value', index) if type(index).__name__ == 'Index' else index, True)

    def _environment(self, node: ast.AST, name: Optional[ast.AST], sure: bool) -> None:
        text = self._values.text(name)
        if text is None or re.match(r'^[A-Za-z_]\w*$', text):
            self._add('environment', node, text, sure=sure)

    def _search_path(self, node: ast.Call) -> None:
        path = self._values.text(node.args[-1] if node.args else None)
        if path and path.startswith(('/', OWN)):
            self.search_paths.append(path.lstrip(OWN))
            self._add_path(node, path, 'import')

    def _destination(self, node: ast.Call) -> None:
        given = {word.arg: word.value for word in node.keywords if word.arg in ('ip', 'port')}
        if not given:
            return
        ip, port = (self._values.of(given[name]) if name in given else default
                    for name, default in (('ip', '127.0.0.1'), ('port', 9529)))
        known = isinstance(ip, str) and isinstance(port, (int, str))
        self._add('destination', node, '{}:{}'.format(ip, port) if known else None)

    def _path_call(self, node: ast.Call, name: str, last: str) -> None:
        if isinstance(node.func, ast.Attribute) and last in _PATH_READS | _PATH_WRITES | {'open'} and name not in _READERS:
            path = self._values.text(node.func.value)
            mode = self._mode(node, 0) if last == 'open' else 'write' if last in _PATH_WRITES else 'read'
            if path:
                self._path(node, path, mode)
            return
        path = self._values.text(node.args[0] if node.args else None)
        if not path:
            return
        if name in _WRITERS:
            self._path(node, path, 'write')
        elif name in _READERS:
            if last != 'CDLL' or '/' in path:
                self._path(node, path, self._mode(node, 1) if last == 'open' else 'read')
        elif last == 'connect' and path.startswith('/') and name != 'sqlite3.connect':
            self._add('unix-socket', node, path)

    def _mode(self, node: ast.Call, position: int) -> str:
        given: Optional[ast.AST] = node.args[position] if len(node.args) > position else None
        for word in node.keywords:
            given = word.value if word.arg == 'mode' else given
        text = self._values.text(given)
        return 'write' if text and any(char in text for char in 'wax+') else 'read'

    def _path(self, node: ast.AST, path: str, mode: str) -> None:
        if path.startswith(('/proc/', '/sys/')) or path in ('/proc', '/sys'):
            return  # told of as text
        if '://' not in path and path not in (':memory:', '.', ''):
            self._add_path(node, path, mode)

    def _add_path(self, node: ast.AST, path: str, mode: str) -> None:
        if path.startswith(OWN):
            self._add('path', node, path.lstrip(OWN), mode=mode, own=True)
        else:
            self._add('path', node, path, mode=mode)

    def _endless(self, node: ast.FunctionDef) -> None:
        for one in ast.walk(node):
            is_true = isinstance(one, ast.While) and isinstance(one.test, ast.Constant) and bool(one.test.value)
            if is_true and not any(isinstance(inner, (ast.Break, ast.Return)) for inner in ast.walk(one)):
                self._add('server', one, 'while True in run()')

    def _text(self, node: ast.Constant, text: str) -> None:
        if re.match(r'^/(?:proc|sys)(?:/|$)', text):
            self._add('host', node, text, sure=True)
        elif _DATAKIT.match(text) and id(node) not in self._quiet:
            self._add('direct-post', node, text[:200])
        elif re.match(r'^(?:unix://|http\+unix://)|^/\S+\.sock$', text):
            self._add('unix-socket', node, text[:200])


def _docstrings(tree: ast.Module) -> Set[int]:
    """Texts that stand alone: documentation, or code that was commented out so."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)}

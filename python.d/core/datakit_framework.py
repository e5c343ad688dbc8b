# encoding: utf-8
"""The base class of pythond collectors.

A collector is a class that inherits DataKitFramework and overrides run():

    from datakit_framework import DataKitFramework

    class Demo(DataKitFramework):
        name = 'Demo'
        interval = 10  # seconds between two runs

        def run(self):
            self.feed_metric(measurement='abc', tags={'t1': 'b'}, fields={'f1': 123})

Names, argument orders and points are those of DataKit's own framework. In a fleet a report is handed to the
worker, which delivers it; run from a desk (`python -c 'import demo; demo.Demo().run()'`) it is POSTed to DataKit.
"""
from __future__ import annotations

import os
import sys
from json import dumps, loads

TYPE_CHECKING = False  # type checkers take it for True; importing typing would cost every host start 2 ms
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Tuple, Union

    # category, query, ip, port, points
    Post = Tuple[str, Dict[str, str], Optional[str], Union[int, str, None], Any]

_CATEGORIES = (
    ('M', 'metric'),
    ('L', 'logging'),
    ('R', 'rum'),
    ('O', 'object'),
    ('CO', 'custom_object'),
    ('E', 'keyevent'),
)
_QUERY_KEYS = ('precision', 'input', 'ignore_global_tags', 'version')
_STATUSES = ('ok', 'info', 'warning', 'error', 'critical', 'nodata')
_DEFAULT_IP = '127.0.0.1'
_DEFAULT_PORT = 9529
_HTTP_TIMEOUT_S = 30


class DataKitFramework:
    """What collectors inherit. Only run() has to be overridden."""

    name = 'DataKitFramework'
    log_name = ''
    is_init_log = False

    # Class attributes, so that a subclass that never calls super().__init__ works. None: the input's own DataKit.
    __dk_host = None
    __dk_port = None

    def __init__(self, **kwargs: Any) -> None:
        """Take `ip` and `port` of a DataKit other than the input's own; both are optional."""
        ip = kwargs.get('ip')
        if ip:
            self.__dk_host = ip
        port = kwargs.get('port')
        if port:
            self.__dk_port = port

    def run(self) -> Any:
        """Collect once. Called at every interval; what it returns is ignored."""
        raise NotImplementedError()

    def test(self) -> None:
        """Print the log's name and write a line to it."""
        print('log_name = ', self.log_name)
        mylog('test')

    def report(self, data: Any) -> str:
        """Report points: 'M' metrics, 'L' logging, 'R' rum, 'O' object, 'CO' custom object, 'E' event.

        'precision', 'input', 'ignore_global_tags' and 'version' go into the query. All points are encoded before
        any is sent, so a value that JSON can't express raises TypeError and nothing of this report leaves.
        Always returns ''.
        """
        query = {}
        for key in _QUERY_KEYS:
            value = data[key] if key in data else None
            if value:
                query[key] = _query_text(value)
        ip, port = self.__destination()
        posts = []
        for key, category in _CATEGORIES:
            points = data[key] if key in data else None
            if points:
                posts.append((category, query, ip, port, points))
        if posts:
            _sink.report(posts, self)
        return ''

    def feed_metric(self, input: Any = None, measurement: Any = None, tags: Any = None, fields: Any = None,
                    time: Any = None, **kwargs: Any) -> str:
        """Report one metric; further keyword arguments become fields."""
        point = {'measurement': measurement, 'tags': tags, 'fields': {**(fields or {}), **kwargs}, 'time': time}
        return self.report({'M': [point], 'input': input})

    def feed_logging(self, input: Any = None, source: Any = None, tags: Any = None, message: Any = None,
                     time: Any = None, **kwargs: Any) -> str:
        """Report one log line; further keyword arguments become fields."""
        point = {'measurement': source, 'tags': tags, 'fields': {'message': message, **kwargs}, 'time': time}
        return self.report({'L': [point], 'input': input})

    def feed_object(self, input: Any = None, cls: Any = None, name: Any = None, tags: Any = None, fields: Any = None,
                    time: Any = None, **kwargs: Any) -> str:
        """Report one object of class `cls`, told apart by its tag `name`; keyword arguments become fields."""
        point = {'measurement': cls, 'tags': {**(tags or {}), 'name': name},
                 'fields': {**(fields or {}), **kwargs}, 'time': time}
        return self.report({'O': [point], 'input': input})

    def feed_user_event(self, df_user_id: Any = None, tags: Any = None, df_date_range: Any = 10,
                        df_status: Any = None, df_event_id: Any = None, df_title: Any = None,
                        df_message: Any = None, **kwargs: Any) -> str:
        """Report an event that a user caused."""
        self.checkArgEmpty('df_user_id', df_user_id)
        return self.__feed_event('user', {'df_user_id': df_user_id}, tags, df_date_range, df_status, df_event_id,
                                 df_title, df_message, kwargs)

    def feed_monitor_event(self, df_dimension_tags: Any = None, tags: Any = None, df_date_range: Any = 10,
                           df_status: Any = None, df_event_id: Any = None, df_title: Any = None,
                           df_message: Any = None, **kwargs: Any) -> str:
        """Report an event that a detection caused; `df_dimension_tags` is JSON text: '{"host":"web01"}'."""
        self.checkArgEmpty('df_dimension_tags', df_dimension_tags)
        if not _is_json_text(df_dimension_tags):
            _sink.warning('event-dimension-tags', 'df_dimension_tags is ' + _shown(df_dimension_tags)
                          + ': it must be JSON text, such as \'{"host":"web01"}\'. The event is sent as it is.')
        return self.__feed_event('monitor', {'df_dimension_tags': df_dimension_tags}, tags, df_date_range, df_status,
                                 df_event_id, df_title, df_message, kwargs)

    def feed_system_event(self, tags: Any = None, df_date_range: Any = 10, df_status: Any = None,
                          df_event_id: Any = None, df_title: Any = None, df_message: Any = None,
                          **kwargs: Any) -> str:
        """Report an event that the system caused."""
        return self.__feed_event('system', {}, tags, df_date_range, df_status, df_event_id, df_title, df_message,
                                 kwargs)

    def checkArgEmpty(self, name: str, checkStr: Any) -> None:
        """Raise ValueError for an argument that is missing or empty."""
        if not checkStr:
            raise ValueError('arguments missing "' + name + '"')

    def construct_url(self, path: str) -> str:
        """The URL of `path` on this collector's DataKit."""
        return 'http://{}:{}/{}'.format(self.__dk_host or _DEFAULT_IP, self.__dk_port or _DEFAULT_PORT, path)

    def set_lasterror(self, input_name: Any, err_msg: Any) -> str:
        """Tell DataKit of an error; it shows in DataKit's monitor under `input_name`."""
        _sink.lasterror(self.construct_url('v1/lasterror'), str(input_name), str(err_msg))
        return ''

    def http_post_json(self, url: str, raw_data: Any) -> str:
        """POST as JSON. DataKit's /v1/write/... and /v1/lasterror become a report; returns the answer's text or ''."""
        route = _route(url)
        if route is None:
            return _http_post(url, dumps(raw_data).encode('utf-8'), 'application/json')
        category, query, ip, port = route
        if category is not None:
            _sink.report([(category, query, ip, port, raw_data)], self)
            return ''
        return self.__post_lasterror(url, raw_data, dumps(raw_data))

    def http_post_raw(self, url: str, raw_data: Any) -> str:
        """POST text as it is: to DataKit's /v1/write/... it is line protocol. Returns the answer's text or ''."""
        text = raw_data.decode('utf-8', 'replace') if isinstance(raw_data, (bytes, bytearray)) else str(raw_data)
        route = _route(url)
        if route is None:
            return _http_post(url, text.encode('utf-8', 'surrogatepass'), None)
        category, query, ip, port = route
        if category is not None:
            _sink.raw(category, query, ip, port, text)
            return ''
        try:
            parsed = loads(text)
        except ValueError:
            parsed = None
        return self.__post_lasterror(url, parsed, text)

    def __post_lasterror(self, url: str, parsed: Any, text: str) -> str:
        if isinstance(parsed, dict) and 'input' in parsed and 'err_content' in parsed:
            _sink.lasterror(url, str(parsed['input']), str(parsed['err_content']))
            return ''
        return _http_post(url, text.encode('utf-8', 'surrogatepass'), 'application/json')

    def __destination(self) -> tuple[str | None, int | str | None]:
        ip, port = self.__dk_host, self.__dk_port
        return (None if ip is None else str(ip),
                port if port is None or type(port) is int else str(port))

    def __feed_event(self, source: str, who: dict[str, Any], tags: Any, date_range: Any, status: Any, event_id: Any,
                     title: Any, message: Any, more: dict[str, Any]) -> str:
        self.checkArgEmpty('df_date_range', date_range)
        self.checkArgEmpty('df_status', status)
        self.checkArgEmpty('df_event_id', event_id)
        self.checkArgEmpty('df_title', title)
        if isinstance(date_range, bool) or not isinstance(date_range, int):
            _sink.warning('event-date-range', 'df_date_range is ' + _shown(date_range)
                          + ': it must be an integer, in seconds. The event is sent as it is.')
        if status not in _STATUSES:
            _sink.warning('event-status', 'df_status is ' + _shown(status) + ': it must be one of '
                          + ', '.join(_STATUSES) + '. The event is sent as it is.')
        fields = {'df_date_range': date_range, 'df_source': source, **who, 'df_status': status,
                  'df_event_id': event_id, 'df_title': title, 'df_message': message or '', **more}
        return self.report({'E': [{'measurement': 'measurement', 'tags': tags or {}, 'fields': fields}]})


def mylog(msg: Any, *args: Any, **kwargs: Any) -> None:
    """Log a line to the logger 'pythond_framework'; never fails.

    It goes to the run's stderr, or, where PYTHOND_LOG_FILES is set, to the rotating file
    ~/_datakit_pythond_framework_<log_name>_.log.
    """
    try:
        import logging

        logger = logging.getLogger('pythond_framework')
        if DataKitFramework.is_init_log is False:
            _init_log(logger)
            DataKitFramework.is_init_log = True
        try:
            text = msg % args if args else msg
        except (TypeError, ValueError):
            # `mylog("error:", error)` is common, and logging would print its own complaint over it.
            text = ' '.join(map(str, (msg,) + args))
        logger.debug('%s', text, **kwargs)
    except Exception:
        pass


def _init_log(logger: Any) -> None:
    import logging

    logger.setLevel(logging.DEBUG)
    if os.environ.get('PYTHOND_LOG_FILES'):
        from logging.handlers import RotatingFileHandler

        file_name = '_datakit_pythond_framework_' + DataKitFramework.log_name + '_.log'
        path = os.path.join(os.path.expanduser('~'), file_name)
        logger.addHandler(RotatingFileHandler(path, maxBytes=100000, backupCount=10))
    elif not logger.hasHandlers():
        logger.addHandler(logging.StreamHandler())


def _query_text(value: Any) -> str:
    if value is True:
        return 'true'
    return value if isinstance(value, str) else str(value)


def _is_json_text(value: Any) -> bool:
    try:
        loads(value)
    except (TypeError, ValueError):
        return False
    return isinstance(value, str)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + '...'


def _route(url: str) -> tuple[str | None, dict[str, str], str | None, int | str | None] | None:
    """What a URL of DataKit means: (category or None for lasterror, query, ip, port). None: any other URL."""
    from urllib.parse import parse_qsl, urlsplit

    try:
        parts = urlsplit(str(url))
        port = parts.port or 80
    except ValueError:
        return None
    # DataKit listens on plain HTTP; an https URL is somebody else's endpoint.
    if parts.scheme != 'http' or not parts.hostname:
        return None
    path = parts.path.rstrip('/').split('/')
    if path[:3] == ['', 'v1', 'write'] and len(path) == 4 and path[3]:
        return path[3], dict(parse_qsl(parts.query, keep_blank_values=True)), parts.hostname, port
    if path == ['', 'v1', 'lasterror']:
        return None, {}, parts.hostname, port
    return None


def _http_post(url: str, body: bytes, content_type: str | None) -> str:
    """Really POST. Returns the answer's text, JSON with indentation and sorted keys; '' when anything failed."""
    try:
        text = _http_exchange(url, body, content_type)
    except Exception as error:
        mylog('POST %s failed: %s', url, error)
        return ''
    try:
        return dumps(loads(text), indent=4, sort_keys=True)
    except ValueError:
        return text


def _http_exchange(url: str, body: bytes, content_type: str | None) -> str:
    from urllib.request import Request, urlopen

    if not str(url).lower().startswith(('http://', 'https://')):
        raise ValueError('only http and https can be POSTed to')
    headers = {'Content-Type': content_type} if content_type else {}
    request = Request(str(url), data=body, headers=headers, method='POST')
    with urlopen(request, timeout=_HTTP_TIMEOUT_S) as response:
        return response.read().decode('utf-8', 'replace')


class _DeskSink:
    """Where reports go outside a fleet, when someone runs a script by hand: straight to DataKit.

    A host puts an object with these four methods in its place, see _pythond/_sink.py.
    """

    def report(self, posts: list[Post], _collector: Any = None) -> None:
        # Everything is encoded before the first POST: a report goes out whole or raises.
        bodies = [dumps(points).encode('utf-8') for _, _, _, _, points in posts]
        for (category, query, ip, port, _), body in zip(posts, bodies):
            self._post(_write_url(category, query, ip, port), body, 'application/json')

    def raw(self, category: str, query: dict[str, str], ip: str | None, port: int | str | None,
            body: str) -> None:
        self._post(_write_url(category, query, ip, port), body.encode('utf-8', 'surrogatepass'), None)

    def lasterror(self, url: str, input_name: str, err_content: str) -> None:
        self._post(url, dumps({'input': input_name, 'err_content': err_content}).encode('utf-8'), 'application/json')

    def warning(self, code: str, message: str) -> None:
        print('datakit_framework: ' + message, file=sys.stderr)

    def _post(self, url: str, body: bytes, content_type: str | None) -> None:
        try:
            _http_exchange(url, body, content_type)
        except Exception as error:
            print('datakit_framework: POST {} failed: {}'.format(url, error), file=sys.stderr)


def _write_url(category: str, query: dict[str, str], ip: str | None, port: int | str | None) -> str:
    from urllib.parse import quote, urlencode

    host = ip or _DEFAULT_IP
    if ':' in host and not host.startswith('['):
        host = '[' + host + ']'
    url = 'http://{}:{}/v1/write/{}'.format(host, port or _DEFAULT_PORT, quote(category, safe=''))
    return url + '?' + urlencode(query) if query else url


_sink: Any = _DeskSink()

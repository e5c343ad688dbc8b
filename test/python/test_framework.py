"""The framework on its own: what each call hands to the sink."""
from __future__ import annotations

import http.server
import io
import json
import os
import subprocess
import sys
import threading
import unittest
from contextlib import redirect_stderr, redirect_stdout

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import CORE  # noqa: E402

import datakit_framework  # noqa: E402
from datakit_framework import DataKitFramework  # noqa: E402


class Recorder:
    def __init__(self):
        self.posts, self.raws, self.errors, self.warnings = [], [], [], []

    def report(self, posts, _collector=None):
        # As a real sink does: everything is encoded, or nothing is taken.
        self.posts += json.loads(json.dumps([list(post) for post in posts]))

    def raw(self, *args):
        self.raws.append(args)

    def lasterror(self, *args):
        self.errors.append(args)

    def warning(self, *args):
        self.warnings.append(args)


class FrameworkTestCase(unittest.TestCase):
    def setUp(self):
        self.sink = Recorder()
        real, datakit_framework._sink = datakit_framework._sink, self.sink
        self.addCleanup(setattr, datakit_framework, '_sink', real)
        self.collector = DataKitFramework()

    def only_post(self):
        self.assertEqual(len(self.sink.posts), 1)
        category, query, ip, port, points = self.sink.posts[0]
        return category, query, points


class ReportTest(FrameworkTestCase):
    def test_categories_go_out_in_the_order_of_the_original(self):
        data = {key: [{'measurement': key}] for key in ('E', 'CO', 'O', 'R', 'L', 'M')}
        self.collector.report(data)
        self.assertEqual([post[0] for post in self.sink.posts],
                         ['metric', 'logging', 'rum', 'object', 'custom_object', 'keyevent'])

    def test_query_keys_have_the_order_of_the_original_and_are_text(self):
        self.collector.report({'M': [1], 'version': 2, 'ignore_global_tags': True, 'input': 'in&put', 'precision': 's'})
        self.assertEqual(list(self.only_post()[1].items()),
                         [('precision', 's'), ('input', 'in&put'), ('ignore_global_tags', 'true'), ('version', '2')])

    def test_falsy_query_values_are_left_out(self):
        self.collector.report({'M': [1], 'version': 0, 'ignore_global_tags': False, 'input': '', 'precision': None})
        self.assertEqual(self.only_post()[1], {})

    def test_falsy_categories_are_skipped(self):
        self.assertEqual(self.collector.report({'M': [], 'L': None, 'R': '', 'O': {}, 'CO': 0}), '')
        self.assertEqual(self.collector.report({}), '')
        self.assertEqual(self.sink.posts, [])

    def test_it_always_returns_an_empty_string(self):
        self.assertEqual(self.collector.report({'M': [1]}), '')

    def test_a_value_that_json_cannot_write_raises_and_nothing_is_sent(self):
        with self.assertRaises(TypeError):
            self.collector.report({'M': [{'ok': 1}], 'L': [{'bad': {1, 2}}]})
        self.assertEqual(self.sink.posts, [])

    def test_ip_and_port_go_along_when_named(self):
        DataKitFramework(ip='10.0.0.1', port=9530).report({'M': [1]})
        DataKitFramework(port='9531').report({'M': [1]})
        self.collector.report({'M': [1]})
        self.assertEqual([post[2:4] for post in self.sink.posts],
                         [['10.0.0.1', 9530], [None, '9531'], [None, None]])

    def test_a_subclass_may_skip_the_constructor(self):
        class Skips(DataKitFramework):
            def __init__(self):
                self.ip, self.port, self.host, self.sink = 1, 2, 3, 4

        Skips().report({'M': [1]})
        self.assertEqual(self.sink.posts[0][2:4], [None, None])

    def test_the_constructor_ignores_other_keywords(self):
        DataKitFramework(ip='1.2.3.4', colour='red').report({'M': [1]})
        self.assertEqual(self.sink.posts[0][2], '1.2.3.4')


class FeedTest(FrameworkTestCase):
    def test_feed_metric_is_the_manuals_example(self):
        self.collector.feed_metric(measurement='mydata', tags={'tag1': 'val1', 'tag2': 'val2'},
                                   fields={'custom_field1': 'val1', 'custom_field2': 1000},
                                   custom_key1='custom_value1', custom_key2='custom_value2',
                                   custom_key3='custom_value3')
        self.assertEqual(self.only_post(), ('metric', {}, [{
            'measurement': 'mydata', 'tags': {'tag1': 'val1', 'tag2': 'val2'},
            'fields': {'custom_field1': 'val1', 'custom_field2': 1000, 'custom_key1': 'custom_value1',
                       'custom_key2': 'custom_value2', 'custom_key3': 'custom_value3'},
            'time': None}]))

    def test_feed_logging_is_the_manuals_example(self):
        self.collector.feed_logging(source='mydata', tags={'tag1': 'val1', 'tag2': 'val2'},
                                    message='This is the message for testing', custom_key1='custom_value1')
        self.assertEqual(self.only_post(), ('logging', {}, [{
            'measurement': 'mydata', 'tags': {'tag1': 'val1', 'tag2': 'val2'},
            'fields': {'message': 'This is the message for testing', 'custom_key1': 'custom_value1'},
            'time': None}]))

    def test_feed_object_is_the_manuals_example(self):
        self.collector.feed_object(cls='mydata', name='name', tags={'tag1': 'val1', 'tag2': 'val2'},
                                   fields={'custom_field1': 'val1', 'custom_field2': 1000}, custom_key1='v')
        self.assertEqual(self.only_post(), ('object', {}, [{
            'measurement': 'mydata', 'tags': {'tag1': 'val1', 'tag2': 'val2', 'name': 'name'},
            'fields': {'custom_field1': 'val1', 'custom_field2': 1000, 'custom_key1': 'v'}, 'time': None}]))

    def test_positional_orders_are_the_manuals(self):
        self.collector.feed_metric('in', 'm', {'t': 'x'}, {'f': 1}, 5)
        self.collector.feed_logging('in', 's', {'t': 'x'}, 'text', 6)
        self.collector.feed_object('in', 'c', 'n', {'t': 'x'}, {'f': 1}, 7)
        self.assertEqual([post[1] for post in self.sink.posts], [{'input': 'in'}] * 3)
        self.assertEqual([post[4][0] for post in self.sink.posts], [
            {'measurement': 'm', 'tags': {'t': 'x'}, 'fields': {'f': 1}, 'time': 5},
            {'measurement': 's', 'tags': {'t': 'x'}, 'fields': {'message': 'text'}, 'time': 6},
            {'measurement': 'c', 'tags': {'t': 'x', 'name': 'n'}, 'fields': {'f': 1}, 'time': 7}])

    def test_what_is_not_given_is_null_as_in_the_original(self):
        self.collector.feed_metric(measurement='m')
        self.assertEqual(self.only_post()[2], [{'measurement': 'm', 'tags': None, 'fields': {}, 'time': None}])

    def test_the_callers_dictionaries_are_left_alone(self):
        tags, fields = {'t': 'x'}, {'f': 1}
        self.collector.feed_metric(measurement='m', tags=tags, fields=fields, more=2)
        self.collector.feed_object(cls='m', name='n', tags=tags, fields=fields, more=2)
        self.collector.feed_system_event(tags, 10, 'ok', 'id', 'title', more=2)
        self.assertEqual((tags, fields), ({'t': 'x'}, {'f': 1}))


class EventTest(FrameworkTestCase):
    rest = ({'tag1': 'val1', 'tag2': 'val2'}, 10, 'info', 'event_id', 'title', 'message')
    more = {'custom_key1': 'custom_value1', 'custom_key2': 'custom_value2', 'custom_key3': 'custom_value3'}

    def expected(self, source, **who):
        return ('keyevent', {}, [{
            'measurement': 'measurement', 'tags': {'tag1': 'val1', 'tag2': 'val2'},
            'fields': {'df_date_range': 10, 'df_source': source, **who, 'df_status': 'info',
                       'df_event_id': 'event_id', 'df_title': 'title', 'df_message': 'message', **self.more}}])

    def test_the_manuals_commented_user_event_passes_positionally(self):
        self.collector.feed_user_event('user_id', *self.rest, **self.more)
        self.assertEqual(self.only_post(), self.expected('user', df_user_id='user_id'))

    def test_the_manuals_commented_monitor_event_passes_positionally(self):
        self.collector.feed_monitor_event('{"host":"web01"}', *self.rest, **self.more)
        self.assertEqual(self.only_post(), self.expected('monitor', df_dimension_tags='{"host":"web01"}'))

    def test_the_manuals_commented_system_event_passes_positionally(self):
        self.collector.feed_system_event(*self.rest, **self.more)
        self.assertEqual(self.only_post(), self.expected('system'))

    def test_the_manuals_named_events(self):
        named = dict(zip(('tags', 'df_date_range', 'df_status', 'df_event_id', 'df_title', 'df_message'), self.rest))
        self.collector.feed_user_event(df_user_id='user_id', **named, **self.more)
        self.collector.feed_monitor_event(df_dimension_tags='{"host":"web01"}', **named, **self.more)
        self.collector.feed_system_event(**named, **self.more)
        posts, self.sink.posts = self.sink.posts, []
        for post, expected in zip(posts, (self.expected('user', df_user_id='user_id'),
                                          self.expected('monitor', df_dimension_tags='{"host":"web01"}'),
                                          self.expected('system'))):
            self.assertEqual((post[0], post[1], post[4]), expected)
        self.assertEqual(self.sink.warnings, [])

    def test_required_arguments(self):
        whole = {'df_date_range': 10, 'df_status': 'ok', 'df_event_id': 'e', 'df_title': 't'}
        calls = ((self.collector.feed_user_event, {'df_user_id': 'u'}),
                 (self.collector.feed_monitor_event, {'df_dimension_tags': '{}'}), (self.collector.feed_system_event, {}))
        for call, who in calls:
            arguments = {**who, **whole}
            for missing in arguments:
                with self.subTest(call=call.__name__, missing=missing):
                    with self.assertRaises(ValueError) as caught:
                        call(**{**arguments, missing: 0 if missing == 'df_date_range' else None})
                    self.assertEqual(str(caught.exception), 'arguments missing "' + missing + '"')
        self.assertEqual(self.sink.posts, [])

    def test_tags_none_works_and_the_message_may_be_absent(self):
        self.collector.feed_system_event(None, 10, 'ok', 'e', 't')
        point = self.only_post()[2][0]
        self.assertEqual(point['tags'], {})
        self.assertEqual(point['fields']['df_message'], '')
        self.assertNotIn('time', point)

    def test_an_event_that_breaks_the_manuals_table_is_sent_and_warned_about(self):
        self.collector.feed_system_event({}, 10, 'fine', 'e', 't')
        self.collector.feed_system_event({}, '10', 'ok', 'e', 't')
        self.collector.feed_system_event({}, 1.5, 'ok', 'e', 't')
        self.collector.feed_system_event({}, True, 'ok', 'e', 't')
        self.collector.feed_monitor_event('host=web01', {}, 10, 'ok', 'e', 't')
        self.collector.feed_monitor_event({'host': 'web01'}, {}, 10, 'ok', 'e', 't')
        self.assertEqual(len(self.sink.posts), 6)
        self.assertEqual([code for code, _ in self.sink.warnings],
                         ['event-status', 'event-date-range', 'event-date-range', 'event-date-range',
                          'event-dimension-tags', 'event-dimension-tags'])
        self.assertEqual(self.sink.posts[0][4][0]['fields']['df_status'], 'fine')
        self.assertEqual(self.sink.posts[1][4][0]['fields']['df_date_range'], '10')
        self.assertEqual(self.sink.posts[5][4][0]['fields']['df_dimension_tags'], {'host': 'web01'})
        self.assertIn("'fine'", self.sink.warnings[0][1])

    def test_every_status_of_the_manual_passes(self):
        for status in ('ok', 'info', 'warning', 'error', 'critical', 'nodata'):
            self.collector.feed_system_event({}, 10, status, 'e', 't')
        self.assertEqual(self.sink.warnings, [])

    def test_keywords_win_over_the_fields_as_in_the_original(self):
        self.collector.feed_system_event({}, 10, 'ok', 'e', 't', df_source='mine')
        self.assertEqual(self.only_post()[2][0]['fields']['df_source'], 'mine')


class PostTest(FrameworkTestCase):
    def test_construct_url(self):
        self.assertEqual(self.collector.construct_url('v1/ping'), 'http://127.0.0.1:9529/v1/ping')
        self.assertEqual(DataKitFramework(ip='h', port=1).construct_url('x'), 'http://h:1/x')

    def test_a_json_post_to_a_write_url_is_a_report(self):
        answer = self.collector.http_post_json('http://10.1.2.3:9529/v1/write/metric?input=a%26b&precision=ms',
                                               [{'measurement': 'm'}])
        self.assertEqual(answer, '')
        self.assertEqual(self.sink.posts, [['metric', {'input': 'a&b', 'precision': 'ms'}, '10.1.2.3', 9529,
                                            [{'measurement': 'm'}]]])

    def test_what_construct_url_gives_is_recognised(self):
        self.collector.http_post_json(self.collector.construct_url('v1/write/logging'), [1])
        self.assertEqual(self.sink.posts[0][:4], ['logging', {}, '127.0.0.1', 9529])

    def test_a_url_without_a_port_means_port_80(self):
        self.collector.http_post_json('http://[::1]/v1/write/metric', [1])
        self.assertEqual(self.sink.posts[0][2:4], ['::1', 80])

    def test_a_raw_post_to_a_write_url_is_line_protocol(self):
        self.collector.http_post_raw('http://127.0.0.1:9529/v1/write/metric', 'm,t=a v=1 1700000000000000000')
        self.collector.http_post_raw('http://127.0.0.1:9529/v1/write/metric', b'm v=2')
        self.collector.http_post_raw('http://127.0.0.1:9529/v1/write/metric', '[{"measurement": "m"}]')
        self.assertEqual([(raw[0], raw[4]) for raw in self.sink.raws],
                         [('metric', 'm,t=a v=1 1700000000000000000'), ('metric', 'm v=2'),
                          ('metric', '[{"measurement": "m"}]')])

    def test_lasterror_by_method_and_by_url(self):
        self.collector.set_lasterror('demo', 'it broke')
        self.collector.set_lasterror('demo', ValueError('bad'))
        self.collector.http_post_json('http://127.0.0.1:9529/v1/lasterror', {'input': 'a', 'err_content': 'b'})
        self.collector.http_post_raw('http://127.0.0.1:9529/v1/lasterror', '{"input": "c", "err_content": "d"}')
        self.assertEqual([error[1:] for error in self.sink.errors],
                         [('demo', 'it broke'), ('demo', 'bad'), ('a', 'b'), ('c', 'd')])

    def test_a_failed_post_gives_an_empty_string(self):
        with redirect_stderr(io.StringIO()):
            for url in ('http://127.0.0.1:1/x', 'ftp://127.0.0.1/x', 'nonsense', 'http://[/v1/write/metric',
                        'http://127.0.0.1:99999/v1/write/metric', None):
                with self.subTest(url=url):
                    self.assertEqual(self.collector.http_post_json(url, {}), '')

    def test_any_other_url_is_really_posted(self):
        with server() as (base, requests):
            self.assertEqual(self.collector.http_post_json(base + '/json', {'b': 1, 'a': [2]}),
                             '{\n    "a": [\n        2\n    ],\n    "b": 1\n}')
            self.assertEqual(self.collector.http_post_raw(base + '/plain', 'héllo'), 'héllo')
            with redirect_stderr(io.StringIO()):
                self.assertEqual(self.collector.http_post_raw(base + '/fail', 'x'), '')
        self.assertEqual([(path, kind) for path, kind, _ in requests][:2],
                         [('/json', 'application/json'), ('/plain', 'application/x-www-form-urlencoded')])


class OnTheDeskTest(unittest.TestCase):
    """Outside a host the framework does what the original does."""

    def test_a_report_is_posted_to_datakit(self):
        with server() as (base, requests):
            port = int(base.rpartition(':')[2])
            collector = DataKitFramework(ip='127.0.0.1', port=port)
            self.assertEqual(collector.report({'M': [{'measurement': 'm'}], 'input': 'a&b'}), '')
            collector.http_post_raw(collector.construct_url('v1/write/metric'), 'm v=1')
            collector.set_lasterror('demo', 'it broke')
        self.assertEqual([request[0] for request in requests],
                         ['/v1/write/metric?input=a%26b', '/v1/write/metric', '/v1/lasterror'])
        self.assertEqual([request[2] for request in requests],
                         ['[{"measurement": "m"}]', 'm v=1', '{"input": "demo", "err_content": "it broke"}'])

    def test_no_datakit_is_told_on_stderr_and_nothing_raises(self):
        errors = io.StringIO()
        with redirect_stderr(errors):
            self.assertEqual(DataKitFramework(port=1).report({'M': [1]}), '')
            DataKitFramework(port=1).feed_system_event({}, 10, 'fine', 'e', 't')
        self.assertIn('http://127.0.0.1:1/v1/write/metric failed', errors.getvalue())
        self.assertIn("df_status is 'fine'", errors.getvalue())

    def test_what_json_cannot_write_raises_before_anything_is_posted(self):
        with server() as (base, requests):
            with self.assertRaises(TypeError):
                DataKitFramework(port=int(base.rpartition(':')[2])).report({'M': [1], 'L': [object()]})
        self.assertEqual(requests, [])


class LogTest(unittest.TestCase):
    def run_python(self, code, **env):
        done = subprocess.run([sys.executable, '-c', 'import sys; sys.path.insert(0, {!r})\n{}'.format(CORE, code)],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **env}, check=True)
        return done.stdout.decode(), done.stderr.decode()

    def test_importing_the_framework_is_light(self):
        out, _ = self.run_python(
            'before = set(sys.modules)\nimport datakit_framework\n'
            'heavy = {"urllib.request", "urllib.parse", "logging", "requests", "typing", "threading", "socket"}\n'
            'print(sorted(heavy & (set(sys.modules) - before)))')
        self.assertEqual(out.strip(), '[]')

    def test_mylog_goes_to_stderr_and_never_fails(self):
        code = ('from datakit_framework import mylog, DataKitFramework as D\nmylog("plain")\nmylog("%s and %d", "a", 1)\n'
                'mylog("error:", ValueError("x"))\nmylog(None)\nmylog("%d", "no number")\nprint(D.is_init_log)')
        out, errors = self.run_python(code)
        self.assertEqual(errors.splitlines(), ['plain', 'a and 1', 'error: x', 'None', '%d no number'])
        self.assertEqual(out.strip(), 'True')

    def test_mylog_survives_a_closed_stderr(self):
        out, _ = self.run_python('from datakit_framework import mylog\nsys.stderr.close()\nmylog("x")\nprint("alive")')
        self.assertEqual(out.strip(), 'alive')

    def test_mylog_writes_the_originals_file_where_asked_for(self):
        import tempfile

        with tempfile.TemporaryDirectory() as home:
            self.run_python('from datakit_framework import mylog, DataKitFramework as D\nD.log_name = "demo"\n'
                            'mylog("into the file")', HOME=home, PYTHOND_LOG_FILES='1')
            with open(os.path.join(home, '_datakit_pythond_framework_demo_.log'), encoding='utf-8') as file:
                self.assertEqual(file.read(), 'into the file\n')

    def test_the_test_method_prints_the_logs_name(self):
        output = io.StringIO()
        with redirect_stdout(output), redirect_stderr(io.StringIO()):
            DataKitFramework().test()
        self.assertTrue(output.getvalue().startswith('log_name ='))

    def test_run_is_to_be_overridden(self):
        with self.assertRaises(NotImplementedError):
            DataKitFramework().run()


class server:
    """An HTTP server on the loopback; gives its URL and the list of requests: (path, content type, body)."""

    def __enter__(self):
        requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers['Content-Length']))
                requests.append((self.path, self.headers['Content-Type'], body.decode('utf-8')))
                self.send_response(500 if self.path == '/fail' else 200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self._server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={'poll_interval': 0.01})
        self._thread.start()
        return 'http://127.0.0.1:{}'.format(self._server.server_address[1]), requests

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


if __name__ == '__main__':
    unittest.main()

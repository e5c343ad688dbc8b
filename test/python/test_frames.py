"""The codec, against the golden frames that both languages read."""
from __future__ import annotations

import glob
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import REPOSITORY, frames  # noqa: E402

GOLDEN = os.path.join(REPOSITORY, 'test', 'contract', 'frames')
KINDS = {'to-host': frames.TO_HOST, 'from-host': frames.FROM_HOST, 'from-run': frames.FROM_RUN}
NAMES = {getattr(frames, name): name.lower() for name in (
    'SETUP', 'RUN', 'RENEW', 'CANCEL', 'STOP', 'READY', 'STARTED', 'RESULT', 'OUTPUT', 'ENDED', 'FATAL', 'REPORT',
    'LASTERROR', 'WARNING', 'RAW', 'FINISHED', 'STATE')}
NAMES.update({frames.NEW_STATE: 'newstate', frames.LOADED: 'loaded', frames.PASS_BEGAN: 'passbegan',
              frames.PASS_ENDED: 'passended'})


def golden():
    for path in sorted(glob.glob(os.path.join(GOLDEN, '*.json'))):
        with open(path, encoding='utf-8') as file:
            yield json.load(file)


def decode(item, pieces):
    """The frames of a stream that comes in pieces, and the bytes left over."""
    decoder = frames.Decoder(KINDS[item['direction']])
    found = []
    for piece in pieces:
        decoder.feed(piece)
        found += decoder.frames()
    return found, decoder.pending


def members(kind, payload):
    if kind == frames.RESULT:
        return {'run': struct.unpack('>I', payload[:4])[0], 'data': payload[4:].hex()}
    if kind == frames.OUTPUT:
        run, stream = struct.unpack('>IB', payload[:5])
        return {'run': run, 'stream': stream, 'data': payload[5:].hex()}
    if kind == frames.STATE:
        run, data = frames.state_of(payload)
        return {'run': run, 'data': data.hex()}
    if kind == frames.NEW_STATE:
        return {'data': payload.hex()}
    return frames.parse(payload)


class GoldenTest(unittest.TestCase):
    def test_there_are_some_of_each_sort(self):
        items = list(golden())
        for key in ('decoded', 'payload', 'frames', 'error'):
            self.assertTrue([item for item in items if key in item], key)
        self.assertEqual({item['type'] for item in items if 'type' in item}, set(NAMES.values()))

    def test_good_frames(self):
        for item in golden():
            if 'type' not in item:
                continue
            with self.subTest(item['name']):
                (kind, payload), = decode(item, [bytes.fromhex(item['hex'])])[0]
                self.assertEqual(NAMES[kind], item['type'])
                if 'decoded' in item:
                    self.assertEqual(members(kind, payload), item['decoded'])
                else:
                    self.assertEqual(payload.decode('utf-8'), item['payload'])
                    frames.parse(payload)

    def test_what_is_encoded_here_decodes_to_the_same(self):
        for item in golden():
            if 'decoded' not in item:
                continue
            with self.subTest(item['name']):
                kind = {name: number for number, name in NAMES.items()}[item['type']]
                value = item['decoded']
                if kind == frames.RESULT:
                    data = frames.result_frame(value['run'], bytes.fromhex(value['data']))
                    self.assertEqual(data.hex(), item['hex'])
                elif kind == frames.OUTPUT:
                    data = frames.output_frame(value['run'], value['stream'], bytes.fromhex(value['data']))
                    self.assertEqual(data.hex(), item['hex'])
                elif kind in (frames.STATE, frames.NEW_STATE):
                    head = struct.pack('>I', value['run']) if kind == frames.STATE else b''
                    self.assertEqual(frames.frame(kind, head + bytes.fromhex(value['data'])).hex(), item['hex'])
                else:
                    (_, payload), = decode(item, [frames.message(kind, value)])[0]
                    self.assertEqual(frames.parse(payload), value)

    def test_good_streams_cut_at_each_byte(self):
        for item in golden():
            if 'error' in item:
                continue
            data = bytes.fromhex(item['hex'])
            whole, rest = decode(item, [data])
            with self.subTest(item['name']):
                self.assertEqual([NAMES[kind] for kind, _ in whole], item.get('frames', [item.get('type')]))
                self.assertEqual(rest, item.get('rest', 0))
                for cut in range(len(data) + 1):
                    self.assertEqual(decode(item, [data[:cut], data[cut:]]), (whole, rest))
                self.assertEqual(decode(item, [data[n:n + 1] for n in range(len(data))]), (whole, rest))

    def test_broken_streams(self):
        for item in golden():
            if 'error' not in item:
                continue
            data = bytes.fromhex(item['hex'])
            for pieces in ([data], [data[n:n + 1] for n in range(len(data))]):
                with self.subTest(item['name']), self.assertRaises(frames.FrameError) as caught:
                    for kind, payload in decode(item, pieces)[0]:
                        members(kind, payload)
                self.assertEqual(caught.exception.code, item['error'])

    def test_the_files_are_what_the_generator_gives(self):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(os.path.join(GOLDEN, 'generate.py'), folder)
            subprocess.run([sys.executable, os.path.join(folder, 'generate.py')], check=True)
            names = sorted(name for name in os.listdir(folder) if name.endswith('.json'))
            self.assertEqual(names, sorted(name for name in os.listdir(GOLDEN) if name.endswith('.json')))
            for name in names:
                with open(os.path.join(folder, name), 'rb') as made, open(os.path.join(GOLDEN, name), 'rb') as kept:
                    self.assertEqual(made.read(), kept.read(), name)


class CodecTest(unittest.TestCase):
    def test_the_limit_is_17_mib_with_the_type(self):
        largest = frames.frame(frames.REPORT, b'x' * (frames.MAX_LENGTH - 1))
        decoder = frames.Decoder(frames.FROM_RUN)
        decoder.feed(largest)
        self.assertEqual(len(list(decoder.frames())[0][1]), 17 * 1024 * 1024 - 1)
        with self.assertRaises(frames.FrameError):
            frames.frame(frames.REPORT, b'x' * frames.MAX_LENGTH)

    def test_good_frames_before_a_fault_are_given(self):
        decoder = frames.Decoder(frames.FROM_RUN)
        decoder.feed(frames.message(frames.FINISHED, {'error': None}) + b'\0\0\0\0')
        found = decoder.frames()
        self.assertEqual(next(found)[0], frames.FINISHED)
        with self.assertRaises(frames.FrameError):
            next(found)

    def test_deep_json_is_bad_json(self):
        for text in (b'{"a":' * 200000, b'[' * 200000):
            with self.assertRaises(frames.FrameError) as caught:
                frames.parse(text)
            self.assertEqual(caught.exception.code, 'bad-json')

    def test_white_space_around_json_is_fine(self):
        self.assertEqual(frames.parse(b' \n{"a": 1}\t '), {'a': 1})


if __name__ == '__main__':
    unittest.main()

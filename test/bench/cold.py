"""What an exec-style agent pays for one run: a fresh interpreter, the imports of a typical client, one POST."""
import json
import logging
import sys
import urllib.request

logging.getLogger('cold').debug('run')
points = [{'measurement': 'bench', 'tags': {'t': 'a'}, 'fields': {'v': 1}}]
request = urllib.request.Request(
    sys.argv[1] + '/v1/write/metric?input=bench',
    data=json.dumps(points).encode(),
    headers={'Content-Type': 'application/json'},
)
urllib.request.urlopen(request).read()

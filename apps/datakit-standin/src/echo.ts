import type { DecodedPoint } from './decoded-point.ts';
import { echoJson, echoProtobuf } from './echo-json.ts';
import { echoLine } from './echo-line.ts';

/** The answer to `echo=lp|json|pbjson`: how each point would be stored. Anything else is answered with nothing. */
export function echo(points: readonly DecodedPoint[], query: URLSearchParams): Buffer {
  switch (wanted(query)) {
    case 'lp':
      return Buffer.from(points.map(echoLine).join('\n'), 'latin1');
    case 'json':
      return Buffer.from(`[${points.map(echoJson).join(',')}]`, 'utf8');
    case 'pbjson':
      return Buffer.from(`[${points.map(echoProtobuf).join(',')}]`, 'utf8');
    default:
      return Buffer.alloc(0);
  }
}

function wanted(query: URLSearchParams): string {
  const form = query.get('echo') ?? '';
  if (form !== '') return form;
  if ((query.get('echo_line_proto') ?? '') !== '') return 'lp';
  return (query.get('echo_json') ?? '') === '' ? '' : 'json';
}

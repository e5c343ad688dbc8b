// A worker that the first job it takes kills, as a collector that takes all memory of its machine would. Argument: JSON of
// {url, password}, the Redis.
import process from 'node:process';
import { connect, JobWorker } from '@pythond/queue';

const connection = connect(JSON.parse(process.argv[2]), 'waiting', () => undefined);
new JobWorker({
  ...{ queue: 'collect-default', connection, concurrency: 1, onError: () => undefined },
  process: async () => {
    process.kill(process.pid, 'SIGKILL');
    return new Promise(() => undefined);
  },
});

import { DeadLetters } from '@pythond/outbox';
import { type Context, type HomeFlags, settingsOf } from '../../context.ts';
import { withFleet } from '../../fleet-connection.ts';

export async function withDead<T>(
  context: Context,
  { home }: HomeFlags,
  use: (dead: DeadLetters) => Promise<T>,
): Promise<T> {
  const settings = await settingsOf(context, { ...(home ? { home } : {}) });
  return withFleet(settings, async (redis) => {
    const dead = new DeadLetters(redis);
    try {
      return await use(dead);
    } finally {
      await dead.close();
    }
  });
}

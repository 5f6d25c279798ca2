import type { Case } from './cases/case.ts';
import { Conversation } from './conversation.ts';
import type { Entry } from './conversation.ts';
import { differences } from './normalize.ts';
import type { Server } from './servers.ts';

/** The real server first, then the one that is measured by it. */
export type Sides = readonly [real: Server, sandbox: Server];

/** One request that the two servers answered differently. */
export interface Difference {
  readonly request: string;
  readonly sent: unknown;
  readonly lines: string[];
  /** What the real server said, for the report. */
  readonly real: unknown;
  readonly sandbox: unknown;
}

export interface Outcome {
  readonly differences: Difference[];
  /** How many answers were compared. */
  readonly compared: number;
  readonly transcript: readonly Entry[];
}

/** Tells the story to both sides, each in a namespace of this name that it makes, and compares what was said. */
export async function compare(sides: Sides, namespace: string, story: Case['run']): Promise<Outcome> {
  const [real, sandbox] = await Promise.all([
    tell(sides[0], namespace, story),
    tell(sides[1], namespace, story),
  ]);
  const found: Difference[] = [];
  for (let i = 0; i < Math.max(real.length, sandbox.length); i += 1) {
    const [sent, one] = split(real[i]);
    const [sentToo, other] = split(sandbox[i]);
    const lines = differences(one, other);
    if (lines.length === 0) continue;
    const request = one?.request ?? other?.request ?? '';
    found.push({ request, sent: sent ?? sentToo, lines, real: one, sandbox: other });
  }
  return { differences: found, compared: real.length, transcript: real };
}

/** What was sent is not compared: it may carry the server's own versions. */
function split(entry: Entry | undefined): [sent: unknown, said: Omit<Entry, 'sent'> | undefined] {
  if (entry === undefined) return [undefined, undefined];
  const { sent, ...said } = entry;
  return [sent, said];
}

async function tell(server: Server, namespace: string, story: Case['run']): Promise<Entry[]> {
  const conversation = new Conversation(server, namespace);
  try {
    const path = '/api/v1/namespaces';
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } };
    const { status } = await conversation.quietly('POST', path, body);
    if (status !== 201) throw new Error(`namespace ${namespace} was not created: ${status}`);
    await story(conversation);
  } catch (error) {
    // A story that breaks off on one side only is a difference like any other.
    conversation.record('the story broke off', {
      body: error instanceof Error ? error.message : String(error),
    });
  } finally {
    conversation.close();
  }
  return conversation.entries;
}

/** Runs `work` for each item, `width` at a time. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

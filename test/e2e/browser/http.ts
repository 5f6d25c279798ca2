import { eventually } from './scenario.ts';

/** Waits until somebody answers there. */
export async function answers(url: string): Promise<void> {
  const probe = async () => (await fetch(url).catch(() => undefined))?.status ?? 0;
  await eventually(`${url} answers`, probe, (status) => status === 200);
}

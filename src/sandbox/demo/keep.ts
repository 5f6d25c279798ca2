import path from 'node:path';
import type { Clock } from '../../kube/clock.ts';
import { aborted } from '../../kube/deadline.ts';
import type { ApiClient } from '../../kube/types.ts';
import { KNOWN_IMAGES } from './images.ts';
import { ROOT, SHOP_FILE } from './manifests.ts';
import { type ReleaseState, ReleaseWatch } from './release-watch.ts';

export interface Kept {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly kubeconfig: string;
  /** The dashboard's address; undefined where it did not start. */
  readonly dashboard: string | undefined;
  readonly frontPort: number;
  readonly print: (lines: readonly string[]) => void;
  readonly onError: (error: unknown) => void;
}

/** Tells what can be done now, and then every turn of every release, until the signal aborts. */
export async function keepRunning(kept: Kept, signal: AbortSignal): Promise<void> {
  const { client, clock, onError, print } = kept;
  print(instructions(kept));
  const told = new Map<string, string>();
  const watch = new ReleaseWatch({
    client,
    clock,
    onError,
    onChange: (state) => {
      const key = `${state.namespace}/${state.name}`;
      const { phase, step } = state.status;
      const turn = `${phase ?? ''} ${step?.observedWeight ?? ''}`;
      if (told.get(key) === turn) return;
      told.set(key, turn);
      print([turnLine(state, new Date(clock.now()))]);
    },
  });
  if (signal.aborted) return;
  await watch.start();
  await aborted(signal);
  await watch.stop();
}

function instructions({ kubeconfig, dashboard, frontPort }: Kept): string[] {
  return [
    '',
    ...(dashboard === undefined ? [] : [`The dashboard: ${dashboard}`, '']),
    'Everything stays up, the load too. Try it in another terminal:',
    '',
    `  cd ${ROOT}`,
    `  export KUBECONFIG=${kubeconfig}`,
    '  kubectl get canaryreleases -n demo -w',
    '',
    '  # another version',
    `  sed 's/v1$/v4/' ${path.relative(ROOT, SHOP_FILE)} |`,
    '    kubectl apply --server-side --force-conflicts -f -',
    '',
    '  # a bad one: give it another version, and ERROR_RATE: "0.3", LATENCY_MS: "400"',
    '  # or CRASH_AFTER_MS: "3000" as env',
    '  kubectl edit canaryrelease shop -n demo',
    '',
    '  # a request through the mesh',
    `  curl -H 'Host: shop' http://127.0.0.1:${frontPort}/`,
    '',
    'Manifests of your own work too; pods run these images:',
    `${KNOWN_IMAGES}.`,
    '',
    'Ctrl-C ends everything.',
    '',
  ];
}

function turnLine({ namespace, name, status }: ReleaseState, at: Date): string {
  const { phase = 'New', message = '', step } = status;
  const weight = step === undefined ? '' : ` ${step.observedWeight}%`;
  return `${at.toTimeString().slice(0, 8)}  ${namespace}/${name}  ${phase}${weight}  ${message}`;
}

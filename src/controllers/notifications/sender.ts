import type { Problem, SecretKeyRef } from '../../api/index.ts';
import type { Clock } from '../../kube/clock.ts';
import { Deadline, abortable } from '../../kube/deadline.ts';
import {
  BadAddress,
  type Draft,
  type Handle,
  type Outcome,
  type Outgoing,
  type Service,
} from '../../notifications/services/index.ts';
import { type Http, HttpFailure } from '../../telemetry/http.ts';
import type { Secrets } from '../canary-release/secrets.ts';

/** What became of a try. */
export type Delivery =
  | { readonly kind: 'delivered'; readonly message: Handle | undefined }
  | { readonly kind: 'gone' }
  | { readonly kind: 'failed'; readonly problem: Problem; readonly afterMs: number | undefined };

/** From the first byte sent to the last of the answer (ms). */
export const SEND_MS = 10_000;
/** Of an answer; nobody reads more than a few fields. */
const MOST_BYTES = 256 * 1024;

export interface SenderDependencies {
  readonly http: Http;
  readonly clock: Clock;
  readonly secrets: Secrets;
  /** @throws where this process may not act (any more) */
  readonly mayAct: () => void;
  /** Ends every try at once. */
  readonly stopping: AbortSignal;
}

/** Sends one message, once. */
export class Sender {
  readonly #deps: SenderDependencies;

  constructor(dependencies: SenderDependencies) {
    this.#deps = dependencies;
  }

  /**
   * What keeps messages from being sent at all: a Secret that is not there.
   * @param namespace that of the policy
   */
  async missing(namespace: string, services: readonly Service[]): Promise<Problem | undefined> {
    const { secrets } = this.#deps;
    const refs = services.flatMap((service) => service.secrets);
    await secrets.refresh(
      namespace,
      refs.map(({ name }) => name),
    );
    for (const ref of refs) {
      const value = secrets.lookup(namespace, ref);
      if ('problem' in value) return value.problem;
    }
    return undefined;
  }

  /**
   * One try. Everything that an answer can be is a result.
   * @throws whatever `mayAct` throws; AbortError when the process stops
   */
  async send(
    namespace: string,
    service: Service,
    draft: Pick<Draft, 'notice' | 'template' | 'update'>,
  ): Promise<Delivery> {
    const { clock } = this.#deps;
    const problem = await this.missing(namespace, [service]);
    if (problem !== undefined) return { kind: 'failed', problem, afterMs: undefined };
    const read = (ref: SecretKeyRef) => this.#text(namespace, ref);
    try {
      const request = service.request({ ...draft, read, now: clock.now() });
      return deliveryOf(await this.#exchange(service, request));
    } catch (error) {
      if (!(error instanceof BadAddress)) throw error;
      return deliveryOf({ kind: 'refused', message: error.message });
    }
  }

  #text(namespace: string, ref: SecretKeyRef): string {
    const value = this.#deps.secrets.lookup(namespace, ref);
    return 'text' in value ? value.text : '';
  }

  async #exchange(service: Service, request: Outgoing): Promise<Outcome> {
    const { http, clock, mayAct, stopping } = this.#deps;
    const { host } = new URL(request.url);
    const deadline = new Deadline(clock, stopping);
    deadline.restart(SEND_MS);
    const { signal } = deadline;
    try {
      mayAct();
      const sent = http({ ...request, timeoutMs: SEND_MS, maxBytes: MOST_BYTES, signal });
      return service.outcome(await abortable(sent, signal), clock.now());
    } catch (error) {
      if (deadline.expired)
        return { kind: 'busy', message: `${host} does not answer within ${SEND_MS / 1000} s` };
      if (stopping.aborted || !(error instanceof HttpFailure)) throw error;
      const message = `${host}: ${error.message}`;
      return error.reason === 'refused' ? { kind: 'refused', message } : { kind: 'busy', message };
    } finally {
      deadline.dispose();
    }
  }
}

function deliveryOf(outcome: Outcome): Delivery {
  switch (outcome.kind) {
    case 'delivered':
      return { kind: 'delivered', message: outcome.message };
    case 'gone':
      return outcome;
    case 'busy': {
      const problem: Problem = { reason: 'DeliveryFailed', message: `${outcome.message}; it is tried again` };
      return { kind: 'failed', problem, afterMs: outcome.afterMs };
    }
    case 'refused':
      return {
        kind: 'failed',
        problem: { reason: 'DeliveryRefused', message: outcome.message },
        afterMs: undefined,
      };
  }
}

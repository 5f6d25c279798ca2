import type { NotificationPolicyObject, NotificationPolicyStatus } from '../../api/index.ts';
import { notificationPolicies } from '../../api/resources.ts';
import type { KubeObject } from '../../kube/types.ts';
import { secrets } from '../../kube/well-known.ts';
import type { Http, HttpAnswer, HttpRequest } from '../../telemetry/http.ts';
import { TestCluster } from '../cluster.testing.ts';
import { OperatorMetrics } from '../metrics.ts';
import { OperatorProcess } from '../process.ts';

/** A request as a service had it. */
export interface Sent {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Record<string, unknown>;
  /** ms since the epoch. */
  readonly at: number;
}

/** Slack, Discord and others as far as messages go, on the clock of the test. */
export class Services {
  readonly sent: Sent[] = [];
  /** Messages by id, as people see them. */
  readonly messages = new Map<string, string>();
  /** Answers in place of the service; undefined lets it answer itself. */
  answer: (request: HttpRequest) => Partial<HttpAnswer> | Promise<Partial<HttpAnswer>> | undefined = () =>
    undefined;
  readonly #test: TestCluster;

  constructor(test: TestCluster) {
    this.#test = test;
  }

  readonly http: Http = async (request) => {
    const body = JSON.parse(request.body ?? '{}') as Record<string, unknown>;
    const { method, url, headers = {} } = request;
    this.sent.push({ method, url, headers, body, at: this.#test.clock.now() });
    const meddled = await this.answer(request);
    const answer = meddled ?? this.#answerOf(url, body);
    return { status: 200, contentType: 'application/json', body: '', ...answer };
  };

  /** Requests to addresses that contain this. */
  to(part: string): Sent[] {
    return this.sent.filter(({ url }) => url.includes(part));
  }

  #answerOf(url: string, { text, ts }: Record<string, unknown>): Partial<HttpAnswer> {
    if (!url.startsWith('https://slack.com/api/')) return { body: 'ok' };
    const isUpdate = url.endsWith('chat.update');
    if (isUpdate && !this.messages.has(String(ts)))
      return { body: JSON.stringify({ ok: false, error: 'message_not_found' }) };
    const id = isUpdate ? String(ts) : `${this.messages.size + 1}.0`;
    this.messages.set(id, String(text));
    return { body: JSON.stringify({ ok: true, ts: id, channel: 'C1' }) };
  }
}

/** A cluster with the operator as its process wires it, notifications included. */
export class NotifyingWorld {
  readonly test: TestCluster;
  readonly services: Services;
  readonly metrics = new OperatorMetrics();
  readonly events: string[] = [];
  readonly errors: string[] = [];
  #processes: {
    readonly user: string;
    readonly stopping: AbortController;
    readonly running: Promise<unknown>;
  }[] = [];
  readonly #dead = new Set<string>();
  #started = 0;

  private constructor(test: TestCluster) {
    this.test = test;
    this.services = new Services(test);
    const never = new Promise<void>(() => undefined);
    test.cluster.intercept({
      before: ({ user }) => (this.#dead.has(user) ? never : undefined),
      event: ({ user }) => (this.#dead.has(user) ? 'drop' : 'deliver'),
    });
  }

  static async start(lacks?: (crd: string) => boolean): Promise<NotifyingWorld> {
    return new NotifyingWorld(await TestCluster.start(lacks));
  }

  /** Starts an operator, as after a crash: it knows nothing but what is in the cluster. */
  async operate(leaderElect = false): Promise<void> {
    const { clock, cluster, traffic } = this.test;
    this.#started++;
    const user = `songbird-${this.#started}`;
    const http: Http = (request) =>
      this.#dead.has(user) ? new Promise(() => undefined) : this.services.http(request);
    const process = new OperatorProcess({
      flags: {
        leaderElect,
        leaderElectionNamespace: 'shop',
        namespace: undefined,
        workers: 4,
        writesPerSecond: 50,
      },
      client: cluster.client({ user }),
      clock,
      identity: user,
      telemetry: {
        sources: { proxies: traffic, prometheus: traffic },
        events: { read: () => Promise.reject(new Error('no events here')), forget: () => undefined },
        values: {
          prometheus: async () => ({ outcome: 'error', message: 'no data' }),
          web: async () => ({ outcome: 'error', message: 'no data' }),
        },
        prometheusAddress: undefined,
      },
      metrics: this.metrics,
      notifications: { http, clusterName: 'eu-1', dashboardUrl: undefined },
      reporterOf: (events) => ({
        decided: (_key, { observed }, { status }) => {
          this.test.noteDecision(observed, status);
        },
        event: (release, { type, reason, message }) => {
          events.record(release, { type, reason, note: message, action: 'Reconcile' });
        },
        refused: () => undefined,
        forgotten: () => undefined,
      }),
      onError: (error, where) => {
        this.errors.push(`${where}: ${String(error)}`);
      },
      say: () => undefined,
      random: this.test.random,
    });
    const stopping = new AbortController();
    this.#processes.push({ user, stopping, running: process.run(stopping.signal) });
    await clock.advance(1000);
  }

  async stop(): Promise<void> {
    const processes = this.#processes;
    this.#processes = [];
    for (const { stopping } of processes) stopping.abort();
    await this.test.clock.advance(1000);
    await Promise.all(processes.map(({ running }) => running));
  }

  /** Ends the process of this user as SIGKILL does. */
  kill(user: string): void {
    this.#dead.add(user);
    this.#processes = this.#processes.filter((process) => process.user !== user);
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.operate();
  }

  async secret(name: string, data: Record<string, string>): Promise<void> {
    const encoded = Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
    await this.test.admin.create<KubeObject & { data: unknown }>(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace: 'shop' },
      data: Object.fromEntries(encoded) as unknown,
    });
  }

  async policy(spec: Record<string, unknown>, name = 'team'): Promise<void> {
    const object = {
      apiVersion: 'songbird.dev/v1alpha1',
      kind: 'NotificationPolicy',
      metadata: { name, namespace: 'shop' },
      spec,
    };
    const ref = { namespace: 'shop', name };
    const options = { fieldManager: 'admin', force: true };
    await this.test.admin.patch(notificationPolicies, ref, 'apply', object, options);
    await this.test.clock.advance(2000);
  }

  async statusOf(name = 'team'): Promise<NotificationPolicyStatus> {
    const ref = { namespace: 'shop', name };
    const object = await this.test.admin.get<NotificationPolicyObject>(notificationPolicies, ref);
    return object.status ?? {};
  }
}

/** What the condition Ready of a policy says. */
export function readiness({ conditions = [] }: NotificationPolicyStatus): string {
  const ready = conditions.find(({ type }) => type === 'Ready');
  return `${ready?.status ?? ''} ${ready?.reason ?? ''}: ${ready?.message ?? ''}`;
}

import type { Conversation } from '../conversation.ts';

/** One story, told to both servers. It must do the same on both as long as they answer the same. */
export interface Case {
  readonly name: string;
  /** No other case may run meanwhile. */
  readonly alone?: boolean;
  /** Needs kube-controller-manager, which an API server alone doesn't have. */
  readonly controllers?: boolean;
  run(c: Conversation): Promise<void>;
}

/** Groups the cases of one file under a prefix. */
export function cases(
  area: string,
  stories: Record<string, (c: Conversation) => Promise<void>>,
  needs: { controllers?: boolean } = {},
): Case[] {
  return Object.entries(stories).map(([name, run]) => ({ name: `${area}: ${name}`, run, ...needs }));
}

export function configMap(name: string, data?: Record<string, string>, metadata: object = {}): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...metadata }, ...(data && { data }) };
}

export function widget(name: string, spec: object, metadata: object = {}): object {
  return {
    apiVersion: 'conformance.songbird.dev/v1',
    kind: 'Widget',
    metadata: { name, ...metadata },
    spec,
  };
}

export function deployment(name: string, replicas: number, metadata: object = {}): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, ...metadata },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'main', image: 'example.org/app:1' }] },
      },
    },
  };
}

export const DEPLOYMENTS = 'apps/v1';
export const WIDGETS = 'conformance.songbird.dev/v1';

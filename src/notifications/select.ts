import type { LabelSelector, NotificationPolicySpec } from '../api/index.ts';

/** True of a CanaryRelease that the policy is about. */
export function selects(
  { releases }: Pick<NotificationPolicySpec, 'releases'>,
  {
    name,
    labels = {},
  }: { readonly name: string; readonly labels?: Readonly<Record<string, string>> | undefined },
): boolean {
  const { names, selector } = releases ?? {};
  return (names?.includes(name) ?? true) && (selector === undefined || fits(selector, labels));
}

function fits(
  { matchLabels = {}, matchExpressions = [] }: LabelSelector,
  labels: Readonly<Record<string, string>>,
): boolean {
  const valueOf = (key: string) => (Object.hasOwn(labels, key) ? labels[key] : undefined);
  return (
    Object.entries(matchLabels).every(([key, value]) => valueOf(key) === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = valueOf(key);
      switch (operator) {
        case 'Exists':
          return value !== undefined;
        case 'DoesNotExist':
          return value === undefined;
        case 'In':
          return value !== undefined && values.includes(value);
        case 'NotIn':
          return value === undefined || !values.includes(value);
      }
    })
  );
}

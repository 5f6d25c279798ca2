import { describe, expect, it } from 'vitest';
import { type NotificationPolicyStatus, parsePolicy } from '../api/index.ts';
import { iso } from '../core/model.ts';
import { type Ledger, afterChange, delivered, failed, ledgerOf, statusOf } from './ledger.ts';
import { selects } from './select.ts';
import { at, over, standingOf, subject } from './testing.ts';

function specOf(...names: string[]) {
  const targets = names.map((name) => ({ name, webhook: { url: 'http://audit/in' } }));
  const parsed = parsePolicy({ metadata: { name: 'team' }, spec: { targets } });
  if (!parsed.ok) throw new Error(parsed.problems[0]?.message);
  return parsed.spec;
}

const created = { createdAt: at(0), status: {} };
const conditionsOf = ({ conditions = [] }: NotificationPolicyStatus) =>
  conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`);

describe('the ledger of a policy', () => {
  it('begins where the policy was made, and for a target that comes later where that came', () => {
    const first = ledgerOf({ ...created, spec: specOf('a') }, at(500));
    expect(first.targets).toEqual([{ name: 'a', since: iso(at(0)) }]);
    const second = afterChange(first, specOf('a', 'b'), at(900));
    expect(second.targets.map(({ since }) => since)).toEqual([iso(at(0)), iso(at(900))]);
  });

  it('goes on from its status, without targets that are gone', () => {
    const before = ledgerOf({ ...created, spec: specOf('a', 'b') }, at(500));
    const standing = standingOf(over(2, 'Promoted', 2090), 2091);
    const told = ['a', 'b'].reduce<Ledger>(
      (ledger, name) => delivered(ledger, name, subject({}), standing, undefined, at(2092)),
      before,
    );
    const status = statusOf(told, 1, undefined, {}, at(2093));
    const again = ledgerOf({ createdAt: at(0), status, spec: specOf('b') }, at(9000));
    expect(again.told.map(({ target, keys }) => [target, keys])).toEqual([['b', ['promoted']]]);
    expect(again.targets).toEqual([{ name: 'b', since: iso(at(0)), deliveredAt: iso(at(2092)) }]);
  });
});

describe('the status of a policy', () => {
  const ledger = ledgerOf({ ...created, spec: specOf('a') }, at(500));

  it.each([
    [undefined, ['Ready=True NotificationsReady']],
    ['DeliveryFailed', ['Ready=False DeliveryFailed', 'Reconciling=True DeliveryFailed']],
    ['DeliveryRefused', ['Ready=False DeliveryRefused', 'Stalled=True DeliveryRefused']],
  ] as const)('that fails by %s is %j', (reason, expected) => {
    const now = reason === undefined ? ledger : failed(ledger, 'a', { reason, message: 'it answers 500' });
    expect(conditionsOf(statusOf(now, 1, undefined, {}, at(600)))).toEqual(expected);
  });

  it('is the same as long as nothing changes, whenever it is made', () => {
    const first = statusOf(ledger, 1, undefined, {}, at(600));
    expect(statusOf(ledger, 1, undefined, first, at(9000))).toEqual(first);
  });

  it('says first what keeps everything from being sent', () => {
    const both = failed(ledger, 'a', { reason: 'DeliveryFailed', message: 'it answers 500' });
    const problem = { reason: 'SecretUnreadable', message: 'Secret slack does not exist' } as const;
    expect(statusOf(both, 1, problem, {}, at(600)).message).toBe('Secret slack does not exist');
    expect(statusOf(both, 1, undefined, {}, at(600)).message).toBe('target a: it answers 500');
  });
});

describe('the releases of a policy', () => {
  const cart = { name: 'cart', labels: { tier: 'shop', team: 'blue' } };
  const expression = (
    operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist',
    key: string,
    ...values: string[]
  ) => ({
    selector: { matchExpressions: [{ key, operator, values }] },
  });

  it.each([
    [undefined, true],
    [{ names: ['cart'] }, true],
    [{ names: ['orders'] }, false],
    [{ selector: { matchLabels: { tier: 'shop' } } }, true],
    [{ selector: { matchLabels: { tier: 'shop', team: 'red' } } }, false],
    [{ names: ['cart'], selector: { matchLabels: { team: 'red' } } }, false],
    [expression('In', 'team', 'red', 'blue'), true],
    [expression('In', 'zone', 'eu'), false],
    [expression('NotIn', 'team', 'blue'), false],
    [expression('NotIn', 'zone', 'eu'), true],
    [expression('Exists', 'team'), true],
    [expression('DoesNotExist', 'team'), false],
    [expression('Exists', 'constructor'), false],
  ])('are by %j: %s', (releases, expected) => {
    expect(selects({ releases }, cart)).toBe(expected);
  });
});

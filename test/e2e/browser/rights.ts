import type { Page } from 'playwright-core';
import type { Watched } from './browser.ts';
import { type DashboardCluster, startCluster } from './cluster.ts';
import { type Scenario, type Stage, eventually, mustBe, tabTo, textOf } from './scenario.ts';

const RELEASE = 'shop/cart';
/** Tokens and rights are asked for again within half a minute, and the API server remembers a token for 10 s. */
const TAKEN_AWAY_MS = 90_000;

/** The operator's own dashboard on a real API server, with tokens of ServiceAccounts. */
export const rights: Scenario = {
  name: 'rights: nobody, a viewer and one who may give orders, in a cluster',
  run: async (stage) => {
    const cluster = await startCluster();
    try {
      await populate(cluster);
      await strangerIsKeptOut(stage, cluster);
      await nobodySeesNothing(stage, cluster);
      const viewer = await viewerSees(stage, cluster);
      await commanderAborts(stage, cluster);
      await viewerIsGone(viewer, cluster);
    } finally {
      await cluster.close();
    }
  },
};

/** Two releases, of which one is under way, and three ServiceAccounts. */
async function populate(cluster: DashboardCluster): Promise<void> {
  const { apply, kubectl } = cluster;
  for (const namespace of ['shop', 'bank']) await kubectl('create', 'namespace', namespace);
  for (const account of ['nobody', 'viewer', 'commander']) {
    await kubectl('create', 'serviceaccount', account, '-n', 'shop');
    if (account === 'nobody') continue;
    await bind(cluster, account, 'view');
  }
  await bind(cluster, 'commander', 'songbird-command');
  await apply(release('shop', 'cart', 'v1'), release('bank', 'till', 'v1'));
  await phaseIs(cluster, 'Healthy');
  await apply(release('shop', 'cart', 'v2'));
  await phaseIs(cluster, 'Progressing');
}

async function bind({ kubectl }: DashboardCluster, account: string, role: string): Promise<void> {
  const who = [`--clusterrole=${role}`, `--serviceaccount=shop:${account}`];
  await kubectl('create', 'rolebinding', `${account}-${role}`, '-n', 'shop', ...who);
}

function release(namespace: string, name: string, version: string): object {
  return {
    apiVersion: 'songbird.dev/v1alpha1',
    kind: 'CanaryRelease',
    metadata: { namespace, name },
    spec: {
      replicas: 1,
      template: {
        spec: {
          containers: [
            { name, image: `registry.example.com/${name}:${version}`, ports: [{ containerPort: 8080 }] },
          ],
        },
      },
      service: { name, port: 8080, portName: 'http' },
      traffic: { istio: { hosts: [name] } },
      steps: [{ weight: 5, for: '5m' }, { weight: 100 }],
      analysis: { errorRate: { max: '1%' } },
    },
  };
}

async function phaseIs({ kubectl }: DashboardCluster, phase: string): Promise<void> {
  const get = () => kubectl('get', 'canaryrelease', 'cart', '-n', 'shop', '-o', 'jsonpath={.status.phase}');
  await eventually(`shop/cart is ${phase}`, get, (seen) => seen === phase, 60_000);
}

async function signIn(page: Page, token: string): Promise<void> {
  await page.locator('#token').fill(token);
  await page.keyboard.press('Enter');
}

async function strangerIsKeptOut(stage: Stage, { url }: DashboardCluster): Promise<void> {
  await stage.inspect(url, '.sign-in', { name: 'sign-in', looks: ['light'] });
  const watched = await stage.open(url);
  const { page } = watched;
  await page.locator('#token').waitFor();
  mustBe('no release is shown', !(await page.locator('#list').isVisible()), '');
  // The browser itself notes each answer of 401.
  watched.excuse(/status of 401/);
  await signIn(page, 'not.a.token');
  await page.locator('#token-wrong', { hasText: 'does not know this token' }).waitFor();
  mustBe('no update', (await statusOf(page, 'GET', '/api/updates')) === 401, 'another status');
  mustBe('no order', (await order(page)) === 401, 'another status');
  await ends(watched);
}

async function nobodySeesNothing(stage: Stage, cluster: DashboardCluster): Promise<void> {
  const watched = await stage.open(cluster.url);
  const { page } = watched;
  await signIn(page, await cluster.tokenOf('shop', 'nobody'));
  await page.locator('#count', { hasText: 'There are no releases that you may see' }).waitFor();
  await page.goto(`${cluster.url}#/${RELEASE}`);
  await page.locator('#detail', { hasText: 'is not there' }).waitFor();
  mustBe('no button', (await page.locator('button[data-action]').count()) === 0, 'a button');
  const told = await updatesOf(page, RELEASE);
  mustBe(
    'the server tells nothing of it either',
    /event: detail\ndata: null/.test(told) && !told.includes('image'),
    told,
  );
  watched.excuse(/status of 403/);
  mustBe('the server refuses an order', (await order(page)) === 403, 'another status');
  await ends(watched);
}

async function viewerSees(stage: Stage, cluster: DashboardCluster): Promise<Watched> {
  const watched = await stage.open(cluster.url);
  const { page } = watched;
  const token = await cluster.tokenOf('shop', 'viewer');
  await signIn(page, token);
  await page.locator('.row').first().waitFor();
  const rows = await page.locator('.row .name').allTextContents();
  mustBe('only what they may see', rows.join() === RELEASE, rows);
  await page.locator('.row').first().click();
  await page.locator('button[data-action=abort]').waitFor();
  const enabled = await page.locator('button[data-action]:enabled').count();
  mustBe('no button works', enabled === 0, enabled);
  await page.locator('section[data-key=Pods] tbody tr').first().waitFor();
  await page.locator('.events li').first().waitFor();
  watched.excuse(/status of 403/);
  mustBe('the server refuses an order', (await order(page)) === 403, 'another status');
  const commands = await cluster.kubectl('get', 'releasecommands', '-A', '-o', 'name');
  mustBe('nothing is ordered', commands === '', commands);
  const leaks = (
    await page.evaluate<string[]>('[location.href, document.cookie, JSON.stringify(localStorage)]')
  ).join();
  mustBe('the token is nowhere that scripts can read', !leaks.includes(token.slice(0, 20)), leaks);
  mustBe('there is no session that they can read', !leaks.includes('songbird-session'), leaks);
  return watched;
}

async function commanderAborts(stage: Stage, cluster: DashboardCluster): Promise<void> {
  const watched = await stage.open(`${cluster.url}#/${RELEASE}`);
  const { page } = watched;
  await signIn(page, await cluster.tokenOf('shop', 'commander'));
  await page.locator('button[data-action=abort]:enabled').waitFor();
  await page.locator('#detail').focus();
  await tabTo(page, 'button[data-action=abort]');
  await page.keyboard.press('Enter');
  await tabTo(page, '#ask button[value=yes]');
  await page.keyboard.press('Enter');
  await page.locator('.release .phase', { hasText: 'RolledBack' }).waitFor();
  await eventually(
    'what became of the order is told',
    () => textOf(page, '#state'),
    (text) => text.startsWith('Abort: executed'),
  );
  const by = await cluster.kubectl(
    'get',
    'releasecommands',
    '-n',
    'shop',
    '-o',
    'jsonpath={.items[*].spec.action}',
  );
  mustBe('one order is given', by === 'abort', by);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.locator('#token').waitFor();
  watched.excuse(/status of 401/);
  mustBe('the session is over', (await statusOf(page, 'GET', '/api/updates')) === 401, 'another status');
  await ends(watched);
}

/** Whose token is taken back in the midst of a stream is shown nothing more. */
async function viewerIsGone(watched: Watched, { kubectl }: DashboardCluster): Promise<void> {
  await kubectl('delete', 'serviceaccount', 'viewer', '-n', 'shop');
  await watched.page.locator('#token').waitFor({ timeout: TAKEN_AWAY_MS });
  mustBe('nothing stays', (await watched.page.locator('.row').count()) === 0, 'a row');
  await ends(watched);
}

async function ends({ wrong, close }: Watched): Promise<void> {
  mustBe('nothing goes wrong in the page', wrong.length === 0, wrong);
  await close();
}

/** What the server answers a script of the page. */
function statusOf(page: Page, method: string, path: string, body?: object): Promise<number> {
  const headers = { 'content-type': 'application/json', 'x-songbird': '1' };
  const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  return page.evaluate<number>(
    `fetch(${JSON.stringify(path)}, ${JSON.stringify(init)}).then(({ status }) => status)`,
  );
}

function order(page: Page): Promise<number> {
  return statusOf(page, 'POST', '/api/commands', { key: RELEASE, action: 'abort', revision: 'abc' });
}

/** What a stream of one release tells at its beginning, as it is. */
function updatesOf(page: Page, key: string): Promise<string> {
  return page.evaluate<string>(`(async () => {
    const ended = new AbortController();
    const response = await fetch('/api/updates?release=${encodeURIComponent(key)}', { signal: ended.signal });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!text.includes('event: detail')) text += (await reader.read()).value;
    ended.abort();
    return text;
  })()`);
}

import type { Detail, EventView, Ordered, PodView, Session, Summary, Told } from '../wire.ts';
import { isWanted } from './asking.ts';
import { detailOf } from './detail.ts';
import { byId, el, settle, timeOfDay } from './dom.ts';
import { ReleaseList } from './list.ts';
import { type Hearing, ask, listen } from './live.ts';
import { ordersFor } from './orders.ts';
import { signInForm } from './sign-in.ts';

const PHASES = Object.keys({
  Initializing: true,
  Healthy: true,
  Waiting: true,
  Progressing: true,
  Paused: true,
  Promoting: true,
  RollingBack: true,
  RolledBack: true,
} satisfies Record<NonNullable<Summary['phase']>, true>);

/** Until a server that refuses is asked again (ms). */
const AGAIN_MS = 1500;
/** A page that nobody has looked at for so long (ms) lets go of the server: browsers allow few streams at a time. */
const UNSEEN_MS = 20_000;

const state = byId('state', HTMLParagraphElement);
const stale = byId('stale', HTMLParagraphElement);
const person = byId('person', HTMLParagraphElement);
const leave = byId('leave', HTMLButtonElement);
const box = byId('detail', HTMLElement);
const search = byId('search', HTMLInputElement);
const phase = byId('phase', HTMLSelectElement);

const list = new ReleaseList(byId('rows', HTMLDivElement), byId('count', HTMLParagraphElement), (key) => {
  location.hash = `#/${key}`;
});

phase.append(...PHASES.map((name) => el('option', { value: name }, name)));
for (const input of [search, phase]) {
  input.addEventListener('input', () => {
    list.filter(search.value, phase.value);
  });
}

/** Since when the server, or the cluster behind it, has not answered (ms since the epoch). */
const silent: { server: number | undefined; cluster: number | undefined } = {
  server: undefined,
  cluster: undefined,
};

function tellStale(change: Partial<typeof silent>): void {
  Object.assign(silent, change);
  const { server, cluster } = silent;
  const since = server ?? cluster;
  const who = server === undefined ? 'The cluster' : 'The dashboard';
  const text =
    since === undefined
      ? ''
      : `${who} does not answer. What is shown is of ${timeOfDay(since)}; it is tried again.`;
  if (stale.textContent !== text) stale.textContent = text;
  document.body.classList.toggle('stale', since !== undefined);
}

const hearing: Hearing = {
  up: () => {
    tellStale({ server: undefined });
  },
  down: () => {
    tellStale({ server: silent.server ?? Date.now() });
  },
  refused: () => {
    again();
  },
};

const common = {
  away: (since) => {
    tellStale({ cluster: since ?? undefined });
  },
  out: () => {
    signOut();
  },
} satisfies { [K in keyof Told]?: (data: Told[K]) => void };

interface Shown {
  readonly detail: Detail;
  readonly pods?: readonly PodView[] | null;
  readonly events?: readonly EventView[] | null;
}

let all: EventSource | undefined;
let looked: EventSource | undefined;
let shown: Shown | undefined;
let mayCommand = false;
let isIn = false;

/** The release that the address names; undefined for none. */
function keyOfAddress(): string | undefined {
  const [, key] = /^#\/([^/]+\/[^/]+)$/.exec(location.hash) ?? [];
  return key;
}

function hint(text: string): void {
  settle(box, [el('p', { class: 'quiet' }, el('a', { class: 'back', href: '#/' }, '← All releases'), text)]);
}

function look(): void {
  looked?.close();
  const key = keyOfAddress();
  if (shown?.detail.key !== key) shown = undefined;
  document.body.classList.toggle('looking', key !== undefined);
  list.mark(key);
  document.title = key === undefined ? 'Songbird' : `${key} – Songbird`;
  if (!isIn) return;
  if (key === undefined) {
    hint('Choose a release.');
    return;
  }
  if (shown === undefined) hint(`Asking for ${key}…`);
  looked = listen(
    `/api/updates?release=${encodeURIComponent(key)}`,
    {
      ...common,
      rights: (told) => {
        ({ mayCommand } = told);
        draw();
      },
      detail: (detail) => {
        if (detail === null) {
          hint(`${key} is not there: it was deleted, or you may not see it.`);
          shown = undefined;
          return;
        }
        if (shown !== undefined && shown.detail.phase !== detail.phase)
          say(`${key}: ${detail.phase ?? 'unseen'}`);
        shown = { ...shown, detail };
        draw();
      },
      pods: (pods) => {
        if (shown !== undefined) shown = { ...shown, pods };
        draw();
      },
      events: (events) => {
        if (shown !== undefined) shown = { ...shown, events };
        draw();
      },
    },
    hearing,
  );
}

/** Says something that everybody hears of. */
function say(text: string): void {
  state.textContent = text;
}

function draw(): void {
  if (shown === undefined) return;
  const { detail, pods, events } = shown;
  const { paddingLeft, paddingRight } = getComputedStyle(box);
  const room = box.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
  settle(box, detailOf({ detail, pods, events, mayCommand }, Date.now(), room));
}

async function order(action: string): Promise<void> {
  if (shown === undefined) return;
  const { detail } = shown;
  const wanted = ordersFor(detail).find((one) => one.action === action);
  if (wanted === undefined || !(await isWanted(wanted))) return;
  const { label, revision } = wanted;
  say(`${label}: ordered…`);
  const answer = await ask<Ordered>('POST', '/api/commands', { key: detail.key, action, revision });
  if ('why' in answer) say(`${label}: ${answer.why}`);
  else {
    const { phase: how, message } = answer.data;
    say(`${label}: ${how === undefined ? '' : `${how.toLowerCase()}. `}${message}`);
  }
}

function close(): void {
  all?.close();
  looked?.close();
  all = looked = undefined;
}

let due: ReturnType<typeof setTimeout> | undefined;

/** Begins anew, soon. */
function again(): void {
  close();
  clearTimeout(due);
  due = setTimeout(() => void start(), AGAIN_MS);
}

function signOut(): void {
  close();
  isIn = false;
  shown = undefined;
  list.clear();
  person.textContent = '';
  leave.hidden = true;
  tellStale({ server: undefined, cluster: undefined });
  document.body.classList.add('strange');
  box.replaceChildren(signInForm(() => void start()));
  byId('token', HTMLInputElement).focus();
}

async function start(): Promise<void> {
  clearTimeout(due);
  close();
  const answer = await ask<Session>('GET', '/api/session');
  if ('why' in answer) {
    hearing.down();
    again();
    return;
  }
  const { name, canLeave } = answer.data;
  if (name === null) {
    signOut();
    return;
  }
  isIn = true;
  document.body.classList.remove('strange');
  person.textContent = name;
  leave.hidden = !canLeave;
  all = listen(
    '/api/updates',
    {
      ...common,
      reset: () => {
        list.reset();
      },
      releases: (summaries) => {
        list.set(summaries);
      },
      gone: (keys) => {
        list.remove(keys);
      },
      complete: () => {
        list.complete();
      },
    },
    hearing,
  );
  look();
}

box.addEventListener('click', ({ target }) => {
  const button = target instanceof Element ? target.closest<HTMLElement>('button[data-action]') : null;
  const action = button?.dataset['action'];
  if (action !== undefined) void order(action);
});
leave.addEventListener('click', () => {
  void ask('DELETE', '/api/session').then(signOut);
});
byId('skip', HTMLAnchorElement).addEventListener('click', (event) => {
  event.preventDefault();
  box.focus();
});
window.addEventListener('hashchange', () => {
  look();
  if (keyOfAddress() === undefined) byId('rows', HTMLDivElement).focus({ preventScroll: true });
  else box.focus({ preventScroll: true });
});
let unseen: ReturnType<typeof setTimeout> | undefined;
document.addEventListener('visibilitychange', () => {
  clearTimeout(unseen);
  if (document.hidden) unseen = setTimeout(close, UNSEEN_MS);
  else if (isIn && all === undefined) void start();
});
window.addEventListener('resize', draw);
// Times go on though nothing else changes, unless what is shown is old.
setInterval(() => {
  if (silent.server === undefined && silent.cluster === undefined) draw();
}, 1000);
void start();

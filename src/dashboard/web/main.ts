import type { Detail, EventView, PodView, Summary, Told } from '../wire.ts';
import { type Order, detailOf } from './detail.ts';
import { byId, el } from './dom.ts';
import { ReleaseList } from './list.ts';

const PHASES = [
  'Initializing',
  'Healthy',
  'Waiting',
  'Progressing',
  'Paused',
  'Promoting',
  'RollingBack',
  'RolledBack',
];

const state = byId('state', HTMLParagraphElement);
const person = byId('person', HTMLParagraphElement);
const box = byId('detail', HTMLElement);
const ask = byId('ask', HTMLDialogElement);
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

/** Says something that everybody hears of. */
function say(text: string): void {
  state.textContent = text;
}

/** Listens to the server until it is closed; a stream that breaks comes again by itself. */
function listen(path: string, handlers: { [K in keyof Told]?: (data: Told[K]) => void }): EventSource {
  const source = new EventSource(path);
  for (const [event, handle] of Object.entries(handlers)) {
    source.addEventListener(event, ({ data }: MessageEvent<string>) => {
      (handle as (told: unknown) => void)(JSON.parse(data));
    });
  }
  source.addEventListener('open', () => {
    say('');
  });
  source.addEventListener('error', () => {
    say('The dashboard does not answer; what is shown may be old.');
    // A stream that is refused, as without a session, does not come again.
    if (source.readyState === EventSource.CLOSED) void signIn();
  });
  return source;
}

let looked: EventSource | undefined;
let shown:
  { detail: Detail; pods: readonly PodView[]; events: readonly EventView[]; mayCommand: boolean } | undefined;

function look(): void {
  looked?.close();
  shown = undefined;
  const key = decodeURIComponent(location.hash.replace(/^#\/?/, ''));
  document.body.classList.toggle('looking', key !== '');
  list.mark(key === '' ? undefined : key);
  document.title = key === '' ? 'Songbird' : `${key} – Songbird`;
  if (key === '') {
    box.replaceChildren(el('p', { class: 'quiet' }, 'Choose a release.'));
    return;
  }
  let mayCommand = false;
  looked = listen(`/api/updates?release=${encodeURIComponent(key)}`, {
    person: (told) => {
      person.textContent = told.name;
      ({ mayCommand } = told);
    },
    detail: (detail) => {
      if (detail === null) {
        shown = undefined;
        box.replaceChildren(el('p', { class: 'quiet' }, `There is no release ${key} that you may see.`));
        return;
      }
      shown = { pods: [], events: [], ...shown, detail, mayCommand };
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
  });
}

/** Draws the release anew; what has the focus keeps it, and what was scrolled stays where it was. */
function draw(): void {
  if (shown === undefined) return;
  const { activeElement } = document;
  const focused =
    activeElement !== null && box.contains(activeElement) ? activeElement.textContent : undefined;
  const scrolled = [...box.querySelectorAll('.scroll')].map(({ scrollLeft }) => scrollLeft);
  box.replaceChildren(...detailOf(shown, Date.now(), (order) => void confirm(order)));
  for (const [at, part] of [...box.querySelectorAll('.scroll')].entries())
    part.scrollLeft = scrolled[at] ?? 0;
  if (focused === undefined) return;
  const again = [...box.querySelectorAll('button')].find(({ textContent }) => textContent === focused);
  again?.focus();
}

/** Asks before it orders. */
async function confirm({ action, label, revision, question, isDanger }: Order): Promise<void> {
  const key = shown?.detail.key;
  if (key === undefined) return;
  byId('ask-title', HTMLHeadingElement).textContent = `${label}?`;
  byId('ask-text', HTMLParagraphElement).textContent = question;
  const yes = ask.querySelector<HTMLButtonElement>('button[value=yes]');
  if (yes !== null) {
    yes.textContent = label;
    yes.className = isDanger ? 'danger' : '';
  }
  ask.showModal();
  await new Promise<void>((resolve) => {
    ask.addEventListener(
      'close',
      () => {
        resolve();
      },
      { once: true },
    );
  });
  if (ask.returnValue !== 'yes') return;
  say(`${label}: ordered`);
  const answer = await send('POST', '/api/commands', { key, action, revision });
  if (answer !== undefined) say(`${label}: ${answer}`);
}

/** @returns why it was refused; undefined where it was done */
async function send(method: 'POST' | 'DELETE', path: string, body: unknown): Promise<string | undefined> {
  try {
    const response = await fetch(path, {
      method,
      headers: { 'content-type': 'application/json', 'x-songbird': '1' },
      body: JSON.stringify(body),
    });
    if (response.ok) return undefined;
    const { message } = (await response.json()) as { message: string };
    return message;
  } catch {
    return 'the dashboard does not answer';
  }
}

/** In a cluster people show who they are by a token; their own dashboard asks for none. */
async function signIn(): Promise<void> {
  const probe = await fetch('/api/updates', { method: 'HEAD' }).catch(() => undefined);
  if (probe === undefined || probe.status !== 401) {
    setTimeout(start, 3000);
    return;
  }
  const token = el('input', { id: 'token', type: 'password', autocomplete: 'off', required: true });
  const wrong = el('p', { class: 'problem', role: 'alert' });
  const form = el(
    'form',
    { class: 'sign-in' },
    el('h2', {}, 'Who are you?'),
    el('label', { for: 'token' }, 'A token of the cluster'),
    token,
    el('button', { type: 'submit' }, 'Sign in'),
    wrong,
    el(
      'p',
      { class: 'quiet' },
      'kubectl create token NAME gives one for a service account. You see and do here what you could by kubectl.',
    ),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void send('POST', '/api/session', { token: token.value }).then((why) => {
      if (why === undefined) start();
      else wrong.textContent = why;
    });
  });
  document.body.classList.add('looking');
  box.replaceChildren(form);
  token.focus();
}

let all: EventSource | undefined;

function start(): void {
  all?.close();
  all = listen('/api/updates', {
    list: (summaries: readonly Summary[]) => {
      list.fill(summaries);
    },
    release: (summary) => {
      list.set(summary);
    },
    gone: (key) => {
      list.remove(key);
    },
  });
  look();
}

window.addEventListener('hashchange', () => {
  look();
  if (location.hash.length > 2) box.focus({ preventScroll: true });
});
// Times go on though nothing else changes.
setInterval(draw, 1000);
start();

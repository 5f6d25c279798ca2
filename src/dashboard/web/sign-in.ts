import { el } from './dom.ts';
import { ask } from './live.ts';

/** In a cluster people show who they are by a token; their own dashboard asks for none. */
export function signInForm(signedIn: () => void): HTMLElement {
  const token = el('input', {
    id: 'token',
    type: 'password',
    autocomplete: 'off',
    required: true,
    'aria-describedby': 'token-help token-wrong',
  });
  const wrong = el('p', { id: 'token-wrong', class: 'problem', role: 'alert' });
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
      { id: 'token-help', class: 'quiet' },
      el('code', {}, 'kubectl create token NAME'),
      ' prints one of a ServiceAccount. You see and do here what you could with kubectl.',
    ),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void ask('POST', '/api/session', { token: token.value }).then((answer) => {
      if ('data' in answer) signedIn();
      else wrong.textContent = answer.why;
    });
  });
  return form;
}

import type { Order } from './orders.ts';
import { byId } from './dom.ts';

/** Asks a person before something is ordered. @returns whether they want it */
export async function isWanted({ label, question, isDanger }: Order): Promise<boolean> {
  const box = byId('ask', HTMLDialogElement);
  byId('ask-title', HTMLHeadingElement).textContent = `${label}?`;
  byId('ask-text', HTMLParagraphElement).textContent = question;
  const yes = box.querySelector<HTMLButtonElement>('button[value=yes]');
  if (yes === null || box.open) return false;
  yes.textContent = label;
  yes.className = isDanger ? 'danger' : '';
  // In some browsers a dialog that Escape closes keeps the answer of the one before.
  box.returnValue = '';
  box.showModal();
  await new Promise((resolve) => {
    box.addEventListener('close', resolve, { once: true });
  });
  return box.returnValue === 'yes';
}

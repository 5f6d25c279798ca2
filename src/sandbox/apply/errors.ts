import type { PathElement } from './path.ts';

/** A field that another manager owns and an apply wants to change. */
export interface Conflict {
  /** Name of the other manager as it stands in managedFields. */
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  /** `.spec.replicas`, `.spec.containers[name="app"].image`. */
  readonly field: string;
  /** `conflict with "kubectl" using apps/v1`. */
  readonly message: string;
  readonly path: readonly PathElement[];
}

/** Server-side apply would take fields from others, without force. HTTP 409, reason Conflict. */
export class ApplyConflict extends Error {
  override readonly name = 'ApplyConflict';
  readonly conflicts: readonly Conflict[];

  constructor(conflicts: readonly Conflict[]) {
    super(sentenceOf(conflicts));
    this.conflicts = conflicts;
  }
}

/** An apply that can't be done at all: `code` is 400 for a bad request, 500 where the real server gives up on types. */
export class ApplyRefused extends Error {
  override readonly name = 'ApplyRefused';
  readonly code: 400 | 500;

  constructor(code: 400 | 500, message: string) {
    super(message);
    this.code = code;
  }
}

function sentenceOf(conflicts: readonly Conflict[]): string {
  const [first] = conflicts;
  if (conflicts.length === 1 && first !== undefined) {
    return `Apply failed with 1 conflict: ${first.message}: ${first.field}`;
  }
  const fields = new Map<string, string[]>();
  for (const { message, field } of conflicts) fields.set(message, [...(fields.get(message) ?? []), field]);
  const lines = [...fields]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([message, paths]) => [
      `${message.replace(/^conflict/, 'conflicts')}:`,
      ...paths.map((path) => `- ${path}`),
    ]);
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`;
}

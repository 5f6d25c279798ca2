import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { MissingTools, messageOf } from '../e2e/control-plane/build.ts';
import { allCases } from './cases/index.ts';
import type { Case } from './cases/case.ts';
import { compare, inParallel } from './compare.ts';
import type { Difference, Sides } from './compare.ts';
import { runSequences } from './sequences.ts';
import type { Step } from './sequences.ts';
import { definitions, startReal, startSandbox } from './servers.ts';
import type { Server } from './servers.ts';

const HELP = `Compares the sandbox with a real kube-apiserver.

  npm run conformance -- [options]

  --only REGEX     run the cases whose names match, and sequences only if REGEX matches "sequences"
  --seed N         seed of the random sequences (default: random, always printed)
  --sequences N    how many random sequences (default 60)
  --steps N        the most operations in one (default 20)
  --json           one JSON object a line
  --verbose        print what the real server answered
  --require        fail, instead of skipping, where no control plane can be had (also with CI=true)
  --self           compare a second real server instead of the sandbox: checks the cases themselves
`;

const WIDTH = 4;

interface Options {
  json: boolean;
  verbose: boolean;
  required: boolean;
  self: boolean;
  only: RegExp;
  seed: number;
  sequences: number;
  steps: number;
}

/** What is printed, for people or for programs. */
class Report {
  readonly #options: Options;
  failed = 0;
  compared = 0;

  constructor(options: Options) {
    this.#options = options;
  }

  note(line: string): void {
    process.stderr.write(`${line}\n`);
  }

  case(name: string, differences: readonly Difference[], compared: number, transcript: unknown): void {
    this.compared += compared;
    if (differences.length > 0) this.failed += 1;
    if (this.#options.json) {
      this.#line({ case: name, ok: differences.length === 0, compared, differences });
      return;
    }
    this.#text(`${differences.length === 0 ? 'same  ' : 'DIFFER'} ${name} (${compared} answers)`);
    this.#differences(differences);
    if (this.#options.verbose) this.#text(JSON.stringify(transcript, undefined, 1));
  }

  sequences(
    seed: number,
    count: number,
    compared: number,
    failure: { steps: Step[]; differences: Difference[]; shrinks: number } | undefined,
  ): void {
    this.compared += compared;
    if (failure !== undefined) this.failed += 1;
    if (this.#options.json) {
      this.#line({ sequences: count, seed, ok: failure === undefined, compared, ...failure });
      return;
    }
    if (failure === undefined) {
      this.#text(`same   ${count} random sequences (${compared} answers), seed ${seed}`);
      return;
    }
    this.#text(`DIFFER random sequence ${count}, seed ${seed}, shrunk ${failure.shrinks} times to:`);
    for (const step of failure.steps) this.#text(`    ${JSON.stringify(step)}`);
    this.#differences(failure.differences);
  }

  end(cases: number, seconds: number): void {
    const { seed } = this.#options;
    const summary = {
      ok: this.failed === 0,
      cases,
      answers: this.compared,
      differing: this.failed,
      seed,
      seconds,
    };
    if (this.#options.json) this.#line(summary);
    else
      this.#text(
        `${cases} cases, ${this.compared} answers compared, ${this.failed} differing, seed ${seed}, ${seconds} s`,
      );
  }

  skipped(why: string): void {
    if (this.#options.json) this.#line({ ok: !this.#options.required, skipped: true, why });
    else
      this.#text(
        `${this.#options.required ? 'FAILED' : 'SKIPPED'}: no real API server to compare with. ${why}`,
      );
  }

  #differences(differences: readonly Difference[]): void {
    for (const { request, sent, lines } of differences.slice(0, this.#options.verbose ? 100 : 6)) {
      const body = sent === undefined ? '' : ` ${typeof sent === 'string' ? sent : JSON.stringify(sent)}`;
      this.#text(`       ${request}${body.slice(0, 600)}`);
      for (const line of lines) this.#text(`         ${line}`);
    }
    if (differences.length > 6 && !this.#options.verbose) {
      this.#text(`       and ${differences.length - 6} answers more (--verbose shows them)`);
    }
  }

  #line(value: object): void {
    process.stdout.write(`${JSON.stringify(value)}\n`);
  }

  #text(line: string): void {
    process.stdout.write(`${line}\n`);
  }
}

function readOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      json: { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
      require: { type: 'boolean', default: false },
      self: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      seed: { type: 'string' },
      sequences: { type: 'string', default: '60' },
      steps: { type: 'string', default: '20' },
    },
  });
  if (values.help) return undefined;
  const whole = (name: string, text: string, least: number) => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < least) {
      throw new Error(`--${name} must be a whole number of at least ${least}, not ${text}`);
    }
    return value;
  };
  const { json, verbose, self } = values;
  return {
    json,
    verbose,
    self,
    required: values.require || process.env['CI'] === 'true',
    only: new RegExp(values.only, 'i'),
    seed: values.seed === undefined ? randomInt(2 ** 31) : whole('seed', values.seed, 0),
    sequences: whole('sequences', values.sequences, 0),
    steps: whole('steps', values.steps, 1),
  };
}

/** Starts what is compared; resolves with undefined when this machine can't run a real API server. */
async function startSides(options: Options, report: Report): Promise<[Server, Server] | undefined> {
  const log = (line: string) => {
    report.note(line);
  };
  let real: Server | undefined;
  try {
    const crds = await definitions(log);
    real = await startReal(crds, log);
    return [real, await (options.self ? startReal(crds, log) : startSandbox(crds, options.seed))];
  } catch (error) {
    await real?.stop();
    if (!(error instanceof MissingTools)) throw error;
    report.skipped(error.message);
    return undefined;
  }
}

async function compareAll(sides: Sides, options: Options, report: Report): Promise<void> {
  const started = performance.now();
  const { hasControllers } = sides[0];
  const wanted = allCases.filter(({ name }) => options.only.test(name));
  const chosen: Case[] = wanted.filter(({ controllers }) => hasControllers || controllers !== true);
  if (chosen.length < wanted.length) {
    report.note(`${wanted.length - chosen.length} cases need kube-controller-manager and are left out.`);
  }
  let number = 0;
  const one = async (story: Case) => {
    number += 1;
    const outcome = await compare(sides, `case-${number}`, (c) => story.run(c));
    report.case(story.name, outcome.differences, outcome.compared, outcome.transcript);
  };
  await inParallel(
    chosen.filter((story) => story.alone !== true),
    WIDTH,
    one,
  );
  for (const story of chosen.filter(({ alone }) => alone === true)) await one(story);
  if (options.sequences > 0 && options.only.test('sequences')) {
    const { seed, sequences, compared, failure } = await runSequences(sides, options);
    const short = failure && {
      steps: failure.steps,
      shrinks: failure.shrinks,
      differences: failure.outcome.differences,
    };
    report.sequences(seed, sequences, compared, short);
  }
  report.end(chosen.length, Math.round((performance.now() - started) / 1000));
}

async function main(): Promise<void> {
  const options = readOptions();
  if (options === undefined) {
    process.stdout.write(HELP);
    return;
  }
  const report = new Report(options);
  const servers = await startSides(options, report);
  if (servers === undefined) {
    process.exitCode = options.required ? 1 : 0;
    return;
  }
  try {
    await compareAll(servers, options, report);
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
  if (report.failed > 0) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  process.stderr.write(`conformance: ${messageOf(error)}\n`);
  process.exitCode = 1;
}

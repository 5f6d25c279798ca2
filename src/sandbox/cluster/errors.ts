import { ApiError, type StatusBody } from '../../kube/types.ts';
import type { FieldError } from '../schema/field-error.ts';

export {
  duplicate as duplicateValue,
  type FieldError,
  forbidden as forbiddenField,
  invalidValue,
  notSupported as unsupportedValue,
  required as requiredValue,
} from '../schema/field-error.ts';

/** What an error names: a resource in lower-case plural, or a kind. */
export interface Named {
  readonly group: string;
  readonly plural: string;
  readonly kind: string;
}

type Details = NonNullable<StatusBody['details']>;

/** An error that has no function of its own here. */
export function failure(code: number, reason: string, message: string, details?: Details): ApiError {
  const body: StatusBody = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    ...(details === undefined ? {} : { details }),
    code,
  };
  return new ApiError(code, reason, message, { body });
}

function qualified(group: string, name: string): string {
  return group === '' ? name : `${name}.${group}`;
}

function details(type: Named, name: string, kind = type.plural): Details {
  return {
    ...(name === '' ? {} : { name }),
    ...(type.group === '' ? {} : { group: type.group }),
    kind,
  };
}

/** 404 for one object. */
export function notFound(type: Named, name: string): ApiError {
  const message = `${qualified(type.group, type.plural)} "${name}" not found`;
  return failure(404, 'NotFound', message, details(type, name));
}

/** 404 for a path that the server doesn't serve. */
export function noSuchResource(): ApiError {
  return failure(404, 'NotFound', 'the server could not find the requested resource', {});
}

/** 405. */
export function methodNotAllowed(): ApiError {
  return failure(
    405,
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
    {},
  );
}

/** 409 of a create. `ending` says that the one that exists is being deleted. */
export function alreadyExists(type: Named, name: string, ending = false): ApiError {
  const before = ending ? 'object is being deleted: ' : '';
  const message = `${before}${qualified(type.group, type.plural)} "${name}" already exists`;
  return failure(409, 'AlreadyExists', message, details(type, name));
}

/** 409 of a write or delete whose precondition doesn't hold. `kind` where the server names the kind instead. */
export function conflict(type: Named, name: string, why: string, kind = type.plural): ApiError {
  const message = `Operation cannot be fulfilled on ${qualified(type.group, kind)} "${name}": ${why}`;
  return failure(409, 'Conflict', message, details(type, name, kind));
}

/** 409 of a write with a stale resourceVersion. */
export function staleWrite(type: Named, name: string): ApiError {
  return conflict(
    type,
    name,
    'the object has been modified; please apply your changes to the latest version and try again',
  );
}

/** 409 of server-side apply: fields that others own. */
export function applyConflict(
  message: string,
  conflicts: readonly { message: string; field: string }[],
): ApiError {
  return failure(409, 'Conflict', message, {
    causes: conflicts.map((cause) => ({
      reason: 'FieldManagerConflict',
      message: cause.message,
      field: cause.field,
    })),
  });
}

/** 422 with its causes; `errors` must not be empty. */
export function invalid(group: string, kind: string, name: string, errors: readonly FieldError[]): ApiError {
  const sentences = errors.map((error) => `${error.field}: ${error.message}`);
  const unique = [...new Set(sentences)];
  const what = unique.length === 1 ? (unique[0] ?? '') : `[${unique.join(', ')}]`;
  return failure(422, 'Invalid', `${qualified(group, kind)} "${name}" is invalid: ${what}`, {
    ...(name === '' ? {} : { name }),
    ...(group === '' ? {} : { group }),
    ...(kind === '' ? {} : { kind }),
    causes: errors.map(({ reason, message, field }) => ({ reason, message, field })),
  });
}

/** 422 of a JSON patch that can't be applied; the real server says no more. */
export function unprocessable(): ApiError {
  return failure(422, 'Invalid', 'the server rejected our request due to an error in our request', {});
}

/** 400. */
export function badRequest(message: string): ApiError {
  return failure(400, 'BadRequest', message);
}

/** 403. */
export function forbidden(type: Named, name: string, why: string, cause?: FieldError): ApiError {
  const message = `${qualified(type.group, type.plural)} "${name}" is forbidden: ${why}`;
  const extra = cause === undefined ? {} : { causes: [cause] };
  return failure(403, 'Forbidden', message, { ...details(type, name), ...extra });
}

/** 410: the history doesn't reach back so far. `next` is a token to go on with all the same. */
export function expired(message: string, next?: string): ApiError {
  const error = failure(410, 'Expired', message);
  if (next !== undefined && error.body !== undefined) error.body.metadata.continue = next;
  return error;
}

/** 200 with a Status, as the real server answers a delete. */
export function success(type: Named, name: string, uid: string): StatusBody {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    message: '',
    reason: '',
    details: { ...details(type, name), uid },
    code: 200,
  };
}

/** 406. */
export function notAcceptable(representations: string): ApiError {
  const message = `406: Not Acceptable\n\nAvailable representations: ${representations}`;
  return failure(406, 'NotAcceptable', message, {});
}

/** 415. */
export function unsupportedMediaType(message: string, details?: Details): ApiError {
  return failure(415, 'UnsupportedMediaType', message, details);
}

/** 405 of a verb that a kind doesn't have. */
export function verbNotSupported(type: Named, verb: string): ApiError {
  const message = `${verb} is not supported on resources of kind "${qualified(type.group, type.plural)}"`;
  return failure(405, 'MethodNotAllowed', message, details(type, ''));
}

/** 500 as the real server gives it to some malformed requests: without a reason. */
export function internal(message: string): ApiError {
  return failure(500, '', message);
}

/** 504: the resourceVersion lies in the future. */
export function tooLargeVersion(wanted: string, current: number): ApiError {
  return failure(504, 'Timeout', `Timeout: Too large resource version: ${wanted}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
}

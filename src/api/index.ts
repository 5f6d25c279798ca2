export * from './names.ts';
export * from './scalars.ts';
export * from './errors.ts';
export * from './canary-release.ts';
export * from './status.ts';
export * from './release-command.ts';
export * from './objects.ts';
export * from './validate.ts';

export * from './revision.ts';
export * from './intents.ts';
export * from './pods.ts';
export * from './checks.ts';
export * from './claims.ts';
export * from './jobs.ts';
export * from './reports.ts';

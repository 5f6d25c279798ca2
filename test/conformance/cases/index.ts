import { applyCases } from './apply.ts';
import { clientCases } from './client.ts';
import type { Case } from './case.ts';
import { collectionCases } from './collection.ts';
import { customCases } from './custom.ts';
import { deletionCases } from './deletion.ts';
import { deploymentCases } from './deployments.ts';
import { errorCases } from './errors.ts';
import { expiryCases } from './expiry.ts';
import { jobCases } from './jobs.ts';
import { listCases } from './lists.ts';
import { objectCases } from './objects.ts';
import { patchCases } from './patches.ts';
import { projectCases } from './project.ts';
import { subresourceCases } from './subresources.ts';
import { watchCases } from './watches.ts';

export const allCases: readonly Case[] = [
  ...objectCases,
  ...listCases,
  ...watchCases,
  ...patchCases,
  ...applyCases,
  ...subresourceCases,
  ...deletionCases,
  ...collectionCases,
  ...customCases,
  ...errorCases,
  ...projectCases,
  ...clientCases,
  ...deploymentCases,
  ...jobCases,
  ...expiryCases,
];

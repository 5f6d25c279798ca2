import { type ApiClient, type KubeObject, type ResourceType, isApiError } from './types.ts';

const selfSubjectReviews: ResourceType = {
  group: 'authentication.k8s.io',
  version: 'v1',
  plural: 'selfsubjectreviews',
  kind: 'SelfSubjectReview',
  namespaced: false,
};

interface SelfSubjectReview extends KubeObject {
  readonly status?: { readonly userInfo?: { readonly username?: string } };
}

/** Nobody waits longer to learn a name (ms). */
const TIMEOUT_MS = 1000;

/** The name by which the API server knows whoever asks; undefined where it does not say, or not soon. */
export async function whoAmI(client: ApiClient): Promise<string | undefined> {
  const review: SelfSubjectReview = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'SelfSubjectReview',
    metadata: { name: '' },
  };
  try {
    const { status } = await client.create<SelfSubjectReview>(selfSubjectReviews, review, {
      timeoutMs: TIMEOUT_MS,
    });
    return status?.userInfo?.username;
  } catch (error) {
    if (isApiError(error)) return undefined;
    throw error;
  }
}

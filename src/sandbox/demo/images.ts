/** What the sandbox can run in place of an image. */
export interface KnownImage {
  /** The version that the app reports. */
  readonly version: string;
  /** The port that the image's server listens on where the manifest names none. */
  readonly port: number;
}

const DEMO_APP = 'demo-app';
const BOOKINFO_REVIEWS = /^examples-bookinfo-reviews-(v\d+)$/;

/** For the message that a pod with another image carries. */
export const KNOWN_IMAGES = `${DEMO_APP}:<any tag> and Istio's Bookinfo examples-bookinfo-reviews-v1, -v2, -v3`;

/** The stand-in for an image, whatever its registry; undefined where the sandbox has none. */
export function knownImage(image: string): KnownImage | undefined {
  const { name, tag } = parseImage(image);
  if (name === DEMO_APP) return { version: tag, port: 8080 };
  const reviews = BOOKINFO_REVIEWS.exec(name)?.[1];
  return reviews === undefined ? undefined : { version: reviews, port: 9080 };
}

/** `registry:5000/team/demo-app:v1@sha256:…` is name `demo-app` with tag `v1`. */
function parseImage(image: string): { name: string; tag: string } {
  const last = image.split('@')[0]?.split('/').at(-1) ?? '';
  const [name = '', tag = 'latest'] = last.split(':');
  return { name, tag };
}
